//! A block of packets in the making, and where each of its runs goes.

use std::ops::Range;

use deskside_protocol::recording::{Packets, WriteError};
use deskside_protocol::session::End;

use crate::switch::Onward;

/// The packets of one line in one receive.
#[derive(Debug)]
pub(crate) struct Batch {
    line: u16,
    block: Packets,
    runs: Vec<Run>,
}

/// Packets of one direction, in the block.
#[derive(Debug)]
struct Run {
    range: Range<usize>,
    from: End,
    onward: Onward,
}

impl Batch {
    /// An empty one, with room for `room` bytes of packets.
    pub(crate) fn new(line: u16, time_us: u64, room: usize) -> Self {
        Self { line, block: Packets::new(line, time_us, room), runs: Vec::new() }
    }

    /// Empty again, in the same memory.
    pub(crate) fn begin(&mut self, line: u16, time_us: u64) {
        self.line = line;
        self.block.begin(line, time_us);
        self.runs.clear();
    }

    pub(crate) const fn line(&self) -> u16 {
        self.line
    }

    /// Takes packets that `from` sent.
    pub(crate) fn push(
        &mut self,
        from: End,
        onward: Onward,
        time_us: u64,
        bytes: &[u8],
    ) -> Result<(), WriteError> {
        let stride = u16::try_from(onward.stride).unwrap_or(u16::MAX);
        let range = self.block.run(from, stride, time_us, bytes)?;
        match self.runs.last_mut() {
            // They stand one behind the other without a header between: one send for both.
            Some(last)
                if last.range.end == range.start && last.from == from && last.onward == onward =>
            {
                last.range.end = range.end;
            }
            _ => self.runs.push(Run { range, from, onward }),
        }
        Ok(())
    }

    pub(super) const fn block(&mut self) -> &mut Packets {
        &mut self.block
    }

    /// Bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.block.block().len()
    }

    pub(super) fn packets(&self) -> u64 {
        self.runs.iter().map(|run| run.onward.packets(run.range.len())).sum()
    }

    /// Who sent what, and where it goes.
    pub(super) fn runs(&self) -> impl Iterator<Item = (End, Onward, &[u8])> {
        let block = self.block.block();
        self.runs.iter().map(move |run| {
            (run.from, run.onward, block.get(run.range.clone()).unwrap_or_default())
        })
    }
}
