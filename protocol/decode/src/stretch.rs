//! What came of each statement of an end: of what it says passed since the one before.

use std::collections::BTreeMap;

use deskside_protocol::session::End;

use crate::statement::{Agreement, Tally};

/// Statements of a line of which this is known, the first so many: one every ten seconds of each end
/// for four days.
const MAX_STRETCHES: usize = 65_536;

/// How what one statement says of streams came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Who stated it.
    pub by: End,
    /// When the relay had it: microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// Its places of streams.
    pub tally: Tally,
    /// Those that the recording never reached.
    pub awaited: u64,
    /// It says that nothing more comes.
    pub is_last: bool,
}

impl Stretch {
    /// Whether all that it says was compared, and is so.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.awaited == 0 && self.tally.consistent == 0 && self.tally.disputed == 0
    }
}

/// Of one line.
#[derive(Debug, Default)]
pub(crate) struct Stretches(BTreeMap<(u64, End), Stretch>);

impl Stretches {
    fn of(&mut self, by: End, time_us: u64) -> Option<&mut Stretch> {
        let room = self.0.len() < MAX_STRETCHES;
        let key = (time_us, by);
        let new = Stretch { by, time_us, tally: Tally::default(), awaited: 0, is_last: false };
        if room { Some(self.0.entry(key).or_insert(new)) } else { self.0.get_mut(&key) }
    }

    /// The end stated something then, if only that nothing passed, or that nothing more comes.
    pub(crate) fn stated(&mut self, by: End, time_us: u64, is_last: bool) {
        if let Some(stretch) = self.of(by, time_us) {
            stretch.is_last |= is_last;
        }
    }

    /// What it stated then waits for its bytes.
    pub(crate) fn awaits(&mut self, by: End, time_us: u64) {
        if let Some(stretch) = self.of(by, time_us) {
            stretch.awaited += 1;
        }
    }

    /// The bytes for what it stated then are there.
    pub(crate) fn arrived(&mut self, by: End, time_us: u64) {
        if let Some(stretch) = self.0.get_mut(&(time_us, by)) {
            stretch.awaited = stretch.awaited.saturating_sub(1);
        }
    }

    /// What it stated then came out so.
    pub(crate) fn came_out(&mut self, by: End, time_us: u64, agreement: Agreement) {
        if let Some(stretch) = self.of(by, time_us) {
            stretch.tally.add(agreement);
        }
    }

    /// All of them, in the order of time.
    pub(crate) fn finish(self) -> Vec<Stretch> {
        self.0.into_values().collect()
    }
}
