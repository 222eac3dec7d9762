//! Chat: what the technician writes is shown to the user, and what the user writes goes to the
//! technician, on the one stream that the technician's program keeps open for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{Said, message::Kind};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::gate::{Answers, Gate, Heard, Unheard};

/// Lines of the user's that wait for the technician's program.
const MAX_UNREAD: usize = 16;
/// Between two lines of the technician's: five a second at most, which nobody types, so that no
/// program buries what else the user has to read. The others wait at the technician's.
const PACE: Duration = Duration::from_millis(200);

/// The chat of one session, whatever happens to its lines.
#[derive(Debug)]
pub(super) struct Chat {
    unread: Mutex<VecDeque<String>>,
    more: Notify,
    /// Counts streams: the newest one has the chat.
    streams: watch::Sender<u64>,
}

/// Too much waits for the technician's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unread;

impl Chat {
    pub(super) fn new() -> Self {
        let unread = Mutex::new(VecDeque::new());
        Self { unread, more: Notify::new(), streams: watch::Sender::new(0) }
    }

    /// A line of the user's, to be sent as soon as there is a stream for it.
    pub(super) fn say(&self, line: String) -> Result<(), Unread> {
        self.with(|unread| {
            if unread.len() >= MAX_UNREAD {
                return Err(Unread);
            }
            unread.push_back(line);
            Ok(())
        })?;
        self.more.notify_one();
        Ok(())
    }

    /// Whether one line more can wait.
    pub(super) fn has_room(&self) -> bool {
        self.with(|unread| unread.len() < MAX_UNREAD)
    }

    /// Serves a stream of the chat channel, until another one takes its place.
    pub(super) async fn serve(
        &self,
        heard: &mut Heard,
        answers: &mut Answers,
        gate: &Gate,
    ) -> Result<(), Unheard> {
        let mut own = 0;
        self.streams.send_modify(|streams| {
            *streams += 1;
            own = *streams;
        });
        let mut streams = self.streams.subscribe();
        loop {
            let replaced = async { drop(streams.wait_for(|newest| *newest != own).await) };
            tokio::select! {
                biased;
                () = replaced => return Ok(answers.finish().await?),
                line = self.next() => {
                    answers.send(Kind::Said(Said { text: line })).await?;
                    // Only now: a line that was lost with its stream goes over the next one.
                    self.with(VecDeque::pop_front);
                }
                said = heard.next() => match said? {
                    Some(Kind::Said(said)) => match gate.hear(&said) {
                        Ok(()) => sleep(PACE).await,
                        Err(refusal) => return Ok(answers.refuse(refusal).await?),
                    },
                    Some(_) => {
                        let text = "the chat channel takes lines of chat";
                        return Ok(answers.refuse_for(Cause::BadRequest, text).await?);
                    }
                    None => return Ok(answers.finish().await?),
                }
            }
        }
    }

    /// The first line that waits. It stays where it is.
    async fn next(&self) -> String {
        loop {
            let more = self.more.notified();
            if let Some(line) = self.with(|unread| unread.front().cloned()) {
                return line;
            }
            more.await;
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut VecDeque<String>) -> T) -> T {
        look(&mut self.unread.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_wait_for_a_stream_in_order_and_are_bounded() {
        let chat = Chat::new();
        for number in 0..MAX_UNREAD {
            assert!(chat.has_room());
            assert_eq!(chat.say(number.to_string()), Ok(()));
        }
        assert_eq!(chat.say("more".to_owned()), Err(Unread));
        assert!(!chat.has_room());
        // A line that was looked at and not sent is still the first.
        assert_eq!((chat.next().await, chat.next().await), ("0".to_owned(), "0".to_owned()));
        chat.with(VecDeque::pop_front);
        assert_eq!(chat.next().await, "1");
    }
}
