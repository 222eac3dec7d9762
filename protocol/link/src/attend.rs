//! An end's side of a session on its leg: the seal goes up, the receipt comes back, checkpoints and
//! the closing are witnessed. Both ends attend in the same way.

use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::key::PublicKey;
use deskside_protocol::label::Label;
use deskside_protocol::pairing::Paired;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{Closed, EndSession, Session, signal::Kind};
use deskside_protocol::witness::{Witness, WitnessError};
use thiserror::Error;

use crate::leg::{LegError, Signals};

/// The relay has this long to put a seal on its disk.
pub const RECEIPT_TIMEOUT: Duration = Duration::from_secs(15);
/// The relay has this long to close a session that an end has ended.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a session's signals ended.
#[derive(Debug, Error)]
pub enum AttendError {
    /// The leg was lost, or the relay refused.
    #[error(transparent)]
    Leg(#[from] LegError),
    /// The relay gave what must not be signed.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The relay took too long.
    #[error("the relay took too long")]
    TimedOut,
    /// The relay said what does not belong here.
    #[error("the relay did not answer as expected: upgrade the older program")]
    Unexpected,
}

/// What the relay gave an end for a session.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// The session.
    pub session: SessionId,
    /// Packets to us carry it.
    pub own: Label,
    /// Packets to the other end carry it.
    pub peer: Label,
    /// Whether the relay records.
    pub recorded: bool,
    /// Number of the line in the recording.
    pub line: u16,
}

impl Given {
    /// Reads the relay's signal.
    ///
    /// # Errors
    /// [`AttendError::Unexpected`] where something in it has not its shape.
    pub fn read(signal: &Session) -> Result<Self, AttendError> {
        let read = || {
            Some(Self {
                session: SessionId::try_from(signal.session.as_ref()).ok()?,
                own: Label::from_bytes(&signal.own_label)?,
                peer: Label::from_bytes(&signal.peer_label)?,
                recorded: signal.recorded,
                line: u16::try_from(signal.line).ok()?,
            })
        };
        read().ok_or(AttendError::Unexpected)
    }
}

/// A session's signals from its beginning to its closing.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Attendance {
    signals: Signals,
    witness: Witness,
    line: u16,
}

impl Attendance {
    /// Attends the session that `paired` led to.
    #[must_use]
    pub fn new(signals: Signals, end: End, node: PublicKey, paired: &Paired, given: Given) -> Self {
        let binding = Binding { session: given.session, transcript: paired.transcript_hash };
        let witness = Witness::new(end, paired.session_key.clone(), node, binding);
        Self { signals, witness, line: given.line }
    }

    /// Hands over our age file of the line's secrets and waits for the node's receipt. Before it
    /// there is no application data.
    ///
    /// # Errors
    /// [`AttendError`].
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    pub async fn seal(&mut self, age: Vec<u8>) -> Result<(), AttendError> {
        let seal = self.witness.seal(self.line, Bytes::from(age));
        self.signals.send(Kind::Seal(seal)).await?;
        let received = tokio::time::timeout(RECEIPT_TIMEOUT, self.signals.receive()).await;
        match received.map_err(|_| AttendError::TimedOut)?? {
            Kind::Receipt(receipt) => Ok(self.witness.receipt(&receipt)?),
            _ => Err(AttendError::Unexpected),
        }
    }

    /// Witnesses what the relay signs until the session is closed. May be cancelled and called
    /// again between two signals.
    ///
    /// # Errors
    /// [`AttendError`].
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    pub async fn closed(&mut self) -> Result<Closed, AttendError> {
        loop {
            match self.signals.receive().await? {
                Kind::Checkpoint(checkpoint) => {
                    let signed = self.witness.checkpoint(&checkpoint.note)?;
                    self.signals.send(Kind::EndSignature(signed)).await?;
                }
                Kind::CloseProposal(proposal) => {
                    let signed = self.witness.close(&proposal)?;
                    self.signals.send(Kind::CloseSignature(signed)).await?;
                }
                Kind::Closed(closed) => return Ok(closed),
                // The other end's leg was lost or is back: nothing to sign.
                Kind::Peer(_) => {}
                _ => return Err(AttendError::Unexpected),
            }
        }
    }

    /// Ends the session and waits for its closing.
    ///
    /// # Errors
    /// [`AttendError`].
    pub async fn end(&mut self, reason: Reason) -> Result<Closed, AttendError> {
        self.signals.send(Kind::EndSession(EndSession { reason: reason as i32 })).await?;
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, self.closed()).await;
        closed.map_err(|_| AttendError::TimedOut)?
    }
}
