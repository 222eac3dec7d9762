//! How a session came to its end, from the technician's side.

use deskside_link::attend::{AttendError, Attendance, CLOSE_TIMEOUT};
use deskside_link::line::close_code;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::Closed;

use crate::control::EndRequest;

/// How a session came to its end.
pub(super) enum How {
    /// By this side.
    Here(Reason),
    /// The user said no.
    Refused,
    /// The line is gone; the relay has not said why yet.
    LineGone(quinn::ConnectionError),
    /// The relay closed it, or was lost.
    Closed(Result<Closed, AttendError>),
}

/// A session's end, and who asked for it.
pub(super) struct Over {
    pub(super) how: How,
    /// What the other side said.
    pub(super) text: Option<String>,
    /// The local command that waits for the end.
    pub(super) asked: Option<EndRequest>,
}

impl Over {
    pub(super) const fn here(reason: Reason) -> Self {
        Self { how: How::Here(reason), text: None, asked: None }
    }

    pub(super) const fn closed(closed: Result<Closed, AttendError>) -> Self {
        Self { how: How::Closed(closed), text: None, asked: None }
    }

    pub(super) const fn line_gone(error: quinn::ConnectionError) -> Self {
        Self { how: How::LineGone(error), text: None, asked: None }
    }

    pub(super) const fn asked(request: EndRequest) -> Self {
        let how = How::Here(Reason::TechnicianEnded);
        Self { how, text: None, asked: Some(request) }
    }

    pub(super) const fn refused(text: String) -> Self {
        Self { how: How::Refused, text: Some(text), asked: None }
    }

    /// The line is gone: the relay says why.
    pub(super) async fn explained(mut self, attendance: &mut Attendance) -> Self {
        if let How::LineGone(error) = &self.how
            && close_code(error) == Some(CloseCode::Refused)
        {
            self.how = How::Refused;
            return self;
        }
        self.how = match tokio::time::timeout(CLOSE_TIMEOUT, attendance.closed()).await {
            Ok(closed) => How::Closed(closed),
            Err(_slow) => How::Here(Reason::AgentLost),
        };
        self
    }
}
