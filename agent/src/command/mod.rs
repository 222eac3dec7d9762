//! One command of the technician's: a program and its arguments, without a shell in between.
//!
//! It runs in a process group of its own. What it prints comes as events, in order for each stream;
//! the last event says how it ended. The whole group is killed when its time is up, when the grant
//! is taken back and when the handle is dropped: processes of this group, and no others. Processes
//! that it left behind after an ordinary end stay, as they would after a command over ssh.

mod group;
mod run;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::process::Command as Process;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::group::Group;
use crate::gate::{Command, Permit};

/// Arguments of one command at most, with the program.
pub const MAX_ARGV: usize = 1024;
/// Bytes of all arguments together; one message carries them, and Linux allows 128 KiB for each.
pub const MAX_ARGV_BYTES: usize = 64 * 1024;
/// Bytes of one piece of output or input.
pub const CHUNK: usize = 64 * 1024;
/// Events that wait for the session: 8 times 64 KiB. A full queue stops the reading, and so the
/// command.
const EVENTS: usize = 8;
/// Pieces of input that wait for the command.
const INPUTS: usize = 8;
/// From the polite signal to the one that cannot be ignored.
const TERM_TIME: Duration = Duration::from_secs(1);
/// After the end, output is read for this long at most: processes that were left behind may hold
/// the pipes open for ever.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// After the end, so many bytes of output are read at most: what a pipe can hold on Linux.
const DRAIN_BYTES: usize = 1024 * 1024;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// The program, looked up in `PATH`, and its arguments.
    pub argv: Vec<String>,
    /// After this time it is killed.
    pub timeout: Option<Duration>,
}

impl CommandSpec {
    /// # Errors
    /// [`CommandError::Empty`], [`CommandError::TooLong`] or [`CommandError::Nul`].
    fn check(&self) -> Result<&str, CommandError> {
        let program = self.argv.first().filter(|program| !program.is_empty());
        let program = program.ok_or(CommandError::Empty)?;
        let bytes: usize = self.argv.iter().map(|argument| argument.len() + 1).sum();
        if self.argv.len() > MAX_ARGV || bytes > MAX_ARGV_BYTES {
            return Err(CommandError::TooLong);
        }
        if self.argv.iter().any(|argument| argument.contains('\0')) {
            return Err(CommandError::Nul);
        }
        Ok(program)
    }
}

/// Why a command did not start.
#[derive(Debug, Error)]
pub enum CommandError {
    /// No program was named.
    #[error("no program was named")]
    Empty,
    /// More than [`MAX_ARGV`] arguments or [`MAX_ARGV_BYTES`] bytes.
    #[error("a command has at most {MAX_ARGV} arguments of {MAX_ARGV_BYTES} bytes together")]
    TooLong,
    /// An argument holds a zero byte.
    #[error("an argument holds a zero byte")]
    Nul,
    /// The grant was taken back before the start.
    #[error("running commands was stopped")]
    Revoked,
    /// There is no such program.
    #[error("there is no program {0:?} on this computer")]
    NotFound(String),
    /// The system did not start it.
    #[error("cannot start {program:?}: {cause}")]
    Start {
        /// What was to run.
        program: String,
        /// Why it does not.
        #[source]
        cause: std::io::Error,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its time was up.
    TimedOut,
    /// The grant was taken back or the session stopped.
    Revoked,
}

/// What a running command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It printed; at most [`CHUNK`] bytes.
    Stdout(Bytes),
    /// It printed on its error stream; at most [`CHUNK`] bytes.
    Stderr(Bytes),
    /// It ended. Nothing follows.
    Exited(How),
}

/// The command's standard input. Clones feed the same command.
#[derive(Debug, Clone)]
pub struct Stdin {
    pieces: mpsc::Sender<Option<Bytes>>,
}

impl Stdin {
    /// Feeds some bytes; waits while the command does not read. A command that has closed its input
    /// or ended takes them as lost: that is no error.
    pub async fn feed(&self, bytes: Bytes) {
        self.send(Some(bytes)).await;
    }

    /// Ends the input.
    pub async fn end(&self) {
        self.send(None).await;
    }

    async fn send(&self, piece: Option<Bytes>) {
        if self.pieces.send(piece).await.is_err() {
            tracing::trace!("the command takes no more input");
        }
    }
}

/// A running command. Dropping it kills its process group.
#[derive(Debug)]
pub struct Running {
    stdin: Stdin,
    events: mpsc::Receiver<Event>,
    _tasks: JoinSet<()>,
}

impl Running {
    /// Starts a command.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn start(permit: Permit<Command>, spec: &CommandSpec) -> Result<Self, CommandError> {
        let program = spec.check()?;
        if permit.is_revoked() {
            return Err(CommandError::Revoked);
        }
        let mut process = Process::new(program);
        process.args(&spec.argv[1..]);
        let group = Group::start(process).map_err(|cause| {
            let program = program.to_owned();
            if cause.kind() == std::io::ErrorKind::NotFound {
                CommandError::NotFound(program)
            } else {
                CommandError::Start { program, cause }
            }
        })?;
        let (pieces, input) = mpsc::channel(INPUTS);
        let (sender, events) = mpsc::channel(EVENTS);
        let mut tasks = JoinSet::new();
        tasks.spawn(run::run(group, permit, spec.timeout, input, sender));
        Ok(Self { stdin: Stdin { pieces }, events, _tasks: tasks })
    }

    /// Its input, to be fed beside its events.
    #[must_use]
    pub fn stdin(&self) -> Stdin {
        self.stdin.clone()
    }

    /// The next event; `None` after [`Event::Exited`]. May be dropped and called again.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}
