//! An end's side of a session on its leg: the seal goes up, the receipt comes back, checkpoints and
//! the closing are witnessed. Both ends attend in the same way.
//!
//! The work is done by a task of its own. The handle hears [`News`] from it and tells it what to do;
//! the task ends with the handle. Where the leg is lost the task dials another and proves that the
//! session is its own, until the grace time is over; line and labels stay as they were.

mod asked;
mod attended;
mod back;
mod command;
mod given;
mod heard;
mod presence;
mod reach;
mod talk;
mod task;
mod whereabouts;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::close::CloseCode;
use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{Closed, PolicyNow, signal::Kind};
use deskside_protocol::witness::WitnessError;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub use given::{Attendee, FilesGiven, Given};

use crate::leg::{DialError, Leg, LegError, Signals};
use crate::socket::Lines;
use crate::statements::Checkpoint;
use attended::Attended;
use command::Command;
use task::Task;

/// The relay has this long to put a seal on its disk.
pub const RECEIPT_TIMEOUT: Duration = Duration::from_secs(15);
/// The relay has this long to give a files line, or to refuse it.
pub const FILES_TIMEOUT: Duration = Duration::from_secs(15);
/// The relay has this long to close a session that an end has ended.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The same, for an end whose leg is away just then: it has to come back first.
pub const END_AWAY: Duration = Duration::from_secs(30);

/// News that wait for the handle: a relay that says more meanwhile waits too.
const MAX_NEWS: usize = 64;
/// Commands on their way to the task: a seal, an end, a move and a files line.
const MAX_COMMANDS: usize = 4;

/// Why a session's signals ended.
#[derive(Debug, Error)]
pub enum AttendError {
    /// The leg was lost, or the relay refused.
    #[error(transparent)]
    Leg(#[from] LegError),
    /// The relay gave what must not be signed.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The relay took too long.
    #[error("the relay took too long")]
    TimedOut,
    /// The relay said what does not belong here.
    #[error("the relay did not answer as expected: upgrade the older program")]
    Unexpected,
    /// Our leg was lost, and the relay not found again before the grace time was over.
    #[error("the relay could not be reached again in time")]
    RelayAway,
    /// The other end was lost, and did not come back before the grace time was over.
    #[error("the other side did not come back in time")]
    PeerAway,
    /// The relay does not know the session any more.
    #[error("the relay does not know this session any more")]
    Gone,
    /// The relay does not record any more, so that there is no receipt. Where the policy says
    /// `best-effort` data may flow all the same; where it says `required` it must not.
    #[error("the relay does not record this session any more")]
    Unrecorded,
    /// The relay gives no files line: the policy under which the session began says that bodies of
    /// files are recorded, or there were too many.
    #[error("the relay gives no connection for files")]
    NoFilesLine,
    /// There is another line by now: its secrets are to be sealed instead.
    #[error("the encrypted connection was replaced by another")]
    Superseded,
    /// The session's signals have ended already; [`News::Closed`] said why.
    #[error("the session has ended")]
    Over,
}

/// Why a restarted program cannot go on with its session.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The session has ended meanwhile.
    #[error("the session has ended meanwhile")]
    Ended(Closed),
    /// The relay does not know the session, or not as ours.
    #[error("the relay does not know this session any more")]
    Gone,
    /// The relay could not be reached before the grace time was over.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The relay was reached, and it went wrong there.
    #[error(transparent)]
    Attend(#[from] AttendError),
}

/// What happens to a session's signals.
#[derive(Debug)]
pub enum News {
    /// Our own leg was lost. The line may go on where it was, once it is back.
    Away,
    /// Our own leg is back.
    Back,
    /// The other end's leg was lost.
    PeerAway,
    /// Both ends are there.
    PeerBack,
    /// There is another line, and the one before is no more.
    Line(Given),
    /// There is a files line, which the other end asked for; the one before is no more. It may be told
    /// again. The link does not know the policy: where that says that bodies are recorded the end
    /// has nothing to do with it.
    Files(FilesGiven),
    /// From here on the relay records nothing. Where the policy requires a recording the end has to
    /// end the session: the link does not know the policy.
    Unrecorded,
    /// The policy changed. Nothing of it was verified yet: the link does not know whose it has to be.
    Policy(Box<PolicyNow>),
    /// The session is over, by the relay's word or because it could not go on. The last news.
    Closed(Result<Closed, AttendError>),
}

/// A session's signals, from its beginning to its closing.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Attendance {
    commands: mpsc::Sender<Command>,
    news: mpsc::Receiver<News>,
    leg: watch::Receiver<Leg>,
    checkpoint: Checkpoint,
    /// Aborts the task when dropped.
    task: JoinSet<()>,
}

impl Attendance {
    /// Attends the session that the relay has just given on `signals`, the stream on `leg`.
    #[must_use]
    pub fn start(leg: Leg, signals: Signals, attendee: Attendee, given: Given) -> Self {
        let attendee = Arc::new(Attendee { token: given.token, ..attendee });
        Self::attend(leg, signals, attendee, given, false)
    }

    fn attend(
        leg: Leg,
        signals: Signals,
        attendee: Arc<Attendee>,
        given: Given,
        returns: bool,
    ) -> Self {
        let (commands, commanded) = mpsc::channel(MAX_COMMANDS);
        let (telling, news) = mpsc::channel(MAX_NEWS);
        let (legs, leg) = watch::channel(leg);
        let (signed, checkpoint) = watch::channel(None);
        let mut task = JoinSet::new();
        let attending = Task::new(Attended::new(legs, signals, attendee, given, returns, signed));
        task.spawn(attending.run(commanded, telling));
        Self { commands, news, leg, checkpoint, task }
    }

    /// Goes on with a session that a program before this one began. With `fresh_line` the line of
    /// that program is gone and another is asked for. Dials again and again until the grace time is
    /// over.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub async fn resume(
        attendee: Attendee,
        fresh_line: bool,
    ) -> Result<(Self, Given), ResumeError> {
        let attendee = Arc::new(attendee);
        let returned = back::resume(attendee.clone(), fresh_line).await?;
        let back::Returned { leg, signals, given } = returned;
        leg.dialler().socket.aim(leg.remote());
        Ok((Self::attend(leg, signals, attendee, given, true), given))
    }

    /// As [`Sealer::seal`].
    ///
    /// # Errors
    /// [`AttendError`]; [`AttendError::Superseded`] where there is another line by now, which
    /// [`News::Line`] tells, and [`AttendError::Unrecorded`] as [`News::Unrecorded`] does.
    pub async fn seal(&self, line: u16, age: Vec<u8>) -> Result<(), AttendError> {
        self.sealer().seal(line, age).await
    }

    /// Seals lines beside whoever waits for news.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        Sealer { commands: self.commands.clone() }
    }

    /// Asks for files lines beside whoever waits for news.
    #[must_use]
    pub fn files_asker(&self) -> FilesAsker {
        FilesAsker { commands: self.commands.clone() }
    }

    /// What happens next. May be cancelled; nothing is lost by it.
    pub async fn news(&mut self) -> News {
        self.news.recv().await.unwrap_or(News::Closed(Err(AttendError::Over)))
    }

    /// Waits until the session is closed; other news are skipped.
    ///
    /// # Errors
    /// [`AttendError`].
    pub async fn closed(&mut self) -> Result<Closed, AttendError> {
        loop {
            if let News::Closed(closed) = self.news().await {
                return closed;
            }
        }
    }

    /// Ends the session and waits for its closing: [`CLOSE_TIMEOUT`], or up to [`END_AWAY`] more
    /// where the leg is away. Other news are skipped.
    ///
    /// # Errors
    /// [`AttendError`].
    pub async fn end(&mut self, reason: Reason) -> Result<Closed, AttendError> {
        self.ask_end(reason).await;
        self.closed().await
    }

    /// Asks for the session's end and does not wait for it: [`News::Closed`] tells of it.
    pub async fn ask_end(&self, reason: Reason) {
        // A task that is over has left its last news.
        if self.commands.send(Command::End(reason)).await.is_err() {
            tracing::trace!("a session was ended that is over");
        }
    }

    /// Says that this computer woke up or changed its network: the relay hears from us at once, by
    /// a fresh socket, instead of after some silence.
    pub fn moved(&self) {
        // Where so much is asked already the silence will be noticed a little later.
        if self.commands.try_send(Command::Moved).is_err() {
            tracing::trace!("a move was told already");
        }
    }

    /// One request on a stream of its own, on the leg of the moment.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn request(&self, kind: Kind) -> Result<Kind, LegError> {
        let leg = self.leg.borrow().clone();
        leg.request(kind).await
    }

    /// As [`Self::request`], with what `kind` announces behind it.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn hand_in(&self, kind: Kind, content: Bytes) -> Result<Kind, LegError> {
        let leg = self.leg.borrow().clone();
        leg.hand_in(kind, content).await
    }

    /// The relay's last checkpoint that this end has signed. It outlives the attendance.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    /// The relay's node key, as it has proved it on the leg of the moment.
    #[must_use]
    pub fn node(&self) -> PublicKey {
        self.leg.borrow().link().node
    }

    /// From which lines are made.
    #[must_use]
    pub fn lines(&self) -> Lines {
        self.leg.borrow().lines()
    }

    /// Closes the leg in order and waits until the relay was told.
    pub async fn leave(mut self, code: CloseCode) {
        self.task.shutdown().await;
        let leg = self.leg.borrow().clone();
        leg.close(code).await;
    }
}

/// Hands over seals. Clones do so for the same session.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "what it sends holds secrets")]
pub struct Sealer {
    commands: mpsc::Sender<Command>,
}

impl Sealer {
    /// Hands over our age file of a line's secrets and waits for the node's receipt. Before it
    /// there is no application data on that line. Where the leg is lost meanwhile the seal is said
    /// again on the next.
    ///
    /// # Errors
    /// [`AttendError`]; [`AttendError::Superseded`] where there is another line by now, which
    /// [`News::Line`] tells, and [`AttendError::Unrecorded`] as [`News::Unrecorded`] does.
    pub async fn seal(&self, line: u16, age: Vec<u8>) -> Result<(), AttendError> {
        let (done, receipt) = oneshot::channel();
        let seal = Command::Seal { line, age, done };
        self.commands.send(seal).await.map_err(|_| AttendError::Over)?;
        receipt.await.map_err(|_| AttendError::Over)?
    }
}

/// Asks for files lines. Clones do so for the same session.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "as the way of the seals")]
pub struct FilesAsker {
    commands: mpsc::Sender<Command>,
}

impl FilesAsker {
    /// Asks for a files line beside the main line with number `line`, and for another one than that
    /// with number `after` (0: there was none). Where the leg is lost meanwhile it is asked again on
    /// the next.
    ///
    /// # Errors
    /// [`AttendError`]; [`AttendError::NoFilesLine`] where the relay refuses,
    /// [`AttendError::Superseded`] where there is another main line by now.
    pub async fn ask(&self, line: u16, after: u32) -> Result<FilesGiven, AttendError> {
        let (done, given) = oneshot::channel();
        let ask = Command::Files { line, after, done };
        self.commands.send(ask).await.map_err(|_| AttendError::Over)?;
        given.await.map_err(|_| AttendError::Over)?
    }
}
