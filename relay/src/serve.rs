//! A relay that runs: founds or opens the node, binds its sockets, and ends in order.
//!
//! A library function, so that a test starts a relay on port 0 in its own process.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::token::EnrolmentToken;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::archive::{Archive, SetupError};
use crate::http::Help;
use crate::limits::{Limits, Network, Phases};
use crate::log::{Book, Log, LogError};
use crate::metrics::Metrics;
use crate::node::{Lock, Node, NodeError, Places};
use crate::relay::{PublicCertificate, Relay};
use crate::store::StoreError;
use crate::{clock, http, leg, sign_in};
use deskside_link::random::System;

/// What a relay is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where legs and lines arrive.
    pub listen: SocketAddr,
    /// Where people find the help page and the programs, and health is asked for.
    pub http: SocketAddr,
    /// Where whoever runs the relay finds numbers, and lifts locks.
    pub admin: SocketAddr,
    /// Host and port for the join link, where they differ from what is bound; port 0 is the bound one.
    pub public: Option<(String, u16)>,
    /// Name of the organisation; only a first start looks at it.
    pub organisation: String,
    /// Where everything lies.
    pub places: Places,
    /// For legs that are verified by public authorities.
    pub certificate: Option<PublicCertificate>,
    /// Folder of the users' programs that the help page hands out.
    pub programs: Option<PathBuf>,
    /// Networks whose addresses have no limits: a company behind one address, a load test.
    pub unlimited: Vec<Network>,
    /// How long each phase of a leg may take.
    pub phases: Phases,
    /// Where people sign in, if they do.
    pub sign_in: Option<sign_in::Settings>,
}

/// Why a relay does not start, or stopped.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The data folder.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address is in use or not this machine's.
    #[error("cannot listen on {address}")]
    Bind {
        /// As wished.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The log of sessions.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The archive: not that it is away, which a relay does without.
    #[error(transparent)]
    Archive(#[from] SetupError),
    /// The certificate or key of the legs.
    #[error("the certificate for --tls-cert and --tls-key does not fit")]
    Tls(#[source] io::Error),
    /// The token of the admin address.
    #[error("the token for the admin address cannot be made")]
    Token(#[source] io::Error),
    /// A room of the relay failed while it ran.
    #[error("the relay's {room} failed")]
    Room {
        /// Which.
        room: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A room of the relay panicked.
    #[error("a room of the relay broke down")]
    Broken(#[from] JoinError),
}

/// A relay that serves until its token is cancelled.
#[allow(missing_debug_implementations, reason = "holds the first enrolment token")]
pub struct Running {
    /// Where legs and lines arrive, really bound.
    pub address: SocketAddr,
    /// Where the help page and health are, really bound.
    pub http: SocketAddr,
    /// Where numbers are, really bound.
    pub admin: SocketAddr,
    /// What agents and technicians are given.
    pub join: JoinLink,
    /// First start only: the first person's enrolment token.
    pub enroll: Option<Zeroizing<String>>,
    /// What the legs serve with; for tests.
    pub relay: Arc<Relay>,
    rooms: JoinSet<Result<(), ServeError>>,
    stop: CancellationToken,
    _lock: Lock,
}

/// Starts a relay: when this returns its sockets are bound and its links are true.
///
/// # Errors
/// [`ServeError`].
pub async fn start(settings: Settings, stop: CancellationToken) -> Result<Running, ServeError> {
    let lock = Lock::take(&settings.places.data)?;
    let archive = Archive::open(&settings.places)?;
    // Sockets first: a start that cannot bind founds nothing and gives out no token.
    let (socket, address) = bind_udp(settings.listen)?;
    let (http_listener, http) = bind_tcp(settings.http).await?;
    let (admin_listener, admin) = bind_tcp(settings.admin).await?;
    let started =
        Node::start(settings.places, &settings.organisation, clock::seconds(), &mut System::new())
            .await;
    let (node, secret) = started?;
    let webpki = settings.certificate.is_some();
    let (host, port) = settings.public.unwrap_or_else(|| (reachable(address.ip()).to_string(), 0));
    let port = if port == 0 { address.port() } else { port };
    node.set_address(&host, port, webpki).await?;
    let (organisation, key) = (node.organisation(), node.key().public());
    let join = JoinLink { host, port, organisation, node: key, webpki };
    let enroll = secret.map(|secret| EnrolmentToken { join: join.clone(), secret }.to_text());
    let token = http::token(&node.places().data).map_err(ServeError::Token)?;
    let (folder, node_key) = (node.places().log(), node.key().clone());
    let log = tokio::task::spawn_blocking(move || Log::open(&folder, &node_key)).await??;
    let relay = Arc::new(Relay {
        node,
        book: Book::new(log),
        archive,
        metrics: Metrics::new(),
        origin: join.origin(),
        certificate: settings.certificate,
        sign_in: settings.sign_in.map(sign_in::SignIn::new),
        phases: settings.phases,
        limits: Arc::new(Limits::new(settings.unlimited)),
        began: Instant::now(),
    });

    let server = leg::server(&relay).map_err(ServeError::Tls)?;
    let mut rooms = JoinSet::new();
    rooms.spawn(room("legs", leg::serve(socket, server, relay.clone(), stop.child_token())));
    let help = Help::new(relay.clone(), join.clone(), settings.programs);
    rooms.spawn(room("http", http::serve(http_listener, help, stop.child_token())));
    let admin_room = http::serve_admin(admin_listener, relay.clone(), token, stop.child_token());
    rooms.spawn(room("admin", admin_room));
    Ok(Running { address, http, admin, join, enroll, relay, rooms, stop, _lock: lock })
}

impl Running {
    /// Waits until the relay has ended: because its token was cancelled, which is in order, or
    /// because a room failed, which stops the others.
    ///
    /// # Errors
    /// The first [`ServeError`].
    pub async fn ended(mut self) -> Result<(), ServeError> {
        let mut first = Ok(());
        while let Some(done) = self.rooms.join_next().await {
            self.stop.cancel();
            let done = done.unwrap_or_else(|error| Err(error.into()));
            first = first.and(done);
        }
        self.relay.node.store().close().await;
        first
    }
}

async fn room(
    room: &'static str,
    task: impl Future<Output = io::Result<()>>,
) -> Result<(), ServeError> {
    task.await.map_err(|source| ServeError::Room { room, source })
}

fn bind_udp(address: SocketAddr) -> Result<(UdpSocket, SocketAddr), ServeError> {
    let bind = || {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        Ok((socket, bound))
    };
    bind().map_err(|source| ServeError::Bind { address, source })
}

async fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bind = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind.await.map_err(|source| ServeError::Bind { address, source })
}

/// The address for a link: the bound one, or where that is "any", the one that this machine would
/// speak from. No packet is sent: connecting a UDP socket only asks the routing table
/// (192.0.2.1 is nobody's, RFC 5737).
fn reachable(bound: IpAddr) -> IpAddr {
    if !bound.is_unspecified() {
        return bound;
    }
    let ask = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    };
    match ask() {
        Ok(address) if !address.ip().is_unspecified() => address.ip(),
        Ok(_) => Ipv4Addr::LOCALHOST.into(),
        Err(error) => {
            tracing::debug!(%error, "no route out of this machine; the link says 127.0.0.1");
            Ipv4Addr::LOCALHOST.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn settings(folder: &Path) -> Settings {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        Settings {
            listen: any,
            http: any,
            admin: any,
            public: None,
            organisation: "Example Help".to_owned(),
            places: Places::under(folder.join("relay")),
            certificate: None,
            programs: None,
            unlimited: Vec::new(),
            phases: Phases::default(),
            sign_in: None,
        }
    }

    #[tokio::test]
    async fn a_first_start_has_a_token_and_a_second_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let first = start(settings(folder.path()), stop.clone()).await.unwrap();
        assert_ne!(first.address.port(), 0);
        assert_eq!(first.join.origin(), first.address.to_string());
        let token: EnrolmentToken = first.enroll.as_ref().unwrap().parse().ok().unwrap();
        assert!(token.join == first.join);
        assert_eq!(first.relay.node.join_link().await.unwrap(), Some(first.join.clone()));
        let (organisation, node) = (first.join.organisation, first.join.node);
        stop.cancel();
        first.ended().await.unwrap();

        let stop = CancellationToken::new();
        let second = start(settings(folder.path()), stop.clone()).await.unwrap();
        assert!(second.enroll.is_none());
        assert_eq!((second.join.organisation, second.join.node), (organisation, node));
        stop.cancel();
        second.ended().await.unwrap();
    }

    #[tokio::test]
    async fn a_second_serve_on_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let first = start(settings(folder.path()), stop.clone()).await.unwrap();
        let error = start(settings(folder.path()), CancellationToken::new()).await.err().unwrap();
        assert!(error.to_string().starts_with("another relay is already running on this folder"));
        // Commands beside it are not.
        let beside = Node::open(Places::under(folder.path().join("relay"))).await.unwrap();
        assert_eq!(beside.organisation(), first.join.organisation);
        stop.cancel();
        first.ended().await.unwrap();
    }

    #[tokio::test]
    async fn a_start_that_cannot_bind_gives_out_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let busy = Settings { listen, ..settings(folder.path()) };
        let error = start(busy, CancellationToken::new()).await.err().unwrap();
        assert!(matches!(error, ServeError::Bind { .. }));
        let stop = CancellationToken::new();
        let first = start(settings(folder.path()), stop.clone()).await.unwrap();
        assert!(first.enroll.is_some());
        stop.cancel();
        first.ended().await.unwrap();
    }

    #[tokio::test]
    async fn without_the_authority_it_serves_on() {
        let folder = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let first = start(settings(folder.path()), stop.clone()).await.unwrap();
        stop.cancel();
        first.ended().await.unwrap();
        std::fs::remove_dir_all(folder.path().join("relay-authority")).unwrap();
        let stop = CancellationToken::new();
        let second = start(settings(folder.path()), stop.clone()).await.unwrap();
        assert!(!second.relay.node.authority().present());
        stop.cancel();
        second.ended().await.unwrap();
    }

    #[test]
    fn a_link_never_says_any_address() {
        assert!(!reachable(Ipv4Addr::UNSPECIFIED.into()).is_unspecified());
        assert_eq!(reachable(Ipv4Addr::LOCALHOST.into()), Ipv4Addr::LOCALHOST);
    }
}
