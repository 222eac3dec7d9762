//! The thread that has mouse and keyboard: orders come in one by one, from streams and from whoever
//! watches the user's own hand. It opens the display for the first grip and closes it behind the last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

use super::{Fingers, HandError, Told};
use crate::hand::{Gesture, Hand, Seen, Touch, Withheld};

/// Orders that may wait: one, and a word that it is gone, of each of the 64 streams that a line may
/// have, and as many of what is seen of the user.
const MAX_ORDERS: usize = 256;

type Done = oneshot::Sender<Result<(), HandError>>;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// A grip begins.
    Take { number: u64, gone: Arc<AtomicBool>, user: watch::Sender<bool>, done: Done },
    /// A grip does something.
    Make { number: u64, gesture: Gesture, done: Done },
    /// A grip types.
    Text { number: u64, text: String, done: Done },
    /// The user does something himself.
    Seen(Seen),
    /// A grip is gone: look which.
    Look,
    /// Everything is let go, and the thread ends.
    Close(SyncSender<()>),
}

/// Starts it.
pub(super) fn start(
    open: impl Fn(Told) -> Result<Box<dyn Fingers>, HandError> + Send + 'static,
) -> std::io::Result<SyncSender<Order>> {
    let (orders, queue) = sync_channel(MAX_ORDERS);
    let sender = orders.clone();
    thread::Builder::new().name("hand".to_owned()).spawn(move || {
        let user_now = Arc::new(AtomicBool::new(false));
        let mut worker = Worker {
            open,
            orders: sender,
            user_now,
            fingers: None,
            grips: BTreeMap::new(),
            hand: Hand::default(),
        };
        worker.run(&queue);
    })?;
    Ok(orders)
}

/// Somebody's grip, as the thread knows it.
struct Known {
    gone: Arc<AtomicBool>,
    user: watch::Sender<bool>,
}

struct Worker<F> {
    open: F,
    orders: SyncSender<Order>,
    /// Set as soon as the user is seen: a text that is being typed stops there.
    user_now: Arc<AtomicBool>,
    /// As long as anybody has a grip.
    fingers: Option<Box<dyn Fingers>>,
    grips: BTreeMap<u64, Known>,
    hand: Hand,
}

impl<F: Fn(Told) -> Result<Box<dyn Fingers>, HandError>> Worker<F> {
    fn run(&mut self, queue: &Receiver<Order>) {
        loop {
            let order = match self.hand.due() {
                Some(due) => {
                    match queue.recv_timeout(due.saturating_duration_since(Instant::now())) {
                        Ok(order) => Some(order),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
                None => match queue.recv() {
                    Ok(order) => Some(order),
                    Err(_) => return,
                },
            };
            if let Some(Order::Close(done)) = order {
                let touches = self.hand.let_go();
                self.undo(&touches);
                self.fingers = None;
                let _waited_no_longer = done.send(());
                return;
            }
            self.heed(order);
            let released = self.hand.tick(Instant::now());
            self.undo(&released);
            self.look();
            self.tell();
        }
    }

    fn heed(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Take { number, gone, user, done }) => {
                let taken = self.take(number, Known { gone, user });
                let _gone_meanwhile = done.send(taken);
            }
            Some(Order::Make { number, gesture, done }) => {
                let made = self.make(number, &gesture);
                let _gone_meanwhile = done.send(made);
            }
            Some(Order::Text { number, text, done }) => {
                let typed = self.text(number, &text);
                let _gone_meanwhile = done.send(typed);
            }
            Some(Order::Seen(seen)) => {
                self.user_now.store(false, Ordering::SeqCst);
                let released = self.hand.user(seen, Instant::now());
                self.undo(&released);
            }
            Some(Order::Look | Order::Close(_)) | None => {}
        }
    }

    fn take(&mut self, number: u64, known: Known) -> Result<(), HandError> {
        if self.fingers.is_none() {
            let (orders, user_now) = (self.orders.clone(), self.user_now.clone());
            self.fingers = Some((self.open)(Box::new(move |seen| {
                user_now.store(true, Ordering::SeqCst);
                // Where there is no room, enough of the user waits there already. To wait would hold
                // up the thread at the end, which waits for whoever calls this.
                let _told_already = orders.try_send(Order::Seen(seen));
            }))?);
        }
        self.grips.insert(number, known);
        self.hand.begin(number, Instant::now());
        Ok(())
    }

    fn make(&mut self, number: u64, gesture: &Gesture) -> Result<(), HandError> {
        self.still_there(number)?;
        let touches = self.hand.make(number, gesture, Instant::now())?;
        let Some(fingers) = &mut self.fingers else { return Err(HandError::Revoked) };
        for touch in touches {
            fingers.touch(touch)?;
            self.hand.pressed(number, touch);
        }
        Ok(())
    }

    /// Types with nothing held down, and holds it down again behind it.
    fn text(&mut self, number: u64, text: &str) -> Result<(), HandError> {
        self.still_there(number)?;
        self.hand.make(number, &Gesture::StillHeld, Instant::now())?;
        self.hand.free()?;
        self.user_now.store(false, Ordering::SeqCst);
        let held = self.hand.keys();
        let Some(fingers) = &mut self.fingers else { return Err(HandError::Revoked) };
        for code in &held {
            fingers.touch(Touch::Key(*code, false))?;
        }
        let gone = self.grips.get(&number).map(|known| known.gone.clone()).unwrap_or_default();
        let go_on = || match (gone.load(Ordering::SeqCst), self.user_now.load(Ordering::SeqCst)) {
            (true, _) => Err(HandError::Revoked),
            (false, true) => Err(Withheld::User.into()),
            (false, false) => Ok(()),
        };
        let typed = fingers.text(text, &go_on);
        if typed.is_ok() {
            for code in held {
                fingers.touch(Touch::Key(code, true))?;
            }
            self.hand.make(number, &Gesture::StillHeld, Instant::now())?;
        } else {
            // Lifted already: nobody presses them again for whoever does not know where he stands.
            drop(self.hand.let_go());
        }
        typed
    }

    fn still_there(&self, number: u64) -> Result<(), HandError> {
        let known = self.grips.get(&number).filter(|known| !known.gone.load(Ordering::SeqCst));
        known.map(|_| ()).ok_or(HandError::Revoked)
    }

    /// Lets go of what gone grips held; behind the last one the display is closed.
    fn look(&mut self) {
        let gone = self.grips.iter().filter(|(_, known)| known.gone.load(Ordering::SeqCst));
        let gone: Vec<u64> = gone.map(|(number, _)| *number).collect();
        for number in gone {
            self.grips.remove(&number);
            let released = self.hand.end(number);
            self.undo(&released);
        }
        if self.grips.is_empty() && self.fingers.is_some() {
            self.fingers = None;
            self.hand = Hand::default();
        }
    }

    /// Tells all grips whose hand it is.
    fn tell(&self) {
        let user = self.hand.free().is_err();
        for known in self.grips.values() {
            known.user.send_if_modified(|told| std::mem::replace(told, user) != user);
        }
    }

    /// Releases are done whatever the one before said.
    fn undo(&mut self, touches: &[Touch]) {
        let Some(fingers) = &mut self.fingers else { return };
        for touch in touches {
            if let Err(error) = fingers.touch(*touch) {
                tracing::warn!(%error, "a key or button could not be let go");
            }
        }
    }
}
