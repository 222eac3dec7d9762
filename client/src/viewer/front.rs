//! Where the session and its window meet: whoever changes something wakes the window, and what the
//! window wants goes into queues of the session. The window never waits for the session.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use deskside_link::Beside;
use deskside_protocol::act::Actor;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::message::{Message, PointerAt, message::Kind};
use prost::Message as _;
use tokio::sync::{mpsc, watch};

use super::model::{Model, Order};
use super::sight::Sight;

/// Orders that may wait: a person gives one and looks what happens.
const MAX_ORDERS: usize = 16;
/// Keys and buttons that may wait: seconds of the fastest typing.
const MAX_ACTS: usize = 1024;
/// Texts of the clipboard that may wait.
const MAX_COPIED: usize = 2;

/// What wakes the window's thread.
#[derive(Debug)]
pub enum Wake {
    /// Something is to be drawn.
    Draw,
    /// This computer's clipboard has this text, which is to be pasted.
    Pasted(String),
    /// The session is over.
    Close,
}

/// What is to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// From 1; 0 is the whole desktop.
    pub monitor: u32,
    /// Nobody looks.
    pub hidden: bool,
    /// How often a monitor was chosen: the same once more means that its picture has stopped.
    pub tries: u32,
}

/// What the window shows of what came: the last frame, and the last that has all its pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The last frame.
    pub frame: u64,
    /// The last with all its pieces.
    pub whole: u64,
}

/// Where pointer places go on the line of the moment.
pub(super) struct Pointing {
    pub(super) beside: Beside,
    pub(super) actor: Actor,
}

struct Shared {
    model: Mutex<Model>,
    sight: Mutex<Sight>,
    wake: Box<dyn Fn(Wake) + Send + Sync>,
    /// The window was woken and has not looked yet.
    woken: AtomicBool,
    held: watch::Sender<GrantSet>,
    wanted: watch::Sender<Wanted>,
    seen: watch::Sender<Seen>,
    pointing: Mutex<Option<Pointing>>,
    orders: mpsc::Sender<Order>,
    acts: mpsc::Sender<Kind>,
    /// A key or button did not fit: everything is let go of, and the stream begins anew.
    overflown: AtomicBool,
    copied: mpsc::Sender<String>,
}

/// One session and its window. A clone is the same.
#[derive(Clone)]
pub struct Front(Arc<Shared>);

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

/// What the window wants, for the session.
#[derive(Debug)]
pub struct Wishes {
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(super) acts: mpsc::Receiver<Kind>,
    pub(super) copied: mpsc::Receiver<String>,
}

impl Front {
    /// A window that is woken by `wake`.
    pub fn new(wake: impl Fn(Wake) + Send + Sync + 'static) -> (Self, Wishes) {
        let (orders, ordered) = mpsc::channel(MAX_ORDERS);
        let (acts, acted) = mpsc::channel(MAX_ACTS);
        let (copied, copies) = mpsc::channel(MAX_COPIED);
        let shared = Shared {
            model: Mutex::default(),
            sight: Mutex::default(),
            wake: Box::new(wake),
            woken: AtomicBool::new(false),
            held: watch::Sender::default(),
            wanted: watch::Sender::default(),
            seen: watch::Sender::default(),
            pointing: Mutex::new(None),
            orders,
            acts,
            overflown: AtomicBool::new(false),
            copied,
        };
        let wishes = Wishes { orders: ordered, acts: acted, copied: copies };
        (Self(Arc::new(shared)), wishes)
    }

    /// What the window knows, as it is now.
    #[must_use]
    pub fn model(&self) -> Model {
        lock(&self.0.model).clone()
    }

    /// The same, where it shows something else than that version did.
    #[must_use]
    pub fn newer(&self, than: u64) -> Option<Model> {
        let model = lock(&self.0.model);
        (model.version != than).then(|| model.clone())
    }

    /// The screen as it came.
    pub fn sight(&self) -> MutexGuard<'_, Sight> {
        lock(&self.0.sight)
    }

    /// Changes what the window knows, and wakes it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Model, Instant) -> T) -> T {
        let (done, held) = {
            let mut model = lock(&self.0.model);
            model.version += 1;
            (change(&mut model, Instant::now()), model.held)
        };
        self.0.held.send_if_modified(|before| std::mem::replace(before, held) != held);
        self.wake();
        done
    }

    /// Changes what is not worth a picture of its own.
    pub(super) fn note(&self, change: impl FnOnce(&mut Model)) {
        let open = {
            let mut model = lock(&self.0.model);
            change(&mut model);
            model.version += u64::from(model.read);
            model.read
        };
        if open {
            self.wake();
        }
    }

    /// Somebody reads how the connection does, or nobody.
    pub(super) fn read(&self, read: bool) {
        let mut model = lock(&self.0.model);
        model.read = read;
        if read {
            model.unread = 0;
        }
    }

    /// The window has something to draw.
    pub fn wake(&self) {
        if !self.0.woken.swap(true, Ordering::SeqCst) {
            (self.0.wake)(Wake::Draw);
        }
    }

    pub(super) fn paste(&self, text: String) {
        (self.0.wake)(Wake::Pasted(text));
    }

    /// The window looks now: what changes from here on wakes it again.
    pub fn look(&self) {
        self.0.woken.store(false, Ordering::SeqCst);
    }

    /// The window shows so much.
    pub fn seen(&self, seen: Seen) {
        self.0.seen.send_if_modified(|before| std::mem::replace(before, seen) != seen);
    }

    /// From here on something else is to be watched.
    pub fn want(&self, change: impl FnOnce(&mut Wanted)) {
        self.0.wanted.send_if_modified(|wanted| {
            let before = *wanted;
            change(wanted);
            *wanted != before
        });
    }

    /// What the technician wants of the session.
    pub fn order(&self, order: Order) {
        if let Err(error) = self.0.orders.try_send(order) {
            tracing::debug!(%error, "the session does not take orders");
        }
    }

    /// A key, a button, the wheel, a text.
    pub fn act(&self, kind: Kind) {
        match self.0.acts.try_send(kind) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.0.overflown.store(true, Ordering::SeqCst)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => tracing::trace!("the session is over"),
        }
    }

    pub(super) fn overflown(&self) -> bool {
        self.0.overflown.swap(false, Ordering::SeqCst)
    }

    /// The technician's mouse is there: at once, and perhaps never.
    pub fn point(&self, at: PointerAt) {
        if let Some(Pointing { beside, actor }) = lock(&self.0.pointing).as_mut() {
            let act = actor.wrap(&Message { kind: Some(Kind::PointerAt(at)) });
            beside.send(Bytes::from(act.encode_to_vec()));
        }
    }

    /// This computer's clipboard has another text.
    pub(super) fn copied(&self, text: String) {
        if let Err(error) = self.0.copied.try_send(text) {
            tracing::debug!(%error, "the clipboard's text is not sent");
        }
    }

    pub(super) fn set_pointing(&self, pointing: Option<Pointing>) {
        *lock(&self.0.pointing) = pointing;
    }

    pub(super) fn watch_held(&self) -> watch::Receiver<GrantSet> {
        self.0.held.subscribe()
    }

    pub(super) fn watch_wanted(&self) -> watch::Receiver<Wanted> {
        self.0.wanted.subscribe()
    }

    pub(super) fn watch_seen(&self) -> watch::Receiver<Seen> {
        self.0.seen.subscribe()
    }
}

/// What is behind it is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
