//! A leg against a real QUIC endpoint on loopback: the relay is its key.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use deskside_link::leg::{DialError, Leg};
use deskside_link::random::System;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::tls::{self, KeyVerifier};
use deskside_link::{cid, transport};
use deskside_protocol::close::CloseCode;
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::wire::signal::{Signal, Welcome, signal::Kind};
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
        // Asked who it is, it has nothing to say.
        assert!(endpoint.accept().await.unwrap().await.is_err());
        let asked = endpoint.accept().await.unwrap().await.unwrap();
        asked.close(0_u32.into(), b"");
    });
    assert!(matches!(leg, Err(DialError::WrongRelay { .. })), "{leg:?}");
}

/// Greets on every stream with `welcome`, for ever. Gives the keys that were shown, in order.
async fn greet(endpoint: &quinn::Endpoint, welcome: &Welcome, shown: &Mutex<Vec<PublicKey>>) {
    while let Some(incoming) = endpoint.accept().await {
        let Ok(connection) = incoming.await else { continue };
        shown.lock().unwrap().push(tls::peer_key(&connection).unwrap());
        while let Ok((send, receive)) = connection.accept_bi().await {
            let mut sender = Sender::<Signal>::new(send, MAX_SIGNAL);
            let mut receiver = Receiver::<Signal>::new(receive, MAX_SIGNAL);
            receiver.receive().await.unwrap();
            let welcome = Signal { kind: Some(Kind::Welcome(welcome.clone())) };
            sender.send(&welcome).await.unwrap();
        }
    }
}

fn key() -> SigningKey {
    SigningKey::generate(&mut System::new())
}

#[tokio::test]
async fn a_relay_with_another_key_is_taken_where_it_proves_to_be_the_same() {
    let (old, new, authority, next, ours) = (key(), key(), key(), key(), key());
    let endpoint = relay(&new, tls::LEG_ALPN);
    let link = JoinLink { organisation: authority.public(), ..link(&endpoint, &old) };
    let today = JoinLink { organisation: next.public(), node: new.public(), ..link.clone() };
    let node = rotation::node(&old, &next, &new.public(), 100);
    let organisation = rotation::authority(&authority, &next, 100);
    let good = Welcome {
        nodes: vec![node.clone()],
        organisations: vec![organisation.clone()],
        ..Welcome::default()
    };
    let stranger = rotation::node(&old, &key(), &new.public(), 100);
    let elsewhere = rotation::node(&old, &next, &key().public(), 100);
    for (what, welcome, taken) in [
        ("good", good.clone(), true),
        ("nothing", Welcome::default(), false),
        ("no organisation", Welcome { organisations: Vec::new(), ..good.clone() }, false),
        ("another's", Welcome { nodes: vec![stranger], ..good.clone() }, false),
        ("of another key", Welcome { nodes: vec![elsewhere], ..good.clone() }, false),
    ] {
        let shown = Mutex::new(Vec::new());
        let leg = tokio::select! {
            leg = Leg::meet(&link, &ours, "test") => leg,
            () = greet(&endpoint, &welcome, &shown) => unreachable!(),
        };
        assert_eq!(leg.is_ok(), taken, "{what}");
        // Our key is shown to nobody who has not proved to be the relay.
        assert_eq!(shown.lock().unwrap().contains(&ours.public()), taken, "{what}");
        match leg {
            Ok(leg) => {
                assert_eq!((leg.link(), leg.organisations()), (&today, &good.organisations[..]));
            }
            Err(error) => assert!(matches!(error, DialError::WrongRelay { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn an_organisation_with_another_key_is_known_by_the_first_greeting() {
    let (node, authority, next, ours) = (key(), key(), key(), key());
    let endpoint = relay(&node, tls::LEG_ALPN);
    let link = JoinLink { organisation: authority.public(), ..link(&endpoint, &node) };
    let good = rotation::authority(&authority, &next, 100);
    let mut unheld = good.clone();
    unheld.other_signature.clone_from(&good.old_signature);
    for (statement, found) in [(good, Some(next.public())), (unheld, None)] {
        let welcome = Welcome { organisations: vec![statement], ..Welcome::default() };
        let shown = Mutex::default();
        let leg = tokio::select! {
            leg = Leg::meet(&link, &ours, "test") => leg,
            () = greet(&endpoint, &welcome, &shown) => unreachable!(),
        };
        assert_eq!(leg.ok().map(|leg| leg.link().organisation), found);
    }
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
