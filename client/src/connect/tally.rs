//! What happened in a session, shared by all that makes it happen: for the note, for `info`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::message::{Device, Lease, message::Kind};

use crate::commands::Outcome;
use crate::note::{Change, Record};
use crate::output::now;

/// What a session is about, for `info` and events.
pub(super) struct About {
    pub(super) session: String,
    pub(super) ticket: String,
    pub(super) subject: String,
    pub(super) recorded: bool,
    pub(super) relay: String,
    /// Seconds since the epoch.
    pub(super) since: u64,
}

/// The session's record and its lease. A clone is the same tally.
#[derive(Debug, Clone)]
pub(super) struct Tally(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    record: Record,
    lease: GrantSet,
    monitors: u32,
}

/// One stream of commands or pictures, as far as the tally looks at it.
#[derive(Debug)]
pub(super) struct Watch {
    tally: Tally,
    command: Option<usize>,
}

impl Tally {
    pub(super) fn new(record: Record) -> Self {
        let state = State { record, lease: GrantSet::NONE, monitors: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What the user allows from now on. Gives the change: granted, revoked.
    pub(super) fn lease(&self, lease: &Lease) -> (GrantSet, GrantSet) {
        let mut state = self.lock();
        let held = GrantSet::from_wire(&lease.grants);
        let (new, gone) = (held.without(state.lease), state.lease.without(held));
        state.lease = held;
        let time = now();
        for (granted, grants) in [(true, new), (false, gone)] {
            if !grants.is_empty() {
                state.record.changed(Change { time, granted, grants });
            }
        }
        (new, gone)
    }

    pub(super) fn device(&self, device: &Device) {
        let mut state = self.lock();
        state.record.hostname.clone_from(&device.hostname);
        state.record.system.clone_from(&device.system);
        state.record.user.clone_from(&device.user);
        state.monitors = device.monitors;
    }

    pub(super) fn held(&self) -> GrantSet {
        self.lock().lease
    }

    pub(super) fn monitors(&self) -> u32 {
        self.lock().monitors
    }

    /// A copy of what happened so far.
    pub(super) fn record(&self) -> Record {
        self.lock().record.clone()
    }

    pub(super) fn watch(&self) -> Watch {
        Watch { tally: self.clone(), command: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// A message on its way to the agent.
    pub(super) fn sent(&mut self, kind: Option<&Kind>) {
        if let Some(Kind::CommandStart(start)) = kind {
            self.command = self.tally.lock().record.ran(now(), start.argv.clone());
        }
    }

    /// A message from the agent.
    pub(super) fn received(&self, kind: Option<&Kind>) {
        let mut state = self.tally.lock();
        if let Some(Kind::Screenshot(_)) = kind {
            state.record.screenshots += 1;
        } else if let Some(Kind::CommandExit(exit)) = kind
            && let Ok(outcome) = Outcome::try_from(*exit)
        {
            state.record.ended(self.command, outcome);
        }
    }
}
