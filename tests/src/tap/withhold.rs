//! What somebody does who keeps to himself what the relay has recorded and let go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use deskside_protocol::label;

use super::Tap;

/// Whether a line's packets from the relay go no further, or how much later they do.
#[derive(Debug, Default)]
pub(super) struct Withhold {
    keeps: AtomicBool,
    late_ms: AtomicU64,
}

impl Withhold {
    /// Whether this went no further.
    pub(super) fn takes(&self, bytes: &[u8]) -> bool {
        self.keeps.load(Ordering::Relaxed) && label::of_datagram(bytes).is_some()
    }

    /// How long this is held back; `None` for not at all.
    pub(super) fn holds(&self, bytes: &[u8]) -> Option<Duration> {
        let late = Duration::from_millis(self.late_ms.load(Ordering::Relaxed));
        (!late.is_zero() && label::of_datagram(bytes).is_some()).then_some(late)
    }
}

impl Tap {
    /// From now on a line's packets that the relay lets go to the ends behind a door do not get
    /// there; what it says to their legs does.
    ///
    /// # Errors
    /// Where there is no such door.
    pub fn withhold(&self, number: usize) -> anyhow::Result<()> {
        let door = self.doors.get(number).context("a door of this number")?;
        door.withhold.keeps.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// From now on a line's packets through a door get to the other side so much later, both ways.
    ///
    /// # Errors
    /// Where there is no such door.
    pub fn hold_back(&self, number: usize, late: Duration) -> anyhow::Result<()> {
        let door = self.doors.get(number).context("a door of this number")?;
        let late_ms = u64::try_from(late.as_millis()).context("a time that is too long")?;
        door.withhold.late_ms.store(late_ms, Ordering::Relaxed);
        Ok(())
    }
}
