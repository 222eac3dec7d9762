//! Typed halves of a QUIC stream: protobuf messages behind their lengths.

use std::marker::PhantomData;

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::frame::{self, Decoder, FrameError};
use prost::Message;
use quinn::{ReadError, RecvStream, SendStream, WriteError};
use thiserror::Error;

use crate::counted::{In, Out};
use crate::ledger::Count;
use crate::opening::prioritise;

/// Why a stream gave or took no message.
#[derive(Debug, Clone, Error)]
pub enum StreamError {
    /// The connection is gone, or the peer reset the stream.
    #[error("the connection was lost")]
    Read(#[from] ReadError),
    /// The connection is gone, or the peer stopped reading.
    #[error("the connection was lost")]
    Write(#[from] WriteError),
    /// The peer sent what is no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl StreamError {
    /// How the connection ended, where that is the reason.
    #[must_use]
    pub fn connection(&self) -> Option<&quinn::ConnectionError> {
        match self {
            Self::Read(ReadError::ConnectionLost(error))
            | Self::Write(WriteError::ConnectionLost(error)) => Some(error),
            Self::Read(_) | Self::Write(_) | Self::Frame(_) => None,
        }
    }

    /// Whether the peer broke the stream off with this code.
    #[must_use]
    pub fn is_reset(&self, code: CloseCode) -> bool {
        let number = quinn::VarInt::from(code.number());
        matches!(self, Self::Read(ReadError::Reset(reset)) if *reset == number)
    }
}

/// The half that sends messages of one type.
#[derive(Debug)]
pub struct Sender<M> {
    stream: Out,
    maximum: usize,
    message: PhantomData<fn(M)>,
}

impl<M: Message> Sender<M> {
    /// Messages of at most `maximum` bytes on `stream`.
    #[must_use]
    pub fn new(stream: SendStream, maximum: usize) -> Self {
        Self::counted(stream, maximum, None)
    }

    /// As [`Sender::new`], on a line that has a ledger.
    pub(crate) fn counted(stream: SendStream, maximum: usize, count: Option<Count>) -> Self {
        Self { stream: Out::new(stream, count), maximum, message: PhantomData }
    }

    /// Sends one message; waits where the peer's window is full.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn send(&mut self, message: &M) -> Result<(), StreamError> {
        let frame = frame::encode(message, self.maximum)?;
        Ok(self.stream.write(&mut [frame]).await?)
    }

    /// Sends one frame of raw bytes, which may be empty. They are not copied.
    ///
    /// # Errors
    /// [`StreamError`]; [`FrameError::TooLong`] where they are over the maximum of a message.
    pub async fn send_body(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let prefix = frame::prefix(bytes.len(), self.maximum)?;
        let mut chunks = [Bytes::copy_from_slice(&prefix), bytes];
        Ok(self.stream.write(&mut chunks).await?)
    }

    /// Sends raw bytes behind the messages: what a message announced.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn send_raw(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        Ok(self.stream.write(&mut [bytes]).await?)
    }

    /// Lets the other streams of its channel go first.
    pub fn behind(&mut self) {
        let stream = self.stream.stream();
        let lower = stream.priority().map(|priority| priority.saturating_sub(1));
        if lower.and_then(|priority| stream.set_priority(priority)).is_err() {
            tracing::trace!("a stream ended before it had its priority");
        }
    }

    /// Says that no more will come.
    pub fn finish(&mut self) {
        // It can only fail where the stream was finished or reset before.
        if self.stream.finish().is_err() {
            tracing::trace!("a finished stream was finished again");
        }
    }

    /// Breaks the stream off: what has not left this computer yet never will.
    pub fn reset(&mut self, code: CloseCode) {
        // It can only fail where the stream was finished or reset before.
        if self.stream.reset(code).is_err() {
            tracing::trace!("a stream that had ended was reset");
        }
    }

    /// Waits until the peer has everything, or stopped reading.
    ///
    /// # Errors
    /// [`StreamError`] where the connection was lost before.
    pub async fn delivered(&mut self) -> Result<(), StreamError> {
        match self.stream.stream().stopped().await {
            Ok(_) => Ok(()),
            Err(quinn::StoppedError::ConnectionLost(error)) => {
                Err(WriteError::ConnectionLost(error).into())
            }
            Err(quinn::StoppedError::ZeroRttRejected) => Err(WriteError::ZeroRttRejected.into()),
        }
    }

    /// Orders its data among that of other streams.
    pub(crate) fn prioritise(&self, channel: Channel) {
        prioritise(self.stream.stream(), channel);
    }

    /// The stream's number on its connection.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.stream.id()
    }

    /// The same stream, for messages of another type from here on.
    #[must_use]
    pub fn retyped<N: Message>(self) -> Sender<N> {
        Sender { stream: self.stream, maximum: self.maximum, message: PhantomData }
    }
}

/// The half that receives messages of one type.
#[derive(Debug)]
pub struct Receiver<M> {
    stream: In,
    decoder: Decoder,
    /// Bytes in the decoder that were read before anybody asked for them.
    ahead: usize,
    /// The peer has finished, and all of it is in the decoder.
    ended: bool,
    message: PhantomData<fn() -> M>,
}

/// Pieces that one read takes at most: a packet's worth each, so some 45 KiB.
const CHUNKS: usize = 32;
/// Bytes that are kept while something else is waited for: what is said of the 64 files that a sender
/// may have outstanding, with paths of ordinary length.
const AHEAD: usize = 64 * 1024;

impl<M: Message + Default> Receiver<M> {
    /// Messages of at most `maximum` bytes on `stream`.
    #[must_use]
    pub fn new(stream: RecvStream, maximum: usize) -> Self {
        Self::counted(stream, maximum, None)
    }

    /// As [`Receiver::new`], on a line that has a ledger.
    pub(crate) fn counted(stream: RecvStream, maximum: usize, count: Option<Count>) -> Self {
        let stream = In::new(stream, count);
        Self {
            stream,
            decoder: Decoder::new(maximum),
            ahead: 0,
            ended: false,
            message: PhantomData,
        }
    }

    /// The next message; `None` where the peer finished. Loses nothing when cancelled.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn receive(&mut self) -> Result<Option<M>, StreamError> {
        match self.receive_body().await? {
            Some(body) => Ok(Some(M::decode(body).map_err(|_| FrameError::Malformed)?)),
            None => Ok(None),
        }
    }

    /// The next frame's bytes as they are, which may be none; `None` where the peer finished. Loses
    /// nothing when cancelled.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn receive_body(&mut self) -> Result<Option<Bytes>, StreamError> {
        loop {
            if let Some(body) = self.decoder.next_body()? {
                return Ok(Some(body));
            }
            if self.ended {
                self.decoder.finish()?;
                return Ok(None);
            }
            self.ahead = 0;
            let mut chunks: [Bytes; CHUNKS] = std::array::from_fn(|_| Bytes::new());
            match self.stream.read(&mut chunks).await? {
                Some(count) => chunks.iter().take(count).for_each(|c| self.decoder.push(c)),
                None => {
                    self.decoder.finish()?;
                    return Ok(None);
                }
            }
        }
    }

    /// Waits until the peer has broken the stream off, or the connection is gone, and for ever where
    /// it finished: for whoever waits for something else meanwhile. What comes until then is kept, up
    /// to 64 KiB; behind that nobody looks. Loses nothing when cancelled.
    ///
    /// Not by quinn's own `received_reset`: in 0.11.12 that leaves a reader behind which its stream
    /// does not expect when it was read to its end.
    pub async fn broken(&mut self) -> StreamError {
        while !self.ended && self.ahead < AHEAD {
            let mut chunks: [Bytes; CHUNKS] = std::array::from_fn(|_| Bytes::new());
            match self.stream.read(&mut chunks).await {
                Ok(Some(count)) => {
                    for chunk in chunks.iter().take(count) {
                        self.decoder.push(chunk);
                        self.ahead += chunk.len();
                    }
                }
                Ok(None) => self.ended = true,
                Err(error) => return error.into(),
            }
        }
        std::future::pending().await
    }

    /// Reads no further, and says why.
    pub(crate) fn stop(&mut self, code: CloseCode) {
        // It can only fail where the stream has ended.
        if self.stream.stop(code).is_err() {
            tracing::trace!("a stream that had ended was stopped");
        }
    }

    /// The raw bytes behind the messages: first what was read already, then the stream. For streams
    /// of legs: on a line nobody would count them.
    #[must_use]
    pub fn into_raw(self) -> (Bytes, RecvStream) {
        (self.decoder.into_rest(), self.stream.into_stream())
    }

    /// Some of the raw bytes behind the messages; `None` where the peer finished. Loses nothing when
    /// cancelled. For streams of legs, as [`Receiver::into_raw`].
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn receive_raw(&mut self) -> Result<Option<Bytes>, StreamError> {
        let read = self.decoder.take_rest();
        if !read.is_empty() {
            return Ok(Some(read));
        }
        let mut chunk = [Bytes::new()];
        let count = self.stream.read(&mut chunk).await?;
        let [chunk] = chunk;
        Ok(count.map(|_| chunk))
    }

    /// The stream itself.
    #[cfg(test)]
    pub(crate) const fn stream_mut(&mut self) -> &mut In {
        &mut self.stream
    }

    /// The same stream, for messages of another type from here on.
    #[must_use]
    pub fn retyped<N: Message + Default>(self) -> Receiver<N> {
        let Self { stream, decoder, ahead, ended, .. } = self;
        Receiver { stream, decoder, ahead, ended, message: PhantomData }
    }
}
