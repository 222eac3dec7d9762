//! What a session does because time has passed: it gives up who stayed away or did not seal, looks
//! where its ends are, bounds its recording, and makes checkpoints.

use std::time::Duration;

use deskside_protocol::wire::record::Reason;
use tokio::time::Instant;

use super::live::{Live, TICK};
use super::terms::without;

/// And where nothing was recorded since: a leg that says nothing of itself is silent this long too.
const QUIET_TICK: Duration = deskside_link::transport::LEG_KEEP_ALIVE;
/// After a hint that an end has moved: its leg's packets may be behind those of its line.
pub(super) const SECOND_LOOK: Duration = Duration::from_millis(50);

impl Live {
    /// When there is something to do though nothing happens.
    pub(super) fn wake(&self) -> Instant {
        let grace = self.presence.poll_timeout().map(|at| self.began + at);
        let others = [grace, self.sealing, self.second_look];
        others.into_iter().flatten().fold(self.tick, Instant::min)
    }

    pub(super) async fn time(&mut self) -> Result<(), Reason> {
        let now = Instant::now();
        if let Some(end) = self.presence.handle_timeout(self.now()) {
            return Err(without(end));
        }
        if self.sealing.is_some_and(|by| by <= now) {
            return Err(Reason::NotSealed);
        }
        if self.second_look.is_some_and(|at| at <= now) {
            self.second_look = None;
            self.look().await;
        }
        if self.tick <= now {
            let length = self.recording().map_or(0, |recording| recording.length());
            if self.session.bounds.recording.is_some_and(|most| length >= most) {
                return Err(Reason::RecordingFull);
            }
            let quiet = std::mem::replace(&mut self.length, length) == length;
            self.tick = now + if quiet { QUIET_TICK } else { TICK };
            self.look().await;
            self.checkpoint_where_due().await?;
        }
        Ok(())
    }
}
