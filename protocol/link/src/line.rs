//! The end-to-end line: TLS by the two confirmed session keys, its four secrets taken, its streams
//! opened by channel.

use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::act::{self, ActKey};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::mask::{self, MaskKey};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::wire::message::Opening;
use prost::Message;
use quinn::{Connection, ConnectionError, Endpoint};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::beside::Beside;
use crate::bodies::{Bodies, FilesLine};
use crate::ledger::Ledger;
use crate::making::{self, Kind, Made, own};
use crate::opening::{self, Unopened};
use crate::socket::Lines;
use crate::stream::{Receiver, Sender, StreamError};

/// A line that has not come about by then will not.
pub const LINE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there is no line.
#[derive(Debug, Error)]
pub enum LineError {
    /// The other end did not come, or not with the confirmed key.
    #[error("the other side did not connect in time")]
    TimedOut,
    /// The handshake failed.
    #[error("the encrypted connection could not be made")]
    Handshake(#[from] ConnectionError),
    /// Our own side.
    #[error("the encrypted connection could not be set up: {0}")]
    Own(String),
}

/// What both ends know of a line before it exists.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Plan<'a> {
    /// Packets to us carry it.
    pub own: Label,
    /// Packets to the other end carry it.
    pub peer: Label,
    /// Our key for this session.
    pub key: &'a SigningKey,
    /// The only key that is accepted.
    pub peer_key: PublicKey,
}

/// A line that stands.
#[allow(missing_debug_implementations, reason = "holds secrets")]
pub struct Line {
    connection: Connection,
    endpoint: Endpoint,
    secrets: LineSecrets,
    act_key: ActKey,
    /// `None` where nothing is recorded.
    ledger: Option<Ledger>,
    /// `None` where bodies go with everything else.
    bodies: Option<Bodies>,
}

/// Both halves of a stream on a line, and its number.
#[derive(Debug)]
pub struct Stream<Out, In> {
    /// What class of traffic it carries.
    pub channel: Channel,
    /// Its number on the line, which acting messages are bound to.
    pub id: u64,
    /// Towards the other end.
    pub sender: Sender<Out>,
    /// From the other end.
    pub receiver: Receiver<In>,
}

/// The agent's side, ready before the technician dials.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
}

impl Listener {
    /// Takes packets that carry our label from here on.
    ///
    /// # Errors
    /// [`LineError::Own`].
    pub fn bind(lines: &Lines, own: Label) -> Result<Self, LineError> {
        Ok(Self { endpoint: making::endpoint(lines, own)? })
    }

    /// Waits for the one peer whose key was confirmed; others fail and are forgotten.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn accept(self, plan: &Plan<'_>) -> Result<Line, LineError> {
        self.accept_within(LINE_TIMEOUT, plan).await
    }

    /// As [`Listener::accept`], for a peer who has so much time: he may have to come back first.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn accept_within(self, time: Duration, plan: &Plan<'_>) -> Result<Line, LineError> {
        Line::new(self.of_kind(Kind::Main, time, plan).await?)
    }

    /// As [`Listener::accept_within`], for a files line.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn accept_files(
        self,
        time: Duration,
        plan: &Plan<'_>,
    ) -> Result<FilesLine, LineError> {
        let Made { connection, endpoint, .. } = self.of_kind(Kind::Files, time, plan).await?;
        Ok(FilesLine::new(connection, endpoint))
    }

    async fn of_kind(self, kind: Kind, time: Duration, plan: &Plan<'_>) -> Result<Made, LineError> {
        let accept = making::accept(self.endpoint, kind, plan);
        tokio::time::timeout(time, accept).await.map_err(|_| LineError::TimedOut)?
    }
}

/// Dials the agent through the relay.
///
/// # Errors
/// [`LineError`].
pub async fn dial(lines: &Lines, plan: &Plan<'_>) -> Result<Line, LineError> {
    Line::new(making::dial(lines, Kind::Main, plan).await?)
}

/// As [`dial`], for a files line.
///
/// # Errors
/// [`LineError`].
pub async fn dial_files(lines: &Lines, plan: &Plan<'_>) -> Result<FilesLine, LineError> {
    let Made { connection, endpoint, .. } = making::dial(lines, Kind::Files, plan).await?;
    Ok(FilesLine::new(connection, endpoint))
}

impl Line {
    fn new(made: Made) -> Result<Self, LineError> {
        let Made { connection, endpoint, capture } = made;
        let secrets = capture.take().ok_or_else(|| own("the line's secrets could not be taken"))?;
        let mut key = Zeroizing::new([0; act::KEY]);
        connection
            .export_keying_material(key.as_mut(), act::EXPORTER_LABEL, b"")
            .map_err(|_| own("the line's exporter gave no key"))?;
        let mut mask = Zeroizing::new([0; mask::KEY]);
        connection
            .export_keying_material(mask.as_mut(), mask::EXPORTER_LABEL, b"")
            .map_err(|_| own("the line's exporter gave no key"))?;
        let act_key = ActKey::new(key).with_mask(MaskKey::new(mask));
        Ok(Self { connection, endpoint, secrets, act_key, ledger: None, bodies: None })
    }

    /// The same line, with all that goes over it counted from here on: to be asked of a line that is
    /// recorded, before its first stream.
    #[must_use]
    pub fn counted(self) -> Self {
        let ledger = Ledger::new(self.connection.clone(), self.secrets.sha256());
        Self { ledger: Some(ledger), ..self }
    }

    /// The same line, where the policy is `hash-only`: bodies of files go over a files line beside
    /// it.
    #[must_use]
    pub fn hash_only(self) -> Self {
        Self { bodies: Some(Bodies::new()), ..self }
    }

    /// The bodies that go over a files line; `None` where they go over this one.
    #[must_use]
    pub const fn bodies(&self) -> Option<&Bodies> {
        self.bodies.as_ref()
    }

    /// What went over it so far, where that is counted.
    #[must_use]
    pub const fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// The four traffic secrets, to be sealed for the auditors.
    #[must_use]
    pub fn secrets(&self) -> &LineSecrets {
        &self.secrets
    }

    /// The key of acting messages on this line.
    #[must_use]
    pub fn act_key(&self) -> &ActKey {
        &self.act_key
    }

    /// Opens a stream for `channel`.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn open<Out: Message, In: Message + Default>(
        &self,
        channel: Channel,
    ) -> Result<Stream<Out, In>, StreamError> {
        let lost = |error| StreamError::from(quinn::WriteError::ConnectionLost(error));
        let (send, receive) = self.connection.open_bi().await.map_err(lost)?;
        let ledger = self.ledger.as_ref();
        let (mut sender, receiver) = opening::halves::<Opening, In>(ledger, send, receive);
        sender.prioritise(channel);
        let id = sender.id();
        opening::quieten(ledger, channel, id);
        sender.send(&Opening { channel: channel.to_wire() as i32 }).await?;
        Ok(Stream { channel, id, sender: sender.retyped(), receiver })
    }

    /// Waits for the next stream that the other end opens. Its channel is still to be read, so that
    /// a slow stream does not hold up the next one.
    ///
    /// # Errors
    /// [`ConnectionError`] once the line is gone.
    pub async fn accept(&self) -> Result<Unopened, ConnectionError> {
        let (send, receive) = self.connection.accept_bi().await?;
        Ok(Unopened::new(self.ledger.as_ref(), send, receive))
    }

    /// What else the line carries beside its streams in both directions.
    #[must_use]
    pub fn beside(&self) -> Beside {
        Beside::counted(self.connection.clone(), self.ledger.clone())
    }

    /// Sends a datagram that may be lost: something to be acknowledged after a gap.
    pub fn nudge(&self) {
        if let Err(error) = self.connection.send_datagram(Bytes::new()) {
            tracing::trace!(%error, "no datagram was sent");
        }
    }

    /// Waits until the line is gone.
    pub async fn lost(&self) -> ConnectionError {
        self.connection.closed().await
    }

    /// The round-trip time as QUIC estimates it.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.connection.rtt()
    }

    /// Closes the line; the other end learns the code.
    pub fn close(&self, code: CloseCode) {
        self.connection.close(code.number().into(), b"");
    }

    /// Waits until the other end was told of the closing, for three round trips at most.
    pub async fn drained(&self) {
        self.endpoint.wait_idle().await;
    }
}

/// The code by which the other end closed; `None` where it did not or this version does not know
/// the code.
#[must_use]
pub fn close_code(error: &ConnectionError) -> Option<CloseCode> {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            CloseCode::from_number(close.error_code.into_inner())
        }
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => None,
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
pub(crate) mod tests;
