//! The side of `connect`: a socket, and what local commands ask over it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::SUFFIX;
use super::requests::{Caller, LocalRequest};
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
    let mut caller = Caller::new(stream, session);
    match tokio::time::timeout(PATIENCE, caller.request()).await {
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
