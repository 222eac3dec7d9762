//! The lobby while the relay runs: its machine behind a lock, its clock, and the numbers of it.
//!
//! An agent waits at the receiving end of a channel. The lobby holds the other end; a technician
//! takes it and sends itself through. When it is dropped instead, the code has expired.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskside_link::random::System;
use deskside_protocol::code::Nameplate;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::desk::Summary;
use crate::limits::Run;
use crate::lobby::{Busy, Holder, Lobby, Slot};
use crate::metrics::Metrics;
use crate::store::Technician;
use crate::talk::Talk;

/// The one answer for unknown, used and expired codes.
pub(crate) const SPENT: &str = "no agent waits with that code: it was used, has expired, or was never open; ask the user for a new one";

/// A technician who may meet the agent of one code.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) talk: Talk,
    pub(crate) who: Technician,
    pub(crate) ticket: String,
    pub(crate) summary: Summary,
    /// Counts as one of this technician's tries at this ticket for as long as it lasts.
    #[allow(dead_code, reason = "held, never read")]
    pub(crate) run: Run,
    /// Goes back to the lobby where the technician leaves early.
    pub(crate) handle: Handle,
}

/// The way to a waiting agent. In a box, since a channel makes room for 32 of what it carries.
pub(crate) type Handle = mpsc::Sender<Box<Visitor>>;

/// The lobby of this node.
#[derive(Debug)]
pub(crate) struct Hall {
    lobby: Mutex<Lobby<Handle>>,
    began: Instant,
    opened: Notify,
    metrics: Metrics,
}

impl Hall {
    /// No codes yet; each will live for `lifetime`.
    pub(crate) fn new(lifetime: Duration, metrics: Metrics) -> Self {
        let lobby = Mutex::new(Lobby::new(lifetime));
        Self { lobby, began: Instant::now(), opened: Notify::new(), metrics }
    }

    /// A nameplate for an agent, and where its technician will appear.
    pub(crate) fn open(
        &self,
        holder: Option<Holder>,
    ) -> Result<(Slot, mpsc::Receiver<Box<Visitor>>), Busy> {
        let (handle, arrivals) = mpsc::channel(1);
        let slot = self.change(|lobby, now| lobby.open(now, handle, holder, &mut System::new()))?;
        self.opened.notify_one();
        Ok((slot, arrivals))
    }

    /// The agent behind a nameplate, once.
    pub(crate) fn join(&self, nameplate: Nameplate) -> Option<(Slot, Handle)> {
        self.change(|lobby, now| lobby.join(nameplate, now))
    }

    /// The technician left before anything was offered: the code is open again, or has expired.
    pub(crate) fn put_back(&self, slot: Slot, handle: Handle) {
        // An expired handle is dropped, which is how the agent learns it.
        drop(self.change(|lobby, now| lobby.put_back(slot, handle, now)));
    }

    /// The code is spent, or its agent left.
    pub(crate) fn end(&self, slot: Slot) {
        drop(self.change(|lobby, now| lobby.end(slot, now)));
    }

    /// Ends codes when their time has come; never returns.
    pub(crate) async fn expire(&self) {
        loop {
            let next = self.lock().poll_timeout();
            let sleep = async {
                match next {
                    Some(at) => tokio::time::sleep_until(self.began + at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => drop(self.change(|lobby, now| lobby.handle_timeout(now))),
                () = self.opened.notified() => {}
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Lobby<Handle>, Duration) -> T) -> T {
        let mut lobby = self.lock();
        let result = change(&mut lobby, self.began.elapsed());
        self.metrics.set_open_codes(lobby.open_codes());
        result
    }

    fn lock(&self) -> MutexGuard<'_, Lobby<Handle>> {
        self.lobby.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lobby::LIFETIME;

    #[tokio::test(start_paused = true)]
    async fn an_agent_hears_that_its_code_has_expired() {
        let hall = Hall::new(LIFETIME, Metrics::new());
        let began = Instant::now();
        let (slot, mut arrivals) = hall.open(None).unwrap();
        tokio::select! {
            visitor = arrivals.recv() => assert!(visitor.is_none()),
            () = hall.expire() => {}
        }
        assert!(began.elapsed() >= LIFETIME);
        assert!(hall.join(slot.nameplate()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_that_is_put_back_too_late_has_expired() {
        let hall = Hall::new(LIFETIME, Metrics::new());
        let (slot, mut arrivals) = hall.open(None).unwrap();
        let (_, handle) = hall.join(slot.nameplate()).unwrap();
        tokio::time::sleep(LIFETIME).await;
        hall.put_back(slot, handle);
        assert!(arrivals.recv().await.is_none());
        assert!(hall.join(slot.nameplate()).is_none());
    }
}
