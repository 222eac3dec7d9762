//! A session from the technician's side, from the code to the note on the ticket.
//!
//! `pairing` meets the agent by its code, `serving` serves the session while it is `live`: lines
//! (`opening`, `bodies`), the conversation on them (`talk`, `heard`), the session's signals
//! (`news`), interruptions (`gap`, `wake`), local commands (`local`, `proxy`, `copy`), what both
//! people write to each other (`chat`), what the window wants (`window`, `wanted`), what is said in
//! the conversation and stated there (`voice`).
//! `telling` says what happens, `tally` and `keeping` remember it, `ending` writes it down, and
//! `resume` goes on where a program that died left off.

mod bodies;
mod chat;
mod copy;
mod ending;
mod gap;
mod heard;
mod keeping;
mod live;
mod local;
mod news;
mod opening;
mod over;
mod pairing;
mod pictures;
mod proxy;
mod resume;
mod serving;
mod stop;
mod talk;
mod tally;
mod telling;
mod voice;
mod wake;
mod wanted;
mod window;

pub use resume::resume;
pub(crate) use stop::stop_signal;

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use deskside_link::Leg;
use deskside_link::attend::{Attendance, Attendee};
use deskside_link::statements::{Checkpoint, Statements};
use deskside_protocol::close::CloseCode;
use deskside_protocol::code::Code;
use deskside_protocol::exit::Exit;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::End;
use deskside_protocol::statement::Parties;
use zeroize::Zeroizing;

use crate::arrival::{self, Arrived};
use crate::cli::ConnectArgs;
use crate::failure::{Failure, OrExit as _};
use crate::home::{Account, Home, Kept};
use crate::ledger;
use crate::note::Record;
use crate::output::{Output, now};
use crate::relay::SOFTWARE;
use crate::viewer::Seat;
use keeping::Keeper;
use opening::LineMaker;
use pairing::Meeting;
use serving::Begun;
use tally::{About, Tally};
use telling::Telling;

/// Who connects, and for what.
struct Technician<'a> {
    key: SigningKey,
    account: Account,
    home: &'a Home,
    ticket: String,
    /// What the user is asked for at first.
    wished: GrantSet,
    view_only: bool,
}

/// Pairs, opens the line, serves local commands, writes the note.
///
/// # Errors
/// Everything that can go wrong, each with its exit code.
pub async fn run(
    code: Zeroizing<String>,
    args: ConnectArgs,
    home: &Home,
    output: &mut Output,
    seat: Option<Seat>,
) -> anyhow::Result<()> {
    // A slip of the tongue costs no attempt: nothing is sent before the check digit fits.
    let code = Code::parse(&code).or_exit_as_is(Exit::Code)?;
    home.enrolled()?;
    resume::mention(home, output)?;
    let Arrived { key, account, mut leg } = arrival::arrive(home).await?;
    // Before anybody is asked for anything: a relay that hides sessions gets no new one.
    if let Err(error) = ledger::catch_up(home, &mut leg, &account.join.node).await {
        leg.close(CloseCode::Done).await;
        return Err(error);
    }
    let (wished, view_only) = (args.requested(), args.view_only);
    let technician = Technician { key, account, home, ticket: args.ticket, wished, view_only };
    let meeting = match pairing::meet(&technician, &leg, &code).await {
        Ok(meeting) => meeting,
        Err(error) => {
            leg.close(CloseCode::Done).await;
            return Err(error);
        }
    };
    let begun = begin(&technician, leg, meeting, output)?;
    Box::pin(Begun { seat, ..begun }.run()).await
}

/// A session that was paired just now.
fn begin<'a>(
    technician: &'a Technician<'a>,
    leg: Leg,
    meeting: Meeting,
    output: &'a mut Output,
) -> anyhow::Result<Begun<'a>> {
    let Meeting { signals, paired, policy, signed, node, given, subject } = meeting;
    let person = technician.account.person()?;
    let record = Record {
        session: given.session.to_string(),
        technician: person.name,
        login: person.login,
        organisation: person.organisation,
        started: now(),
        recorded: given.recorded,
        ..Record::default()
    };
    let kept = Kept {
        session: given.session,
        session_key: paired.session_key,
        peer_key: paired.peer_key,
        transcript_hash: paired.transcript_hash,
        node,
        token: given.token,
        policy: signed,
        ticket: technician.ticket.clone(),
        subject,
        requested: technician.wished,
        view_only: technician.view_only,
        recorded: given.recorded,
        alive: now(),
        grace: policy.grace_seconds.into(),
        record,
    };
    let claim = technician.home.kept_sessions()?.claim(&given.session.to_string())?;
    let claim = claim.ok_or_else(|| held(&given.session.to_string()))?;
    let attendance = Attendance::start(leg, signals, attendee(technician, &kept, &policy), given);
    let telling = telling(technician, &kept, output);
    let maker = maker(&kept, policy);
    let statements = statements(technician, &kept, attendance.checkpoint());
    let keeper = Keeper::new(claim, kept);
    let seat = None;
    Ok(Begun { technician, attendance, given, maker, statements, keeper, telling, seat })
}

fn held(session: &str) -> Failure {
    Failure::new(Exit::Other, format!("another deskside holds session {session} already"))
}

/// We, as the relay will know us again.
fn attendee(technician: &Technician<'_>, kept: &Kept, policy: &Policy) -> Attendee {
    Attendee {
        end: End::Technician,
        session_key: kept.session_key.clone(),
        binding: Binding { session: kept.session, transcript: kept.transcript_hash },
        node: kept.node,
        token: kept.token,
        leg_key: technician.key.clone(),
        link: technician.account.join.clone(),
        relays: policy.relays.clone(),
        grace: Duration::from_secs(kept.grace),
        software: SOFTWARE.to_owned(),
    }
}

/// What is stated on the session's lines, from where an earlier process left it.
fn statements(technician: &Technician<'_>, kept: &Kept, checkpoint: Checkpoint) -> Statements {
    let parties = Parties {
        session: kept.session,
        end: End::Technician,
        key: kept.session_key.clone(),
        peer: kept.peer_key,
    };
    Statements::new(parties, checkpoint, Some(technician.home.tails()))
}

fn maker(kept: &Kept, policy: Policy) -> Arc<LineMaker> {
    Arc::new(LineMaker { own: kept.session_key.clone(), peer: kept.peer_key, policy })
}

fn telling<'a>(technician: &Technician<'_>, kept: &Kept, output: &'a mut Output) -> Telling<'a> {
    let about = About {
        session: kept.session.to_string(),
        ticket: kept.ticket.clone(),
        subject: kept.subject.clone(),
        recorded: kept.recorded,
        relay: technician.account.join.origin(),
        since: kept.record.started,
        away_since: None,
    };
    let grace = Duration::from_secs(kept.grace);
    let terminal = std::io::stderr().is_terminal();
    Telling::new(about, Tally::new(kept.record.clone()), grace, output, terminal)
}
