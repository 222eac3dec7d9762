//! The relay, as far as single requests go: one signal there, one back. Behind a trait, so that
//! what asks is tested without a network.

mod leg;

pub use leg::{SOFTWARE, dial, dial_exit, unanswered};

use std::future::Future;

use anyhow::anyhow;
use bytes::Bytes;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{RecordingFetch, RecordingFollows};
use tokio::io::AsyncRead;

use crate::failure::Failure;

/// Somebody who answers requests.
pub trait Relay: Send {
    /// A recording's bytes, on their way.
    type Body: AsyncRead + Unpin + Send;

    /// Asks, and gives the answer; a refusal may be among the answers.
    fn ask(&mut self, question: Kind) -> impl Future<Output = anyhow::Result<Kind>> + Send;

    /// Asks, with what the question announces behind it.
    fn hand_in(
        &mut self,
        question: Kind,
        content: Bytes,
    ) -> impl Future<Output = anyhow::Result<Kind>> + Send;

    /// Asks for something whose bytes follow the answer.
    fn fetch(
        &mut self,
        question: Kind,
    ) -> impl Future<Output = anyhow::Result<(Kind, Self::Body)>> + Send;

    /// Parts in order.
    fn bye(self) -> impl Future<Output = ()> + Send;
}

/// Asks, and turns a refusal into a failure with its exit code.
///
/// # Errors
/// The refusal, or a relay that cannot be asked.
pub async fn request(relay: &mut impl Relay, question: Kind) -> anyhow::Result<Kind> {
    accepted(relay.ask(question).await?)
}

/// As [`request`], with what the question announces behind it.
///
/// # Errors
/// As [`request`].
pub async fn hand_in(
    relay: &mut impl Relay,
    question: Kind,
    content: Bytes,
) -> anyhow::Result<Kind> {
    accepted(relay.hand_in(question, content).await?)
}

/// An answer that is no refusal.
///
/// # Errors
/// The refusal.
pub fn accepted(answer: Kind) -> anyhow::Result<Kind> {
    if let Kind::Refused(refused) = &answer {
        return Err(Failure::from(refused).into());
    }
    Ok(answer)
}

/// Asks for a recording: its length and its bytes.
///
/// # Errors
/// As [`request`].
pub async fn fetch<R: Relay>(
    relay: &mut R,
    question: RecordingFetch,
) -> anyhow::Result<(u64, R::Body)> {
    match relay.fetch(Kind::RecordingFetch(question)).await? {
        (Kind::Refused(refused), _) => Err(Failure::from(&refused).into()),
        (Kind::RecordingFollows(RecordingFollows { bytes }), body) => Ok((bytes, body)),
        _ => Err(unexpected()),
    }
}

/// An answer that fits no question of ours.
#[must_use]
pub fn unexpected() -> anyhow::Error {
    anyhow!(Failure::new(
        Exit::Other,
        "the relay answered what was not asked: is it of another version than this program?"
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io::Cursor;

    /// A relay that gives prepared answers and remembers the questions.
    #[derive(Default)]
    pub(crate) struct Scripted {
        pub(crate) answers: VecDeque<Kind>,
        pub(crate) questions: Vec<Kind>,
        pub(crate) body: Vec<u8>,
    }

    impl Scripted {
        pub(crate) fn answering(answers: impl IntoIterator<Item = Kind>) -> Self {
            Self { answers: answers.into_iter().collect(), ..Self::default() }
        }
    }

    impl Relay for Scripted {
        type Body = Cursor<Vec<u8>>;

        async fn ask(&mut self, question: Kind) -> anyhow::Result<Kind> {
            self.questions.push(question);
            self.answers.pop_front().ok_or_else(|| anyhow!("no answer is left"))
        }

        async fn hand_in(&mut self, question: Kind, content: Bytes) -> anyhow::Result<Kind> {
            self.body = content.to_vec();
            self.ask(question).await
        }

        async fn fetch(&mut self, question: Kind) -> anyhow::Result<(Kind, Self::Body)> {
            let answer = self.ask(question).await?;
            Ok((answer, Cursor::new(std::mem::take(&mut self.body))))
        }

        async fn bye(self) {}
    }
}
