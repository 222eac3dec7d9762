//! Mouse and keyboard of the made-up desktop: what is done is written down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Fingers, GoOn, HandError, Told};
use crate::hand::{Seen, Touch};

/// Entries that are kept; the oldest go.
const MAX_DONE: usize = 1_024;

/// What was done, in order. A clone is the same.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    done: VecDeque<Done>,
    told: Option<Told>,
    /// Counts what was done.
    changed: watch::Sender<u64>,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// To mouse or keyboard.
    Touch(Touch),
    /// A text was typed.
    Text(String),
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

impl Record {
    /// All that was done.
    #[must_use]
    pub fn done(&self) -> Vec<Done> {
        self.lock().done.iter().cloned().collect()
    }

    /// Waits until so much was done that it `is` enough, and gives it.
    pub async fn until(&self, is: impl Fn(&[Done]) -> bool) -> Vec<Done> {
        let mut changed = self.lock().changed.subscribe();
        loop {
            let done = self.done();
            // The other half is in here.
            if is(&done) || changed.changed().await.is_err() {
                return done;
            }
        }
    }

    /// The made-up user does something, where somebody watches his hand.
    pub fn user(&self, seen: Seen) {
        let state = self.lock();
        if let Some(told) = &state.told {
            told(seen);
        }
    }

    pub(super) fn fingers(&self, told: Told) -> Fake {
        self.lock().told = Some(told);
        Fake(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Fake(Record);

impl Fake {
    fn note(&self, done: Done) {
        let mut state = self.0.lock();
        if state.done.len() == MAX_DONE {
            state.done.pop_front();
        }
        state.done.push_back(done);
        state.changed.send_modify(|count| *count += 1);
    }
}

impl Fingers for Fake {
    fn touch(&mut self, touch: Touch) -> Result<(), HandError> {
        self.note(Done::Touch(touch));
        Ok(())
    }

    fn text(&mut self, text: &str, go_on: GoOn<'_>) -> Result<(), HandError> {
        go_on()?;
        self.note(Done::Text(text.to_owned()));
        Ok(())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.0.lock().told = None;
    }
}
