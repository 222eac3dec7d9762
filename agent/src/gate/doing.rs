//! What is being done right now: each action has a number, and its end is told by whatever did it
//! going away, so that no way out of it can forget to.

use std::sync::Arc;

use deskside_protocol::grant::Grant;

use super::Shared;
use super::lease::Alone;
use crate::events::Event;

/// One action, as long as it lasts.
pub(super) struct Doing {
    shared: Arc<Shared>,
    number: u64,
    /// The grant that was given for this action alone.
    alone: Option<Alone>,
}

impl std::fmt::Debug for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doing").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Doing {
    /// Begins one, and tells the user `what`, which is safe to show.
    pub(super) fn begin(
        shared: Arc<Shared>,
        grant: Grant,
        what: &str,
        alone: Option<Alone>,
    ) -> Self {
        let number = shared.next_action();
        let technician = &shared.visitor.name;
        shared.show.tell(&Event::Action { number, technician, grant, what });
        Self { shared, number, alone }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if let Some(alone) = self.alone {
            self.shared.locked(|lease| lease.once_over(alone));
            self.shared.announce();
        }
        self.shared.show.tell(&Event::ActionOver { number: self.number });
    }
}
