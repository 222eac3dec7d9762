//! `deskside audit disclose`: a part of a recording for somebody who is not to have the rest. What is
//! handed out is judged as its reader will judge it before it is saved.

mod excerpt;
mod gather;
mod told;

use std::io::Write as _;

use deskside_protocol::channel::Channel;
use deskside_protocol::excerpt::{Flaw, Judged, Known, MAX_FINDINGS, encode, judge};
use deskside_protocol::exit::Exit;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::recording::{Kind, Verdict};
use deskside_protocol::wire::record::{Excerpt, LogProof};
use prost::Message as _;
use serde_json::json;

use super::contents::grave;
use super::export::{Saved, Span, bar, saved_from, spanned};
use super::log;
use super::source::Source;
use super::tape::Tape;
use super::verdict::verdict_sentence;
use crate::cli::DiscloseArgs;
use crate::failure::Failure;
use crate::home::{Account, Home};
use crate::output::{Output, now, size};
use gather::Gathering;

use excerpt::disputed;
pub(super) use excerpt::{is_excerpt, verify};

/// Makes and saves what `args` wish. `terminal` is whether somebody watches standard error.
///
/// # Errors
/// Exit 3 for somebody who is no auditor, 5 where nothing of it is in the recording, 7 where what is
/// in it does not hold.
pub async fn disclose(
    args: DiscloseArgs,
    home: &Home,
    output: &mut Output,
    terminal: bool,
) -> anyhow::Result<()> {
    let (key, account) = home.enrolled()?;
    let source = Source::find(&args.source, home, Access::Export).await?;
    let bar = bar(terminal && !output.json());
    let DiscloseArgs { source: wish, output: path, span, channels } = args;
    let making = saved_from(source, wish, home, (&path, bar), move |tape, out| {
        let span = spanned(tape, span)?;
        let excerpt = made(tape, span, &channels, &account)?;
        let bytes = encode(&excerpt, &key).map_err(|_| too_much())?;
        let former = account.former_organisations();
        let known = Known {
            organisation: Some(account.join.organisation),
            former: &former,
            node: Some(account.join.node),
        };
        let judged = judge(&bytes, known).map_err(unsound)?;
        out.write_all(&bytes)?;
        Ok(judged)
    });
    let Saved { made: judged, bytes, .. } = making.await?;
    let (streams, proven) = counts(&judged);
    let (entries, disputed) = (judged.excerpt.entries.len(), disputed(&judged));
    let warning = (!judged.excerpt.findings.is_empty()).then(|| judged.excerpt.findings.join(" "));
    let event = json!({"event": "disclosed", "path": path, "bytes": bytes, "streams": streams,
        "proven": proven, "disputed": disputed, "messages": entries, "warning": warning});
    let mut text = format!(
        "saved {} ({}): {streams} directions of streams, {proven} of them proven by both ends; \
         {entries} single messages on your word",
        path.display(),
        size(bytes)
    );
    if disputed > 0 {
        text += &format!("\nWARNING: of {disputed} of them an end signed for other bytes.");
    }
    if let Some(warning) = warning {
        text += &format!("\nWARNING: {warning}");
    }
    output.show(&event, &text)
}

/// How many directions of streams there are, and how many of them both ends prove to the last byte.
fn counts(judged: &Judged) -> (usize, usize) {
    let halves = judged.excerpt.halves.iter().zip(&judged.proven);
    let whole = halves.filter(|(half, proven)| proven.both() == half.bytes.len() as u64);
    (judged.excerpt.halves.len(), whole.count())
}

fn made(
    tape: &Tape,
    span: Span,
    channels: &[Channel],
    account: &Account,
) -> anyhow::Result<Excerpt> {
    let verdict = &tape.report().verdict;
    if matches!(verdict, Verdict::Tampered(_) | Verdict::Unreadable(_)) {
        let sentence =
            format!("no excerpt of it would be worth anything: {}", verdict_sentence(verdict));
        return Err(Failure::new(Exit::Verification, sentence).into());
    }
    let mut numbers: Vec<u32> = channels.iter().map(|it| it.to_wire() as u32).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut gathering = Gathering::new(span, channels.to_vec());
    let decoded =
        tape.events(|event| if gathering.feed(event) { Ok(()) } else { Err(too_much().into()) })?;
    let gathered = gathering.finish(tape.report());
    if gathered.halves.is_empty() && gathered.entries.is_empty() {
        let sentence = "nothing of these channels passed in that time";
        return Err(Failure::new(Exit::NotFound, sentence).into());
    }
    let findings = tape.warning().into_iter().chain(grave(&decoded));
    let [header, close] = tape.last_blocks([Kind::Header, Kind::Close])?;
    // What the note tells may be of more than this part.
    let log = log::kept(tape.path())?.as_deref().and_then(log::decoded);
    let log = log.map(|proof| LogProof { note: None, ..proof });
    Ok(Excerpt {
        certificate: account.certificate.encode_to_vec().into(),
        time: now(),
        header: header.into(),
        close: close.into(),
        log,
        from: span.from_us,
        to: span.to_us,
        channels: numbers,
        findings: findings.take(MAX_FINDINGS).collect(),
        ..gathered
    })
}

fn too_much() -> Failure {
    let sentence = "that is more than an excerpt holds: take less of it, or another export";
    Failure::new(Exit::Other, sentence)
}

fn unsound(flaw: Flaw) -> Failure {
    if matches!(flaw, Flaw::Certificate(_)) {
        let sentence = format!("only an auditor's word counts for an excerpt: {flaw}");
        return Failure::new(Exit::Refused, sentence);
    }
    Failure::new(Exit::Verification, format!("nobody would take this excerpt: {flaw}"))
}

#[cfg(test)]
mod tests;
