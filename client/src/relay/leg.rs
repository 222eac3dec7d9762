//! The relay over a leg. It is recognised by the join link before anything is asked.

use bytes::Bytes;
use deskside_link::Leg;
use deskside_link::leg::{DialError, LegError};
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::signal::signal::Kind;
use tokio::io::{AsyncReadExt as _, Chain};

use super::Relay;
use crate::failure::Failure;

/// What this program calls itself.
pub const SOFTWARE: &str = concat!("deskside/", env!("CARGO_PKG_VERSION"));

/// Dials the relay of `join` with the long-term key. The leg knows the keys of today, where the
/// relay proves that it is the same one.
///
/// # Errors
/// Exit 6 where nobody answers, 7 where somebody else does.
pub async fn dial(join: &JoinLink, key: &SigningKey) -> anyhow::Result<Leg> {
    let dialled = Box::pin(Leg::meet(join, key, SOFTWARE)).await;
    dialled.map_err(|error| {
        let exit = dial_exit(&error);
        Failure::new(exit, format!("{:#}", anyhow::Error::from(error))).into()
    })
}

/// The exit code of a relay that was not reached.
#[must_use]
pub fn dial_exit(error: &DialError) -> Exit {
    match error {
        DialError::Unknown { .. }
        | DialError::Unreachable { .. }
        | DialError::Busy { .. }
        | DialError::Version { .. } => Exit::NoConnection,
        DialError::WrongRelay { .. } => Exit::Verification,
        DialError::Own(_) | DialError::Tls(_) => Exit::Other,
    }
}

/// The failure of a request that got no answer.
#[must_use]
pub fn unanswered(error: LegError) -> anyhow::Error {
    match error {
        LegError::Refused(refused) => Failure::from(&refused).into(),
        LegError::Lost(_) | LegError::Unexpected => {
            Failure::new(Exit::NoConnection, error.to_string()).into()
        }
    }
}

impl Relay for Leg {
    type Body = Chain<std::io::Cursor<Bytes>, quinn::RecvStream>;

    async fn ask(&mut self, question: Kind) -> anyhow::Result<Kind> {
        match self.request(question).await {
            Err(LegError::Refused(refused)) => Ok(Kind::Refused(refused)),
            answered => answered.map_err(unanswered),
        }
    }

    async fn hand_in(&mut self, question: Kind, content: Bytes) -> anyhow::Result<Kind> {
        match Leg::hand_in(self, question, content).await {
            Err(LegError::Refused(refused)) => Ok(Kind::Refused(refused)),
            answered => answered.map_err(unanswered),
        }
    }

    async fn fetch(&mut self, question: Kind) -> anyhow::Result<(Kind, Self::Body)> {
        let asked = async {
            let mut signals = self.open().await?;
            signals.send(question).await?;
            signals.sender.finish();
            let answer = signals.receive().await?;
            Ok((answer, signals.receiver.into_raw()))
        };
        let (answer, (first, rest)) = asked.await.map_err(unanswered)?;
        Ok((answer, std::io::Cursor::new(first).chain(rest)))
    }

    async fn bye(self) {
        self.close(CloseCode::Done).await;
    }
}

#[cfg(test)]
#[path = "leg_tests.rs"]
mod tests;
