//! A leg against a real QUIC endpoint on loopback: the relay is its key.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use deskside_link::leg::{DialError, Leg};
use deskside_link::random::System;
use deskside_link::tls::{self, KeyVerifier};
use deskside_link::{cid, transport};
use deskside_protocol::close::CloseCode;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use quinn::crypto::rustls::QuicServerConfig;

fn relay(key: &SigningKey, alpn: &[u8]) -> quinn::Endpoint {
    let tls = tls::accepting(KeyVerifier::any(), key, alpn).unwrap();
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    server.transport_config(transport::leg_at_relay());
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let runtime = Arc::new(quinn::TokioRuntime);
    quinn::Endpoint::new(cid::leg_endpoint(None), Some(server), socket, runtime).unwrap()
}

fn link(endpoint: &quinn::Endpoint, node: &SigningKey) -> JoinLink {
    let address = endpoint.local_addr().unwrap();
    JoinLink {
        host: address.ip().to_string(),
        port: address.port(),
        organisation: node.public(),
        node: node.public(),
        webpki: false,
    }
}

#[tokio::test]
async fn the_relay_of_the_link_is_reached_and_sees_our_key() {
    let (node, ours) =
        (SigningKey::generate(&mut System::new()), SigningKey::generate(&mut System::new()));
    let endpoint = relay(&node, tls::LEG_ALPN);
    let link = link(&endpoint, &node);
    let (leg, connection) = tokio::join!(Leg::dial(&link, &ours, "test"), async {
        endpoint.accept().await.unwrap().await.unwrap()
    });
    assert_eq!(tls::peer_key(&connection), Some(ours.public()));
    leg.unwrap().close(CloseCode::Done).await;
    assert!(matches!(connection.closed().await, quinn::ConnectionError::ApplicationClosed(_)));
}

#[tokio::test]
async fn another_key_at_the_same_address_is_not_the_relay() {
    let (node, other) =
        (SigningKey::generate(&mut System::new()), SigningKey::generate(&mut System::new()));
    let endpoint = relay(&other, tls::LEG_ALPN);
    let link = link(&endpoint, &node);
    let (leg, _) = tokio::join!(Leg::dial(&link, &other, "test"), async {
        endpoint.accept().await.unwrap().await
    });
    assert!(matches!(leg, Err(DialError::WrongRelay { .. })), "{leg:?}");
}

#[tokio::test]
async fn a_relay_of_another_version_is_named_as_such() {
    let node = SigningKey::generate(&mut System::new());
    let endpoint = relay(&node, b"deskside-leg/2");
    let link = link(&endpoint, &node);
    let (leg, _) = tokio::join!(Leg::dial(&link, &node, "test"), async {
        endpoint.accept().await.unwrap().await
    });
    assert!(matches!(leg, Err(DialError::Version { .. })), "{leg:?}");
}
