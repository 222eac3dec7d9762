//! Frames on any pair of byte streams: JSON for what is local, [`Message`] for a channel.
//!
//! A frame that begins with `{` is JSON also among messages: no message begins so, as it would be
//! field 15 as a group, which proto3 does not have.

use std::io;

use anyhow::Context as _;
use bytes::Bytes;
use deskside_protocol::frame::{self, Decoder, MAX_MESSAGE};
use deskside_protocol::wire::message::Message;
use prost::Message as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::local::{Answer, failure};
use crate::failure::Failure;

/// Bytes asked of a stream at once.
const READ: usize = 32 * 1024;

/// Reads frames. What arrived is kept between calls, so that a call may be dropped.
#[derive(Debug)]
pub struct MessageReader<R> {
    from: R,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// Reads frames from `from`.
    pub fn new(from: R) -> Self {
        Self { from, decoder: Decoder::new(MAX_MESSAGE), buffer: vec![0; READ] }
    }

    /// The next message; `None` once the other side has closed its half.
    ///
    /// # Errors
    /// A stream that broke, what is no message, or the failure that `connect` says instead of one.
    pub async fn recv(&mut self) -> anyhow::Result<Option<Message>> {
        match self.recv_body().await? {
            Some(body) if body.first() == Some(&b'{') => {
                let said = serde_json::from_slice(&body).context("parse a message")?;
                let Answer::Failed { exit, error } = said else {
                    anyhow::bail!("something else than a message came");
                };
                Err(failure(exit, error).into())
            }
            Some(body) => Message::decode(body).context("parse a message").map(Some),
            None => Ok(None),
        }
    }

    /// The next frame's bytes as they came.
    ///
    /// # Errors
    /// As [`MessageReader::recv`].
    pub async fn recv_body(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            if let Some(body) = self.decoder.next_body().context("take a message apart")? {
                return Ok(Some(body));
            }
            match self.from.read(&mut self.buffer).await {
                Ok(0) => {
                    self.decoder.finish().context("read to the end")?;
                    return Ok(None);
                }
                Ok(length) => self.decoder.push(self.buffer.get(..length).unwrap_or_default()),
                Err(error) => return Err(error).context("read from the session"),
            }
        }
    }

    pub(super) async fn recv_json<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        match self.recv_body().await? {
            Some(body) => serde_json::from_slice(&body).context("parse a request").map(Some),
            None => Ok(None),
        }
    }
}

/// Writes frames.
#[derive(Debug)]
pub struct MessageWriter<W> {
    to: W,
}

impl<W: AsyncWrite + Unpin> MessageWriter<W> {
    /// Writes frames to `to`.
    pub const fn new(to: W) -> Self {
        Self { to }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// A stream that broke, or a message over the maximum.
    pub async fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        let frame = frame::encode(message, MAX_MESSAGE).context("encode a message")?;
        self.to.write_all(&frame).await.context("write to the session")?;
        self.to.flush().await.context("write to the session")
    }

    /// Sends a frame's bytes as they are.
    ///
    /// # Errors
    /// As [`MessageWriter::send`].
    pub async fn send_body(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_MESSAGE);
        let length = length.context("a message is over the maximum")?;
        let mut frame = Vec::with_capacity(frame::PREFIX + body.len());
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(body);
        self.to.write_all(&frame).await.context("write to the session")?;
        self.to.flush().await.context("write to the session")
    }

    /// Closes this half.
    ///
    /// # Errors
    /// A stream that broke.
    pub async fn close(&mut self) -> io::Result<()> {
        self.to.shutdown().await
    }

    /// Says instead of another message why none will come.
    ///
    /// # Errors
    /// As [`MessageWriter::send`].
    pub async fn send_failure(&mut self, failure: &Failure) -> anyhow::Result<()> {
        self.send_json(&Answer::failed(failure)).await
    }

    pub(super) async fn send_json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        self.send_body(&serde_json::to_vec(value).context("write a request")?).await
    }
}
