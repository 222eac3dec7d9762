//! How a session came to its end, from the technician's side.

use deskside_link::attend::AttendError;
use deskside_protocol::exit::Exit;
use deskside_protocol::statement::Difference;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::Closed;

use crate::control::EndRequest;
use crate::failure::Failure;

/// How a session came to its end.
pub(super) enum How {
    /// By this side.
    Here(Reason),
    /// The user said no.
    Refused,
    /// The relay closed it, or was lost for good.
    Closed(Result<Closed, AttendError>),
}

/// A session's end, and who asked for it.
pub(super) struct Over {
    pub(super) how: How,
    /// What the other side said.
    pub(super) text: Option<String>,
    /// The local command that waits for the end.
    pub(super) asked: Option<EndRequest>,
    /// Why the program fails, where that is not how the session ended.
    pub(super) error: Option<anyhow::Error>,
}

impl Over {
    const fn of(how: How) -> Self {
        Self { how, text: None, asked: None, error: None }
    }

    pub(super) const fn here(reason: Reason) -> Self {
        Self::of(How::Here(reason))
    }

    pub(super) const fn closed(closed: Result<Closed, AttendError>) -> Self {
        Self::of(How::Closed(closed))
    }

    pub(super) fn asked(request: EndRequest) -> Self {
        Self { asked: Some(request), ..Self::here(Reason::TechnicianEnded) }
    }

    pub(super) fn refused(text: Option<String>) -> Self {
        Self { text, ..Self::of(How::Refused) }
    }

    pub(super) fn saying(self, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    /// The program cannot go on: the session ends in order all the same.
    pub(super) fn failed(reason: Reason, error: anyhow::Error) -> Self {
        Self { error: Some(error), ..Self::here(reason) }
    }

    /// The agent lies, or this is not the line that it is on.
    pub(super) fn disputed(difference: Difference) -> Self {
        let text = format!(
            "what the user's program says of this session is not true: {difference}; tell whoever runs \
             the relay, and keep the recording"
        );
        Self::failed(Reason::Disputed, Failure::new(Exit::Verification, text).into())
    }

    /// This side ends the session, which to the relay is an end like any other, and says why here.
    pub(super) fn gave_up(exit: Exit, sentence: impl Into<String>) -> Self {
        Self::failed(Reason::TechnicianEnded, Failure::new(exit, sentence).into())
    }
}
