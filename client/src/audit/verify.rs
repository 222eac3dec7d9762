//! `deskside audit verify`: finds the recording, judges it, and says what came of it. Nothing is
//! asked of a relay unless a session's id is given; then its log is asked too, and must go on from
//! every head that the session's note names.

use std::path::Path;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::SignedHead;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::recording::Report;
use deskside_protocol::session::SessionId;
use deskside_protocol::statement::Tail;

use super::anchor::{self, Anchor};
use super::bundle;
use super::contents::{self, Contents};
use super::disclose::{is_excerpt, verify as verify_excerpt};
use super::file::{file, unreadable};
use super::judge::{Organisation, judge, organisation};
use super::log::{self, InLog};
use super::seals::{self, Identities, Seals};
use super::tail;
use super::verdict::Judgement;
use super::{Wish, fetch};
use crate::arrival::{Arrived, arrive};
use crate::cli::VerifyArgs;
use crate::failure::OrExit as _;
use crate::home::Home;
use crate::ledger::catch_up;
use crate::output::Output;
use crate::relay::Relay;

/// Verifies and prints the verdict. Gives the exit code: 0 or 7.
///
/// # Errors
/// What kept it from judging at all: no such recording, no relay, a key that is none.
pub async fn verify(args: &VerifyArgs, home: &Home, output: &mut Output) -> anyhow::Result<u8> {
    let known = organisation(args.org.as_deref(), home)?;
    let identities = match &args.identity {
        Some(file) => Some(Reader { identities: seals::identities(file)?, named: true }),
        None => own(home)?,
    };
    let path = Path::new(&args.recording);
    if is_excerpt(path) {
        return verify_excerpt(path, known.as_ref(), home, output);
    }
    let page = bundle::is_page(path).then(|| bundle::unpack(path)).transpose()?;
    let path = page.as_ref().map_or(path, |(_, copy)| copy.as_path());
    let judgement = match args.recording.parse::<SessionId>() {
        Ok(_) if !path.exists() => online(args, home, known, identities).await?,
        _ => {
            let report = judged(path, known.clone()).await?;
            let node = home.account()?.map(|account| account.join.node);
            let log = log::beside(path, &report, node)?;
            let opened = opened(path, &report, identities).await?;
            let anchor = anchor::beside(path, &report)?;
            let tails = tail::find(&args.tail, home, &report)?;
            concluded(report, known.as_ref(), opened, Outside { anchor, log, tails })
        }
    };
    let (mut event, mut text) = (judgement.event(), judgement.text());
    if page.is_some() {
        event["of"] = "page".into();
        text += "\nThis is of the recording in the page; what the page shows is its maker's word.";
    }
    output.show(&event, &text)?;
    let exit = if judgement.is_sound() { Exit::Done } else { Exit::Verification };
    Ok(exit.code())
}

/// Fetches the recording into a file that goes again, and compares the ticket's note too.
async fn online(
    args: &VerifyArgs,
    home: &Home,
    organisation: Option<Organisation>,
    identities: Option<Reader>,
) -> anyhow::Result<Judgement> {
    let wish = Wish::new(&args.recording, &args.reason)?;
    let Arrived { account, mut leg, .. } = arrive(home).await?;
    let node = account.join.node;
    let folder = tempfile::tempdir().context("make room for the recording")?;
    let copy = folder.path().join("recording.dsr");
    let compared = async {
        catch_up(home, &mut leg, &node).await?;
        fetch(&mut leg, &wish, &copy, Access::Verification).await?;
        let report = judged(&copy, organisation.clone()).await?;
        let (anchor, heads) = anchor::compare(&mut leg, &report).await?;
        let log = match log::proof(&mut leg, wish.session()).await? {
            Some(proof) => log::judge(&report, &proof, Some(node)),
            None => InLog::NoLog,
        };
        let log = went_on(&mut leg, log, &report, &heads, &node).await?;
        anyhow::Ok((report, anchor, log))
    };
    let compared = compared.await;
    leg.bye().await;
    let (report, anchor, log) = compared?;
    let opened = opened(&copy, &report, identities).await?;
    let tails = tail::find(&args.tail, home, &report)?;
    Ok(concluded(
        report,
        organisation.as_ref(),
        opened,
        Outside { anchor: Some(anchor), log, tails },
    ))
}

/// Holds the log against the heads that the session's notes name, as far as the relay signed them.
async fn went_on(
    relay: &mut impl Relay,
    log: InLog,
    report: &Report,
    heads: &[SignedHead],
    node: &PublicKey,
) -> anyhow::Result<InLog> {
    let then = report.facts.as_ref().map(|facts| facts.node_key);
    for head in heads {
        let signed = [Some(*node), then].into_iter().flatten().any(|key| head.verify(&key).is_ok());
        let lost = log == InLog::NoLog;
        if signed && log.is_sound() && (lost || !log::went_on(relay, &head.head, node).await?) {
            return Ok(InLog::Forked);
        }
    }
    Ok(log)
}

async fn judged(path: &Path, organisation: Option<Organisation>) -> anyhow::Result<Report> {
    let file = file(path)?;
    let judging = tokio::task::spawn_blocking(move || judge(file, organisation));
    judging.await.context("judge")?.or_exit(Exit::NotFound, unreadable(path))
}

/// Whose key opens the seals.
struct Reader {
    identities: Identities,
    /// It was given for this recording; else it is one's own, which may be none of its auditors'.
    named: bool,
}

/// One's own key, where one is an auditor.
fn own(home: &Home) -> anyhow::Result<Option<Reader>> {
    let own = home.auditor();
    if !own.is_kept() {
        return Ok(None);
    }
    Ok(Some(Reader { identities: seals::identities(&own.path())?, named: false }))
}

/// What the seals hold, and what the packets say that their secrets open. Only where there is a key.
async fn opened(
    path: &Path,
    report: &Report,
    reader: Option<Reader>,
) -> anyhow::Result<Option<(Seals, Contents)>> {
    let Some(Reader { identities, named }) = reader else { return Ok(None) };
    let (seals, sealed) = seals::open(report, &identities);
    // Somebody else's recording, or one of before: that one's own key does not open it says nothing.
    if !named && sealed.is_empty() {
        return Ok(None);
    }
    let file = file(path)?;
    let facts = report.facts.clone();
    let read = move || contents::read(file, &sealed, facts.as_ref());
    let reading = tokio::task::spawn_blocking(read);
    let contents = reading.await.context("read")?.or_exit(Exit::NotFound, unreadable(path))?;
    Ok(Some((seals, contents)))
}

/// What is known of the session outside its recording.
struct Outside {
    anchor: Option<Anchor>,
    log: InLog,
    tails: Vec<Tail>,
}

fn concluded(
    report: Report,
    organisation: Option<&Organisation>,
    opened: Option<(Seals, Contents)>,
    outside: Outside,
) -> Judgement {
    let (seals, contents) = opened.unzip();
    let organisation = organisation.map(|known| known.key);
    let Outside { anchor, log, tails } = outside;
    let read = contents.as_ref().map(Contents::statements_read);
    let kept = tail::judge(&tails, &report, read.as_ref());
    Judgement { report, organisation, seals, contents, anchor, log, kept }
}
