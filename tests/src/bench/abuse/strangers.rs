//! Ends that behave badly from addresses of their own: they open codes for nobody, guess
//! nameplates, and send what is no signal. Each goes on until it is told to stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use deskside_link::random::System;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::{cid, tls, transport};
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::key::SigningKey;
use deskside_protocol::random::{self, Random as _};
use deskside_protocol::wire::signal::{Hello, Join, Open, Signal, signal::Kind};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, Endpoint};
use tokio_util::sync::CancellationToken;

/// The name in the TLS greeting of a leg.
pub(super) const NAME: &str = "deskside";
/// Each pauses so long between two tries: 1,000 of them make 200 a second, which is what their share of
/// two processors lasts for.
const PAUSE: Duration = Duration::from_secs(5);

/// What an end does again and again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    Codes,
    Joins,
    Garbage,
}

impl Manner {
    pub(super) const ALL: [Self; 3] = [Self::Codes, Self::Joins, Self::Garbage];
}

/// How often strangers did something, and how often the relay said no.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) tries: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) legs: AtomicU64,
}

/// QUIC settings of an end that takes any relay.
pub(super) fn client() -> anyhow::Result<quinn::ClientConfig> {
    let key = SigningKey::generate(&mut System::new());
    let config = tls::dialling(Arc::new(tls::KeyVerifier::any()), &key, tls::LEG_ALPN)?;
    let crypto = QuicClientConfig::try_from(config).context("make TLS settings")?;
    let mut client = quinn::ClientConfig::new(Arc::new(crypto));
    client.transport_config(transport::leg_at_end()).initial_dst_cid_provider(cid::dialled_leg());
    Ok(client)
}

/// A stranger at an address.
pub(super) struct Stranger {
    pub(super) from: Ipv4Addr,
    pub(super) manner: Manner,
    pub(super) relay: SocketAddr,
    pub(super) tally: Arc<Tally>,
}

impl Stranger {
    /// Goes on until `stop`; a leg that is refused or closed is dialled again.
    pub(super) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let config = cid::leg_endpoint(None);
        let socket = std::net::UdpSocket::bind((self.from, 0)).context("bind a stranger")?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = Endpoint::new(config, None, socket, runtime).context("make a stranger")?;
        let client = client()?;
        let work = async {
            loop {
                let connecting = endpoint.connect_with(client.clone(), self.relay, NAME);
                match connecting.context("dial as a stranger")?.await {
                    Ok(connection) => {
                        self.tally.legs.fetch_add(1, Ordering::Relaxed);
                        self.misbehave(&connection).await;
                    }
                    Err(_refused) => {
                        self.tally.refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = stop.cancelled() => Ok(()),
        }
    }

    /// One try after the other on a leg, until it is gone.
    async fn misbehave(&self, connection: &Connection) {
        while connection.close_reason().is_none() {
            self.tally.tries.fetch_add(1, Ordering::Relaxed);
            if self.attempt(connection).await.is_none() {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// `None` where the relay did not do what was asked.
    async fn attempt(&self, connection: &Connection) -> Option<()> {
        let (mut send, receive) = connection.open_bi().await.ok()?;
        let request = match self.manner {
            Manner::Codes => Kind::Open(Open {}),
            Manner::Joins => {
                let plate = random::below(&mut System::new(), 100_000);
                Kind::Join(Join { nameplate: format!("{plate:05}"), ticket: "1001".to_owned() })
            }
            Manner::Garbage => {
                let mut bytes = [0; 700];
                System::new().fill(&mut bytes);
                send.write_all(&bytes).await.ok()?;
                return None;
            }
        };
        let mut send = Sender::new(send, MAX_SIGNAL);
        let mut receive = Receiver::<Signal>::new(receive, MAX_SIGNAL);
        let hello = Hello { version: 1, software: "stranger/0".to_owned() };
        send.send(&Signal { kind: Some(Kind::Hello(hello)) }).await.ok()?;
        receive.receive().await.ok()??;
        send.send(&Signal { kind: Some(request) }).await.ok()?;
        match receive.receive().await.ok()?? {
            Signal { kind: Some(Kind::Opened(_)) } => Some(()),
            _ => None,
        }
    }
}
