//! The line comes about: the technician's program connects with the confirmed key, the line's
//! secrets are sealed for the auditors, and the relay's receipt allows data to flow.

use deskside_link::attend::{AttendError, Attendance, Attendee};
use deskside_link::line::{LineError, Listener, Plan};
use deskside_link::{Leg, Line};
use deskside_protocol::close::CloseCode;
use deskside_protocol::pairing::agent::Technician;
use deskside_protocol::policy::{Policy, Recording};
use deskside_protocol::session::End;
use deskside_protocol::wire::record::Reason;
use deskside_sealing::{self as sealing, SealError};
use thiserror::Error;

use super::code::Meeting;

/// Why the line did not come about.
#[derive(Debug, Error)]
pub(super) enum OpeningError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Attend(#[from] AttendError),
    #[error("the policy requires a recording, and the relay makes none")]
    NotRecorded,
}

impl OpeningError {
    const fn reason(&self) -> Reason {
        match self {
            Self::Line(_) => Reason::TechnicianLost,
            Self::Seal(_) | Self::NotRecorded => Reason::NotSealed,
            Self::Attend(_) => Reason::RelayStopped,
        }
    }
}

/// What went wrong, and what the session is told to have ended by.
pub(super) struct Failed {
    pub(super) error: OpeningError,
    pub(super) reason: Reason,
}

/// A line that may carry data.
pub(super) struct Opened {
    pub(super) line: Line,
    pub(super) attendance: Attendance,
    pub(super) technician: Technician,
    pub(super) policy: Policy,
}

/// Waits for the technician's connection and seals its secrets.
pub(super) async fn open(leg: Leg, attendee: Attendee, meeting: Meeting) -> Result<Opened, Failed> {
    let Meeting { signals, paired, technician, policy, given, .. } = meeting;
    let mut attendance = Attendance::start(leg, signals, attendee, given);
    let plan = Plan {
        own: given.own,
        peer: given.peer,
        key: &paired.session_key,
        peer_key: paired.peer_key,
    };
    let opened = async {
        let line = Listener::bind(&attendance.lines(), given.own)?.accept(&plan).await?;
        if given.recorded {
            let log = line.secrets().to_key_log(given.session, given.line, End::Agent);
            attendance.seal(given.line, sealing::seal(&log, &policy.auditors)?).await?;
        } else if policy.recording == Recording::Required {
            return Err(OpeningError::NotRecorded);
        }
        Ok(line)
    };
    match opened.await {
        Ok(line) => Ok(Opened { line, attendance, technician, policy }),
        Err(error) => {
            let reason = error.reason();
            if let Err(unheard) = attendance.end(reason).await {
                tracing::debug!(error = %unheard, "the relay did not close the session");
            }
            attendance.leave(CloseCode::Done).await;
            Err(Failed { error, reason })
        }
    }
}
