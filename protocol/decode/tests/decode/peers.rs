//! The two ends of a line: real quinn, with the settings of lines but a suite of one's choice.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use deskside_decode::Suite;
use deskside_link::cid;
use deskside_link::random::System;
use deskside_link::tls::{self, KeyVerifier};
use deskside_protocol::key::SigningKey;
use deskside_protocol::label::Label;
use deskside_protocol::seal::{LABELS, LineSecrets};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite;
use zeroize::Zeroizing;

use crate::forwarder::{Forwarder, Way};
use crate::tape::Tape;

/// A line that stands.
pub(crate) struct Pair {
    pub(crate) technician: Connection,
    pub(crate) agent: Connection,
    pub(crate) secrets: LineSecrets,
    pub(crate) technician_endpoint: Endpoint,
    agent_endpoint: Endpoint,
    forwarder: Forwarder,
}

impl Pair {
    /// A line through a forwarder that goes on with `tape`.
    pub(crate) async fn connect(suite: Suite, line: u16, way: Way, tape: Arc<Mutex<Tape>>) -> Self {
        let [technician, agent] = [(), ()].map(|()| SigningKey::generate(&mut System::new()));
        let labels = [(), ()].map(|()| Label::random(&mut System::new()));
        let log = Arc::new(Log::default());
        let agent_endpoint = endpoint(labels[1], Some(server(suite, &agent, &technician)));
        let address = agent_endpoint.local_addr().unwrap();
        let forwarder = Forwarder::start(address, line, way, tape).await;
        let technician_endpoint = endpoint(labels[0], None);
        let config = client(suite, &technician, &agent, labels[1], log.clone());
        let connecting =
            technician_endpoint.connect_with(config, forwarder.address, "deskside").unwrap();
        let accepting = async { agent_endpoint.accept().await.unwrap().await };
        let (technician, agent) = tokio::try_join!(connecting, accepting).unwrap();
        let secrets = log.0.lock().unwrap().clone().unwrap();
        Self { technician, agent, secrets, technician_endpoint, agent_endpoint, forwarder }
    }

    /// Closes the line from the technician's side and gives what was recorded up to then.
    pub(crate) async fn close(self) -> Arc<Mutex<Tape>> {
        // An end says that it closes the line and listens no more.
        self.forwarder.calm();
        self.technician.close(7_u32.into(), b"bye");
        self.technician_endpoint.wait_idle().await;
        self.agent.closed().await;
        self.agent_endpoint.wait_idle().await;
        self.forwarder.tape.clone()
    }

    /// Both ends have said something and had it acknowledged: so has everything before.
    pub(crate) async fn settle(&self) {
        for (one, other) in [(&self.technician, &self.agent), (&self.agent, &self.technician)] {
            let mut send = one.open_uni().await.unwrap();
            send.write_all(b"settled").await.unwrap();
            send.finish().unwrap();
            let mut receive = other.accept_uni().await.unwrap();
            assert_eq!(receive.read_to_end(64).await.unwrap(), b"settled");
            send.stopped().await.unwrap();
        }
    }
}

/// The four secrets of a handshake, and nothing else.
#[derive(Default)]
struct Log(Mutex<Option<LineSecrets>>);

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Log")
    }
}

impl rustls::KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut held = self.0.lock().unwrap();
        let held = held.get_or_insert_with(|| LineSecrets {
            client_random: client_random.try_into().unwrap(),
            secrets: std::array::from_fn(|_| Zeroizing::new(Vec::new())),
        });
        for (known, slot) in LABELS.iter().zip(&mut held.secrets) {
            if *known == label {
                *slot = Zeroizing::new(secret.to_vec());
            }
        }
    }
}

fn endpoint(own: Label, server: Option<quinn::ServerConfig>) -> Endpoint {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = std::net::UdpSocket::bind(any).unwrap();
    Endpoint::new(cid::line_endpoint(own), server, socket, Arc::new(quinn::TokioRuntime)).unwrap()
}

fn provider(suite: Suite) -> Arc<CryptoProvider> {
    let wanted = match suite {
        Suite::Aes128Gcm => cipher_suite::TLS13_AES_128_GCM_SHA256,
        Suite::Aes256Gcm => cipher_suite::TLS13_AES_256_GCM_SHA384,
        Suite::ChaCha20Poly1305 => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    };
    let mut provider = CryptoProvider::clone(&tls::provider());
    // Initial packets need AES-128-GCM to be in the list.
    provider.cipher_suites = vec![wanted, cipher_suite::TLS13_AES_128_GCM_SHA256];
    Arc::new(provider)
}

fn server(suite: Suite, own: &SigningKey, peer: &SigningKey) -> quinn::ServerConfig {
    let resolver =
        rustls::server::AlwaysResolvesServerRawPublicKeys::new(tls::certified(own).unwrap());
    let verifier = Arc::new(KeyVerifier::pinned(peer.public()));
    let mut config = rustls::ServerConfig::builder_with_provider(provider(suite))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![tls::LINE_ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    let crypto = QuicServerConfig::try_from(config).unwrap();
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(line());
    config
}

fn client(
    suite: Suite,
    own: &SigningKey,
    peer: &SigningKey,
    label: Label,
    log: Arc<Log>,
) -> quinn::ClientConfig {
    let resolver =
        rustls::client::AlwaysResolvesClientRawPublicKeys::new(tls::certified(own).unwrap());
    let verifier = Arc::new(KeyVerifier::pinned(peer.public()));
    let mut config = rustls::ClientConfig::builder_with_provider(provider(suite))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![tls::LINE_ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    config.key_log = log;
    let crypto = QuicClientConfig::try_from(config).unwrap();
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(line());
    config.initial_dst_cid_provider(cid::dialled_line(label));
    config
}

/// As quinn has it, with more frames than lines send today (ACK_FREQUENCY, IMMEDIATE_ACK) and room
/// for all datagrams of a test.
fn line() -> Arc<quinn::TransportConfig> {
    let mut config = quinn::TransportConfig::default();
    config
        .ack_frequency_config(Some(quinn::AckFrequencyConfig::default()))
        .datagram_send_buffer_size(1024 * 1024)
        .datagram_receive_buffer_size(Some(4 * 1024 * 1024));
    Arc::new(config)
}
