//! Local commands of a session: each stream and each copy is a task of its own; what concerns the
//! session as a whole is handed out.

use std::io;
use std::path::Path;

use deskside_protocol::channel::Channel;
use deskside_protocol::exit::Exit;
use tokio::task::JoinSet;

use super::tally::Tally;
use super::{copy, proxy};
use crate::control::{ChatRequest, EndRequest, InfoRequest, LocalRequest, Server};
use crate::failure::Failure;
use crate::lines::Lines;

/// Streams of local commands at once; QUIC's own limit on the line is higher.
const MAX_STREAMS: usize = 32;

/// Local commands, as soon as the session takes them.
pub(super) struct Local {
    server: Option<Server>,
    streams: JoinSet<()>,
    lines: Lines,
    tally: Tally,
    view_only: bool,
}

/// What a local command wants of the session as a whole.
pub(super) enum Wish {
    Info(InfoRequest),
    Chat(ChatRequest),
    End(EndRequest),
}

impl Local {
    pub(super) fn new(lines: Lines, tally: Tally, view_only: bool) -> Self {
        Self { server: None, streams: JoinSet::new(), lines, tally, view_only }
    }

    /// Takes commands from here on: once the session works, and before anybody is told of it, so
    /// that a script that read of the session finds the socket.
    ///
    /// # Errors
    /// A folder or socket that cannot be made.
    pub(super) async fn open(&mut self, folder: &Path, session: &str) -> anyhow::Result<()> {
        if self.server.is_none() {
            self.server = Some(Server::bind(folder, session).await?);
        }
        Ok(())
    }

    /// The next wish that concerns the session as a whole. Dropping the future loses nothing.
    ///
    /// # Errors
    /// A socket that broke for good.
    pub(super) async fn next(&mut self) -> io::Result<Wish> {
        loop {
            let request = match &mut self.server {
                Some(server) => tokio::select! {
                    request = server.accept() => request?,
                    Some(_) = self.streams.join_next() => continue,
                },
                None => std::future::pending().await,
            };
            match request {
                LocalRequest::Info(request) => return Ok(Wish::Info(request)),
                LocalRequest::Chat(request) => return Ok(Wish::Chat(request)),
                LocalRequest::End(request) => return Ok(Wish::End(request)),
                LocalRequest::Open(request) => {
                    let looks = request.channel == Channel::Screen.to_wire();
                    let (lines, tally) = (self.lines.clone(), self.tally.clone());
                    match self.refusal(looks) {
                        Some(no) => self.streams.spawn(async move { request.refuse(&no).await }),
                        None => self.streams.spawn(proxy::serve(lines, tally, request)),
                    };
                }
                LocalRequest::Copy(request) => {
                    let (lines, tally) = (self.lines.clone(), self.tally.clone());
                    match self.refusal(false) {
                        Some(no) => self.streams.spawn(async move { request.refuse(&no).await }),
                        None => self.streams.spawn(copy::serve(lines, tally, request)),
                    };
                }
            }
        }
    }

    /// Why a command is not served, before anybody is asked. `looks`: it does nothing else.
    fn refusal(&self, looks: bool) -> Option<Failure> {
        if self.view_only && !looks {
            let text = "this session is for looking only: connect without --view-only";
            return Some(Failure::new(Exit::Refused, text));
        }
        if self.streams.len() >= MAX_STREAMS {
            let text = "too many commands at once in this session";
            return Some(Failure::new(Exit::Other, text));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{CopyWay, CopyWish, open_sessions};
    use crate::failure::exit_of;
    use crate::lines::LinesOwner;
    use crate::note::Record;
    use deskside_protocol::wire::message;

    const ID: &str = "00112233445566778899aabbccddeeff";

    #[tokio::test]
    async fn who_only_looks_neither_runs_nor_copies() {
        let folder = tempfile::tempdir().unwrap();
        let owner = LinesOwner::new();
        let mut local = Local::new(owner.lines(), Tally::new(Record::default()), true);
        local.open(folder.path(), ID).await.unwrap();
        let session = open_sessions(folder.path()).await.unwrap().choose(None).unwrap();
        let asked = async {
            let way = CopyWay::Get { paths: vec![vec!["a".into()]], local: "/tmp".into() };
            let copied = session.copy(CopyWish { way, recursive: false, resume: false }).await;
            assert_eq!(exit_of(&copied.unwrap_err()), Exit::Refused);
            let run = session.open(message::Channel::Command).await.unwrap_err();
            assert_eq!(exit_of(&run), Exit::Refused);
            assert!(run.to_string().contains("--view-only"), "{run:#}");
            // A screenshot waits for a line; the session ends before there is one.
            let (seen, ()) =
                tokio::join!(session.open(message::Channel::Screen), async { drop(owner) });
            assert_eq!(exit_of(&seen.unwrap_err()), Exit::EndedByPeer);
            session.end(None).await
        };
        let served = async {
            let Wish::End(request) = local.next().await.unwrap() else { unreachable!() };
            request.done().await;
        };
        let (ended, ()) = tokio::join!(asked, served);
        ended.unwrap();
    }
}
