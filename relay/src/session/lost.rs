//! What a session loses and lasts without: the leg of an end, and, where the policy lets it, its
//! recording.

use deskside_protocol::session::End;
use deskside_protocol::wire::record::Reason;

use super::live::Live;
use super::presence::Lost;
use super::terms::{BOTH, without};
use crate::recorder::Broken;
use crate::talk::Gone;

impl Live {
    /// An end's leg is gone.
    pub(super) async fn lose(&mut self, end: End, gone: &Gone) -> Result<(), Reason> {
        tracing::debug!(session = %self.session.id(), %end, %gone, "an end was lost");
        *self.talks.of_mut(end) = None;
        *self.probes.of_mut(end) = None;
        match self.presence.handle_lost(end, self.now()) {
            Lost::Known => return Ok(()),
            Lost::Ends => return Err(without(end)),
            Lost::Waits => {}
        }
        self.line.place(end, None);
        *self.away.of_mut(end) = Some(self.session.service.relay.metrics.end_away());
        self.say_presence(end.other()).await;
        self.record_lost(end).await
    }

    /// The recording cannot be written any more.
    pub(super) async fn broke(&mut self, broken: Broken) -> Result<(), Reason> {
        if !broken.best_effort {
            return Err(Reason::RecordingFailed);
        }
        tracing::error!(session = %self.session.id(), "a session goes on unrecorded");
        self.session.service.relay.metrics.went_unrecorded();
        self.recorded = false;
        self.went_unrecorded = true;
        self.line.open();
        for end in BOTH {
            self.say_unrecorded(end).await;
        }
        Ok(())
    }
}
