//! Requests over real QUIC on loopback, against a relay that answers one stream after the other.

use std::net::Ipv4Addr;
use std::sync::Arc;

use deskside_link::stream::{Receiver, Sender};
use deskside_link::tls::{self, KeyVerifier};
use deskside_link::{cid, transport};
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::wire::signal::{
    RecordingFetch, RecordingFollows, Refused, Signal, Ticket, TicketAttach, TicketList, Welcome,
    refused,
};
use quinn::crypto::rustls::QuicServerConfig;
use tokio::io::AsyncReadExt as _;

use super::*;
use crate::failure::exit_of;
use crate::home::tests::key;
use crate::relay::{fetch, hand_in, request};

fn relay(node: &SigningKey) -> (quinn::Endpoint, JoinLink) {
    let tls = tls::accepting(KeyVerifier::any(), node, tls::LEG_ALPN).unwrap();
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    server.transport_config(transport::leg_at_relay());
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let runtime = Arc::new(quinn::TokioRuntime);
    let endpoint =
        quinn::Endpoint::new(cid::leg_endpoint(None), Some(server), socket, runtime).unwrap();
    let port = endpoint.local_addr().unwrap().port();
    let link = JoinLink {
        host: "127.0.0.1".into(),
        port,
        organisation: key(1).public(),
        node: node.public(),
        webpki: false,
    };
    (endpoint, link)
}

/// Answers one stream after the other with what `answers` says: a signal and raw bytes behind it.
async fn serve(endpoint: quinn::Endpoint, answers: Vec<(Kind, &'static [u8])>) {
    let connection = endpoint.accept().await.unwrap().await.unwrap();
    for (answer, raw) in answers {
        let (send, receive) = connection.accept_bi().await.unwrap();
        let mut sender = Sender::<Signal>::new(send, MAX_SIGNAL);
        let mut receiver = Receiver::<Signal>::new(receive, MAX_SIGNAL);
        let hello = receiver.receive().await.unwrap().unwrap();
        assert!(matches!(hello.kind, Some(Kind::Hello(_))), "{hello:?}");
        let welcome = Kind::Welcome(Welcome { version: 1, ..Welcome::default() });
        sender.send(&Signal { kind: Some(welcome) }).await.unwrap();
        receiver.receive().await.unwrap().unwrap();
        sender.send(&Signal { kind: Some(answer) }).await.unwrap();
        sender.send_raw(Bytes::from_static(raw)).await.unwrap();
        sender.finish();
    }
    connection.closed().await;
}

#[tokio::test]
async fn answers_refusals_and_bodies_come_through() {
    let (endpoint, link) = relay(&key(9));
    let code = refused::Code::NotEnrolled.into();
    let full = refused::Code::BadRequest.into();
    let served = tokio::spawn(serve(
        endpoint,
        vec![
            (Kind::Ticket(Ticket { ticket: "7".into(), ..Ticket::default() }), b""),
            (Kind::Refused(Refused { code, text: String::new() }), b""),
            (Kind::RecordingFollows(RecordingFollows { bytes: 7 }), b"DSR1..."),
            (Kind::Refused(Refused { code: full, text: "too many".into() }), b""),
        ],
    ));
    let mut leg = dial(&link, &key(2)).await.unwrap();
    let question = || Kind::TicketList(TicketList { all: true });
    let answer = request(&mut leg, question()).await.unwrap();
    assert!(matches!(answer, Kind::Ticket(ticket) if ticket.ticket == "7"));
    let refused = request(&mut leg, question()).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused);
    assert!(refused.to_string().contains("deskside enroll"));
    let (bytes, mut body) = fetch(&mut leg, RecordingFetch::default()).await.unwrap();
    let mut copy = Vec::new();
    body.read_to_end(&mut copy).await.unwrap();
    assert_eq!((bytes, copy.as_slice()), (7, &b"DSR1..."[..]));
    // Nobody reads it, and it is more than a window.
    let large = Bytes::from(vec![0; 32 << 20]);
    let attach = Kind::TicketAttach(TicketAttach::default());
    let refused = hand_in(&mut leg, attach, large).await.unwrap_err();
    assert_eq!(refused.to_string(), "too many");
    leg.bye().await;
    served.await.unwrap();
}

#[tokio::test]
async fn somebody_else_at_the_address_is_exit_7() {
    let (endpoint, link) = relay(&key(8));
    let link = JoinLink { node: key(9).public(), ..link };
    let own = key(2);
    let (dialled, _) =
        tokio::join!(dial(&link, &own), async { endpoint.accept().await.unwrap().await });
    assert_eq!(exit_of(&dialled.unwrap_err()), Exit::Verification);
}
