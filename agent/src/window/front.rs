//! Between the session's threads and the window's: events and questions come in here, from any
//! thread and without waiting for a picture; the user's answers go out. There is no queue: the model
//! is changed at once, and the window is woken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::model::{Model, Order, Press};
use crate::consent::{ANSWER_TIME, Answer, Asker, Asking, Question};
use crate::events::{Event, Hear};

/// Wakes the window, from any thread.
type Wake = Box<dyn Fn() + Send + Sync>;

/// The window, as the session's threads see it. A clone is the same.
#[derive(Clone)]
pub struct Front(Arc<Shared>);

struct Shared {
    began: Instant,
    model: Mutex<Model>,
    /// Who waits for the answer to which question: one at a time, since the gate asks so.
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>,
    wake: Wake,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl Front {
    /// A window that shows `model`; `wake` has it drawn anew.
    #[must_use]
    pub fn new(model: Model, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let waiting = Mutex::new(BTreeMap::new());
        Self(Arc::new(Shared {
            began: Instant::now(),
            model: Mutex::new(model),
            waiting,
            wake: Box::new(wake),
        }))
    }

    /// By the model's clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// What the window shows at this moment: a copy, so that nobody waits for a picture.
    #[must_use]
    pub fn model(&self) -> Model {
        self.lock().clone()
    }

    /// Changes what the window knows.
    pub fn change<T>(&self, change: impl FnOnce(&mut Model, Duration) -> T) -> T {
        let now = self.now();
        let changed = change(&mut self.lock(), now);
        (self.0.wake)();
        changed
    }

    /// The user does something. Answers find their question by themselves; the rest is for whoever
    /// runs the sessions.
    pub fn press(&self, press: Press) -> Option<Order> {
        match self.change(|model, now| model.press(press, now))? {
            Order::Answer(number, answer) => {
                if let Some(waiting) = self.waiting().remove(&number)
                    && waiting.send(answer).is_err()
                {
                    tracing::debug!("an answer came as its question was withdrawn");
                }
                None
            }
            order @ (Order::Wish(_) | Order::Join(_) | Order::Again | Order::Close) => Some(order),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.0.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Answer>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hear for Front {
    fn hear(&self, event: &Event<'_>) {
        self.change(|model, now| model.hear(event, now));
    }
}

/// A question on the screen; it goes when nobody waits for its answer any more.
struct OnScreen<'a> {
    front: &'a Front,
    number: u64,
}

impl Drop for OnScreen<'_> {
    fn drop(&mut self) {
        self.front.waiting().remove(&self.number);
        self.front.change(|model, _| model.withdraw(self.number));
    }
}

impl Asker for Front {
    fn ask<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a> {
        Box::pin(async move {
            let (sender, answer) = oneshot::channel();
            let number = self.change(|model, now| {
                let number = model.ask(question, now);
                self.waiting().insert(number, sender);
                number
            });
            let _on_screen = OnScreen { front: self, number };
            match timeout(ANSWER_TIME, answer).await {
                Ok(Ok(answer)) => answer,
                // Another question took its place, or a minute has passed.
                Ok(Err(_)) | Err(_) => Answer::Refuse,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use deskside_protocol::grant::GrantSet;

    use super::*;
    use crate::consent::{Standing, Visitor};
    use crate::window::model::ALLOW_AFTER;

    fn visitor() -> Visitor {
        Visitor {
            organisation: "Example IT".to_owned(),
            standing: Standing::Known,
            name: "Alice Ng".to_owned(),
            login: "alice".to_owned(),
            ticket: "1001".to_owned(),
            subject: "Printer".to_owned(),
        }
    }

    fn front() -> (Front, Arc<AtomicUsize>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        let wake = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        (Front::new(Model::new(), wake), woken)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_finds_its_question_and_the_window_is_woken() {
        let (front, woken) = front();
        let visitor = visitor();
        let question = Question::Opening { visitor: &visitor, grants: GrantSet::all() };
        let asking = front.ask(&question);
        let pressing = async {
            tokio::task::yield_now().await;
            assert_eq!(woken.load(Ordering::SeqCst), 1);
            let number = front.model().question().unwrap().number;
            front.press(Press::Answer(number, Answer::Allow));
            assert!(front.model().question().is_some(), "too early");
            tokio::time::sleep(ALLOW_AFTER).await;
            assert_eq!(front.press(Press::Answer(number, Answer::Allow)), None);
        };
        assert_eq!(tokio::join!(asking, pressing).0, Answer::Allow);
        assert!(front.model().question().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_without_an_answer_refuses_and_clears_the_screen() {
        let (front, _) = front();
        let visitor = visitor();
        let question = Question::Opening { visitor: &visitor, grants: GrantSet::all() };
        let began = Instant::now();
        assert_eq!(front.ask(&question).await, Answer::Refuse);
        assert_eq!(began.elapsed(), ANSWER_TIME);
        assert!(front.model().question().is_none());
        assert!(front.waiting().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_nobody_waits_for_leaves_the_screen() {
        let (front, _) = front();
        let visitor = visitor();
        let question = Question::Opening { visitor: &visitor, grants: GrantSet::all() };
        let asked = timeout(Duration::from_secs(5), front.ask(&question)).await;
        assert!(asked.is_err());
        assert!(front.model().question().is_none());
        assert!(front.waiting().is_empty());
    }
}
