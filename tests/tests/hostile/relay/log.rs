//! A relay whose log of sessions does not go on from where it was.

use deskside_link::random::System;
use deskside_protocol::key::SigningKey;
use deskside_protocol::log::SignedHead;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{LogHead, Refused, signal::Kind};

use super::super::{Den, assert_told};

/// From now on it answers like this.
fn shows(den: &Den, answer: Kind) {
    den.liar.lies(move |_, kind| match kind {
        Kind::LogHead(_) => vec![answer.clone()],
        other => vec![other],
    });
}

#[test]
fn a_log_that_was_cut_back_forked_or_taken_away() {
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    shows(&den, den.liar.log_head(5));
    // It has no entries to show, which does not matter here.
    assert_ne!(den.alice.run(&["audit", "log"]).unwrap().code, Some(0));
    let seen = std::fs::read(den.alice.home().join("log-head")).unwrap();
    assert_eq!(SignedHead::parse(&seen).unwrap().head.size, 5);

    let resigned = |size: u64, by: &SigningKey| {
        let Kind::LogHead(LogHead { note, .. }) = den.liar.log_head(size) else { unreachable!() };
        let mut head = SignedHead::parse(note.as_bytes()).unwrap().head;
        head.root[0] ^= u8::from(by.public() == den.liar.node().public());
        let note = head.sign(by).encode();
        Kind::LogHead(LogHead { note, consistency: Vec::new() })
    };
    let stranger = SigningKey::generate(&mut System::new());
    let none = Refused { code: Code::BadRequest.into(), text: String::new() };
    for (lie, words) in [
        (den.liar.log_head(4), "was cut back"),
        (resigned(5, den.liar.node()), "was rewritten"),
        // Longer, and without a proof.
        (den.liar.log_head(9), "was rewritten"),
        (resigned(9, &stranger), "not signed by the relay"),
        (Kind::Refused(none), "no log any more"),
    ] {
        shows(&den, lie);
        assert_told(&mut den.connecting(&code), 7, words);
        assert_eq!(std::fs::read(den.alice.home().join("log-head")).unwrap(), seen);
    }
    // The agent was never asked for anything, and its code is as good as before.
    assert!(!den.liar.heard().iter().any(|(_, kind)| matches!(kind, Kind::Join(_))));
    shows(&den, den.liar.log_head(5));
    let mut session = den.alice.held(den.connecting(&code)).unwrap();
    // In the middle of it the log is cut back: the note says so, and so does the program.
    shows(&den, den.liar.log_head(2));
    let ended = den.alice.run(&["end", "--session", session.id(), "--note", "done"]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_told(&mut session.process, 7, "was cut back");
    let note = den.liar.hears(|_, kind| match kind {
        Kind::TicketNote(note) => note.session_note.clone(),
        _ => None,
    });
    let text = String::from_utf8_lossy(&note.unwrap().body).into_owned();
    assert!(text.contains("does not go on from what was seen of it before"), "{text}");
}
