//! What the user does of his own accord, without being asked: in the window, at the keyboard, by a
//! hotkey. Wishes wait in a bounded queue for the session; Stop waits for nobody. What a wish may do
//! is the gate's to decide.

mod typed;

use std::time::Duration;

use deskside_protocol::grant::GrantSet;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::typed::{HELP, Typed, listen, typed};

/// Wishes that may wait: more than anybody presses while a disk is slow.
pub const MAX_WISHES: usize = 16;

/// What the user does of his own accord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Everything ends, now, whether or not the relay is there.
    Stop,
    /// These grants are taken back, and what runs under them ends.
    TakeBack(GrantSet),
    /// These grants are given for the session, as far as the policy goes: the user's own act needs
    /// no question.
    Give(GrantSet),
    /// As [`Wish::Give`], and taken back by itself after this time.
    GiveFor(GrantSet, Duration),
    /// What is typed stays out of the recording, or no longer.
    Mask(bool),
    /// A line for the technician to read.
    Say(String),
    /// After several failed pairings: show the next code.
    NextCode,
}

impl Wish {
    /// Whether it means whoever is connected: while nobody is, it comes to nothing.
    #[must_use]
    pub const fn is_for_a_session(&self) -> bool {
        match self {
            Self::TakeBack(_)
            | Self::Give(_)
            | Self::GiveFor(..)
            | Self::Mask(_)
            | Self::Say(_) => true,
            Self::Stop | Self::NextCode => false,
        }
    }
}

/// Too many wishes wait already, or there is no session any more: nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too much at once")]
pub struct Crowded;

/// Whoever wishes. A clone wishes the same session.
#[derive(Debug, Clone)]
pub struct Wisher {
    stop: CancellationToken,
    queue: mpsc::Sender<Wish>,
}

impl Wisher {
    /// Wishes, from any thread, without waiting. [`Wish::Stop`] never fails.
    ///
    /// # Errors
    /// [`Crowded`].
    pub fn wish(&self, wish: Wish) -> Result<(), Crowded> {
        if wish == Wish::Stop {
            self.stop.cancel();
            return Ok(());
        }
        self.queue.try_send(wish).map_err(|_| Crowded)
    }
}

/// What the user wishes, for the session to heed.
#[derive(Debug)]
pub struct Wishes {
    stop: CancellationToken,
    queue: mpsc::Receiver<Wish>,
}

/// A wisher and what comes of it.
#[must_use]
pub fn wishes() -> (Wisher, Wishes) {
    let (stop, (sender, queue)) = (CancellationToken::new(), mpsc::channel(MAX_WISHES));
    (Wisher { stop: stop.clone(), queue: sender }, Wishes { stop, queue })
}

impl Wishes {
    /// The next wish; [`Wish::Stop`] goes before all others. `None` where nobody is left to wish.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Wish> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Some(Wish::Stop),
            wish = self.queue.recv() => wish,
        }
    }

    /// Ends with [`Wish::Stop`]; cancelling it is that wish.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The wishes from here on, for a task of their own.
    pub(crate) fn take(&mut self) -> Self {
        let (_nobody, queue) = mpsc::channel(1);
        Self { stop: self.stop.clone(), queue: std::mem::replace(&mut self.queue, queue) }
    }

    /// Forgets what was wished so far, Stop apart.
    pub fn forget(&mut self) {
        while self.queue.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_goes_first_and_is_never_too_much() {
        let (wisher, mut wishes) = wishes();
        for _ in 0..MAX_WISHES {
            assert_eq!(wisher.wish(Wish::NextCode), Ok(()));
        }
        assert_eq!(wisher.wish(Wish::TakeBack(GrantSet::all())), Err(Crowded));
        assert_eq!(wishes.next().await, Some(Wish::NextCode));
        assert_eq!(wisher.wish(Wish::Stop), Ok(()));
        assert_eq!(wishes.next().await, Some(Wish::Stop));
        assert!(wishes.stop().is_cancelled());
    }

    #[tokio::test]
    async fn what_was_wished_before_is_forgotten_and_nobody_left_is_known() {
        let (wisher, mut wishes) = wishes();
        wisher.wish(Wish::NextCode).unwrap();
        wishes.forget();
        wisher.wish(Wish::Say("hello".to_owned())).unwrap();
        drop(wisher);
        assert_eq!(wishes.next().await, Some(Wish::Say("hello".to_owned())));
        assert_eq!(wishes.next().await, None);
    }
}
