//! Mouse and keyboard of this computer, used behind one trait.
//!
//! Only a holder of a [`Permit`] for control can take them ([`Controls::take`]), and what he holds
//! down is let go however he ends: the trait itself stays in `desktop`. What is seen of the user's own
//! hand is heard only as long as somebody holds such a permit, and nothing of it leaves here but that
//! it is there.

mod synthetic;
mod worker;

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

pub use self::synthetic::{Done, Record};
use self::worker::Order;
use super::{ANSWER_TIME, Choice, DesktopError};
use crate::gate::{Control, Permit};
use crate::hand::{Gesture, Seen, Touch, Withheld};

/// Bytes of one text that is typed.
pub const MAX_TEXT: usize = 1_024;
/// Everything is let go within this time when the program ends; a display that takes longer is
/// likely to be gone with all its keys.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Why mouse and keyboard were not used.
#[derive(Debug, Error)]
pub enum HandError {
    /// The grant was taken back.
    #[error("the user stopped it")]
    Revoked,
    /// It was not done now.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// It would have gone to a window of this program's, or to the terminal that it asks in.
    #[error("the user alone uses Deskside's own window")]
    Own,
    /// There is no way to type this here.
    #[error("the character {0:?} cannot be typed on this computer")]
    NoKey(char),
    /// A text is over [`MAX_TEXT`].
    #[error("a text of {0} bytes is too long: {MAX_TEXT} are allowed")]
    TooLong(usize),
    /// There is no display, or it does not answer.
    #[error(transparent)]
    Desktop(#[from] DesktopError),
    /// The display has no way to do it.
    #[error("this display lets no program use mouse and keyboard ({0} is missing)")]
    Unable(&'static str),
    /// The display went away in the middle.
    #[error("mouse and keyboard could not be used: {0}")]
    Display(String),
}

/// What a kind of desktop can do. Calls block.
pub(super) trait Fingers: Send {
    /// Does one thing.
    fn touch(&mut self, touch: Touch) -> Result<(), HandError>;
    /// Types a text, whatever the keyboard's layout; `go_on` says before each character whether to.
    fn text(&mut self, text: &str, go_on: GoOn<'_>) -> Result<(), HandError>;
}

/// Whether to go on in the middle of a text.
pub(super) type GoOn<'a> = &'a dyn Fn() -> Result<(), HandError>;
/// Is told of the user's own hand, from another thread.
pub(super) type Told = Box<dyn Fn(Seen) + Send>;

/// Whose mouse and keyboard.
#[derive(Debug, Clone)]
pub(super) enum Source {
    #[cfg(unix)]
    X11(String),
    Synthetic(Record),
}

impl Source {
    fn open(&self, told: Told) -> Result<Box<dyn Fingers>, HandError> {
        match self {
            #[cfg(unix)]
            Self::X11(display) => Ok(Box::new(super::x11::X11Hand::open(display, told)?)),
            Self::Synthetic(record) => Ok(Box::new(record.fingers(told))),
        }
    }
}

/// Mouse and keyboard of a desktop, not in anybody's hand yet. A clone is the same.
#[derive(Debug, Clone)]
pub struct Controls {
    source: Source,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// To the thread that has the display; it is started when it is needed first.
    worker: Mutex<Option<SyncSender<Order>>>,
    /// Counts grips.
    grips: AtomicU64,
}

impl Drop for Shared {
    /// The thread ends with whoever may give it orders.
    fn drop(&mut self) {
        let worker = self.worker.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            let (done, _nobody_waits) = std::sync::mpsc::sync_channel(1);
            if worker.try_send(Order::Close(done)).is_err() {
                tracing::debug!("the thread of mouse and keyboard ended before");
            }
        }
    }
}

/// The controls of the desktop that [`super::open`] opens for the same words; `None` where that finds
/// none.
#[must_use]
pub fn controls(choice: Choice, display: Option<&OsStr>) -> Option<Controls> {
    let source = match choice {
        Choice::Synthetic => Source::Synthetic(Record::default()),
        #[cfg(unix)]
        Choice::X11 | Choice::Auto => {
            let display = display.and_then(OsStr::to_str).filter(|name| !name.is_empty());
            Source::X11(display?.to_owned())
        }
        #[cfg(not(unix))]
        Choice::X11 | Choice::Auto => return None,
    };
    Some(Controls { source, shared: Arc::default() })
}

impl Controls {
    /// The X11 display, as `DISPLAY` names it, where it is one.
    #[must_use]
    pub fn display(&self) -> Option<&str> {
        match &self.source {
            #[cfg(unix)]
            Source::X11(display) => Some(display),
            Source::Synthetic(_) => None,
        }
    }

    /// What was done on a synthetic desktop.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match &self.source {
            Source::Synthetic(record) => Some(record),
            #[cfg(unix)]
            Source::X11(_) => None,
        }
    }

    /// Takes mouse and keyboard in hand, beside others who have.
    ///
    /// # Errors
    /// [`HandError`].
    pub async fn take(&self, permit: Permit<Control>) -> Result<Grip, HandError> {
        let number = self.shared.grips.fetch_add(1, Ordering::Relaxed);
        let gone = Arc::new(AtomicBool::new(false));
        let (telling, user) = watch::channel(false);
        let orders = self.worker()?;
        let grip = Grip { number, permit, gone: gone.clone(), user, orders };
        let (done, answer) = oneshot::channel();
        grip.order(Order::Take { number, gone, user: telling, done }, answer).await?;
        Ok(grip)
    }

    /// Lets go of everything that anybody holds, and waits until it is done. It may block for
    /// [`LETTING_GO`].
    pub fn let_go(&self) {
        let worker = self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(worker) = worker else { return };
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        let told = worker.send(Order::Close(done)).is_ok();
        if told && answer.recv_timeout(LETTING_GO).is_err() {
            tracing::warn!("the display did not take back keys that were held down");
        }
    }

    fn worker(&self) -> Result<SyncSender<Order>, HandError> {
        let mut worker = self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &*worker {
            return Ok(orders.clone());
        }
        let source = self.source.clone();
        let orders = worker::start(move |told| source.open(told))
            .map_err(|error| HandError::Display(error.to_string()))?;
        Ok(worker.insert(orders).clone())
    }
}

/// Mouse and keyboard in a technician's hand. What it holds down is let go when it is dropped.
#[derive(Debug)]
pub struct Grip {
    number: u64,
    permit: Permit<Control>,
    gone: Arc<AtomicBool>,
    user: watch::Receiver<bool>,
    orders: SyncSender<Order>,
}

impl Grip {
    /// Does what the technician's hand does. At once, since a key waits for nothing else.
    ///
    /// # Errors
    /// [`HandError`]; the next may do.
    pub async fn make(&self, gesture: Gesture) -> Result<(), HandError> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Make { number: self.number, gesture, done }, answer).await
    }

    /// Types a text, whatever the keyboard's layout. What is held down is lifted meanwhile.
    ///
    /// # Errors
    /// [`HandError`]; a part of it may have been typed.
    pub async fn text(&self, text: String) -> Result<(), HandError> {
        if text.len() > MAX_TEXT {
            return Err(HandError::TooLong(text.len()));
        }
        let (done, answer) = oneshot::channel();
        self.order(Order::Text { number: self.number, text, done }, answer).await
    }

    /// Whether the user's own hand is on mouse and keyboard, and each change of it.
    #[must_use]
    pub fn user(&self) -> watch::Receiver<bool> {
        self.user.clone()
    }

    /// Ends once control was taken back.
    pub async fn revoked(&self) {
        self.permit.revoked().await;
    }

    async fn order(
        &self,
        order: Order,
        answer: oneshot::Receiver<Result<(), HandError>>,
    ) -> Result<(), HandError> {
        if self.permit.is_revoked() {
            return Err(HandError::Revoked);
        }
        // Each stream has one order under way at most, and there is room for all of them.
        if self.orders.try_send(order).is_err() {
            return Err(DesktopError::Silent.into());
        }
        match timeout(ANSWER_TIME, answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(DesktopError::Silent.into()),
        }
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        // Where there is no room, the thread is about to look anyway.
        let _looks_anyway = self.orders.try_send(Order::Look);
    }
}
