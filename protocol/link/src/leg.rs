//! An end's leg: dialling a relay, recognising it by the join link, and asking it for things.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deskside_protocol::close::CloseCode;
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::reattach::{EXPORTER, EXPORTER_LABEL};
use deskside_protocol::wire::signal::{Hello, Refused, Signal, Welcome, signal::Kind};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::socket::{Lines, Socket};
use crate::stream::{Receiver, Sender, StreamError};
use crate::{cid, tls, transport};

/// Version of the signals on a leg.
pub const SIGNAL_VERSION: u32 = 1;
/// A relay that has not answered by then cannot be reached.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The name in the TLS greeting of a relay that is known by its key.
const PINNED_NAME: &str = "deskside";
/// TLS alert `no_application_protocol` (RFC 7301), as QUIC carries it (RFC 9001 section 4.8).
const NO_COMMON_PROTOCOL: u64 = 0x100 + 120;

/// Why a relay could not be reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The host name has no address.
    #[error("the relay's name {origin} has no address: check the network and the join link")]
    Unknown {
        /// As in the join link.
        origin: String,
        /// The resolver's error, where it gave one.
        source: Option<io::Error>,
    },
    /// Nobody answers.
    #[error("the relay at {origin} does not answer: check that it runs, and that UDP gets through")]
    Unreachable {
        /// As in the join link.
        origin: String,
    },
    /// Somebody answers who is not the relay of the join link.
    #[error(
        "the computer at {origin} is not the relay of the join link: do not go on, and tell whoever runs the relay"
    )]
    WrongRelay {
        /// As in the join link.
        origin: String,
    },
    /// The relay speaks another version.
    #[error("the relay at {origin} speaks another version: upgrade the older program")]
    Version {
        /// As in the join link.
        origin: String,
    },
    /// Our own side: a socket or TLS setting that the system refuses.
    #[error("the connection could not be set up")]
    Own(#[from] io::Error),
    /// Our own side: TLS.
    #[error("the connection could not be set up")]
    Tls(#[from] rustls::Error),
}

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

impl From<ConnectionError> for LegError {
    fn from(error: ConnectionError) -> Self {
        Self::Lost(quinn::WriteError::ConnectionLost(error).into())
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

    /// Sends a signal without a kind, which means nothing: whoever is there acknowledges it.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn nudge(&mut self) -> Result<(), LegError> {
        Ok(self.sender.send(&Signal { kind: None }).await?)
    }

    /// The next signal that this version knows.
    ///
    /// # Errors
    /// [`LegError`]; a refusal by the relay is one, and so is an end of the stream.
    pub async fn receive(&mut self) -> Result<Kind, LegError> {
        loop {
            match self.receiver.receive().await? {
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
}

/// A connection to a relay whose identity was verified.
#[derive(Debug, Clone)]
pub struct Leg {
    connection: Connection,
    endpoint: Endpoint,
    socket: Arc<Socket>,
    software: String,
}

impl Leg {
    /// Dials the relay of `link`, showing `key` as our own. `software` names program and version.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn dial(
        link: &JoinLink,
        key: &SigningKey,
        software: &str,
    ) -> Result<Self, DialError> {
        let (tls, refused) = tls_for(link, key)?;
        let crypto = QuicClientConfig::try_from(tls)
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config
            .transport_config(transport::leg_at_end())
            .initial_dst_cid_provider(cid::dialled_leg());
        let mut unreachable = DialError::Unreachable { origin: link.origin() };
        for address in resolve(link).await? {
            match dial_one(link, address, &config, software).await {
                Ok(leg) => return Ok(leg),
                Err(error) => unreachable = blame(error, link, &refused),
            }
            if !matches!(unreachable, DialError::Unreachable { .. }) {
                break;
            }
        }
        Err(unreachable)
    }

    /// Opens a stream and exchanges greetings.
    ///
    /// # Errors
    /// [`LegError`].
    pub async fn open(&self) -> Result<Signals, LegError> {
        let (send, receive) = self.connection.open_bi().await?;
        let mut sender = Sender::new(send, MAX_SIGNAL);
        let mut receiver = Receiver::new(receive, MAX_SIGNAL);
        let hello = Hello { version: SIGNAL_VERSION, software: self.software.clone() };
        sender.send(&Signal { kind: Some(Kind::Hello(hello)) }).await?;
        match receiver.receive().await? {
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

    /// Waits until the connection is gone.
    pub async fn lost(&self) -> ConnectionError {
        self.connection.closed().await
    }

    /// Closes the leg in order and waits until the relay was told.
    pub async fn close(self, code: CloseCode) {
        self.connection.close(code.number().into(), b"");
        self.endpoint.wait_idle().await;
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
        Lines::new(self.socket.clone())
    }
}

type Refusal = Arc<AtomicBool>;

fn tls_for(
    link: &JoinLink,
    key: &SigningKey,
) -> Result<(rustls::ClientConfig, Refusal), DialError> {
    if link.webpki {
        let config = tls::dialling(tls::public_authorities()?, key, tls::LEG_ALPN)?;
        return Ok((config, Refusal::default()));
    }
    let verifier = tls::KeyVerifier::pinned(link.node);
    let refused = verifier.refused();
    Ok((tls::dialling(Arc::new(verifier), key, tls::LEG_ALPN)?, refused))
}

async fn resolve(link: &JoinLink) -> Result<Vec<SocketAddr>, DialError> {
    let unknown = |source| DialError::Unknown { origin: link.origin(), source };
    let found = tokio::net::lookup_host((link.host.as_str(), link.port)).await;
    let addresses: Vec<_> = found.map_err(|error| unknown(Some(error)))?.collect();
    if addresses.is_empty() { Err(unknown(None)) } else { Ok(addresses) }
}

/// What became of one address.
enum Attempt {
    Own(io::Error),
    Refused(ConnectionError),
    Silent,
}

async fn dial_one(
    link: &JoinLink,
    address: SocketAddr,
    config: &quinn::ClientConfig,
    software: &str,
) -> Result<Leg, Attempt> {
    let socket = Socket::bind(address).map_err(Attempt::Own)?;
    let runtime = Arc::new(quinn::TokioRuntime);
    let view = socket.view(None);
    let endpoint = Endpoint::new_with_abstract_socket(cid::leg_endpoint(None), None, view, runtime)
        .map_err(Attempt::Own)?;
    let name = if link.webpki { link.host.as_str() } else { PINNED_NAME };
    let connecting = endpoint
        .connect_with(config.clone(), address, name)
        .map_err(|error| Attempt::Own(io::Error::other(error)))?;
    match tokio::time::timeout(DIAL_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => {
            Ok(Leg { connection, endpoint, socket, software: software.to_owned() })
        }
        Ok(Err(error)) => Err(Attempt::Refused(error)),
        Err(_elapsed) => Err(Attempt::Silent),
    }
}

fn blame(attempt: Attempt, link: &JoinLink, refused: &Refusal) -> DialError {
    let origin = link.origin();
    let error = match attempt {
        Attempt::Own(error) => return DialError::Own(error),
        Attempt::Silent => return DialError::Unreachable { origin },
        Attempt::Refused(_) if refused.load(Ordering::Relaxed) => {
            return DialError::WrongRelay { origin };
        }
        Attempt::Refused(error) => error,
    };
    match transport_code(&error) {
        Some(NO_COMMON_PROTOCOL) => DialError::Version { origin },
        // TLS failed otherwise: a certificate that no authority vouches for, or no raw key at all.
        Some(0x100..=0x1ff) => DialError::WrongRelay { origin },
        _ if error == ConnectionError::VersionMismatch => DialError::Version { origin },
        _ => DialError::Unreachable { origin },
    }
}

/// The transport's error code, whichever side found the error.
fn transport_code(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::TransportError(ours) => Some(ours.code.into()),
        ConnectionError::ConnectionClosed(theirs) => Some(theirs.error_code.into()),
        ConnectionError::VersionMismatch
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => None,
    }
}
