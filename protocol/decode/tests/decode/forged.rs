//! Lines that no honest end ever had: made of packets that the tests seal themselves.

use deskside_decode::forge::Forge;
use deskside_decode::{Found, Party, Space, Suite};
use deskside_protocol::session::End;

use crate::findings::grave;
use crate::tape::{Decoded, Passed, Tape};

const LINE: u16 = 5;

/// A recording in the making.
struct Script {
    forge: Forge,
    passed: Vec<Passed>,
    acknowledged: u64,
}

impl Script {
    fn new() -> Self {
        let forge = Forge::new(Suite::Aes128Gcm, 9).unwrap();
        Self { forge, passed: Vec::new(), acknowledged: 0 }
    }

    fn packet(&mut self, from: End, number: u64, payload: &[u8]) {
        let bytes = self.forge.packet(from, number, payload).unwrap().to_vec();
        let time_us = 1_000 + self.passed.len() as u64;
        self.passed.push(Passed { line: LINE, from, time_us, bytes });
    }

    /// The agent says so, and the technician acknowledges all up to that.
    fn agent(&mut self, number: u64, payload: &[u8]) {
        self.packet(End::Agent, number, payload);
        let number = u8::try_from(number).unwrap();
        let ack = [2, number, 0, 0, number];
        let own = self.acknowledged;
        self.packet(End::Technician, own, &ack);
        self.acknowledged += 1;
    }

    fn decoded(&self) -> Decoded {
        let sealed = [(LINE, self.forge.secrets().clone())];
        let mut decoded = Tape::of(&self.passed).decoded(&sealed);
        // Such a line has no handshake.
        for line in &mut decoded.report.lines {
            line.findings.retain(|finding| finding.what != Found::NoHello);
        }
        decoded
    }
}

const AGENTS: Party = Party::Secrets(End::Agent);

#[test]
fn other_bytes_at_one_place_are_named() {
    let mut script = Script::new();
    script.agent(0, b"\x0e\x07\x00\x06abcdef");
    script.agent(1, b"\x0e\x07\x02\x04cdXf");
    let overlap = Found::Overlap { from: End::Agent, stream: 7, offset: 4 };
    let decoded = script.decoded();
    assert_eq!(grave(&decoded.report), [(overlap, AGENTS)]);
    assert_eq!(decoded.streams()[&(LINE, 7, End::Agent)].bytes, b"abcdef");
}

#[test]
fn two_ends_of_a_stream_are_named() {
    let ends: [&[u8]; 3] = [b"\x0f\x07\x02\x01c", b"\x04\x07\x09\x05", b"\x0e\x07\x04\x01e"];
    for second in ends {
        let mut script = Script::new();
        script.agent(0, b"\x0f\x07\x02\x02cd");
        script.agent(1, second);
        let found = grave(&script.decoded().report);
        assert_eq!(found, [(Found::FinalSize { from: End::Agent, stream: 7 }, AGENTS)]);
    }
}

#[test]
fn a_number_that_is_used_twice_is_named() {
    let mut script = Script::new();
    script.agent(0, b"\x0f\x07\x00\x02ab");
    script.packet(End::Agent, 0, b"\x0f\x07\x00\x02ab");
    assert!(script.decoded().report.is_sound(), "a duplicate is the way's doing");
    script.packet(End::Agent, 0, b"\x0f\x07\x00\x02cd");
    let rewritten = Found::Rewritten { from: End::Agent, space: Space::Data, number: 0 };
    let decoded = script.decoded();
    assert_eq!(grave(&decoded.report), [(rewritten, AGENTS)]);
    assert_eq!(decoded.report.lines[0].ends.agent.repeated, 1);
    assert_eq!(decoded.streams()[&(LINE, 7, End::Agent)].bytes, b"ab");
}

#[test]
fn what_is_not_made_of_frames_is_named() {
    let mut script = Script::new();
    script.agent(0, b"\x0f\x07\x00\x02ab\x3f");
    let malformed = Found::Malformed { from: End::Agent, number: 0 };
    let decoded = script.decoded();
    assert_eq!(grave(&decoded.report), [(malformed, AGENTS)]);
    assert!(decoded.streams().is_empty());
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_its_senders() {
    let mut script = Script::new();
    script.agent(0, b"\x01\x01\x01\x01");
    // The technician acknowledges 5 to 9 of the agent, who never sent them and closes for it.
    script.packet(End::Technician, 1, b"\x02\x09\x00\x00\x04");
    let missing = Found::Missing { from: End::Agent, space: Space::Data, first: 5, last: 9 };
    assert_eq!(grave(&script.decoded().report), [(missing, Party::Node)]);
    script.packet(End::Agent, 1, b"\x1c\x0a\x02\x06unsent");
    let expected = [(missing, Party::End(End::Technician))];
    assert_eq!(grave(&script.decoded().report), expected);
}

#[test]
fn only_what_was_acknowledged_counts() {
    let mut script = Script::new();
    script.agent(0, b"\x0e\x07\x00\x02ab");
    script.packet(End::Agent, 1, b"\x0e\x07\x02\x02cd");
    script.packet(End::Agent, 2, b"\x31\x08datagram");
    let decoded = script.decoded();
    assert_eq!(decoded.streams()[&(LINE, 7, End::Agent)].bytes, b"ab");
    let counted = decoded.report.lines[0].ends.agent;
    assert_eq!((counted.tail, counted.lost, counted.bytes), (2, 0, 2));
    assert!(decoded.datagrams(End::Agent).is_empty() && decoded.report.is_sound());
}

#[test]
fn bytes_that_were_passed_over_are_named_once_they_must_have_come() {
    let mut script = Script::new();
    script.agent(0, b"\x0e\x07\x02\x02cd");
    let hole = Found::Hole { from: End::Agent, stream: 7, offset: 0, end: 2 };
    let report = script.decoded().report;
    assert_eq!((report.lines[0].findings[0].what, report.is_sound()), (hole, true));
    script.agent(1, b"\x01\x01\x01\x01");
    script.passed.last_mut().unwrap().time_us += 61_000_000;
    assert_eq!(grave(&script.decoded().report), [(hole, Party::Anybody)]);
}

#[test]
fn key_updates_are_followed_in_each_direction_for_itself() {
    let mut script = Script::new();
    let before = script.forge.packet(End::Agent, 1, b"\x0e\x07\x02\x02cd").unwrap();
    script.agent(0, b"\x0e\x07\x00\x02ab");
    script.forge.update(End::Agent).unwrap();
    script.agent(2, b"\x0e\x07\x04\x02ef");
    // A packet of before the update comes late, and one under a key of nobody in between.
    let time_us = 2_000;
    let late = Passed { line: LINE, from: End::Agent, time_us, bytes: before.to_vec() };
    script.passed.insert(script.passed.len() - 1, late);
    let mut bent = script.forge.packet(End::Agent, 3, b"\x01\x01\x01\x01").unwrap().to_vec();
    bent[0] ^= 0x04;
    script.passed.push(Passed { line: LINE, from: End::Agent, time_us, bytes: bent });
    script.forge.update(End::Agent).unwrap();
    script.agent(3, b"\x0f\x07\x06\x01g");
    let decoded = script.decoded();
    assert_eq!(grave(&decoded.report), [], "{:?}", decoded.report);
    assert_eq!(decoded.streams()[&(LINE, 7, End::Agent)].bytes, b"abcdefg");
    let counted = decoded.report.lines[0].ends.agent;
    assert_eq!((counted.updates, counted.unopened), (2, 1));
}
