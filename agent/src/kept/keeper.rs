//! A living session's hold on its file: every change of the lease goes through here, and so does the
//! end date, now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskside_protocol::reattach::TOKEN;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{Kept, KeptError, Store};
use crate::events::{Event, Show};
use crate::gate::{Keep, Record};

/// The end date is written again after this part of the grace time ...
const PARTS: u32 = 20;
/// ... but not more often than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// The file of the session that lives now.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Keeper {
    /// `None` where another process has the place: nothing is kept then.
    store: Option<Store>,
    kept: Mutex<Option<Kept>>,
    clock: fn() -> u64,
    grace: u32,
    show: Arc<Show>,
    /// The user was told once that a file is left.
    warned: AtomicBool,
}

impl Keeper {
    /// Keeps `kept` in `store` from its first change on; `clock` gives seconds since the epoch, and
    /// `grace` is the policy's.
    #[must_use]
    pub fn new(
        store: Option<Store>,
        kept: Kept,
        clock: fn() -> u64,
        grace: u32,
        show: Arc<Show>,
    ) -> Self {
        let (kept, warned) = (Mutex::new(Some(kept)), AtomicBool::new(false));
        Self { store, kept, clock, grace, show, warned }
    }

    /// How often [`Keeper::alive`] wants to be called.
    #[must_use]
    pub fn pause(&self) -> Duration {
        (Duration::from_secs(self.grace.into()) / PARTS).max(SHORTEST)
    }

    /// The session is alive now: its grace begins again.
    pub fn alive(&self) {
        let ends = (self.clock)().saturating_add(self.grace.into());
        self.change(|kept| kept.ends = ends);
    }

    /// The relay finds the session by this token from here on.
    pub fn located(&self, token: [u8; TOKEN]) {
        self.change(|kept| kept.token = token);
    }

    /// The session has ended: nothing of it is kept.
    pub fn end(&self) {
        if self.kept().take().is_some() {
            self.store(Store::remove);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        let Some(kept) = kept.as_mut() else { return };
        change(kept);
        kept.written = (self.clock)();
        self.store(|store| store.write(kept));
    }

    /// Where the file cannot be written, there must not be one: it might hold what the user has
    /// taken back.
    fn store(&self, work: impl FnOnce(&Store) -> Result<(), KeptError>) {
        let Some(store) = &self.store else { return };
        let done = off_the_runtime(|| work(store).map_err(|error| (error, store.remove().err())));
        let Err((error, left)) = done else { return };
        tracing::warn!(%error, cause = %error.cause, "the session is not kept for a restart");
        let Some(left) = left else { return };
        if !self.warned.swap(true, Ordering::Relaxed) {
            let text = format!(
                "This session cannot be removed from the disk ({}: {}). Remove that file yourself \
                 if this program breaks off.",
                left.path.display(),
                left.cause
            );
            self.show.tell(&Event::Notice { text: &text });
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keep for Keeper {
    fn keep(&self, lease: &Record) {
        self.change(|kept| kept.lease = lease.clone());
    }
}

/// Runs what may wait for a disk. A thread of the runtime gives its other tasks away meanwhile.
fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
