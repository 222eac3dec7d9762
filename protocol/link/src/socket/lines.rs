//! The shared socket as lines are made from it.

use std::sync::Arc;

use deskside_protocol::label::Label;

use super::{Socket, View};

/// Where [`crate::line::Listener::bind`] and [`crate::line::dial`] make lines. It stays good whatever
/// becomes of the leg.
#[derive(Debug, Clone)]
pub struct Lines(Arc<Socket>);

impl Lines {
    pub(crate) const fn new(socket: Arc<Socket>) -> Self {
        Self(socket)
    }

    pub(crate) fn view(&self, own: Label) -> Arc<View> {
        self.0.view(Some(own))
    }

    /// Sends again what each line sent last: something to be acknowledged after a gap.
    pub fn resend(&self) {
        self.0.resend();
    }
}
