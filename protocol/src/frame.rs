//! Messages on a stream: a 32-bit big-endian length, then one protobuf message.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::Message;
use thiserror::Error;

/// The longest signal, in bytes: a policy and a seal for a few hundred auditors.
pub const MAX_SIGNAL: usize = 256 * 1024;
/// The longest message, in bytes: [`MAX_CHUNK`] and its wrapping with ample room.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// The longest piece of a bulk transfer, in bytes.
pub const MAX_CHUNK: usize = 64 * 1024;

/// Bytes of the length in front of each message.
pub const PREFIX: usize = 4;

/// What the peer sent is no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Longer than the named maximum.
    #[error("a message of {length} bytes is over the maximum of {maximum}")]
    TooLong {
        /// What the peer announced.
        length: usize,
        /// What is allowed here.
        maximum: usize,
    },
    /// Not protobuf.
    #[error("a message is malformed")]
    Malformed,
    /// The stream ended inside a message.
    #[error("a message is cut off")]
    CutOff,
}

/// `message` behind its length.
///
/// # Errors
/// [`FrameError::TooLong`] where our own message is over `maximum`: a bug of ours.
pub fn encode(message: &impl Message, maximum: usize) -> Result<Bytes, FrameError> {
    let length = message.encoded_len();
    let prefix = prefix(length, maximum)?;
    let mut out = Vec::with_capacity(PREFIX + length);
    out.extend_from_slice(&prefix);
    message.encode_raw(&mut out);
    Ok(out.into())
}

/// What stands before a frame of `length` bytes.
///
/// # Errors
/// [`FrameError::TooLong`] where that is over `maximum`: a bug of ours.
pub fn prefix(length: usize, maximum: usize) -> Result<[u8; PREFIX], FrameError> {
    match u32::try_from(length) {
        Ok(prefix) if length <= maximum => Ok(prefix.to_be_bytes()),
        _ => Err(FrameError::TooLong { length, maximum }),
    }
}

/// Takes messages out of a stream that arrives in pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    maximum: usize,
}

impl Decoder {
    /// A decoder that refuses messages over `maximum` bytes before it makes room for them.
    #[must_use]
    pub fn new(maximum: usize) -> Self {
        Self { buffer: BytesMut::new(), maximum }
    }

    /// Takes in what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message's bytes, if they are there.
    ///
    /// # Errors
    /// [`FrameError::TooLong`].
    pub fn next_body(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > self.maximum {
            return Err(FrameError::TooLong { length, maximum: self.maximum });
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// The next whole message, if it is there.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] or [`FrameError::Malformed`].
    pub fn next_message<M: Message + Default>(&mut self) -> Result<Option<M>, FrameError> {
        match self.next_body()? {
            Some(body) => M::decode(body).map(Some).map_err(|_| FrameError::Malformed),
            None => Ok(None),
        }
    }

    /// To be asked when the stream ended.
    ///
    /// # Errors
    /// [`FrameError::CutOff`] where it ended inside a message.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.buffer.is_empty() { Ok(()) } else { Err(FrameError::CutOff) }
    }

    /// What arrived behind the last whole message: where raw bytes follow on the same stream.
    #[must_use]
    pub fn into_rest(mut self) -> Bytes {
        self.take_rest()
    }

    /// As [`Self::into_rest`], of a decoder that is kept.
    pub fn take_rest(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::signal::{self, signal::Kind};
    use proptest::prelude::*;

    fn hello(software: &str) -> signal::Hello {
        signal::Hello { version: 1, software: software.to_owned() }
    }

    #[test]
    fn bytes_one_by_one_give_the_same_messages() {
        let mut wire = Vec::new();
        for name in ["a", "", "deskside 0.1.0"] {
            wire.extend_from_slice(&encode(&hello(name), MAX_SIGNAL).unwrap());
        }
        let mut decoder = Decoder::new(MAX_SIGNAL);
        let mut names = Vec::new();
        for byte in wire {
            decoder.push(&[byte]);
            while let Some(message) = decoder.next_message::<signal::Hello>().unwrap() {
                names.push(message.software);
            }
        }
        assert_eq!(names, ["a", "", "deskside 0.1.0"]);
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_length_over_the_maximum_is_refused_before_the_bytes_come() {
        let mut decoder = Decoder::new(16);
        decoder.push(&17u32.to_be_bytes());
        let refused = decoder.next_message::<signal::Hello>();
        assert_eq!(refused, Err(FrameError::TooLong { length: 17, maximum: 16 }));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = Decoder::new(32);
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_message::<signal::Signal>() {}
        }

        /// Frames come out as they went in, in their order, however the stream is cut; a cut stream
        /// gives a prefix of them and says that it was cut.
        #[test]
        fn frames_keep_their_order(
            names in proptest::collection::vec("[a-z]{0,40}", 1..8),
            piece in 1..64_usize,
            lost in 0..64_usize,
        ) {
            let of = |kind| signal::Signal { kind: Some(kind) };
            let hellos = names.iter().map(|name| of(Kind::Hello(hello(name))));
            let sent: Vec<_> = hellos.chain([of(Kind::Open(signal::Open {}))]).collect();
            let frames = sent.iter().map(|signal| encode(signal, MAX_SIGNAL).unwrap());
            let stream = frames.collect::<Vec<_>>().concat();
            let kept = &stream[..stream.len() - lost.min(stream.len())];
            let (mut decoder, mut received) = (Decoder::new(MAX_SIGNAL), Vec::new());
            for piece in kept.chunks(piece) {
                decoder.push(piece);
                while let Some(signal) = decoder.next_message::<signal::Signal>().unwrap() {
                    received.push(signal);
                }
            }
            prop_assert!(sent.starts_with(&received));
            let whole = received.iter().map(|signal| 4 + signal.encoded_len()).sum::<usize>();
            prop_assert_eq!(decoder.finish().is_ok(), whole == kept.len());
        }
    }
}
