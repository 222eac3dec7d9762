//! Makes blocks: bytes to append to the file, and the state that the file has once they are on
//! disk. The caller writes; what it could not write never happened.
//!
//! ```
//! use deskside_protocol::recording::{Kind, Writer};
//!
//! let (mut writer, preamble) = Writer::create();
//! let mut file = preamble.to_vec();
//! let mut out = Vec::new();
//! let next = writer.block(Kind::Event, 0, 1_700_000_000_000_000, b"", &mut out)?;
//! file.extend_from_slice(&out); // one write; where it fails, do not commit
//! writer.commit(next);
//! assert_eq!(writer.state().seq(), 1);
//! # Ok::<(), deskside_protocol::recording::WriteError>(())
//! ```

use std::ops::Range;

use thiserror::Error;

use super::format::{
    self, BLOCK_HEADER, BlockHeader, CHAIN_HASH, Kind, MAX_BODY, PREAMBLE, RUN_HEADER, Run,
};
use crate::session::End;
use crate::transcript::sha256;

/// Where `len` stands in a run's header: behind direction and stride.
const LENGTH_IN_RUN: usize = 3;

/// Where a chain stands: all that is needed to go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    seq: u64,
    hash: [u8; CHAIN_HASH],
    closed: bool,
}

impl State {
    /// Before the first block.
    #[must_use]
    pub fn start() -> Self {
        Self { seq: 0, hash: format::first_hash(), closed: false }
    }

    /// Number of the next block, which is how many there are.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Chain hash of the last block.
    #[must_use]
    pub const fn hash(&self) -> &[u8; CHAIN_HASH] {
        &self.hash
    }

    /// Whether the last block is a CLOSE, after which nothing may follow.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// After one more block of `kind` with chain hash `hash`.
    pub(super) const fn after(&self, kind: Kind, hash: [u8; CHAIN_HASH]) -> Self {
        let closed = matches!(kind, Kind::Close);
        Self { seq: self.seq.saturating_add(1), hash, closed }
    }
}

/// A block cannot be made: our own misuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WriteError {
    /// More than [`MAX_BODY`].
    #[error("a block's body of {len} bytes is above the maximum")]
    TooLarge {
        /// Bytes that the body would have.
        len: usize,
    },
    /// The recording has its CLOSE.
    #[error("the recording is closed")]
    Closed,
    /// A run without bytes or with a stride of 0.
    #[error("a run of packets is empty")]
    EmptyRun,
}

/// The state after a block that was made but perhaps not yet written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "commit it once the block is written"]
pub struct Next(State);

impl Next {
    /// What the state will be.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.0
    }
}

/// Makes the blocks of one recording.
#[derive(Debug, Clone)]
pub struct Writer {
    state: State,
}

impl Writer {
    /// A new recording, and the bytes its file begins with.
    #[must_use]
    pub fn create() -> (Self, [u8; PREAMBLE]) {
        (Self::resume(State::start()), format::preamble())
    }

    /// Goes on where a [`Reader`](super::Reader) found the end of a file.
    #[must_use]
    pub const fn resume(state: State) -> Self {
        Self { state }
    }

    /// The state on disk.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Appends one block to `out`. The writer itself goes on only with
    /// [`commit`](Self::commit): a block that was not written is simply made again.
    ///
    /// # Errors
    /// [`WriteError`]; `out` is then as it was.
    pub fn block(
        &self,
        kind: Kind,
        line: u16,
        time_us: u64,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Next, WriteError> {
        let header = self.header(kind, line, time_us, body.len())?;
        let start = out.len();
        out.reserve(BLOCK_HEADER + body.len() + CHAIN_HASH);
        out.extend_from_slice(&header.encode());
        out.extend_from_slice(body);
        let hash = if kind == Kind::Seal {
            format::chain_seal(&self.state.hash, &header, &sha256(body))
        } else {
            format::chain(&self.state.hash, out.get(start..).unwrap_or_default())
        };
        out.extend_from_slice(&hash);
        Ok(Next(self.state.after(kind, hash)))
    }

    /// Completes a PACKETS block in its own buffer: header and chain hash. [`Packets::block`] is
    /// then what to write.
    ///
    /// # Errors
    /// [`WriteError::Closed`], or [`WriteError::EmptyRun`] where it holds no run.
    pub fn packets(&self, packets: &mut Packets) -> Result<Next, WriteError> {
        packets.buffer.truncate(packets.body_end);
        let len = packets.body_len();
        if len == 0 {
            return Err(WriteError::EmptyRun);
        }
        let header = self.header(Kind::Packets, packets.line, packets.time_us, len)?.encode();
        for (to, from) in packets.buffer.iter_mut().zip(header) {
            *to = from;
        }
        let hash = format::chain(&self.state.hash, &packets.buffer);
        packets.buffer.extend_from_slice(&hash);
        Ok(Next(self.state.after(Kind::Packets, hash)))
    }

    /// The last block made is on disk.
    pub fn commit(&mut self, next: Next) {
        debug_assert!(next.0.seq == self.state.seq.saturating_add(1), "a stale block");
        self.state = next.0;
    }

    fn header(
        &self,
        kind: Kind,
        line: u16,
        time_us: u64,
        len: usize,
    ) -> Result<BlockHeader, WriteError> {
        if self.state.closed {
            return Err(WriteError::Closed);
        }
        let seq = self.state.seq;
        Ok(BlockHeader { len: body_length(len)?, kind, flags: 0, line, seq, time_us })
    }
}

fn body_length(len: usize) -> Result<u32, WriteError> {
    match u32::try_from(len) {
        Ok(fits) if len <= MAX_BODY => Ok(fits),
        _ => Err(WriteError::TooLarge { len }),
    }
}

/// A PACKETS block in the making, in one buffer: one hash update, one write. It knows nothing of the
/// chain yet, so that whoever receives packets can fill it and another can write it.
#[derive(Debug)]
pub struct Packets {
    line: u16,
    time_us: u64,
    buffer: Vec<u8>,
    body_end: usize,
    /// The last run, and where its header stands.
    last: Option<(usize, Last)>,
}

/// What two runs have in common that can be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    from: End,
    stride: u16,
    delta_us: u32,
}

impl Packets {
    /// An empty block of `line`, begun at `time_us`, with room for `capacity` bytes of packets.
    #[must_use]
    pub fn new(line: u16, time_us: u64, capacity: usize) -> Self {
        let mut buffer = Vec::with_capacity(BLOCK_HEADER + 2 * RUN_HEADER + capacity + CHAIN_HASH);
        buffer.resize(BLOCK_HEADER, 0);
        Self { line, time_us, buffer, body_end: BLOCK_HEADER, last: None }
    }

    /// Empties it for another block, in the same memory.
    pub fn begin(&mut self, line: u16, time_us: u64) {
        self.buffer.truncate(BLOCK_HEADER);
        let buffer = std::mem::take(&mut self.buffer);
        *self = Self { line, time_us, buffer, body_end: BLOCK_HEADER, last: None };
    }

    /// Appends one receive batch: packets of `stride` bytes that `from` sent, received at
    /// `time_us`. Gives where they stand in [`Self::block`]. A time before the block's counts as
    /// the block's; one more than 71 minutes after it does not occur. Batches that follow each
    /// other and are alike become one run, so that they can be sent on as one.
    ///
    /// # Errors
    /// [`WriteError::TooLarge`] where the block is full: begin another.
    /// [`WriteError::EmptyRun`]. The block is then as it was.
    pub fn run(
        &mut self,
        from: End,
        stride: u16,
        time_us: u64,
        bytes: &[u8],
    ) -> Result<Range<usize>, WriteError> {
        if stride == 0 || bytes.is_empty() {
            return Err(WriteError::EmptyRun);
        }
        let len = self.body_len() + RUN_HEADER + bytes.len();
        body_length(len)?;
        let delta = time_us.saturating_sub(self.time_us);
        let delta_us = u32::try_from(delta).unwrap_or(u32::MAX);
        let like = Last { from, stride, delta_us };
        let header = Run { from, stride, delta_us, bytes }.header();
        let header = header.ok_or(WriteError::TooLarge { len })?;
        self.buffer.truncate(self.body_end);
        let begun = self.begun(like);
        if begun.is_none() {
            self.last = Some((self.body_end, like));
            self.buffer.extend_from_slice(&header);
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.body_end = self.buffer.len();
        if let Some(at) = begun {
            self.lengthen(at);
        }
        Ok(start..self.body_end)
    }

    /// The header of the last run, where one like it may go on: all of its packets are whole.
    fn begun(&self, like: Last) -> Option<usize> {
        let (at, last) = self.last?;
        let len = self.body_end.checked_sub(at + RUN_HEADER)?;
        (last == like && len.is_multiple_of(usize::from(like.stride))).then_some(at)
    }

    /// Sets the length of the run whose header stands at `at` and which ends the body.
    fn lengthen(&mut self, at: usize) {
        let len = u32::try_from(self.body_end.saturating_sub(at + RUN_HEADER)).unwrap_or(u32::MAX);
        let field = self.buffer.iter_mut().skip(at + LENGTH_IN_RUN);
        for (to, from) in field.zip(len.to_be_bytes()) {
            *to = from;
        }
    }

    /// The bytes so far: the whole block once [`Writer::packets`] completed it.
    #[must_use]
    pub fn block(&self) -> &[u8] {
        &self.buffer
    }

    const fn body_len(&self) -> usize {
        self.body_end.saturating_sub(BLOCK_HEADER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_path_makes_the_same_block() {
        let (writer, _) = Writer::create();
        let mut packets = Packets::new(3, 1_000, 0);
        let first = packets.run(End::Agent, 2, 1_005, b"abc").unwrap();
        packets.run(End::Technician, 9, 900, b"d").unwrap();
        let next = writer.packets(&mut packets).unwrap();
        assert_eq!(packets.block()[first], *b"abc");

        let body = b"\x01\0\x02\0\0\0\x03\0\0\0\x05abc\0\0\x09\0\0\0\x01\0\0\0\0d";
        let mut slow = Vec::new();
        let same = writer.block(Kind::Packets, 3, 1_000, body, &mut slow).unwrap();
        assert_eq!((packets.block(), next), (slow.as_slice(), same));
        let again = writer.packets(&mut packets).unwrap();
        assert_eq!((packets.block(), again), (slow.as_slice(), next));
    }

    #[test]
    fn batches_alike_become_one_run() {
        let (writer, _) = Writer::create();
        let mut packets = Packets::new(3, 1_000, 0);
        let first = packets.run(End::Agent, 2, 1_005, b"abcd").unwrap();
        let second = packets.run(End::Agent, 2, 1_005, b"efg").unwrap();
        assert_eq!(first.end, second.start);
        // A short packet ends a run, and so do another direction, another stride, another time.
        packets.run(End::Agent, 2, 1_005, b"hi").unwrap();
        packets.run(End::Technician, 2, 1_005, b"jk").unwrap();
        packets.run(End::Technician, 1, 1_005, b"l").unwrap();
        packets.run(End::Technician, 1, 1_006, b"m").unwrap();
        let next = writer.packets(&mut packets).unwrap();
        assert_eq!(packets.block()[first.start..second.end], *b"abcdefg");
        let end = packets.block().len() - CHAIN_HASH;
        let runs: Vec<_> = format::runs(&packets.block()[BLOCK_HEADER..end])
            .map(|run| run.map(|run| run.bytes.to_vec()).unwrap())
            .collect();
        assert_eq!(runs, [&b"abcdefg"[..], b"hi", b"jk", b"l", b"m"]);
        assert_eq!(next.state().seq(), 1);
    }

    #[test]
    fn a_block_in_used_memory_is_the_same_block() {
        let (writer, _) = Writer::create();
        let mut used = Packets::new(1, 9, 0);
        used.run(End::Agent, 2, 10, b"something before").unwrap();
        let _never_written = writer.packets(&mut used).unwrap();
        used.begin(3, 1_000);
        assert_eq!(writer.packets(&mut used), Err(WriteError::EmptyRun));
        let mut fresh = Packets::new(3, 1_000, 0);
        for packets in [&mut used, &mut fresh] {
            packets.run(End::Technician, 4, 1_005, b"abcdefg").unwrap();
            assert!(writer.packets(packets).is_ok());
        }
        assert_eq!(used.block(), fresh.block());
    }

    #[test]
    fn what_fails_leaves_no_trace() {
        let (writer, _) = Writer::create();
        let mut out = b"before".to_vec();
        let body = vec![0; MAX_BODY + 1];
        let too_large = WriteError::TooLarge { len: MAX_BODY + 1 };
        assert_eq!(writer.block(Kind::Event, 0, 0, &body, &mut out), Err(too_large));
        assert_eq!(out, b"before");
        let mut packets = Packets::new(1, 0, 0);
        assert!(packets.run(End::Agent, 1200, 0, &body).is_err());
        assert_eq!(packets.run(End::Agent, 0, 0, b"a"), Err(WriteError::EmptyRun));
        assert_eq!(writer.packets(&mut packets), Err(WriteError::EmptyRun));
    }

    #[test]
    fn nothing_follows_a_close() {
        let (mut writer, _) = Writer::create();
        let next = writer.block(Kind::Close, 0, 0, b"", &mut Vec::new()).unwrap();
        writer.commit(next);
        let after = writer.block(Kind::Event, 0, 0, b"", &mut Vec::new());
        assert_eq!(after, Err(WriteError::Closed));
        let mut packets = Packets::new(0, 0, 0);
        packets.run(End::Agent, 1, 0, b"a").unwrap();
        assert_eq!(writer.packets(&mut packets), Err(WriteError::Closed));
    }

    #[test]
    fn an_uncommitted_block_is_made_again_alike() {
        let (writer, _) = Writer::create();
        let (mut one, mut two) = (Vec::new(), Vec::new());
        let first = writer.block(Kind::Event, 0, 5, b"x", &mut one);
        let again = writer.block(Kind::Event, 0, 5, b"x", &mut two);
        assert_eq!((first, one), (again, two));
    }
}
