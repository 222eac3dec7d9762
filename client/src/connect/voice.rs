//! What the technician's program says in the control conversation: one message after the other,
//! each whole, though whoever waits for them is cancelled at any time. A statement is made when its
//! turn has come, so that nothing stands between what it counts and itself.

use std::collections::VecDeque;
use std::pin::Pin;

use deskside_link::statements::Stating;
use deskside_link::stream::{Sender, StreamError};
use deskside_protocol::act::Actor;
use deskside_protocol::statement::Difference;
use deskside_protocol::wire::message::{Act, Message, message::Kind};
use deskside_protocol::wire::record::Signed;

/// Messages that wait at most: a wish for each grant, and statements. More are refused.
const MAX_WAITING: usize = 32;

/// A message on its way, which gives the stream back.
type Sending = Pin<Box<dyn Future<Output = (Sender<Act>, Result<(), StreamError>)> + Send>>;

enum Waiting {
    Say(Kind),
    State,
    StateLast,
}

enum Mouth {
    Free(Sender<Act>),
    Busy(Sending),
    /// The stream is lost.
    Gone,
}

/// The technician's half of the conversation, and its statements.
pub(super) struct Voice {
    mouth: Mouth,
    actor: Actor,
    waiting: VecDeque<Waiting>,
    stating: Stating,
}

impl Voice {
    /// Kept open: finishing the stream would end the conversation.
    pub(super) const fn new(sender: Sender<Act>, actor: Actor, stating: Stating) -> Self {
        Self { mouth: Mouth::Free(sender), actor, waiting: VecDeque::new(), stating }
    }

    /// Says something as soon as it can be said; false where it cannot any more.
    pub(super) fn say(&mut self, kind: Kind) -> bool {
        let room = self.waiting.len() < MAX_WAITING && !matches!(self.mouth, Mouth::Gone);
        if room {
            self.stating.touch();
            self.waiting.push_back(Waiting::Say(kind));
        }
        room
    }

    /// Says what is to be said, and statements when they are due. Ends only where the stream is
    /// lost. Loses nothing when cancelled.
    pub(super) async fn speak(&mut self) -> StreamError {
        loop {
            if let Err(error) = self.speak_out().await {
                return error;
            }
            self.stating.due().await;
            self.waiting.push_back(Waiting::State);
        }
    }

    /// Says all that is to be said. Loses nothing when cancelled.
    ///
    /// # Errors
    /// [`StreamError`], once; from then on it waits for ever.
    pub(super) async fn speak_out(&mut self) -> Result<(), StreamError> {
        loop {
            if let Mouth::Busy(sending) = &mut self.mouth {
                let (sender, sent) = sending.await;
                self.mouth = Mouth::Free(sender);
                if sent.is_err() {
                    self.mouth = Mouth::Gone;
                }
                sent?;
            }
            match std::mem::replace(&mut self.mouth, Mouth::Gone) {
                Mouth::Free(sender) => self.mouth = self.begin(sender),
                Mouth::Busy(_) | Mouth::Gone => return std::future::pending().await,
            }
            if matches!(self.mouth, Mouth::Free(_)) {
                return Ok(());
            }
        }
    }

    /// Begins with what is first in line.
    fn begin(&mut self, mut sender: Sender<Act>) -> Mouth {
        let Some(kind) = self.next() else { return Mouth::Free(sender) };
        let act = self.actor.wrap(&Message { kind: Some(kind) });
        Mouth::Busy(Box::pin(async move {
            let sent = sender.send(&act).await;
            (sender, sent)
        }))
    }

    fn next(&mut self) -> Option<Kind> {
        loop {
            match self.waiting.pop_front()? {
                Waiting::Say(kind) => return Some(kind),
                Waiting::State => {
                    if let Some(stated) = self.stating.say() {
                        return Some(Kind::Statement(stated));
                    }
                }
                Waiting::StateLast => {
                    let last = self.stating.say_last();
                    for stated in last.into_iter().rev() {
                        self.waiting.push_front(Waiting::Say(Kind::Statement(stated)));
                    }
                }
            }
        }
    }

    /// What the agent states. Its last word is answered with ours.
    pub(super) fn hear(&mut self, stated: &Signed) -> Result<(), Difference> {
        if self.stating.hear(stated)? {
            self.part();
        }
        Ok(())
    }

    /// Says our last word, where it was not said yet.
    pub(super) fn part(&mut self) {
        self.waiting.push_back(Waiting::StateLast);
    }

    /// Whether both have said their last; also where nothing is stated.
    pub(super) fn has_parted(&self) -> bool {
        self.stating.is_complete()
    }
}
