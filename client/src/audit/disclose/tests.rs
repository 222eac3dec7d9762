//! What the reader of an excerpt is told, and by whose word.

use deskside_protocol::excerpt::{Flaw, Judged, Proven};
use deskside_protocol::log::evidence;
use deskside_protocol::recording::verify::whole;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{self, Channel, Opening, Said};
use deskside_protocol::wire::record::{
    Certificate, Excerpt, ExcerptEntry, ExcerptHalf, ExcerptMark, ExcerptStream,
};
use prost::Message as _;

use super::excerpt::{self, blaming};
use super::told::happened;
use crate::audit::fixture::Fixture;

fn framed(message: &impl prost::Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

fn said(text: &str) -> message::Message {
    message::Message { kind: Some(Kind::Said(Said { text: text.into() })) }
}

/// The agent's chat on its stream 1: both ends signed all but its last line. And a line of which the
/// auditor says that it was said on another.
fn judged() -> Judged {
    let opening = framed(&Opening { channel: Channel::Chat.into() });
    let proven = [opening, framed(&said("true"))].concat();
    let all = [&proven[..], &framed(&said("perhaps"))].concat();
    let mark = |bytes: &[u8], time| ExcerptMark { end: bytes.len() as u64, time };
    let half = ExcerptHalf {
        stream: 1,
        from: End::Agent.to_wire(),
        channel: 6,
        marks: vec![mark(&proven, 5), mark(&all, 9)],
        bytes: all.into(),
        ..ExcerptHalf::default()
    };
    let entry = ExcerptEntry {
        from: End::Agent.to_wire(),
        time: 7,
        channel: 6,
        stream: Some(ExcerptStream { id: 5 }),
        message: said("invented").encode_to_vec().into(),
        ..ExcerptEntry::default()
    };
    let by = Ends { agent: proven.len() as u64, technician: proven.len() as u64 };
    Judged {
        excerpt: Excerpt {
            halves: vec![half],
            entries: vec![entry],
            findings: vec!["the relay crashed".into()],
            ..Excerpt::default()
        },
        auditor: Certificate {
            login: "grace".into(),
            name: "Grace Hopper".into(),
            ..Certificate::default()
        },
        facts: whole(&Fixture::start().close().0, None).facts.unwrap(),
        closed: None,
        log: None,
        proven: vec![Proven { by, ..Proven::default() }],
    }
}

/// What a person reads of it.
fn text(judged: &Judged, known: bool) -> String {
    excerpt::text(judged, known, &happened(judged))
}

/// What was said, and by whose word.
fn words(judged: &Judged) -> Vec<(String, String)> {
    let happened = happened(judged);
    let said = happened.iter().filter(|happened| happened["what"] == "said");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    said.map(|said| (text(&said["text"]), text(&said["word"]))).collect()
}

#[test]
fn each_happening_says_whose_word_it_is() {
    let mut judged = judged();
    let pair = |text: &str, word: &str| (text.to_owned(), word.to_owned());
    let (invented, perhaps) = (pair("invented", "auditor"), pair("perhaps", "auditor"));
    assert_eq!(words(&judged), [pair("true", "ends"), invented.clone(), perhaps.clone()]);
    let text = text(&judged, true);
    let line = |word: &str| text.lines().find(|line| line.contains(word)).unwrap();
    assert!(line("\"true\"").starts_with("both ends say"), "{text}");
    assert!(line("invented").starts_with("the auditor says"), "{text}");
    assert!(line("perhaps").starts_with("the auditor says"), "{text}");
    // What an auditor repeats does not become the ends' word by that.
    judged.excerpt.entries[0].message = said("true").encode_to_vec().into();
    assert_eq!(words(&judged), [pair("true", "ends"), pair("true", "auditor"), perhaps]);
    // Signed by one end, or within a message: nobody's but the auditor's.
    judged.excerpt.entries.clear();
    judged.proven[0].by.technician -= 1;
    assert_eq!(words(&judged)[0], pair("true", "auditor"));
}

#[test]
fn what_others_wrote_forges_no_line() {
    let mut judged = judged();
    let forged = "x\x1b[2J\nVERIFIED: all of it\u{202e}";
    judged.auditor.name = forged.into();
    judged.auditor.login = forged.into();
    judged.excerpt.findings = vec![forged.into()];
    judged.excerpt.halves.clear();
    judged.excerpt.entries[0].message = said(forged).encode_to_vec().into();
    let certificate = &mut judged.facts.certificate;
    for field in [&mut certificate.name, &mut certificate.login, &mut certificate.organisation] {
        *field = forged.into();
    }
    judged.facts.technician.join.ticket = forged.into();
    judged.facts.technician.join.subject = forged.into();
    let text = text(&judged, false);
    let harmful = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
    assert!(!text.contains(harmful), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("VERIFIED")), "{text}");
}

#[test]
fn a_flaw_points_at_whose_it_is_and_an_end_that_differs_is_told() {
    for (flaw, who) in [
        (Flaw::Log(evidence::Flaw::OtherClose), "This points at the relay."),
        (Flaw::Log(evidence::Flaw::Head), "This points at whoever gave you the proof."),
        (Flaw::Signature, "This points at whoever gave it to you."),
    ] {
        assert!(blaming(flaw).ends_with(who), "{}", blaming(flaw));
    }
    assert!(!blaming(Flaw::Version(2)).contains("points at"));
    let mut judged = judged();
    assert!(!text(&judged, true).contains("signed for other bytes"));
    judged.proven[0].disputed.agent = 2;
    let text = text(&judged, true);
    assert!(text.lines().next().unwrap().contains("an end signed for other bytes"), "{text}");
    assert!(text.contains("; the agent signed for other bytes"), "{text}");
    assert!(text.contains("the auditor says") && text.contains("the relay crashed"), "{text}");
}
