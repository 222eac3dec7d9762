//! A relay that does not record, and says that it does; or the other way round.

use deskside_link::random::System;
use deskside_protocol::key::{Context, SigningKey};
use deskside_protocol::session::End;
use deskside_protocol::signed;
use deskside_protocol::wire::record::Receipt;
use deskside_protocol::wire::signal::{Session as Given, Unrecorded, signal::Kind};
use prost::Message as _;

use crate::hostile::{Den, assert_told, told};

#[test]
fn receipts_for_something_else() {
    let stranger = SigningKey::generate(&mut System::new());
    type Lie = fn(&mut Receipt);
    let lies: [(&str, Lie); 4] = [
        ("another seal", |receipt| receipt.age_sha256 = vec![0; 32].into()),
        ("the other end", |receipt| receipt.end = 3 - receipt.end),
        ("another line", |receipt| receipt.line = 1),
        ("another session", |receipt| receipt.session = vec![0; 16].into()),
    ];
    for (what, lie) in lies {
        let den = Den::recorded();
        let node = den.liar.node().clone();
        den.liar.lies(move |_, kind| match kind {
            Kind::Receipt(receipt) => {
                let mut receipt = Receipt::decode(receipt.body).unwrap();
                lie(&mut receipt);
                vec![Kind::Receipt(signed::sign_message(&node, Context::Receipt, &receipt))]
            }
            other => vec![other],
        });
        assert_not_sealed(&den, what);
    }
    let den = Den::recorded();
    den.liar.lies(move |_, kind| match kind {
        Kind::Receipt(receipt) => {
            let receipt = Receipt::decode(receipt.body).unwrap();
            vec![Kind::Receipt(signed::sign_message(&stranger, Context::Receipt, &receipt))]
        }
        other => vec![other],
    });
    assert_not_sealed(&den, "another signer");
}

/// Neither end goes on without a receipt that is one.
#[track_caller]
fn assert_not_sealed(den: &Den, what: &str) {
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    let ended = agent.wait_for("ended").unwrap();
    assert_eq!(ended["reason"], "not_sealed", "{what}");
    assert_eq!(agent.process.end().unwrap(), Some(3), "{what}");
    let code = connect.end().unwrap();
    assert!(matches!(code, Some(3 | 6)), "{what}: {code:?} {}", connect.words());
    assert!(!told(&agent.process, "grant") && !told(&connect, "session"), "{what}");
}

#[test]
fn receipts_that_are_withheld() {
    let den = Den::recorded();
    let node = den.liar.node().clone();
    // "Both have sealed", before either has, and never again.
    den.liar.lies(move |_, kind| match kind {
        Kind::Session(session) => {
            let receipt = Receipt {
                session: session.session.clone(),
                line: 0,
                end: 1,
                age_sha256: vec![0; 32].into(),
                time: 1,
            };
            let early = signed::sign_message(&node, Context::Receipt, &receipt);
            vec![Kind::Session(session), Kind::Receipt(early)]
        }
        Kind::Receipt(_) => vec![],
        other => vec![other],
    });
    assert_not_sealed(&den, "no receipt");
}

#[test]
fn a_session_that_is_not_recorded_after_all() {
    let den = Den::recorded();
    den.liar.lies(|_, kind| match kind {
        Kind::Session(session) => vec![Kind::Session(Given { recorded: false, ..session })],
        other => vec![other],
    });
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    assert_told(&mut connect, 3, "the policy requires a recording, and the relay makes none");
    assert!(matches!(agent.process.end().unwrap(), Some(3 | 8)));
    assert!(!told(&agent.process, "grant") && !told(&connect, "session"));
}

#[test]
fn a_recording_that_stops_although_it_is_required() {
    let den = Den::recorded();
    let (mut agent, mut session) = den.helped("agent");
    // Each end is told alone, so that none learns it from the other.
    den.liar.says(End::Agent, Kind::Unrecorded(Unrecorded {})).unwrap();
    let ended = agent.wait_for("ended").unwrap();
    assert_eq!(ended["reason"], "recording_failed");
    assert_eq!(agent.process.end().unwrap(), Some(8));
    session.process.end().unwrap();

    let (_agent, mut session) = den.helped("other");
    den.liar.says(End::Technician, Kind::Unrecorded(Unrecorded {})).unwrap();
    assert_told(&mut session.process, 3, "the policy requires a recording");
}
