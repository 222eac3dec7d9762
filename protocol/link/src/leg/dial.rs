//! Dialling a relay: by the addresses of its name, recognised by the join link.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint};
use thiserror::Error;

use crate::random::System;
use crate::socket::Socket;
use crate::{cid, tls, transport};

/// A relay that has not answered by then cannot be reached.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The name in the TLS greeting of a relay that is known by its key.
const PINNED_NAME: &str = "deskside";
/// TLS alert `no_application_protocol` (RFC 7301), as QUIC carries it (RFC 9001 section 4.8).
const NO_COMMON_PROTOCOL: u64 = 0x100 + 120;

/// QUIC's CONNECTION_REFUSED (RFC 9000 section 20.1).
const CONNECTION_REFUSED: u64 = 2;

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
    /// The relay takes no more legs, or no more from here.
    #[error("the relay at {origin} is busy: try again in a minute")]
    Busy {
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

/// Where an end dials from: its socket, and the one endpoint of its legs there.
#[derive(Debug, Clone)]
pub(crate) struct Dialler {
    pub(crate) endpoint: Endpoint,
    pub(crate) socket: Arc<Socket>,
}

impl Dialler {
    /// A fresh socket that can send to `relay`.
    pub(crate) fn bind(relay: SocketAddr) -> io::Result<Self> {
        let socket = Socket::bind(relay)?;
        let (view, runtime) = (socket.view(None), Arc::new(quinn::TokioRuntime));
        let settings = cid::leg_endpoint(None);
        let endpoint = Endpoint::new_with_abstract_socket(settings, None, view, runtime)?;
        Ok(Self { endpoint, socket })
    }

    /// Dials one of the addresses of `link`, the one that is `turn` by a cyclic count.
    pub(crate) async fn dial(
        &self,
        link: &JoinLink,
        greeting: &Greeting,
        turn: usize,
    ) -> Result<Connection, DialError> {
        let addresses = resolve(link).await?;
        let turn = turn.checked_rem(addresses.len()).unwrap_or(0);
        let address = addresses.get(turn).copied();
        let address = address.ok_or_else(|| DialError::Unreachable { origin: link.origin() })?;
        self.attempt(link, address, greeting).await.map_err(|error| greeting.blame(error, link))
    }

    async fn attempt(
        &self,
        link: &JoinLink,
        address: SocketAddr,
        greeting: &Greeting,
    ) -> Result<Connection, Attempt> {
        self.socket.reach(address).map_err(Attempt::Own)?;
        let name = if link.webpki { link.host.as_str() } else { PINNED_NAME };
        let connecting = self
            .endpoint
            .connect_with(greeting.config.clone(), address, name)
            .map_err(|error| Attempt::Own(io::Error::other(error)))?;
        match tokio::time::timeout(DIAL_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(Attempt::Refused),
            Err(_elapsed) => Err(Attempt::Silent),
        }
    }
}

/// Dials one address of `link` after the other from fresh sockets.
pub(super) async fn first(
    link: &JoinLink,
    greeting: &Greeting,
) -> Result<(Dialler, Connection), DialError> {
    let mut unreachable = DialError::Unreachable { origin: link.origin() };
    for address in resolve(link).await? {
        let dialler = Dialler::bind(address)?;
        match dialler.attempt(link, address, greeting).await {
            Ok(connection) => return Ok((dialler, connection)),
            Err(error) => unreachable = greeting.blame(error, link),
        }
        if !matches!(unreachable, DialError::Unreachable { .. }) {
            break;
        }
    }
    Err(unreachable)
}

/// The addresses of the host in a join link.
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

/// How we greet a relay, and whether it turned out to be another one.
pub(crate) struct Greeting {
    config: quinn::ClientConfig,
    refused: Arc<AtomicBool>,
}

impl Greeting {
    /// As `key`, to the relay of `link` and nobody else.
    pub(crate) fn new(link: &JoinLink, key: &SigningKey) -> Result<Self, DialError> {
        if link.webpki {
            let tls = tls::dialling(tls::public_authorities()?, key, tls::LEG_ALPN)?;
            return Self::of(tls, Arc::default());
        }
        let verifier = tls::KeyVerifier::pinned(link.node);
        let refused = verifier.refused();
        Self::of(tls::dialling(Arc::new(verifier), key, tls::LEG_ALPN)?, refused)
    }

    /// As nobody, to whoever answers: to hear what he says of himself.
    pub(crate) fn stranger() -> Result<Self, DialError> {
        let nobody = SigningKey::generate(&mut System::new());
        let verifier = tls::KeyVerifier::any();
        let refused = verifier.refused();
        Self::of(tls::dialling(Arc::new(verifier), &nobody, tls::LEG_ALPN)?, refused)
    }

    fn of(tls: rustls::ClientConfig, refused: Arc<AtomicBool>) -> Result<Self, DialError> {
        let crypto = QuicClientConfig::try_from(tls)
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config
            .transport_config(transport::leg_at_end())
            .initial_dst_cid_provider(cid::dialled_leg());
        Ok(Self { config, refused })
    }

    fn blame(&self, attempt: Attempt, link: &JoinLink) -> DialError {
        let origin = link.origin();
        let error = match attempt {
            Attempt::Own(error) => return DialError::Own(error),
            Attempt::Silent => return DialError::Unreachable { origin },
            Attempt::Refused(_) if self.refused.load(Ordering::Relaxed) => {
                return DialError::WrongRelay { origin };
            }
            Attempt::Refused(error) => error,
        };
        match transport_code(&error) {
            Some(CONNECTION_REFUSED) => DialError::Busy { origin },
            Some(NO_COMMON_PROTOCOL) => DialError::Version { origin },
            // TLS failed otherwise: a certificate that no authority vouches for, or no raw key at
            // all.
            Some(0x100..=0x1ff) => DialError::WrongRelay { origin },
            _ if error == ConnectionError::VersionMismatch => DialError::Version { origin },
            _ => DialError::Unreachable { origin },
        }
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
