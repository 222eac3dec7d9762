//! What a liar sends on a files line.

use std::future::Future;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use deskside_link::FilesLine;
use deskside_link::line::close_code;
use deskside_link::stream::{Sender, StreamError};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::message::{FileBodies, Message, message::Kind};
use quinn::WriteError;

use crate::process::PATIENCE;

/// The largest frame that a body has.
const FRAME: usize = 256 * 1024;

/// Opens the bodies of the transfer on `stream` of the main line, and sends `body` as its first.
///
/// # Errors
/// Where the other end breaks off before that.
pub async fn body(
    files: &FilesLine,
    stream: u64,
    body: &[u8],
) -> Result<Sender<Message>, StreamError> {
    let mut sender = opened(files, stream).await?;
    for frame in body.chunks(FRAME) {
        sender.send_body(Bytes::copy_from_slice(frame)).await?;
    }
    sender.send_body(Bytes::new()).await?;
    Ok(sender)
}

async fn opened(files: &FilesLine, stream: u64) -> Result<Sender<Message>, StreamError> {
    let mut sender = files.beside().open::<Message>(Channel::File).await?;
    sender.send(&Message { kind: Some(Kind::FileBodies(FileBodies { stream })) }).await?;
    Ok(sender)
}

/// Sends frames of a body without an end to the transfer on `stream`, until nobody takes any more.
///
/// # Errors
/// Where somebody takes them for ever.
pub async fn flood(files: &FilesLine, stream: u64) -> anyhow::Result<()> {
    let flooding = async {
        let mut sender = opened(files, stream).await?;
        loop {
            sender.send_body(vec![0; FRAME].into()).await?;
        }
    };
    let flooded: Result<(), StreamError> = in_time(flooding).await?;
    if flooded.is_ok() { bail!("a body without an end") } else { Ok(()) }
}

/// Waits until the other end stops the stream, and says with what code.
///
/// # Errors
/// Where it does not.
pub async fn stopped(sender: &mut Sender<Message>) -> anyhow::Result<u64> {
    in_time(sender.delivered()).await??;
    match sender.send_body(Bytes::from_static(b"more")).await {
        Err(StreamError::Write(WriteError::Stopped(code))) => Ok(code.into_inner()),
        other => bail!("a stream that goes on: {other:?}"),
    }
}

/// Waits until the other end closes the files line, and says with what code.
///
/// # Errors
/// Where it does not.
pub async fn closed(files: &FilesLine) -> anyhow::Result<Option<CloseCode>> {
    Ok(close_code(&in_time(files.lost()).await?))
}

/// As [`body`], for a transfer that nobody waits for: with what code it is stopped.
///
/// # Errors
/// Where it is not.
pub async fn unwanted(files: &FilesLine, stream: u64) -> anyhow::Result<u64> {
    match in_time(body(files, stream, b"what nobody waits for")).await? {
        Ok(mut sender) => stopped(&mut sender).await,
        Err(StreamError::Write(WriteError::Stopped(code))) => Ok(code.into_inner()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn in_time<T>(what: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, what).await.context("an answer in time")
}
