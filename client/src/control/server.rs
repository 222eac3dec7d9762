//! The side of `connect`: a socket, and what local commands ask over it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::frames::{MessageReader, MessageWriter};
use super::local::{Answer, Request, SessionInfo};
use super::{CHANNELS, SUFFIX};
use crate::failure::Failure;

/// A command says within this time what it wants; it writes that first of all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most connections that have not yet said what they want.
const MAX_SILENT: usize = 32;

/// The control socket of one session. Its file goes when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    session: String,
    silent: JoinSet<Option<LocalRequest>>,
}

impl Server {
    /// Makes the socket of `session` (32 hexadecimal digits) in `folder`, which
    /// [`crate::home::Home::runtime`] gives.
    ///
    /// # Errors
    /// A session that has a living socket already, or what the system says.
    pub async fn bind(folder: &Path, session: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!("{session}{SUFFIX}"));
        if UnixStream::connect(&path).await.is_ok() {
            anyhow::bail!("another deskside connect holds session {session} already");
        }
        // Bound under another name first: a socket between bind and listen looks like a dead one.
        let making = folder.join(format!(".{session}{SUFFIX}"));
        let bound = || -> io::Result<UnixListener> {
            match std::fs::remove_file(&making) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&making)?;
            std::fs::rename(&making, &path)?;
            Ok(listener)
        };
        let listener = bound().with_context(|| format!("make the socket {}", path.display()))?;
        Ok(Self { listener, path, session: session.to_owned(), silent: JoinSet::new() })
    }

    /// The next thing that a local command asks for. Dropping the future loses nothing.
    ///
    /// # Errors
    /// A listener that broke for good.
    pub async fn accept(&mut self) -> io::Result<LocalRequest> {
        loop {
            tokio::select! {
                Some(done) = self.silent.join_next() => {
                    if let Ok(Some(request)) = done {
                        return Ok(request);
                    }
                }
                accepted = self.listener.accept(), if self.silent.len() < MAX_SILENT => {
                    let (stream, _) = accepted?;
                    if is_own(&stream) {
                        self.silent.spawn(listen(stream, self.session.clone()));
                    } else {
                        tracing::warn!("a process of another user tried the control socket");
                    }
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket was gone already");
        }
    }
}

/// Whether the process at the other end runs as this user (`SO_PEERCRED`).
fn is_own(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
}

async fn listen(stream: UnixStream, session: String) -> Option<LocalRequest> {
    let (from, to) = stream.into_split();
    let mut caller =
        Caller { reader: MessageReader::new(from), writer: MessageWriter::new(to), session };
    match tokio::time::timeout(PATIENCE, caller.reader.recv_json::<Request>()).await {
        Ok(Ok(Some(request))) => caller.with(request).await,
        // A connection that says nothing is how the living are told from the dead.
        Ok(Ok(None)) | Err(_) => None,
        Ok(Err(error)) => {
            let failure = Failure::new(Exit::Usage, format!("{error:#}"));
            caller.refuse(&failure).await;
            None
        }
    }
}

/// A local command that waits for its answer.
#[derive(Debug)]
struct Caller {
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
    session: String,
}

impl Caller {
    async fn with(self, request: Request) -> Option<LocalRequest> {
        match request {
            Request::Info => Some(LocalRequest::Info(InfoRequest(self))),
            Request::End { note } => Some(LocalRequest::End(EndRequest { note, caller: self })),
            Request::Open(word) => match CHANNELS.iter().find(|(_, known)| *known == word) {
                Some((channel, _)) => {
                    Some(LocalRequest::Open(OpenRequest { channel: *channel, caller: self }))
                }
                None => {
                    let sentence = "this deskside connect is of another version: end it first";
                    self.refuse(&Failure::new(Exit::Usage, sentence)).await;
                    None
                }
            },
        }
    }

    async fn refuse(mut self, failure: &Failure) {
        self.answer(&Answer::failed(failure)).await;
    }

    /// A command that went away needs no answer.
    async fn answer(&mut self, answer: &Answer) {
        if let Err(error) = self.writer.send_json(answer).await {
            tracing::debug!(%error, "a local command went away");
        }
    }
}

/// What a local command wants of `connect`.
#[derive(Debug)]
pub enum LocalRequest {
    /// A stream of the line.
    Open(OpenRequest),
    /// What `deskside info` shows.
    Info(InfoRequest),
    /// The session's end.
    End(EndRequest),
}

/// A command that wants a stream.
#[derive(Debug)]
pub struct OpenRequest {
    /// The channel to open.
    pub channel: message::Channel,
    caller: Caller,
}

impl OpenRequest {
    /// Says that the stream is open; from here on there are messages only.
    ///
    /// # Errors
    /// A command that went away.
    pub async fn accept(
        mut self,
    ) -> anyhow::Result<(MessageReader<OwnedReadHalf>, MessageWriter<OwnedWriteHalf>)> {
        let opened = Answer::Opened { session: self.caller.session.clone() };
        self.caller.writer.send_json(&opened).await?;
        Ok((self.caller.reader, self.caller.writer))
    }

    /// Says why not.
    pub async fn refuse(self, failure: &Failure) {
        self.caller.refuse(failure).await;
    }
}

/// A command that wants to know.
#[derive(Debug)]
pub struct InfoRequest(Caller);

impl InfoRequest {
    /// Tells it.
    pub async fn answer(mut self, info: SessionInfo) {
        self.0.answer(&Answer::Info(Box::new(info))).await;
    }
}

/// A command that wants the session to end.
#[derive(Debug)]
pub struct EndRequest {
    /// What the technician did, for the ticket.
    pub note: Option<String>,
    caller: Caller,
}

impl EndRequest {
    /// Says that the session has ended: the command waits for this.
    pub async fn done(mut self) {
        self.caller.answer(&Answer::Ended).await;
    }

    /// Says what went wrong, after a session that ended all the same.
    pub async fn failed(self, failure: &Failure) {
        self.caller.refuse(failure).await;
    }
}
