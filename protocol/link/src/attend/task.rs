//! The task that attends a session: one loop over what the relay says and what the end asks for.

use bytes::Bytes;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{Closed, EndSession, signal::Kind};
use deskside_protocol::witness::Witness;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::{AttendError, Attendee, Given, News, RECEIPT_TIMEOUT};
use crate::leg::Signals;

/// What the handle asks for.
pub(super) enum Command {
    Seal { line: u16, age: Vec<u8>, done: oneshot::Sender<Result<(), AttendError>> },
    End(Reason),
    Moved,
}

/// A seal whose receipt is awaited.
struct Sealing {
    done: oneshot::Sender<Result<(), AttendError>>,
    until: Instant,
}

pub(super) struct Task {
    signals: Signals,
    witness: Witness,
    sealing: Option<Sealing>,
    given: Given,
}

impl Task {
    pub(super) fn new(signals: Signals, attendee: &Attendee, given: Given) -> Self {
        let key = attendee.session_key.clone();
        let witness = Witness::new(attendee.end, key, attendee.node, attendee.binding);
        Self { signals, witness, sealing: None, given }
    }

    /// Attends until the session is over, and says so last.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        news: mpsc::Sender<News>,
    ) {
        let closed = self.attend(&mut commands, &news).await;
        if news.send(News::Closed(closed)).await.is_err() {
            tracing::trace!("nobody waits for the session's end any more");
        }
    }

    async fn attend(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        news: &mpsc::Sender<News>,
    ) -> Result<Closed, AttendError> {
        loop {
            let told = tokio::select! {
                said = self.signals.receive() => {
                    let said = said?;
                    if let Kind::Closed(closed) = said {
                        return Ok(closed);
                    }
                    self.heard(said).await?
                }
                command = commands.recv() => match command {
                    Some(command) => {
                        self.told(command).await?;
                        None
                    }
                    None => return Err(AttendError::Over),
                },
                () = slow(self.sealing.as_ref()) => {
                    self.sealed(Err(AttendError::TimedOut));
                    None
                }
            };
            if let Some(told) = told {
                news.send(told).await.map_err(|_| AttendError::Over)?;
            }
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn heard(&mut self, said: Kind) -> Result<Option<News>, AttendError> {
        match said {
            Kind::Receipt(receipt) => {
                let checked = self.witness.receipt(&receipt).map_err(AttendError::from);
                self.sealed(checked);
            }
            Kind::Checkpoint(checkpoint) => {
                let signed = self.witness.checkpoint(&checkpoint.note)?;
                self.signals.send(Kind::EndSignature(signed)).await?;
            }
            Kind::CloseProposal(proposal) => {
                let signed = self.witness.close(&proposal)?;
                self.signals.send(Kind::CloseSignature(signed)).await?;
            }
            Kind::Peer(peer) => {
                return Ok(Some(if peer.present { News::PeerBack } else { News::PeerAway }));
            }
            Kind::Unrecorded(_) => return Ok(Some(News::Unrecorded)),
            Kind::Session(session) => {
                let given = Given::read(&session)?;
                if given.session != self.given.session {
                    return Err(AttendError::Unexpected);
                }
                self.given = given;
                return Ok(Some(News::Line(given)));
            }
            _ => return Err(AttendError::Unexpected),
        }
        Ok(None)
    }

    async fn told(&mut self, command: Command) -> Result<(), AttendError> {
        match command {
            Command::Seal { line, age, done } => {
                let seal = self.witness.seal(line, Bytes::from(age));
                self.sealing = Some(Sealing { done, until: Instant::now() + RECEIPT_TIMEOUT });
                self.signals.send(Kind::Seal(seal)).await?;
            }
            Command::End(reason) => {
                self.signals.send(Kind::EndSession(EndSession { reason: reason as i32 })).await?;
            }
            // Something to be answered: the relay sees where it came from.
            Command::Moved => self.signals.nudge().await?,
        }
        Ok(())
    }

    /// Tells whoever waits for the receipt.
    fn sealed(&mut self, result: Result<(), AttendError>) {
        let Some(Sealing { done, .. }) = self.sealing.take() else { return };
        if done.send(result).is_err() {
            tracing::debug!("nobody waits for the receipt any more");
        }
    }
}

async fn slow(sealing: Option<&Sealing>) {
    match sealing {
        Some(sealing) => sleep_until(sealing.until).await,
        None => std::future::pending().await,
    }
}
