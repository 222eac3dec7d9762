//! What went over a line in both directions, counted at the one place where QUIC takes bytes from
//! the program and gives them to it.
//!
//! The ledger is locked while QUIC is asked, so that nothing is ever on its way that is not counted;
//! never over an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskside_protocol::statement::{self, Key, State, Way};
use quinn::{Connection, ConnectionError};
use tokio::sync::Notify;

/// One line's ledger at this end. A clone is the same.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connection: Connection,
    state: Mutex<statement::Ledger>,
    due: Notify,
}

impl Ledger {
    /// Of a line over which nothing went yet, with the hash of its secrets.
    pub(crate) fn new(connection: Connection, secrets: [u8; 32]) -> Self {
        let state = Mutex::new(statement::Ledger::new(secrets));
        Self(Arc::new(Shared { connection, state, due: Notify::new() }))
    }

    /// The ledger itself, for as short a time as it takes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, statement::Ledger> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is so much to state that it cannot wait.
    pub(crate) async fn due(&self) {
        loop {
            let due = self.0.due.notified();
            if self.lock().is_due() {
                return;
            }
            due.await;
        }
    }

    /// To be called when something was counted.
    pub(crate) fn look(&self, state: &statement::Ledger) {
        if state.is_due() {
            self.0.due.notify_one();
        }
    }

    /// Waits until the line is gone.
    pub(crate) async fn closed(&self) -> ConnectionError {
        self.0.connection.closed().await
    }

    /// One direction of a stream, from its first byte.
    pub(crate) fn count(&self, id: u64, way: Way) -> Count {
        let key = (id, way);
        self.lock().opened(key, false);
        Count { ledger: self.clone(), key, ended: false }
    }

    /// The stream carries the statements: that something went over it asks for none.
    pub(crate) fn quiet(&self, id: u64) {
        let mut state = self.lock();
        state.opened((id, Way::Sent), true);
        state.opened((id, Way::Delivered), true);
    }
}

/// Counts one direction of a stream.
#[derive(Debug)]
pub(crate) struct Count {
    ledger: Ledger,
    key: Key,
    ended: bool,
}

impl Count {
    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger, for as long as QUIC is asked; `None` where nothing may go over the stream.
    pub(crate) fn hold(&self) -> Option<MutexGuard<'_, statement::Ledger>> {
        let state = self.ledger.lock();
        if state.is_frozen(self.key) { None } else { Some(state) }
    }

    /// Counts bytes in a ledger that is held.
    pub(crate) fn add(&self, state: &mut statement::Ledger, bytes: &[u8]) {
        state.count(self.key, bytes);
        self.ledger.look(state);
    }

    /// The stream has ended in this way.
    pub(crate) fn end(&mut self, how: State) {
        self.end_by(|| Some(how));
    }

    /// Ends it by QUIC, and counts that before the other end can have heard of it. `work` says how
    /// it ended, where it did.
    pub(crate) fn end_by(&mut self, work: impl FnOnce() -> Option<State>) {
        let mut state = self.ledger.lock();
        if let Some(how) = work() {
            self.ended = true;
            state.ended(self.key, how);
            self.ledger.look(&state);
        }
    }

    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }
}

impl Drop for Count {
    /// QUIC finishes what is dropped, and tells the sender that nobody reads any further.
    fn drop(&mut self) {
        if !self.ended {
            self.end(match self.key.1 {
                Way::Sent => State::Finished,
                Way::Delivered => State::Stopped,
            });
        }
    }
}
