//! What local commands want of `connect`, each with the way to answer it.

use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message;
use tokio::io::AsyncWrite;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::CHANNELS;
use super::copying::{CopyNews, CopyWish};
use super::frames::{MessageReader, MessageWriter};
use super::local::{Answer, Request, SessionInfo};
use crate::failure::Failure;

/// A local command that waits for its answer.
#[derive(Debug)]
pub(super) struct Caller {
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
    session: String,
}

impl Caller {
    pub(super) fn new(stream: UnixStream, session: String) -> Self {
        let (from, to) = stream.into_split();
        Self { reader: MessageReader::new(from), writer: MessageWriter::new(to), session }
    }

    /// What the command wants; `None` where it went away without a word.
    pub(super) async fn request(&mut self) -> anyhow::Result<Option<Request>> {
        self.reader.recv_json().await
    }

    pub(super) async fn with(self, request: Request) -> Option<LocalRequest> {
        match request {
            Request::Info => Some(LocalRequest::Info(InfoRequest(self))),
            Request::Chat { text } => Some(LocalRequest::Chat(ChatRequest { text, caller: self })),
            Request::Copy(wish) => Some(LocalRequest::Copy(CopyRequest { wish, caller: self })),
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

    pub(super) async fn refuse(mut self, failure: &Failure) {
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
    /// A line for the user.
    Chat(ChatRequest),
    /// The session's end.
    End(EndRequest),
    /// Files.
    Copy(CopyRequest),
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

/// A command that has something to say to the user.
#[derive(Debug)]
pub struct ChatRequest {
    /// What: one line.
    pub text: String,
    caller: Caller,
}

impl ChatRequest {
    /// Says that it is on its way.
    pub async fn done(mut self) {
        self.caller.answer(&Answer::Said).await;
    }

    /// Says why it is not.
    pub async fn failed(self, failure: &Failure) {
        self.caller.refuse(failure).await;
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

/// A command that wants files copied.
#[derive(Debug)]
pub struct CopyRequest {
    /// What, and where to.
    pub wish: CopyWish,
    caller: Caller,
}

impl CopyRequest {
    /// Says that the copy begins. Gives the half that tells of it, and the one that shows whether
    /// the command is still there.
    ///
    /// # Errors
    /// A command that went away.
    pub async fn accept(mut self) -> anyhow::Result<(CopyWish, Teller, Watcher)> {
        self.caller.writer.send_json(&Answer::Copying).await?;
        Ok((self.wish, Teller(self.caller.writer), Watcher(self.caller.reader)))
    }

    /// Says why not.
    pub async fn refuse(self, failure: &Failure) {
        self.caller.refuse(failure).await;
    }
}

/// Tells a command how its copy goes.
#[derive(Debug)]
pub struct Teller<W = OwnedWriteHalf>(MessageWriter<W>);

impl<W: AsyncWrite + Unpin> Teller<W> {
    /// Tells to `to`.
    pub const fn new(to: W) -> Self {
        Self(MessageWriter::new(to))
    }

    /// Tells one thing.
    ///
    /// # Errors
    /// A command that went away.
    pub async fn tell(&mut self, news: &CopyNews) -> anyhow::Result<()> {
        self.0.send_json(news).await
    }
}

/// Watches whether a command is still there.
#[derive(Debug)]
pub struct Watcher(MessageReader<OwnedReadHalf>);

impl Watcher {
    /// Waits until the command is gone. It has nothing more to say: whatever comes ends it too.
    pub async fn gone(&mut self) {
        match self.0.recv_body().await {
            Ok(None) => {}
            Ok(Some(_)) => {
                tracing::debug!("a local command said something in the middle of a copy")
            }
            Err(error) => tracing::debug!(%error, "a local command went away"),
        }
    }
}
