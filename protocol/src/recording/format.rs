//! The layout of a `.dsr` file: kinds, the block header, the hash chain, the runs of a PACKETS
//! body. Pure arithmetic on bytes; [`writer`](super::writer) and [`reader`](super::reader) hold
//! the order of things.

use thiserror::Error;

use crate::session::End;

/// First bytes of a recording. As in PNG, the line ends and the `^Z` show a file that went through
/// a text conversion.
pub const MAGIC: [u8; 8] = *b"DSR1\r\n\x1a\n";
/// Version of the format, 16-bit big-endian behind the magic.
pub const VERSION: u16 = 1;
/// Bytes of magic and version.
pub const PREAMBLE: usize = MAGIC.len() + 2;
/// Bytes of a block's header: len 4, kind 1, flags 1, line 2, seq 8, time 8.
pub const BLOCK_HEADER: usize = 24;
/// Bytes of a chain hash (BLAKE3).
pub const CHAIN_HASH: usize = 32;
/// Largest body. One receive batch is at most 32 GRO buffers of 64 KiB = 2 MiB (quinn-udp's
/// `BATCH_SIZE`), and this is twice that; every other kind is far smaller.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Largest block: what a reader has to be able to buffer.
pub const MAX_BLOCK: usize = BLOCK_HEADER + MAX_BODY + CHAIN_HASH;
/// Bytes of a run's header in a PACKETS body: direction 1, stride 2, len 4, delta 4.
pub const RUN_HEADER: usize = 11;
/// Bytes of packets that a line may carry before both its seals are recorded: its handshake. Two
/// flights of some 3 KiB, each sent up to ten times on a bad network.
pub const HANDSHAKE_BYTES: u64 = 64 * 1024;
/// Longest age file in a SEAL: some twenty recipients, post-quantum ones of 1.6 KiB included.
pub const MAX_AGE: usize = 64 * 1024;
/// Lines of one recording; with [`MAX_AGE`] a verifier keeps at most 32 MiB of seals.
pub const MAX_LINES: usize = 256;
/// The flag of a SEAL whose body was shredded: what is left is the SHA-256 of the body.
pub const FLAG_SHREDDED: u8 = 1;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// [`record::Header`](crate::wire::record::Header): the pairing transcript. First, once.
    Header,
    /// [`record::Seal`](crate::wire::record::Seal): an end's secrets of a line, for the auditors.
    Seal,
    /// A batch of the line's packets, see [`runs`].
    Packets,
    /// [`record::Event`](crate::wire::record::Event): what the relay itself saw.
    Event,
    /// A signed note of the node, see [`checkpoint`](super::checkpoint).
    Checkpoint,
    /// [`record::EndSignature`](crate::wire::record::EndSignature) over a checkpoint.
    EndSignature,
    /// Reserved: another node goes on.
    Segment,
    /// [`record::Close`](crate::wire::record::Close). Last, once.
    Close,
    /// A kind of a later version: chained like any other, skipped by readers.
    Unknown(u8),
}

/// The one table of kinds. A number is never reused.
const KINDS: [(Kind, u8, &str); 8] = [
    (Kind::Header, 1, "HEADER"),
    (Kind::Seal, 2, "SEAL"),
    (Kind::Packets, 3, "PACKETS"),
    (Kind::Event, 4, "EVENT"),
    (Kind::Checkpoint, 5, "CHECKPOINT"),
    (Kind::EndSignature, 6, "ENDSIG"),
    (Kind::Segment, 7, "SEGMENT"),
    (Kind::Close, 8, "CLOSE"),
];

impl Kind {
    /// The kind of this number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        let known = KINDS.iter().find(|(_, number, _)| *number == byte);
        known.map_or(Self::Unknown(byte), |(kind, _, _)| *kind)
    }

    /// The number on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        if let Self::Unknown(byte) = self {
            return byte;
        }
        let known = KINDS.iter().find(|(kind, _, _)| *kind == self);
        known.map_or(0, |(_, number, _)| *number)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match KINDS.iter().find(|(kind, _, _)| kind == self) {
            Some((_, _, name)) => f.write_str(name),
            None => write!(f, "kind {}", self.byte()),
        }
    }
}

/// A block's header, as it stands on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// Bytes of the body that follows.
    pub len: u32,
    /// What the body is.
    pub kind: Kind,
    /// 0, or [`FLAG_SHREDDED`] on a SEAL.
    pub flags: u8,
    /// The line it belongs to; 0 for the session as a whole.
    pub line: u16,
    /// Number of the block, from 0, without a gap.
    pub seq: u64,
    /// Microseconds since 1970-01-01 UTC, by the relay's clock.
    pub time_us: u64,
}

impl BlockHeader {
    /// The 24 bytes on disk.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_HEADER] {
        let mut out = [0; BLOCK_HEADER];
        let parts: [&[u8]; 5] = [
            &self.len.to_be_bytes(),
            &[self.kind.byte(), self.flags],
            &self.line.to_be_bytes(),
            &self.seq.to_be_bytes(),
            &self.time_us.to_be_bytes(),
        ];
        for (to, from) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        out
    }

    /// Reads 24 bytes; every 24 bytes are a header, and whether it may stand there is the
    /// reader's to say.
    #[must_use]
    pub fn decode(bytes: &[u8; BLOCK_HEADER]) -> Self {
        let [l0, l1, l2, l3, kind, flags, n0, n1, numbers @ ..] = *bytes;
        let [s0, s1, s2, s3, s4, s5, s6, s7, time @ ..] = numbers;
        Self {
            len: u32::from_be_bytes([l0, l1, l2, l3]),
            kind: Kind::from_byte(kind),
            flags,
            line: u16::from_be_bytes([n0, n1]),
            seq: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            time_us: u64::from_be_bytes(time),
        }
    }
}

/// The chain hash before the first block.
#[must_use]
pub fn first_hash() -> [u8; CHAIN_HASH] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"deskside1 file").update(&preamble());
    *hasher.finalize().as_bytes()
}

/// Magic and version.
#[must_use]
pub fn preamble() -> [u8; PREAMBLE] {
    let [m0, m1, m2, m3, m4, m5, m6, m7] = MAGIC;
    let [v0, v1] = VERSION.to_be_bytes();
    [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1]
}

/// The chain hash of a block that is not a SEAL, from header and body as they stand together on
/// disk: one update over contiguous bytes, where BLAKE3 is fastest.
#[must_use]
pub fn chain(previous: &[u8; CHAIN_HASH], header_and_body: &[u8]) -> [u8; CHAIN_HASH] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"deskside1 block").update(previous).update(header_and_body);
    *hasher.finalize().as_bytes()
}

/// The chain hash of a SEAL, from the SHA-256 of its body.
///
/// The hash stands in the body's place, and the header is hashed as if that were the body: `len`
/// 32 and `flags` 0. So a sealed block and its shredded form (exactly these 32 bytes, flag
/// [`FLAG_SHREDDED`]) have the same chain hash, and nothing else has: `kind` is hashed, so no other
/// kind's 32-byte body can pass for it, and the true `len` is bound by the SHA-256 of the body.
#[must_use]
pub fn chain_seal(
    previous: &[u8; CHAIN_HASH],
    header: &BlockHeader,
    body_sha256: &[u8; 32],
) -> [u8; CHAIN_HASH] {
    let as_hashed = BlockHeader { len: 32, flags: 0, ..*header };
    let mut bytes = [0; BLOCK_HEADER + 32];
    let parts = as_hashed.encode();
    for (to, from) in bytes.iter_mut().zip(parts.iter().chain(body_sha256)) {
        *to = *from;
    }
    chain(previous, &bytes)
}

/// A stretch of a PACKETS body: one receive batch of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    /// Who sent these packets.
    pub from: End,
    /// Bytes of each packet but the last, which may be shorter. Never 0.
    pub stride: u16,
    /// Microseconds after the block's time.
    pub delta_us: u32,
    /// The packets, one behind the other. Never empty.
    pub bytes: &'a [u8],
}

impl<'a> Run<'a> {
    /// The packets one by one.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks(usize::from(self.stride).max(1))
    }

    /// The eleven bytes before the packets; `None` past 4 GiB.
    pub(crate) fn header(&self) -> Option<[u8; RUN_HEADER]> {
        let [s0, s1] = self.stride.to_be_bytes();
        let [l0, l1, l2, l3] = u32::try_from(self.bytes.len()).ok()?.to_be_bytes();
        let [d0, d1, d2, d3] = self.delta_us.to_be_bytes();
        Some([direction(self.from), s0, s1, l0, l1, l2, l3, d0, d1, d2, d3])
    }
}

/// The direction byte: 0 from the technician, 1 from the agent.
const fn direction(from: End) -> u8 {
    match from {
        End::Technician => 0,
        End::Agent => 1,
    }
}

/// A PACKETS body is not a list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the packets of a block are not laid out as runs")]
pub struct MalformedRun;

/// The runs of a PACKETS body, in order. Ends after the first malformed one.
pub fn runs(body: &[u8]) -> impl Iterator<Item = Result<Run<'_>, MalformedRun>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let run = take_run(&mut rest).ok_or(MalformedRun);
        if run.is_err() {
            rest = &[];
        }
        Some(run)
    })
}

fn take_run<'a>(rest: &mut &'a [u8]) -> Option<Run<'a>> {
    let (header, behind) = rest.split_first_chunk::<RUN_HEADER>()?;
    let [from, s0, s1, l0, l1, l2, l3, delta @ ..] = *header;
    let from = match from {
        0 => End::Technician,
        1 => End::Agent,
        _ => return None,
    };
    let len = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).ok()?;
    let (bytes, behind) = behind.split_at_checked(len)?;
    let stride = u16::from_be_bytes([s0, s1]);
    if stride == 0 || bytes.is_empty() {
        return None;
    }
    *rest = behind;
    Some(Run { from, stride, delta_us: u32::from_be_bytes(delta), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_kind_and_the_kind_that_byte() {
        for byte in 0..=u8::MAX {
            assert_eq!(Kind::from_byte(byte).byte(), byte);
        }
        assert_eq!(Kind::Close.to_string(), "CLOSE");
        assert_eq!(Kind::from_byte(99).to_string(), "kind 99");
    }

    #[test]
    fn a_header_has_its_fields_in_order() {
        let header = BlockHeader {
            len: 0x0102_0304,
            kind: Kind::Packets,
            flags: 0,
            line: 0x0506,
            seq: 0x0708_090a_0b0c_0d0e,
            time_us: 0x0f10_1112_1314_1516,
        };
        let bytes = header.encode();
        assert_eq!(
            bytes,
            [1, 2, 3, 4, 3, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]
        );
        assert_eq!(BlockHeader::decode(&bytes), header);
    }

    #[test]
    fn a_run_splits_at_its_stride() {
        let run = Run { from: End::Agent, stride: 3, delta_us: 7, bytes: b"abcdefgh" };
        let mut body = run.header().unwrap().to_vec();
        body.extend_from_slice(run.bytes);
        let read: Vec<_> = runs(&body).collect();
        assert_eq!(read, [Ok(run)]);
        assert_eq!(run.packets().collect::<Vec<_>>(), [&b"abc"[..], b"def", b"gh"]);
        for end in 1..body.len() {
            assert_eq!(runs(&body[..end]).last(), Some(Err(MalformedRun)));
        }
    }
}
