//! What a relay does to a session that it carries.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::recording::{Binding, Closer};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::record::{Closing, Reason};
use deskside_protocol::wire::signal::{
    Challenge, CloseProposal, Closed, PairingAnswer, Refused, Session as Given, signal::Kind,
};
use prost::Message as _;

use crate::hostile::{Den, assert_told};

#[test]
fn a_relay_that_does_not_lie_is_believed() {
    let den = Den::recorded();
    let (mut agent, session) = den.helped("agent");
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
}

#[test]
fn packets_that_are_mirrored_and_replayed() {
    let den = Den::new();
    den.liar.mirrors();
    let (agent, session) = den.helped("agent");
    let count = agent.file("count");
    let counting = ["sh", "-c", "echo once >> \"$0\"", count.to_str().unwrap()];
    assert_eq!(session.exec(&counting, b"").unwrap().code, Some(0));
    // All that passed so far, once more to whom it was for.
    let passed = den.liar.passed();
    assert!(passed.len() > 20, "{} packets", passed.len());
    passed.iter().for_each(|packet| den.liar.delivers(packet));
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    assert_eq!(fs::read_to_string(&count).unwrap(), "once\n");
    session.end("").unwrap();
}

#[test]
fn packets_that_go_to_a_third() {
    let den = Den::new();
    let third = UdpSocket::bind("127.0.0.1:0").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    den.liar.copies_to(third.local_addr().unwrap());
    let (_agent, session) = den.helped("agent");
    let marker = "somebody-reads-this-along";
    assert_eq!(
        session.exec(&["echo", marker], b"").unwrap().stdout,
        format!("{marker}\n").as_bytes()
    );
    session.end("").unwrap();
    let (mut read, mut buffer) = (0, [0; 2048]);
    while let Ok(length) = third.recv(&mut buffer) {
        read += 1;
        let found = memchr::memmem::find(&buffer[..length], marker.as_bytes());
        assert_eq!(found, None);
    }
    assert!(read > 20, "{read} packets");
}

/// What a relay may say in the middle of a session that ends it there.
#[track_caller]
fn assert_ends(den: &Den, to: End, what: &str, kind: Kind) {
    let (mut agent, mut session) = den.helped(&format!("agent {what} {to}"));
    let heard = den.liar.heard().len();
    den.liar.says(to, kind).unwrap();
    let code = match to {
        End::Agent => {
            let ended = agent.wait_for("ended").unwrap();
            assert_eq!(ended["reason"], "relay_stopped", "{what}");
            agent.process.end().unwrap()
        }
        End::Technician => session.process.end().unwrap(),
    };
    assert!(matches!(code, Some(6 | 8)), "{what} to the {to}: {code:?}");
    // Nothing was signed for it.
    let signed = |kind: &Kind| {
        matches!(kind, Kind::Proof(_) | Kind::CloseSignature(_) | Kind::EndSignature(_))
    };
    let heard = den.liar.heard().split_off(heard);
    let of = heard.iter().filter(|(end, kind)| *end == to && signed(kind)).count();
    assert_eq!(of, 0, "{what} to the {to}");
}

#[test]
fn signals_of_another_session() {
    let den = Den::new();
    for to in [End::Agent, End::Technician] {
        let challenge = Challenge { nonce: vec![1; 32].into(), label: vec![0x80; 8].into() };
        assert_ends(&den, to, "another label to prove", Kind::Challenge(challenge));
        let given = |session: &[u8], label: u8, line| {
            Kind::Session(Given {
                session: Bytes::copy_from_slice(session),
                own_label: vec![label; 8].into(),
                peer_label: vec![label | 1; 8].into(),
                reattach_token: vec![1; 16].into(),
                recorded: false,
                line,
            })
        };
        assert_ends(&den, to, "another session", given(&[9; 16], 0x82, 1));
        assert_ends(&den, to, "a label that is none", given(&[9; 16], 0x02, 1));
        assert_ends(&den, to, "half a token", {
            let Kind::Session(session) = given(&[9; 16], 0x82, 1) else { unreachable!() };
            Kind::Session(Given { reattach_token: vec![1; 8].into(), ..session })
        });
        let closing = Closing { session: vec![9; 16].into(), seq: 1, ..Closing::default() };
        let closing = closing.encode_to_vec();
        let binding = Binding { session: SessionId::from_bytes([9; 16]), transcript: [0; 32] };
        let signature = binding.close(den.liar.node(), Closer::Node, &closing);
        let node_signature = Bytes::copy_from_slice(&signature);
        let proposal = CloseProposal { closing: closing.into(), node_signature };
        assert_ends(&den, to, "another closing", Kind::CloseProposal(proposal));
        let answer = Kind::PairingAnswer(PairingAnswer { tag_a: vec![0; 32].into() });
        assert_ends(&den, to, "what does not belong here", answer);
    }
}

#[test]
fn a_signal_that_is_too_long() {
    let den = Den::new();
    let long = || Kind::Refused(Refused { code: 13, text: "x".repeat(700_000) });
    for to in [End::Agent, End::Technician] {
        assert_ends(&den, to, "too long", long());
    }
    // And before there is a session.
    den.liar.lies(move |end, kind| match (end, kind) {
        (End::Technician, Kind::Joined(_)) => vec![long()],
        (_, other) => vec![other],
    });
    let mut agent = den.agent("agent");
    assert_told(
        &mut den.connecting(&agent.code().unwrap()),
        6,
        "the connection to the relay was lost",
    );
    den.liar.lies(move |_, kind| match kind {
        Kind::Opened(_) => {
            vec![Kind::Refused(Refused { code: 13, text: "x".repeat(700_000) })]
        }
        other => vec![other],
    });
    assert_told(&mut den.agent("late").process, 8, "over the maximum");
}

#[test]
fn a_refusal_that_drives_a_terminal() {
    let den = Den::new();
    den.liar.lies(|end, kind| match (end, kind) {
        (End::Technician, Kind::Joined(_)) => {
            let text = "\u{1b}[2J\u{9b}31m\u{202e}txt".to_owned();
            vec![Kind::Refused(Refused { code: 3, text })]
        }
        (_, other) => vec![other],
    });
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    assert_eq!(connect.end().unwrap(), Some(3));
    let words = connect.words();
    assert!(
        words.contains("txt") && !words.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
        "{words:?}"
    );
}

#[test]
fn a_closing_with_a_forged_reason() {
    let den = Den::new();
    let closed = |reason: Reason| {
        Kind::Closed(Closed { reason: reason as i32, recording_hash: Bytes::new() })
    };
    // It may end what it carries, and say why: the ends believe that it ended, and run nothing more.
    let (mut agent, mut session) = den.helped("agent");
    den.liar.says(End::Technician, closed(Reason::UserRefused)).unwrap();
    assert_told(&mut session.process, 3, "the user refused");
    den.liar.says(End::Agent, closed(Reason::TechnicianEnded)).unwrap();
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "technician_ended");
    assert_eq!(agent.process.end().unwrap(), Some(0));
    // A reason that nobody knows is none.
    let (mut agent, mut session) = den.helped("other");
    den.liar
        .says(End::Technician, Kind::Closed(Closed { reason: 99, ..Closed::default() }))
        .unwrap();
    assert_eq!(session.process.end().unwrap(), Some(8));
    den.liar.says(End::Agent, Kind::Closed(Closed { reason: 99, ..Closed::default() })).unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(8));
}
