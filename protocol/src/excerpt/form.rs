//! An excerpt as bytes: magic, version, and what the auditor signed.

use prost::Message as _;

use super::census::is_bounded;
use super::{Flaw, MAGIC, MAX_EXCERPT, VERSION};
use crate::channel::Channel;
use crate::frame::PREFIX;
use crate::key::{Context, SigningKey};
use crate::session::End;
use crate::signed;
use crate::wire::message::Opening;
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
    let keeps = bytes.len() <= MAX_EXCERPT && is_bounded(&signed.body) && is_shaped(excerpt);
    keeps.then_some(bytes).ok_or(Flaw::Malformed)
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
    if !is_bounded(&signed.body) {
        return Err(Flaw::Malformed);
    }
    let excerpt = Excerpt::decode(signed.body.clone()).map_err(|_| Flaw::Malformed)?;
    if is_shaped(&excerpt) { Ok((signed, excerpt)) } else { Err(Flaw::Malformed) }
}

/// Whether each direction of a stream stands there once, in order, under the channel that the stream
/// was opened for; and nothing else of these streams does.
fn is_shaped(excerpt: &Excerpt) -> bool {
    let halves: Option<Vec<Half<'_>>> = excerpt.halves.iter().map(Half::of).collect();
    let Some(halves) = halves else { return false };
    let keys = || halves.iter().map(|half| (half.line, half.stream, half.from.byte()));
    keys().zip(keys().skip(1)).all(|(one, next)| one < next)
        && halves.chunk_by(|one, next| one.of_stream() == next.of_stream()).all(is_opened)
        && !excerpt.entries.iter().any(|entry| {
            let of_stream = entry.stream.as_ref().map(|stream| (entry.line, stream.id));
            of_stream
                .is_some_and(|stream| halves.binary_search_by_key(&stream, Half::of_stream).is_ok())
        })
}

/// Whether the directions of one stream are under the channel that its opener said.
fn is_opened(halves: &[Half<'_>]) -> bool {
    let opener = halves.iter().find(|half| half.from == opener(half.stream));
    let said = opener.map(|half| opened_for(half.bytes)).unwrap_or_default();
    halves.iter().all(|half| half.number == said)
}

/// Who opened a stream: the technician is the line's client, whose streams are even (RFC 9000
/// section 2.1).
#[must_use]
pub const fn opener(stream: u64) -> End {
    if stream & 1 == 0 { End::Technician } else { End::Agent }
}

/// The number of the channel that the opener of a stream says before all else; 0 where that is not
/// whole in these bytes.
#[must_use]
pub fn opened_for(bytes: &[u8]) -> u32 {
    let opening = bytes.split_first_chunk::<PREFIX>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        Opening::decode(rest.get(..length)?).ok()
    });
    opening.and_then(|opening| u32::try_from(opening.channel).ok()).unwrap_or_default()
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
    /// That as a number; 0 where the excerpt does not show it.
    pub number: u32,
    /// Its bytes from the first on.
    pub bytes: &'a [u8],
}

impl<'a> Half<'a> {
    /// Reads one; `None` where it names no line or end, or its times fall or do not lead to its last
    /// byte.
    #[must_use]
    pub fn of(wire: &'a ExcerptHalf) -> Option<Self> {
        let ends = || wire.marks.iter().map(|mark| mark.end);
        // What is sorted by its times keeps the order of its bytes.
        let mut steps = wire.marks.iter().zip(wire.marks.iter().skip(1));
        let rises = steps.all(|(one, next)| one.end < next.end && one.time <= next.time);
        let whole = ends().next_back().unwrap_or_default() == wire.bytes.len() as u64;
        (rises && whole).then_some(())?;
        Some(Self {
            line: u16::try_from(wire.line).ok()?,
            stream: wire.stream,
            from: End::from_wire(wire.from)?,
            channel: i32::try_from(wire.channel).ok().and_then(Channel::from_wire),
            number: wire.channel,
            bytes: &wire.bytes,
        })
    }

    /// Its line and stream.
    #[must_use]
    pub fn of_stream(&self) -> (u32, u64) {
        (self.line.into(), self.stream)
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
