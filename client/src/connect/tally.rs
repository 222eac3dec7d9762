//! What happened in a session, shared by all that makes it happen: for the note, for `info`.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::message::{Device, Lease, message::Kind};

use super::gap::Over;
use crate::commands::Outcome;
use crate::note::{Change, File, Record, Voice};
use crate::output::now;

/// What a session is about, for `info` and events.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) session: String,
    pub(super) ticket: String,
    pub(super) subject: String,
    pub(super) recorded: bool,
    pub(super) relay: String,
    /// Seconds since the epoch.
    pub(super) since: u64,
    /// Since when somebody is away, in seconds since the epoch.
    pub(super) away_since: Option<u64>,
}

/// The session's record and its lease. A clone is the same tally.
#[derive(Debug, Clone)]
pub(super) struct Tally(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    record: Record,
    lease: GrantSet,
    monitors: u32,
    /// Counts up with each change of the record.
    version: u64,
}

/// One stream of commands or pictures, as far as the tally looks at it.
#[derive(Debug)]
pub(super) struct Watch {
    tally: Tally,
    command: Option<usize>,
}

impl Tally {
    /// A tally that goes on where `record` ends.
    pub(super) fn new(record: Record) -> Self {
        let lease = record.changes.iter().fold(GrantSet::NONE, |held, change| {
            let rest = held.without(change.grants);
            if change.granted { rest.union(change.grants) } else { rest }
        });
        let state = State { record, lease, monitors: 0, version: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What the user allows from now on. Gives the change: granted, revoked.
    pub(super) fn lease(&self, lease: &Lease) -> (GrantSet, GrantSet) {
        let mut state = self.change();
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
        let mut state = self.change();
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

    /// Changes whenever the record does.
    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    pub(super) fn interrupted(&self, gap: Over) {
        let rounded = (gap.took + Duration::from_millis(500)).as_secs();
        self.change().record.interrupted(rounded.max(1), gap.same);
    }

    /// The session ended at `time`, or earlier as was noted then.
    pub(super) fn ended(&self, time: u64, work_note: Option<String>) {
        let mut state = self.change();
        if state.record.ended == 0 {
            state.record.ended = time;
        }
        if work_note.is_some() {
            state.record.work_note = work_note;
        }
    }

    pub(super) fn agent_restarted(&self) {
        self.change().record.restarts.agent += 1;
    }

    pub(super) fn unrecorded(&self) {
        self.change().record.unrecorded = true;
    }

    pub(super) fn said(&self, by: Voice, text: &str) {
        self.change().record.said(now(), by, text.to_owned());
    }

    pub(super) fn copied(&self, file: File) {
        self.change().record.copied(file);
    }

    /// A picture was saved on the technician's computer.
    pub(super) fn pictured(&self, path: &Path) {
        self.change().record.pictured(now(), path);
    }

    pub(super) fn watch(&self) -> Watch {
        Watch { tally: self.clone(), command: None }
    }

    fn change(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.version += 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// A message on its way to the agent.
    pub(super) fn sent(&mut self, kind: Option<&Kind>) {
        if let Some(Kind::CommandStart(start)) = kind {
            self.command = self.tally.change().record.ran(now(), start.argv.clone());
        }
    }

    /// A message from the agent.
    pub(super) fn received(&self, kind: Option<&Kind>) {
        let mut state = self.tally.change();
        if let Some(Kind::Screenshot(_)) = kind {
            state.record.screenshots += 1;
        } else if let Some(Kind::CommandExit(exit)) = kind
            && let Ok(outcome) = Outcome::try_from(*exit)
        {
            state.record.ended(self.command, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::grant::Grant;

    #[test]
    fn a_lease_that_goes_on_is_no_change() {
        let tally = Tally::new(Record::default());
        let lease = |grants: GrantSet| Lease { grants: grants.to_wire(), ..Lease::default() };
        let both = GrantSet::from(Grant::View).union(Grant::File.into());
        tally.lease(&lease(both));
        tally.lease(&lease(Grant::File.into()));
        let again = Tally::new(tally.record());
        assert_eq!(again.held(), Grant::File.into());
        assert_eq!(again.lease(&lease(Grant::File.into())), (GrantSet::NONE, GrantSet::NONE));
        assert_eq!(again.record().changes.len(), 2);
        assert_eq!(again.lease(&lease(both)), (Grant::View.into(), GrantSet::NONE));
    }
}
