//! The line comes about: it is dialled through the relay with the confirmed key, its secrets are
//! sealed for the auditors, and the relay's receipt allows data to flow.

use std::time::Duration;

use deskside_link::attend::{Attendance, Attendee};
use deskside_link::line::{self, Plan};
use deskside_link::{Leg, Line};
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::policy::{Policy, Recording};
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::record::Reason;

use super::Technician;
use super::pairing::Meeting;
use crate::failure::{Failure, OrExit as _};
use crate::relay::SOFTWARE;

/// A line that may carry data.
pub(super) struct Opened {
    pub(super) line: Line,
    pub(super) attendance: Attendance,
    pub(super) policy: Policy,
    pub(super) session: SessionId,
    pub(super) recorded: bool,
    pub(super) subject: String,
}

/// Dials the agent and seals the line's secrets.
pub(super) async fn open(
    technician: &Technician<'_>,
    leg: Leg,
    meeting: Meeting,
) -> anyhow::Result<Opened> {
    let attendee = attendee(technician, &meeting);
    let Meeting { signals, paired, policy, given, subject, .. } = meeting;
    let mut attendance = Attendance::start(leg, signals, attendee, given);
    let plan = Plan {
        own: given.own,
        peer: given.peer,
        key: &paired.session_key,
        peer_key: paired.peer_key,
    };
    let opened = async {
        let line =
            line::dial(&attendance.lines(), &plan).await.or_exit_as_is(Exit::NoConnection)?;
        if given.recorded {
            let log = line.secrets().to_key_log(given.session, given.line, End::Technician);
            let age =
                deskside_sealing::seal(&log, &policy.auditors).or_exit_as_is(Exit::Refused)?;
            attendance.seal(given.line, age).await.or_exit_as_is(Exit::NoConnection)?;
        } else if policy.recording == Recording::Required {
            let text = "the policy requires a recording, and the relay makes none";
            return Err(Failure::new(Exit::Refused, text).into());
        }
        anyhow::Ok(line)
    };
    match opened.await {
        Ok(line) => Ok(Opened {
            line,
            attendance,
            policy,
            session: given.session,
            recorded: given.recorded,
            subject,
        }),
        Err(error) => {
            if let Err(unheard) = attendance.end(Reason::NotSealed).await {
                tracing::debug!(error = %unheard, "the relay did not close the session");
            }
            attendance.leave(CloseCode::Done).await;
            Err(error)
        }
    }
}

/// We, as the relay will know us again.
fn attendee(technician: &Technician<'_>, meeting: &Meeting) -> Attendee {
    Attendee {
        end: End::Technician,
        session_key: meeting.paired.session_key.clone(),
        binding: Binding {
            session: meeting.given.session,
            transcript: meeting.paired.transcript_hash,
        },
        node: meeting.node,
        token: meeting.given.token,
        leg_key: technician.key.clone(),
        link: technician.account.join.clone(),
        relays: meeting.policy.relays.clone(),
        grace: Duration::from_secs(meeting.policy.grace_seconds.into()),
        software: SOFTWARE.to_owned(),
    }
}
