//! Takes blocks out of a recording as its bytes arrive, and checks of each what needs no key: its
//! layout, its number, its place in the chain. What blocks mean is [`verify`](super::verify)'s.

use thiserror::Error;

use super::format::{
    self, BLOCK_HEADER, BlockHeader, CHAIN_HASH, FLAG_SHREDDED, Kind, MAGIC, MAX_BLOCK, MAX_BODY,
    PREAMBLE,
};
use super::writer::State;
use crate::transcript::sha256;

/// A place in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start of the file to the block.
    pub offset: u64,
    /// Number of the block.
    pub seq: u64,
    /// Microseconds since 1970-01-01 UTC: of the block where it is whole, else of the last whole
    /// one before it; 0 where there is none.
    pub time_us: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "block {}, byte {}", self.seq, self.offset)
    }
}

/// What is wrong with the bytes of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Damage {
    /// Not a recording at all.
    #[error("this is not a Deskside recording")]
    Magic,
    /// A recording of another version.
    #[error("the recording has version {found}, this program reads version {}", format::VERSION)]
    Version {
        /// The version in the file.
        found: u16,
    },
    /// The body would be longer than [`MAX_BODY`].
    #[error("a body of {len} bytes is above the maximum")]
    TooLarge {
        /// Bytes that the header announces.
        len: u32,
    },
    /// Flags that the kind does not have, or a shredded body that is not a hash.
    #[error("a {kind} block has flags {flags:#04x} that do not fit it")]
    Flags {
        /// The block's kind.
        kind: Kind,
        /// Its flags.
        flags: u8,
    },
    /// Blocks are missing, repeated or in another order.
    #[error("the block says it is number {found}")]
    Sequence {
        /// The number in the file.
        found: u64,
    },
    /// The block or the one before it was altered.
    #[error("the chain hash does not fit")]
    Chain,
    /// Something follows the CLOSE.
    #[error("bytes follow the CLOSE")]
    AfterClose,
    /// The file ends inside a block.
    #[error("the file ends in the middle of a block")]
    Torn,
}

/// The first thing wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{what} ({at})")]
pub struct Fault {
    /// What is wrong.
    pub what: Damage,
    /// Where: everything before this block is in order.
    pub at: Place,
}

/// A block that is in its place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// The header as it stands in the file.
    pub header: BlockHeader,
    /// The body; of a shredded SEAL only its SHA-256.
    pub body: &'a [u8],
    /// Bytes from the start of the file to the block.
    pub offset: u64,
    /// The chain hash before this block.
    pub previous: [u8; CHAIN_HASH],
    /// The chain hash of this block.
    pub hash: [u8; CHAIN_HASH],
}

impl Block<'_> {
    /// Whether this is a SEAL whose body was shredded.
    #[must_use]
    pub const fn is_shredded(&self) -> bool {
        self.header.flags == FLAG_SHREDDED
    }

    /// Where it stands.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { offset: self.offset, seq: self.header.seq, time_us: self.header.time_us }
    }
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Call again when `input` holds at least this many bytes; never more than [`MAX_BLOCK`].
    NeedMore(usize),
    /// The next block.
    Block(Block<'a>),
}

/// Reads one recording from its first byte on.
#[derive(Debug, Clone)]
pub struct Reader {
    state: State,
    offset: u64,
    time_us: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// At the start of a file.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::start(), offset: 0, time_us: 0 }
    }

    /// After the last block read: what a writer resumes from.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Bytes of the file that are in order: where a torn tail is cut. Below [`PREAMBLE`] there is
    /// no recording yet.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next block from the front of `input` and advances it. What is left of `input`
    /// has to stand before the bytes that arrive next.
    ///
    /// # Errors
    /// The first [`Fault`]; reading cannot go on behind it.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Step<'a>, Fault> {
        if self.offset == 0 {
            let Some((preamble, rest)) = input.split_first_chunk() else {
                return Ok(Step::NeedMore(PREAMBLE));
            };
            self.preamble(preamble)?;
            *input = rest;
        }
        if self.state.is_closed() && !input.is_empty() {
            return Err(self.fault(Damage::AfterClose));
        }
        let Some((header, rest)) = input.split_first_chunk() else {
            return Ok(Step::NeedMore(BLOCK_HEADER));
        };
        let header = BlockHeader::decode(header);
        let len = self.check(&header)?;
        let parts = rest.split_at_checked(len);
        let parts = parts.and_then(|(body, rest)| Some((body, rest.split_first_chunk()?)));
        let Some((body, (hash, rest))) = parts else {
            return Ok(Step::NeedMore(BLOCK_HEADER + len + CHAIN_HASH));
        };
        let whole = input.get(..BLOCK_HEADER + len).unwrap_or_default();
        let block = self.link(header, whole, body, *hash)?;
        *input = rest;
        Ok(Step::Block(block))
    }

    /// The file ended, with `rest` of it unread.
    ///
    /// # Errors
    /// [`Damage::Torn`] where the file does not end with a whole block, [`Damage::AfterClose`].
    pub fn finish(&self, rest: &[u8]) -> Result<State, Fault> {
        if rest.is_empty() && self.offset > 0 {
            Ok(self.state)
        } else if self.state.is_closed() {
            Err(self.fault(Damage::AfterClose))
        } else {
            Err(self.fault(Damage::Torn))
        }
    }

    fn preamble(&mut self, bytes: &[u8; PREAMBLE]) -> Result<(), Fault> {
        let Some(version) = bytes.strip_prefix(&MAGIC) else {
            return Err(self.fault(Damage::Magic));
        };
        let version = version.iter().fold(0, |all, byte| all << 8 | u16::from(*byte));
        if version != format::VERSION {
            return Err(self.fault(Damage::Version { found: version }));
        }
        self.offset = PREAMBLE as u64;
        Ok(())
    }

    /// Checks all that shows before the body is there, so that nobody buffers for a bad header.
    fn check(&self, header: &BlockHeader) -> Result<usize, Fault> {
        let BlockHeader { len, kind, flags, seq, .. } = *header;
        let fits = match flags {
            0 => true,
            FLAG_SHREDDED => kind == Kind::Seal && len == 32,
            _ => false,
        };
        if !fits {
            return Err(self.fault(Damage::Flags { kind, flags }));
        }
        if seq != self.state.seq() {
            return Err(self.fault(Damage::Sequence { found: seq }));
        }
        match usize::try_from(len) {
            Ok(fits) if fits <= MAX_BODY => Ok(fits),
            _ => Err(self.fault(Damage::TooLarge { len })),
        }
    }

    fn link<'a>(
        &mut self,
        header: BlockHeader,
        whole: &[u8],
        body: &'a [u8],
        hash: [u8; CHAIN_HASH],
    ) -> Result<Block<'a>, Fault> {
        let previous = *self.state.hash();
        if chain_hash(&previous, &header, whole, body) != hash {
            return Err(self.fault(Damage::Chain));
        }
        let block = Block { header, body, offset: self.offset, previous, hash };
        self.state = self.state.after(header.kind, hash);
        self.offset += (whole.len() + CHAIN_HASH) as u64;
        self.time_us = header.time_us;
        Ok(block)
    }

    const fn fault(&self, what: Damage) -> Fault {
        let (offset, seq, time_us) = (self.offset, self.state.seq(), self.time_us);
        Fault { what, at: Place { offset, seq, time_us } }
    }
}

pub(super) fn chain_hash(
    previous: &[u8; CHAIN_HASH],
    header: &BlockHeader,
    whole: &[u8],
    body: &[u8],
) -> [u8; CHAIN_HASH] {
    if header.kind != Kind::Seal {
        return format::chain(previous, whole);
    }
    let shredded = match header.flags {
        FLAG_SHREDDED => body.try_into().ok(),
        _ => None,
    };
    format::chain_seal(previous, header, &shredded.unwrap_or_else(|| sha256(body)))
}

/// Shreds a SEAL: the block that takes the place of `block`, with the same chain hash and without
/// the sealed copy. `None` for every other kind. Overwriting the old file is the caller's.
#[must_use]
pub fn shred(block: &Block<'_>) -> Option<Vec<u8>> {
    if block.header.kind != Kind::Seal {
        return None;
    }
    let left = match block.is_shredded() {
        true => block.body.to_vec(),
        false => sha256(block.body).to_vec(),
    };
    let header = BlockHeader { len: 32, flags: FLAG_SHREDDED, ..block.header };
    Some([&header.encode()[..], &left, &block.hash].concat())
}

const _: () = assert!(MAX_BLOCK <= u32::MAX as usize);

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
