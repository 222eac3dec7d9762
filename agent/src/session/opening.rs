//! A line comes about: the technician's program connects with the confirmed key, the line's secrets
//! are sealed for the auditors, and the relay's receipt allows data to flow.

use std::time::Duration;

use deskside_link::attend::{AttendError, Given, Sealer};
use deskside_link::line::{LINE_TIMEOUT, LineError, Listener};
use deskside_link::{Line, Lines};
use deskside_protocol::policy::{FileBodies, Recording};
use deskside_protocol::session::End;
use deskside_protocol::wire::record::Reason;
use deskside_sealing::{self as sealing, SealError};
use thiserror::Error;

use super::bond::Bond;

/// Beyond the grace time: the relay ends a session by its own clock first.
pub(super) const SLACK: Duration = Duration::from_secs(10);

/// Why a line did not come about.
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
    /// What the session ends by; `None` where the relay will say how it goes on.
    pub(super) const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Line(_) => Some(Reason::TechnicianLost),
            Self::Seal(_) | Self::NotRecorded => Some(Reason::NotSealed),
            Self::Attend(
                AttendError::Leg(_)
                | AttendError::RelayAway
                | AttendError::PeerAway
                | AttendError::Gone
                | AttendError::NoFilesLine
                | AttendError::Superseded
                | AttendError::Over,
            ) => None,
            Self::Attend(
                AttendError::Witness(_)
                | AttendError::TimedOut
                | AttendError::Unexpected
                | AttendError::Unrecorded,
            ) => Some(Reason::NotSealed),
        }
    }
}

/// Waits for the technician's connection and seals its secrets.
pub(super) async fn open(
    bond: &Bond,
    given: &Given,
    lines: &Lines,
    sealer: &Sealer,
) -> Result<Line, OpeningError> {
    // Whoever asked for a later line may have to come back first.
    let time = if given.line == 0 { LINE_TIMEOUT } else { bond.grace() + SLACK };
    let listener = Listener::bind(lines, given.own)?;
    let line = listener.accept_within(time, &bond.plan(given)).await?;
    let line = match bond.policy.file_bodies {
        FileBodies::Recorded => line,
        FileBodies::HashOnly => line.hash_only(),
    };
    if given.recorded {
        let log = line.secrets().to_key_log(given.session, given.line, End::Agent);
        match sealer.seal(given.line, sealing::seal(&log, &bond.policy.auditors)?).await {
            Ok(()) => return Ok(line.counted()),
            Err(AttendError::Unrecorded) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match bond.policy.recording {
        Recording::Required => Err(OpeningError::NotRecorded),
        Recording::BestEffort | Recording::Off => Ok(line),
    }
}
