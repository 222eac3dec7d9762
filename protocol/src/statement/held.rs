//! One direction of one stream: how far it is, the hashes that were stated of it, and what the other
//! end has said of the same bytes.

use std::collections::VecDeque;

use super::difference::Difference;
use super::form::{State, Stream, Way};
use super::hash::Running;
use super::ledger::Key;

/// Offsets at which a hash is kept of an open stream, to compare with what the other end says: the
/// end of a minute, when a statement is made every ten seconds.
const MARKS: usize = 6;

#[derive(Debug)]
pub(super) struct Held {
    offset: u64,
    state: State,
    /// It was finished; a finished stream may be broken off all the same.
    finished: bool,
    /// `None` once it has ended: the last mark is all there is to say.
    running: Option<Running>,
    /// Hashes at offsets, the newest last.
    marks: VecDeque<(u64, [u8; 32])>,
    /// Its end was stated.
    stated: bool,
    /// What the other end has said of the same bytes.
    theirs: Option<(u64, State)>,
    /// Carries statements: that something of it changed is no reason for another.
    pub(super) quiet: bool,
}

impl Held {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            offset: 0,
            state: State::Open,
            finished: false,
            running: Some(Running::default()),
            marks: VecDeque::new(),
            stated: false,
            theirs: None,
            quiet,
        }
    }

    /// Counts bytes; false where it has ended.
    pub(super) fn count(&mut self, bytes: &[u8]) -> bool {
        let Some(running) = &mut self.running else { return false };
        running.push(bytes);
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        true
    }

    /// Notes how it ended; false where that is known.
    pub(super) fn end(&mut self, state: State) -> bool {
        let broken_off = self.state == State::Finished && state == State::Reset;
        if state == State::Open || !(self.state == State::Open || broken_off) {
            return false;
        }
        self.hash();
        self.running = None;
        self.state = state;
        self.finished |= state == State::Finished;
        self.stated = false;
        true
    }

    /// The hash at the offset, which is kept from now on.
    fn hash(&mut self) -> [u8; 32] {
        let Some(running) = &mut self.running else {
            return self.marks.back().map_or([0; 32], |(_, hash)| *hash);
        };
        let hash = running.now();
        if self.marks.back().is_none_or(|(offset, _)| *offset != self.offset) {
            self.marks.push_back((self.offset, hash));
            if self.marks.len() > MARKS {
                self.marks.pop_front();
            }
        }
        hash
    }

    /// What is to be said of it now.
    pub(super) fn state(&mut self, (id, way): Key) -> Stream {
        self.stated = self.state != State::Open;
        Stream { id, way, offset: self.offset, hash: self.hash(), state: self.state }
    }

    /// Whether its end was stated.
    pub(super) const fn is_stated(&self) -> bool {
        self.stated
    }

    /// Whether both ends have said how it ended: nothing more is to come.
    pub(super) const fn is_done(&self) -> bool {
        self.stated
            && matches!(self.theirs, Some((_, State::Finished | State::Reset | State::Stopped)))
    }

    /// Compares what the other end says of the same bytes, and keeps it.
    pub(super) fn compare(&mut self, said: &Stream) -> Result<(), Difference> {
        let id = said.id;
        if let Some((offset, state)) = self.theirs {
            let broken_off = state == State::Finished
                && said.state == State::Reset
                && said.way == Way::Sent
                && said.offset == offset;
            if said.offset < offset || !(state == State::Open || broken_off) {
                return Err(Difference::Backwards { id, way: said.way });
            }
        }
        match said.way {
            Way::Delivered => self.compare_delivered(said)?,
            Way::Sent => self.compare_sent(said)?,
        }
        let known = if said.offset == 0 {
            Some(*blake3::hash(b"").as_bytes())
        } else if said.offset == self.offset {
            Some(self.hash())
        } else {
            self.marks.iter().find(|(offset, _)| *offset == said.offset).map(|(_, hash)| *hash)
        };
        if known.is_some_and(|known| known != said.hash) {
            return Err(Difference::Content { id });
        }
        self.theirs = Some((said.offset, said.state));
        Ok(())
    }

    /// The other end delivered what was sent here.
    fn compare_delivered(&self, said: &Stream) -> Result<(), Difference> {
        let id = said.id;
        if said.offset > self.offset {
            return Err(Difference::Amount { id });
        }
        let possible = match said.state {
            State::Open | State::Stopped => true,
            State::Finished => self.finished && said.offset == self.offset,
            State::Reset => self.state == State::Reset,
        };
        if possible { Ok(()) } else { Err(Difference::Ended { id }) }
    }

    /// The other end sent what was delivered here. It may have sent more since it said so.
    fn compare_sent(&self, said: &Stream) -> Result<(), Difference> {
        let id = said.id;
        if said.state != State::Open && said.offset < self.offset {
            return Err(Difference::Amount { id });
        }
        // All of it is here.
        let more = self.state == State::Finished && said.offset > self.offset;
        if more { Err(Difference::Ended { id }) } else { Ok(()) }
    }
}
