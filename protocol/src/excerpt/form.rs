//! An excerpt as bytes: magic, version, and what the auditor signed.

use prost::Message as _;

use super::{Flaw, MAGIC, MAX_ENTRIES, MAX_EXCERPT, MAX_HALVES, MAX_STATEMENTS, VERSION};
use crate::channel::Channel;
use crate::key::{Context, SigningKey};
use crate::session::End;
use crate::signed;
use crate::wire::record::{Excerpt, ExcerptHalf, Signed};

/// Bytes before what was signed.
const PREAMBLE: usize = MAGIC.len() + 2;

/// Signs an excerpt with the auditor's long-term key.
///
/// # Errors
/// [`Flaw::Malformed`] where it would be over a maximum.
pub fn encode(excerpt: &Excerpt, key: &SigningKey) -> Result<Vec<u8>, Flaw> {
    let signed = signed::sign_message(key, Context::Excerpt, excerpt);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_be_bytes());
    signed.encode(&mut bytes).map_err(|_| Flaw::Malformed)?;
    shaped(excerpt, bytes.len()).then_some(bytes).ok_or(Flaw::Malformed)
}

/// Reads an excerpt: nothing of it counts before [`super::judge()`] has judged it.
///
/// # Errors
/// [`Flaw::Malformed`] or [`Flaw::Version`].
pub fn decode(bytes: &[u8]) -> Result<(Signed, Excerpt), Flaw> {
    let (preamble, rest) = bytes.split_first_chunk::<PREAMBLE>().ok_or(Flaw::Malformed)?;
    let (magic, version) = preamble.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(Flaw::Malformed);
    }
    let version = version.iter().fold(0, |all, byte| all << 8 | u16::from(*byte));
    if version != VERSION {
        return Err(Flaw::Version(version));
    }
    if bytes.len() > MAX_EXCERPT {
        return Err(Flaw::Malformed);
    }
    let signed = Signed::decode(rest).map_err(|_| Flaw::Malformed)?;
    // One excerpt is one file: nothing behind it, and nothing that nobody signed.
    if signed.encode_to_vec() != rest {
        return Err(Flaw::Malformed);
    }
    let excerpt = Excerpt::decode(signed.body.clone()).map_err(|_| Flaw::Malformed)?;
    if shaped(&excerpt, bytes.len()) { Ok((signed, excerpt)) } else { Err(Flaw::Malformed) }
}

/// Whether it keeps to the maxima, and each direction of a stream stands there once, in order.
fn shaped(excerpt: &Excerpt, length: usize) -> bool {
    let halves: Option<Vec<Half<'_>>> = excerpt.halves.iter().map(Half::of).collect();
    let Some(halves) = halves else { return false };
    let keys = || halves.iter().map(|half| (half.line, half.stream, half.from.byte()));
    length <= MAX_EXCERPT
        && excerpt.statements.len() <= MAX_STATEMENTS
        && excerpt.halves.len() <= MAX_HALVES
        && excerpt.entries.len() <= MAX_ENTRIES
        && keys().zip(keys().skip(1)).all(|(one, next)| one < next)
}

/// One direction of one stream, from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Half<'a> {
    /// The line.
    pub line: u16,
    /// The QUIC stream's number.
    pub stream: u64,
    /// Who sent it.
    pub from: End,
    /// What the stream was opened for; `None` where this version does not know it.
    pub channel: Option<Channel>,
    /// Its bytes from the first on.
    pub bytes: &'a [u8],
}

impl<'a> Half<'a> {
    /// Reads one; `None` where it names no line or end, or its times do not lead to its last byte.
    #[must_use]
    pub fn of(wire: &'a ExcerptHalf) -> Option<Self> {
        let ends = || wire.marks.iter().map(|mark| mark.end);
        let rises = ends().zip(ends().skip(1)).all(|(one, next)| one < next);
        let whole = ends().next_back().unwrap_or_default() == wire.bytes.len() as u64;
        (rises && whole).then_some(())?;
        Some(Self {
            line: u16::try_from(wire.line).ok()?,
            stream: wire.stream,
            from: End::from_wire(wire.from)?,
            channel: i32::try_from(wire.channel).ok().and_then(Channel::from_wire),
            bytes: &wire.bytes,
        })
    }

    /// Its pieces with their times: offset, bytes, microseconds since 1970-01-01 UTC.
    pub fn pieces(
        wire: &'a ExcerptHalf,
    ) -> impl Iterator<Item = (u64, bytes::Bytes, u64)> + use<'a> {
        let mut at = 0;
        wire.marks.iter().filter_map(move |mark| {
            let (begin, end) = (at, usize::try_from(mark.end).ok()?);
            at = end;
            let piece =
                (begin <= end && end <= wire.bytes.len()).then(|| wire.bytes.slice(begin..end))?;
            Some((begin as u64, piece, mark.time))
        })
    }
}
