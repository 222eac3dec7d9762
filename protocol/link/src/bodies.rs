//! The files line: where the policy is `hash-only` the bodies of files go over a line beside the
//! main one, which nobody records.
//!
//! Nothing goes over it but what was announced on the main line: whoever is to receive says so here
//! before the other end can send, and a stream that nobody waits for is reset. It has no secrets to
//! be sealed and nothing of it is stated: its bodies are named by hash on the main line.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::message::{FileBodies, Message, message::Kind};
use quinn::{Connection, ConnectionError, Endpoint};
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::beside::{Beside, Unread};
use crate::opening::OPENING_TIMEOUT;
use crate::stream::{Receiver, Sender, StreamError};
use crate::transport::FILES_STREAMS;

/// Why a body did not pass.
#[derive(Debug, Error)]
pub enum BodyError {
    /// The files line was lost; another may follow.
    #[error("the connection for files was lost")]
    Lost,
    /// There is none, and will be none.
    #[error("the relay gives no connection for files")]
    Refused,
    /// The stream of the body.
    #[error(transparent)]
    Stream(StreamError),
}

impl From<StreamError> for BodyError {
    fn from(error: StreamError) -> Self {
        if error.connection().is_some() { Self::Lost } else { Self::Stream(error) }
    }
}

/// A files line that stands.
#[allow(missing_debug_implementations, reason = "as the main line")]
pub struct FilesLine {
    connection: Connection,
    /// Goes with it.
    _endpoint: Endpoint,
}

impl FilesLine {
    /// Of a connection that stands already, and goes with `endpoint`. Nothing is confirmed here: a
    /// session's are made by [`dial_files`](crate::line::dial_files) and
    /// [`Listener::accept_files`](crate::line::Listener::accept_files). In public for tests.
    #[must_use]
    pub const fn new(connection: Connection, endpoint: Endpoint) -> Self {
        Self { connection, _endpoint: endpoint }
    }

    /// Its streams, as whoever breaks the rules would open them: for tests.
    #[must_use]
    pub fn beside(&self) -> Beside {
        Beside::new(self.connection.clone())
    }

    /// The connection itself, for streams that do not belong on it: for tests.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until it is gone.
    pub async fn lost(&self) -> ConnectionError {
        self.connection.closed().await
    }
}

/// The bodies beside one main line. A clone is of the same.
#[derive(Debug, Clone)]
pub struct Bodies(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// By the number of a transfer's stream on the main line, which bounds how many there are: QUIC
    /// allows the technician 64 at once.
    expected: Mutex<HashMap<u64, oneshot::Sender<Receiver<Message>>>>,
    way: watch::Sender<Way>,
    /// Transfers that need a files line.
    interest: watch::Sender<usize>,
}

/// The files line of the moment.
#[derive(Debug, Clone)]
enum Way {
    None,
    Open(Beside),
    Refused,
}

impl Default for Bodies {
    fn default() -> Self {
        Self::new()
    }
}

impl Bodies {
    /// Of a main line that has no files line yet.
    #[must_use]
    pub fn new() -> Self {
        let (way, interest) = (watch::Sender::new(Way::None), watch::Sender::new(0));
        Self(Arc::new(Inside { expected: Mutex::default(), way, interest }))
    }

    /// Waits until some transfer needs a files line.
    pub async fn wanted(&self) {
        self.interest(|interest| interest > 0).await;
    }

    /// Tells every transfer that waits that there is no files line, until none of them waits any
    /// more.
    pub async fn refuse(&self) {
        self.0.way.send_replace(Way::Refused);
        self.0.expected().clear();
        self.interest(|interest| interest == 0).await;
        self.0.way.send_replace(Way::None);
    }

    async fn interest(&self, enough: impl Fn(usize) -> bool) {
        // We hold the other half ourselves.
        let mut interest = self.0.interest.subscribe();
        if interest.wait_for(|interest| enough(*interest)).await.is_err() {
            std::future::pending().await
        }
    }

    /// From here on the bodies of the transfer on `stream` of the main line may come: to be called
    /// before the other end can know that it may send.
    #[must_use]
    pub fn expect(&self, stream: u64) -> Expected {
        let (taken, coming) = oneshot::channel();
        let interest = self.take_interest();
        self.0.expected().insert(stream, taken);
        Expected { bodies: self.clone(), stream, coming, body: None, _interest: interest }
    }

    /// Sends the bodies of the transfer on `stream` of the main line. Waits for a files line where
    /// there is none yet.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn open(&self, stream: u64) -> Result<Outgoing, BodyError> {
        let interest = self.take_interest();
        let mut way = self.0.way.subscribe();
        let beside = loop {
            let now = way.borrow_and_update().clone();
            match now {
                Way::Open(beside) => break beside,
                Way::Refused => return Err(BodyError::Refused),
                Way::None => way.changed().await.map_err(|_| BodyError::Lost)?,
            }
        };
        let mut sender = beside.open::<Message>(Channel::File).await?;
        let kind = Some(Kind::FileBodies(FileBodies { stream }));
        sender.send(&Message { kind }).await?;
        Ok(Outgoing { sender, _interest: interest })
    }

    /// Serves a files line until it is gone; gives it up where the other end breaks its rules. One
    /// that is served already is closed.
    pub async fn serve(&self, line: FilesLine) {
        let beside = line.beside();
        let standing = Standing { bodies: self, line: &line };
        self.0.way.send_replace(Way::Open(beside.clone()));
        let mut openings = JoinSet::new();
        loop {
            tokio::select! {
                stray = line.connection.accept_bi() => match stray {
                    Ok(_) => break standing.stray("a stream in both directions"),
                    Err(error) => break tracing::debug!(%error, "the files line is gone"),
                },
                unread = beside.accept(), if openings.len() < FILES_STREAMS as usize => match unread {
                    Ok(unread) => { openings.spawn(take(self.0.clone(), unread)); }
                    Err(error) => break tracing::debug!(%error, "the files line is gone"),
                },
                Some(taken) = openings.join_next() => if let Ok(Err(Stray)) = taken {
                    break standing.stray("a stream of another channel");
                },
            }
        }
    }

    fn take_interest(&self) -> Interest {
        self.0.interest.send_modify(|interest| *interest += 1);
        Interest(self.0.clone())
    }
}

impl Inside {
    fn expected(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Receiver<Message>>>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A files line while it is served.
struct Standing<'a> {
    bodies: &'a Bodies,
    line: &'a FilesLine,
}

impl Standing<'_> {
    fn stray(&self, what: &str) {
        tracing::warn!(what, "the other side sent on the files line what is no body of a file");
        self.line.connection.close(CloseCode::NotABody.number().into(), b"");
    }
}

impl Drop for Standing<'_> {
    /// What was under way on it has to begin again.
    fn drop(&mut self) {
        self.bodies.0.way.send_replace(Way::None);
        self.bodies.0.expected().clear();
        // Whoever waits for the reason is told how it went first.
        if self.line.connection.close_reason().is_none() {
            self.line.connection.close(CloseCode::Done.number().into(), b"");
        }
    }
}

/// Something that does not belong on a files line.
struct Stray;

/// Hands a stream to the transfer that waits for it. One that is slow, unknown, or the second of its
/// transfer is broken off, and nothing else happens.
async fn take(inside: Arc<Inside>, unread: Unread) -> Result<(), Stray> {
    let Some((channel, mut receiver)) = unread.opened::<Message>().await else { return Ok(()) };
    if channel != Channel::File {
        return Err(Stray);
    }
    let first = timeout(OPENING_TIMEOUT, receiver.receive()).await;
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    let stream = match first {
        Ok(Ok(Some(message))) => match message.kind {
            Some(Kind::FileBodies(FileBodies { stream })) => stream,
            _ => return Err(Stray),
        },
        Ok(Ok(None) | Err(_)) | Err(_) => return Ok(()),
    };
    let waiting = inside.expected().remove(&stream);
    let unwanted = match waiting {
        Some(waiting) => waiting.send(receiver).err(),
        None => Some(receiver),
    };
    if let Some(mut unwanted) = unwanted {
        tracing::debug!(stream, "a body came that nobody waits for");
        unwanted.stop(CloseCode::NotABody);
    }
    Ok(())
}

/// That somebody needs a files line.
#[derive(Debug)]
struct Interest(Arc<Inside>);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.interest.send_modify(|interest| *interest = interest.saturating_sub(1));
    }
}

/// The bodies of a transfer that are to come. None of it is taken any more once this is dropped.
#[derive(Debug)]
pub struct Expected {
    bodies: Bodies,
    stream: u64,
    coming: oneshot::Receiver<Receiver<Message>>,
    body: Option<Receiver<Message>>,
    _interest: Interest,
}

impl Expected {
    /// The next frame's bytes, which may be none; `None` where the sender finished. Loses nothing
    /// when cancelled.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn receive(&mut self) -> Result<Option<Bytes>, BodyError> {
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let mut way = self.bodies.0.way.subscribe();
                let came = tokio::select! {
                    biased;
                    came = &mut self.coming => came.map_err(|_| self.bodies.why_none())?,
                    _ = way.wait_for(|way| matches!(way, Way::Refused)) => {
                        return Err(BodyError::Refused);
                    }
                };
                self.body.insert(came)
            }
        };
        Ok(body.receive_body().await?)
    }
}

impl Bodies {
    fn why_none(&self) -> BodyError {
        match *self.0.way.borrow() {
            Way::Refused => BodyError::Refused,
            Way::None | Way::Open(_) => BodyError::Lost,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.bodies.0.expected().remove(&self.stream);
    }
}

/// The bodies of a transfer that are sent.
#[derive(Debug)]
pub struct Outgoing {
    sender: Sender<Message>,
    _interest: Interest,
}

impl Outgoing {
    /// Sends one frame of bytes, which may be empty.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn send(&mut self, bytes: Bytes) -> Result<(), BodyError> {
        Ok(self.sender.send_body(bytes).await?)
    }

    /// Says that no more will come.
    pub fn finish(&mut self) {
        self.sender.finish();
    }

    /// Breaks off: what has not left this computer yet never will.
    pub fn cut_off(&mut self) {
        self.sender.reset(CloseCode::Refused);
    }
}

#[cfg(test)]
#[path = "bodies_tests.rs"]
mod tests;
