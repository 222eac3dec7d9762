//! The side of a local command: finds the session that is meant and asks it.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message;
use tokio::io::AsyncRead;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::copying::{CopyNews, CopyWish};
use super::frames::{MessageReader, MessageWriter};
use super::local::{Answer, Request, SessionInfo, failure};
use super::{CHANNELS, SUFFIX};
use crate::failure::Failure;

/// The sessions that are open on this computer.
#[derive(Debug)]
pub struct Sessions(Vec<(String, PathBuf)>);

/// Finds the open sessions of `folder`, and removes the sockets of those that died.
///
/// # Errors
/// A folder that cannot be listed.
pub async fn open_sessions(folder: &Path) -> anyhow::Result<Sessions> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).context("list the open sessions")? {
        let path = entry.context("list the open sessions")?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(session) = name.strip_suffix(SUFFIX).filter(|id| !id.starts_with('.')) else {
            continue;
        };
        if is_alive(&path).await {
            found.push((session.to_owned(), path));
        }
    }
    found.sort();
    Ok(Sessions(found))
}

async fn is_alive(path: &Path) -> bool {
    match UnixStream::connect(path).await {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            if let Err(error) = std::fs::remove_file(path) {
                tracing::debug!(%error, path = %path.display(), "could not remove a dead socket");
            }
            false
        }
        Err(error) => {
            tracing::debug!(%error, path = %path.display(), "a socket does not answer");
            false
        }
    }
}

impl Sessions {
    /// The one that is meant: by its id or first digits, or the only one.
    ///
    /// # Errors
    /// Exit 5 where there is none, 2 where it is not clear which.
    pub fn choose(&self, wanted: Option<&str>) -> Result<Session, Failure> {
        let wanted = wanted.map(str::to_ascii_lowercase);
        let fits = |id: &str| wanted.as_deref().is_none_or(|start| id.starts_with(start));
        let fitting: Vec<_> = self.0.iter().filter(|(id, _)| fits(id)).collect();
        let all = || self.0.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(", ");
        let (exit, sentence) = match (fitting.as_slice(), self.0.is_empty(), &wanted) {
            ([(id, path)], _, _) => return Ok(Session { id: id.clone(), path: path.clone() }),
            ([], true, _) => {
                let sentence = "no session is open: run deskside connect CODE --ticket N first";
                (Exit::NotFound, sentence.to_owned())
            }
            ([], false, Some(id)) => {
                (Exit::NotFound, format!("session {id} is not open; open are {}", all()))
            }
            (_, _, None) => (
                Exit::Usage,
                format!("several sessions are open: add --session with one of {}", all()),
            ),
            (_, _, Some(id)) => (
                Exit::Usage,
                format!("{id} fits several sessions: write more of it; open are {}", all()),
            ),
        };
        Err(Failure::new(exit, sentence))
    }
}

/// A session that is open on this computer.
#[derive(Debug, Clone)]
pub struct Session {
    /// 32 hexadecimal digits.
    pub id: String,
    path: PathBuf,
}

/// An open stream of the session.
#[derive(Debug)]
pub struct Channel {
    /// What the agent sends.
    pub reader: MessageReader<OwnedReadHalf>,
    /// What goes to the agent.
    pub writer: MessageWriter<OwnedWriteHalf>,
}

/// A copy that `connect` makes, as it tells of it.
#[derive(Debug)]
pub struct Copying<R = OwnedReadHalf> {
    reader: MessageReader<R>,
    /// Closing it would say that the command is gone.
    _writer: Option<MessageWriter<OwnedWriteHalf>>,
}

impl<R: AsyncRead + Unpin> Copying<R> {
    /// What is told on `from`.
    pub fn new(from: R) -> Self {
        Self { reader: MessageReader::new(from), _writer: None }
    }

    /// What happens next.
    ///
    /// # Errors
    /// Exit 8 where `connect` ended without an outcome.
    pub async fn next(&mut self) -> anyhow::Result<CopyNews> {
        let sentence = "the session ended before this was done: see deskside connect for why";
        let over = || Failure::new(Exit::EndedByPeer, sentence);
        Ok(self.reader.recv_json().await?.ok_or_else(over)?)
    }
}

impl Session {
    /// Opens a stream.
    ///
    /// # Errors
    /// What `connect` says, with its exit code.
    pub async fn open(&self, channel: message::Channel) -> anyhow::Result<Channel> {
        let word = CHANNELS.iter().find(|(known, _)| *known == channel).map(|(_, word)| *word);
        let word = word.context("this channel is not for local commands")?;
        match self.ask(&Request::Open(word.to_owned())).await? {
            (Answer::Opened { .. }, channel) => Ok(channel),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// What `connect` knows.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn info(&self) -> anyhow::Result<SessionInfo> {
        match self.ask(&Request::Info).await? {
            (Answer::Info(info), _) => Ok(*info),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Says a line to the user, and waits until it is on its way.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn say(&self, text: String) -> anyhow::Result<()> {
        match self.ask(&Request::Chat { text }).await? {
            (Answer::Said, _) => Ok(()),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Ends the session and waits until it has ended.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn end(&self, note: Option<String>) -> anyhow::Result<()> {
        match self.ask(&Request::End { note }).await? {
            (Answer::Ended, _) => Ok(()),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Asks for files to be copied. Dropping what it gives drops the copy.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn copy(&self, wish: CopyWish) -> anyhow::Result<Copying> {
        match self.ask(&Request::Copy(wish)).await? {
            (Answer::Copying, channel) => {
                Ok(Copying { reader: channel.reader, _writer: Some(channel.writer) })
            }
            (other, _) => Err(unexpected(other)),
        }
    }

    async fn ask(&self, request: &Request) -> anyhow::Result<(Answer, Channel)> {
        let stream = UnixStream::connect(&self.path).await.context("reach deskside connect")?;
        let (from, to) = stream.into_split();
        let (mut reader, mut writer) = (MessageReader::new(from), MessageWriter::new(to));
        writer.send_json(request).await?;
        match reader.recv_json().await? {
            Some(Answer::Failed { exit, error }) => Err(failure(exit, error).into()),
            Some(answer) => Ok((answer, Channel { reader, writer })),
            None => {
                Err(Failure::new(Exit::EndedByPeer, "the session ended before it answered").into())
            }
        }
    }
}

fn unexpected(_: Answer) -> anyhow::Error {
    anyhow::anyhow!("this deskside connect is of another version: end it first")
}
