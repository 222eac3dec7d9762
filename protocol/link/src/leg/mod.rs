//! An end's leg: dialling a relay, recognising it by the join link, and asking it for things.

mod dial;
mod today;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskside_protocol::close::CloseCode;
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::reattach::{EXPORTER, EXPORTER_LABEL};
use deskside_protocol::wire::record::Rotation;
use deskside_protocol::wire::signal::{Hello, Refused, Signal, Welcome, refused, signal::Kind};
use quinn::{Connection, ConnectionError};
use thiserror::Error;
use zeroize::Zeroizing;

pub use dial::{DIAL_TIMEOUT, DialError};
pub(crate) use dial::{Dialler, Greeting};
pub(crate) use today::again;

use crate::socket::{Lines, canonical};
use crate::stream::{Receiver, Sender, StreamError};

/// Version of the signals on a leg.
pub const SIGNAL_VERSION: u32 = 1;

/// A stream on which the relay was greeted waits so long for its first use. The relay waits longer
/// for the first signal.
const SPARE: Duration = Duration::from_secs(2);

/// Why a relay gave no answer.
#[derive(Debug, Error)]
pub enum LegError {
    /// The relay said no, with a reason.
    #[error("{}", .0.text)]
    Refused(Refused),
    /// The connection was lost, or what came was no message.
    #[error("the connection to the relay was lost")]
    Lost(#[from] StreamError),
    /// The relay broke off or answered something else.
    #[error("the relay did not answer as expected: upgrade the older program")]
    Unexpected,
}

impl LegError {
    /// Why no stream came about. A relay that closes a leg because of a limit says so there, since
    /// it has heard no signal yet.
    fn opening(error: StreamError) -> Self {
        match error.connection() {
            Some(ConnectionError::ApplicationClosed(closed))
                if CloseCode::from_number(closed.error_code.into()) == Some(CloseCode::Busy) =>
            {
                let said = String::from_utf8_lossy(&closed.reason);
                let text = if said.is_empty() { CloseCode::Busy.sentence() } else { &said };
                let code = refused::Code::Busy as i32;
                Self::Refused(Refused { code, text: text.to_owned() })
            }
            _ => Self::Lost(error),
        }
    }
}

impl From<ConnectionError> for LegError {
    fn from(error: ConnectionError) -> Self {
        Self::opening(quinn::WriteError::ConnectionLost(error).into())
    }
}

/// A stream of signals, once the greetings were exchanged.
#[derive(Debug)]
pub struct Signals {
    /// What the relay said of itself.
    pub welcome: Welcome,
    /// Towards the relay.
    pub sender: Sender<Signal>,
    /// From the relay.
    pub receiver: Receiver<Signal>,
}

impl Signals {
    /// Sends one signal.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn send(&mut self, kind: Kind) -> Result<(), LegError> {
        Ok(self.sender.send(&Signal { kind: Some(kind) }).await?)
    }

    /// The next signal that this version knows.
    ///
    /// # Errors
    /// [`LegError`]; a refusal by the relay is one, and so is an end of the stream.
    pub async fn receive(&mut self) -> Result<Kind, LegError> {
        next_signal(&mut self.receiver).await
    }
}

/// The next signal that this version knows. Loses nothing when cancelled.
pub(crate) async fn next_signal(receiver: &mut Receiver<Signal>) -> Result<Kind, LegError> {
    loop {
        match receiver.receive().await? {
            Some(Signal { kind: Some(Kind::Refused(refused)) }) => {
                return Err(LegError::Refused(refused));
            }
            Some(Signal { kind: Some(kind) }) => return Ok(kind),
            // A kind of a newer version: skipped.
            Some(Signal { kind: None }) => {}
            None => return Err(LegError::Unexpected),
        }
    }
}

/// A stream on which the greetings were exchanged ahead of its use, and when.
type Spare = (Instant, Result<Signals, LegError>);

/// A connection to a relay whose identity was verified.
#[derive(Debug, Clone)]
pub struct Leg {
    link: JoinLink,
    organisations: Vec<Rotation>,
    connection: Connection,
    dialler: Dialler,
    software: String,
    spare: Arc<Mutex<Option<Spare>>>,
}

impl Leg {
    /// Dials the relay of `link`, showing `key` as our own. `software` names program and version. A
    /// relay that shows another node key is taken only where it proves that it is the same one; the
    /// leg's own [`link`](Self::link) then names the key of today.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn dial(
        link: &JoinLink,
        key: &SigningKey,
        software: &str,
    ) -> Result<Self, DialError> {
        let (link, (dialler, connection)) =
            match dial::first(link, &Greeting::new(link, key)?).await {
                Err(DialError::WrongRelay { origin }) => {
                    let moved = today::first(link, software).await;
                    let link = moved.ok_or(DialError::WrongRelay { origin })?;
                    let dialled = dial::first(&link, &Greeting::new(&link, key)?).await?;
                    (link, dialled)
                }
                dialled => (link.clone(), dialled?),
            };
        Ok(Self::new(link, connection, dialler, software))
    }

    /// As [`Self::dial`], and hears from the relay which keys it and its organisation have today:
    /// [`link`](Self::link) has both. The stream that this takes is the next one that is opened.
    ///
    /// # Errors
    /// [`DialError`], also where what the relay says of a key is not signed as it has to be.
    pub async fn meet(
        link: &JoinLink,
        key: &SigningKey,
        software: &str,
    ) -> Result<Self, DialError> {
        today::of(Self::dial(link, key, software).await?).await
    }

    pub(crate) fn new(
        link: JoinLink,
        connection: Connection,
        dialler: Dialler,
        software: &str,
    ) -> Self {
        let (software, spare) = (software.to_owned(), Arc::default());
        Self { link, organisations: Vec::new(), connection, dialler, software, spare }
    }

    /// The join link, with the keys that the relay has proved to have today.
    #[must_use]
    pub const fn link(&self) -> &JoinLink {
        &self.link
    }

    /// How the organisation came to its key of today, as the relay told when it was
    /// [met](Self::meet). Whoever keeps it can show that older keys were the organisation's too.
    #[must_use]
    pub fn organisations(&self) -> &[Rotation] {
        &self.organisations
    }

    /// Opens a stream and exchanges greetings.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn open(&self) -> Result<Signals, LegError> {
        let spare = self.spare().take();
        match spare {
            Some((since, signals)) if since.elapsed() < SPARE => signals,
            Some(_) | None => self.greet().await,
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<Spare>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn greet(&self) -> Result<Signals, LegError> {
        let (send, receive) = self.connection.open_bi().await?;
        let mut sender = Sender::new(send, MAX_SIGNAL);
        let mut receiver = Receiver::new(receive, MAX_SIGNAL);
        let hello = Hello { version: SIGNAL_VERSION, software: self.software.clone() };
        let hello = Signal { kind: Some(Kind::Hello(hello)) };
        sender.send(&hello).await.map_err(LegError::opening)?;
        match receiver.receive().await.map_err(LegError::opening)? {
            Some(Signal { kind: Some(Kind::Welcome(welcome)) }) => {
                Ok(Signals { welcome, sender, receiver })
            }
            Some(Signal { kind: Some(Kind::Refused(refused)) }) => Err(LegError::Refused(refused)),
            _ => Err(LegError::Unexpected),
        }
    }

    /// One request on a stream of its own, and its one answer.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn request(&self, kind: Kind) -> Result<Kind, LegError> {
        let mut signals = self.open().await?;
        signals.send(kind).await?;
        signals.sender.finish();
        signals.receive().await
    }

    /// As [`Leg::request`], with what `kind` announces behind it.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn hand_in(&self, kind: Kind, content: Bytes) -> Result<Kind, LegError> {
        let mut signals = self.open().await?;
        signals.send(kind).await?;
        // A relay that does not want it stops reading, and says why.
        if let Err(error) = signals.sender.send_raw(content).await {
            tracing::debug!(%error, "not all of it was taken");
        }
        signals.sender.finish();
        signals.receive().await
    }

    /// Waits until the connection is gone.
    pub async fn lost(&self) -> ConnectionError {
        self.connection.closed().await
    }

    /// Closes the leg in order and waits until the relay was told.
    pub async fn close(self, code: CloseCode) {
        let endpoint = &self.dialler.endpoint;
        endpoint.close(code.number().into(), b"");
        endpoint.wait_idle().await;
    }

    /// Where others are dialled from, beside this one.
    pub(crate) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// The relay's address on this leg.
    pub(crate) fn remote(&self) -> SocketAddr {
        canonical(self.connection.remote_address())
    }

    /// How many datagrams this leg has sent and received so far.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        let stats = self.connection.stats();
        (stats.udp_tx.datagrams, stats.udp_rx.datagrams)
    }

    /// 32 bytes that only the two ends of this very leg have (RFC 8446 section 7.5): what proves a
    /// session on one leg proves nothing on another.
    ///
    /// # Errors
    /// [`LegError::Unexpected`] before the handshake, so never here.
    pub fn exporter(&self) -> Result<Zeroizing<[u8; EXPORTER]>, LegError> {
        let mut key = Zeroizing::new([0; EXPORTER]);
        self.connection
            .export_keying_material(key.as_mut(), EXPORTER_LABEL, b"")
            .map_err(|_| LegError::Unexpected)?;
        Ok(key)
    }

    /// From which lines through this leg's relay are made.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines::new(self.dialler.socket.clone())
    }
}
