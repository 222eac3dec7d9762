//! The frames of an opened packet: all of QUIC version 1 (RFC 9000 section 19), DATAGRAM (RFC 9221),
//! and ACK_FREQUENCY and IMMEDIATE_ACK as quinn sends them.

use thiserror::Error;

use crate::cursor::Cursor;

/// A payload that is not a list of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a packet's payload is not a list of frames")]
pub struct MalformedFrame;

/// One frame. What says nothing about the content of a line is [`Frame::Other`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Filling, however long.
    Padding,
    /// Packets that arrived.
    Ack(Acked<'a>),
    /// The sender gives a stream up.
    Reset {
        /// The stream.
        stream: u64,
        /// The application's code.
        code: u64,
        /// Bytes of the stream in all.
        size: u64,
    },
    /// The receiver wants no more of a stream.
    Stop {
        /// The stream.
        stream: u64,
        /// The application's code.
        code: u64,
    },
    /// A piece of TLS.
    Crypto {
        /// Where it belongs.
        offset: u64,
        /// The piece.
        data: &'a [u8],
    },
    /// A piece of a stream.
    Stream {
        /// The stream.
        stream: u64,
        /// Where it belongs; with `data` at most 2^62 - 1.
        offset: u64,
        /// The piece.
        data: &'a [u8],
        /// It ends the stream.
        fin: bool,
    },
    /// A datagram.
    Datagram(&'a [u8]),
    /// The sender closes the connection.
    Close {
        /// By the application, not by QUIC.
        application: bool,
        /// The code.
        code: u64,
        /// Why.
        reason: &'a [u8],
    },
    /// The server has seen the client's Finished.
    HandshakeDone,
    /// Anything else that has to be acknowledged.
    Other,
}

impl Frame<'_> {
    /// Whether a packet that holds it has to be acknowledged (RFC 9002 section 2).
    #[must_use]
    pub const fn elicits(&self) -> bool {
        !matches!(self, Self::Padding | Self::Ack(_) | Self::Close { .. })
    }
}

/// The packet numbers of an ACK frame, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked<'a> {
    largest: u64,
    first: u64,
    more: &'a [u8],
}

impl<'a> Acked<'a> {
    /// The ranges, lowest and highest number of each, from above.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let mut cursor = Cursor::new(self.more);
        let mut next = Some((self.largest - self.first, self.largest));
        std::iter::from_fn(move || {
            let (low, high) = next?;
            next = below(&mut cursor, low);
            Some((low, high))
        })
    }

    fn parse(cursor: &mut Cursor<'a>, ecn: bool) -> Option<Self> {
        let largest = cursor.number()?;
        cursor.number()?; // the delay
        let count = cursor.number()?;
        let first = cursor.number()?;
        let before = *cursor;
        let mut low = largest.checked_sub(first)?;
        for _ in 0..count {
            (low, _) = below(cursor, low)?;
        }
        let taken = before.len() - cursor.len();
        let more = { before }.take(taken)?;
        if ecn {
            (0..3).try_for_each(|_| cursor.number().map(drop))?;
        }
        Some(Self { largest, first, more })
    }
}

/// The range below one that begins at `low`.
fn below(cursor: &mut Cursor<'_>, low: u64) -> Option<(u64, u64)> {
    let (gap, length) = (cursor.number()?, cursor.number()?);
    let high = low.checked_sub(gap.checked_add(2)?)?;
    Some((high.checked_sub(length)?, high))
}

/// The frames of a payload, in order. Ends after the first malformed one.
pub fn frames(payload: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, MalformedFrame>> {
    let mut cursor = Cursor::new(payload);
    std::iter::from_fn(move || {
        if cursor.is_empty() {
            return None;
        }
        let frame = frame(&mut cursor).ok_or(MalformedFrame);
        if frame.is_err() {
            cursor.rest();
        }
        Some(frame)
    })
}

fn frame<'a>(cursor: &mut Cursor<'a>) -> Option<Frame<'a>> {
    let kind = cursor.number()?;
    Some(match kind {
        0x00 => {
            cursor.skip_zeros();
            Frame::Padding
        }
        0x02 | 0x03 => Frame::Ack(Acked::parse(cursor, kind == 0x03)?),
        0x04 => {
            let (stream, code) = (cursor.number()?, cursor.number()?);
            Frame::Reset { stream, code, size: cursor.number()? }
        }
        0x05 => Frame::Stop { stream: cursor.number()?, code: cursor.number()? },
        0x06 => Frame::Crypto { offset: cursor.number()?, data: cursor.counted()? },
        0x08..=0x0f => stream(cursor, kind)?,
        0x1c | 0x1d => {
            let code = cursor.number()?;
            if kind == 0x1c {
                cursor.number()?; // the frame that was at fault
            }
            Frame::Close { application: kind == 0x1d, code, reason: cursor.counted()? }
        }
        0x1e => Frame::HandshakeDone,
        0x30 => Frame::Datagram(cursor.rest()),
        0x31 => Frame::Datagram(cursor.counted()?),
        _ => other(cursor, kind)?,
    })
}

/// STREAM: bit 0 ends it, bit 1 has a length, bit 2 an offset.
fn stream<'a>(cursor: &mut Cursor<'a>, kind: u64) -> Option<Frame<'a>> {
    let stream = cursor.number()?;
    let offset = if kind & 4 == 0 { 0 } else { cursor.number()? };
    let data = if kind & 2 == 0 { cursor.rest() } else { cursor.counted()? };
    end_of(offset, data)?;
    Some(Frame::Stream { stream, offset, data, fin: kind & 1 != 0 })
}

/// Where a piece ends; no stream is longer than 2^62 - 1 bytes (RFC 9000 section 4.5).
fn end_of(offset: u64, data: &[u8]) -> Option<u64> {
    let end = offset.checked_add(u64::try_from(data.len()).ok()?)?;
    (end < 1 << 62).then_some(end)
}

fn other<'a>(cursor: &mut Cursor<'a>, kind: u64) -> Option<Frame<'a>> {
    let numbers = match kind {
        // PING, IMMEDIATE_ACK
        0x01 | 0x1f => 0,
        // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID
        0x10 | 0x12 | 0x13 | 0x14 | 0x16 | 0x17 | 0x19 => 1,
        // MAX_STREAM_DATA, STREAM_DATA_BLOCKED
        0x11 | 0x15 => 2,
        // ACK_FREQUENCY
        0xaf => 4,
        // NEW_TOKEN
        0x07 => {
            cursor.counted()?;
            0
        }
        // NEW_CONNECTION_ID: two numbers, the id behind its length, a reset token
        0x18 => {
            cursor.number()?;
            cursor.number()?;
            let length = usize::from(cursor.byte()?);
            cursor.take(length)?;
            cursor.take(16)?;
            0
        }
        // PATH_CHALLENGE, PATH_RESPONSE
        0x1a | 0x1b => {
            cursor.take(8)?;
            0
        }
        _ => return None,
    };
    (0..numbers).try_for_each(|_| cursor.number().map(drop))?;
    Some(Frame::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(payload: &[u8]) -> Vec<Result<Frame<'_>, MalformedFrame>> {
        frames(payload).collect()
    }

    #[test]
    fn every_kind_is_read_and_the_next_one_behind_it() {
        let one_by_one: [&[u8]; 17] = [
            b"\x01",
            b"\x07\x02ab",
            b"\x10\x05",
            b"\x11\x01\x02",
            b"\x12\x05",
            b"\x13\x05",
            b"\x14\x05",
            b"\x15\x01\x02",
            b"\x16\x05",
            b"\x17\x05",
            b"\x18\x01\x00\x02ab0123456789abcdef",
            b"\x19\x05",
            b"\x1a01234567",
            b"\x1b01234567",
            b"\x1f",
            b"\x40\xaf\x01\x02\x03\x04",
            b"\x40\x01",
        ];
        for bytes in one_by_one {
            let two = [bytes, b"\x1e"].concat();
            assert_eq!(all(&two), [Ok(Frame::Other), Ok(Frame::HandshakeDone)], "{bytes:x?}");
            for end in 1..bytes.len() {
                assert_eq!(all(&bytes[..end]).last(), Some(&Err(MalformedFrame)), "{bytes:x?}");
            }
        }
    }

    #[test]
    fn streams_have_their_optional_parts() {
        let read = |stream, offset, data, fin| Ok(Frame::Stream { stream, offset, data, fin });
        assert_eq!(all(b"\x08\x04abc"), [read(4, 0, b"abc".as_slice(), false)]);
        assert_eq!(all(b"\x0d\x04\x09abc"), [read(4, 9, b"abc".as_slice(), true)]);
        let counted = [read(4, 9, b"ab".as_slice(), true), Ok(Frame::Datagram(b"d".as_slice()))];
        assert_eq!(all(b"\x0f\x04\x09\x02ab\x30d"), counted);
        let endless = b"\x0c\x04\xff\xff\xff\xff\xff\xff\xff\xff\x00";
        assert_eq!(all(endless), [Err(MalformedFrame)]);
    }

    #[test]
    fn an_ack_counts_down() {
        let read = all(b"\x03\x14\x00\x02\x02\x01\x03\x00\x00\x05\x06\x07\x00\x00");
        let [Ok(Frame::Ack(ack)), Ok(Frame::Padding)] = read.as_slice() else {
            panic!("{read:?}");
        };
        assert_eq!(ack.ranges().collect::<Vec<_>>(), [(18, 20), (12, 15), (10, 10)]);
        for below_zero in [&b"\x02\x02\x00\x00\x03"[..], b"\x02\x02\x00\x01\x01\x00\x00"] {
            assert_eq!(all(below_zero), [Err(MalformedFrame)]);
        }
    }

    #[test]
    fn ends_of_streams_and_connections() {
        let reset = Frame::Reset { stream: 4, code: 7, size: 9 };
        assert_eq!(all(b"\x04\x04\x07\x09"), [Ok(reset)]);
        assert_eq!(all(b"\x05\x04\x07"), [Ok(Frame::Stop { stream: 4, code: 7 })]);
        let close = |application, reason| Ok(Frame::Close { application, code: 7, reason });
        assert_eq!(all(b"\x1c\x07\x06\x01x"), [close(false, b"x".as_slice())]);
        assert_eq!(all(b"\x1d\x07\x00"), [close(true, b"".as_slice())]);
        assert_eq!(all(b"\x06\x03\x01x"), [Ok(Frame::Crypto { offset: 3, data: b"x" })]);
        assert_eq!(all(b"\x31\x01x\x21"), [Ok(Frame::Datagram(b"x")), Err(MalformedFrame)]);
    }
}
