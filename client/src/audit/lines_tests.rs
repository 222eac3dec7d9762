//! Lines on which an end did or stated what an honest one does not: made packet by packet, and judged as
//! `verify` judges any file.

use age::x25519::Identity;
use deskside_decode::Suite;
use deskside_decode::forge::{self, Forge, Who};
use deskside_protocol::act::{ActKey, Actor};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{MAX_MESSAGE, encode};
use deskside_protocol::policy::{FileBodies, Policy};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{self, Datagrams, Heard, State, Statement, Stream, Tally, Way};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{FileGet, FilePut, FileReady, Message, Opening};
use serde_json::Value;
use zeroize::Zeroizing;

use super::fixture::Fixture;
use super::tests::{offline, verdict};
use crate::account::tests::policy;

/// The one line of a recording in the making. It has no handshake, which is found in each.
struct Line {
    fixture: Fixture,
    forge: Forge,
    identity: Identity,
    /// Of the next packet.
    numbers: Ends<u64>,
    /// How far the control stream is.
    control: Ends<u64>,
    last: Ends<Option<Statement>>,
}

impl Line {
    fn under(policy: Policy) -> Self {
        let (identity, forge) = (Identity::generate(), Forge::new(Suite::Aes256Gcm, 3).unwrap());
        let mut fixture = Fixture::under(policy);
        for end in [End::Agent, End::Technician] {
            fixture.seal(end, forge.secrets(), &identity.to_public());
        }
        let (numbers, control, last) = (Ends::default(), Ends::default(), Ends::default());
        let mut line = Self { fixture, forge, identity, numbers, control, last };
        line.control(End::Technician, &opening(Channel::Control));
        line
    }

    fn control(&mut self, from: End, bytes: &[u8]) {
        let offset = self.control.of_mut(from);
        let frame = stream(0, *offset, bytes, false);
        *offset += bytes.len() as u64;
        self.send(from, &frame);
    }

    /// An end states what `change` makes of a statement of nothing. Gives its name.
    fn state(&mut self, end: End, change: impl FnOnce(&mut Statement)) -> [u8; 32] {
        let key = forge::key(match end {
            End::Agent => Who::AgentEnd,
            End::Technician => Who::TechnicianEnd,
        });
        let before = self.last.of(end).as_ref();
        let mut statement = Statement {
            number: before.map_or(0, |before| before.number + 1),
            previous: before.map(|before| statement::name(&before.sign(&key))),
            time_us: 1,
            ..Statement::first(forge::SESSION, end, 1, self.forge.secrets().sha256())
        };
        change(&mut statement);
        let signed = statement.sign(&key);
        *self.last.of_mut(end) = Some(statement);
        let name = statement::name(&signed);
        let message = Message { kind: Some(Kind::Statement(signed)) };
        let bytes = match end {
            End::Agent => encode(&message, MAX_MESSAGE),
            End::Technician => encode(&actor(Channel::Control, 0).wrap(&message), MAX_MESSAGE),
        };
        self.control(end, &bytes.unwrap());
        name
    }

    fn packet(&mut self, from: End, payload: &[u8]) -> u64 {
        let number = self.numbers.of_mut(from);
        let packet = self.forge.packet(from, *number, payload).unwrap();
        *number += 1;
        self.fixture.packet(from, &packet);
        *number - 1
    }

    /// Sends frames, and the other end acknowledges that and all before it.
    fn send(&mut self, from: End, frames: &[u8]) {
        let number = u8::try_from(self.packet(from, frames)).unwrap();
        let by = from.other();
        self.packet(by, &[2, number, 0, 0, number]);
    }

    /// What `verify` found in the packets beside the handshake that is not there: what, and whom it
    /// points at; and all of its output.
    async fn found(self) -> (Vec<(String, String)>, Value) {
        let (bytes, _) = self.fixture.close();
        let (_, event) = verdict(offline(&bytes, Some(&self.identity))).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = event["contents"]["findings"].as_array().unwrap();
        let findings = findings.iter().map(|it| (text(&it["what"]), text(&it["incriminates"])));
        let hello = |what: &str| what.contains("first packet");
        (findings.filter(|(what, _)| !hello(what)).collect(), event)
    }
}

/// A STREAM frame with offset and length (RFC 9000 section 19.8).
fn stream(id: u64, offset: u64, bytes: &[u8], last: bool) -> Vec<u8> {
    let numbers = [id, offset, bytes.len() as u64].map(varint);
    [&[0x0e | u8::from(last)][..], &numbers.concat(), bytes].concat()
}

/// A RESET_STREAM frame with code 7 (section 19.4).
fn reset(id: u64, size: u64) -> Vec<u8> {
    [&[4][..], &[id, 7, size].map(varint).concat()].concat()
}

/// A DATAGRAM frame with its length (RFC 9221 section 4).
fn datagram(bytes: &[u8]) -> Vec<u8> {
    [&[0x31][..], &varint(bytes.len() as u64), bytes].concat()
}

/// A number of eight bytes.
const fn varint(number: u64) -> [u8; 8] {
    (number | 3 << 62).to_be_bytes()
}

fn opening(channel: Channel) -> Vec<u8> {
    encode(&Opening { channel: channel.to_wire() as i32 }, MAX_MESSAGE).unwrap().to_vec()
}

fn actor(channel: Channel, id: u64) -> Actor {
    ActKey::new(Zeroizing::new([1; 32])).actor(channel, id)
}

/// What the technician says on a stream of a channel, opened by it.
fn technicians(channel: Channel, id: u64, kind: Kind) -> Vec<u8> {
    let act = actor(channel, id).wrap(&Message { kind: Some(kind) });
    [opening(channel), encode(&act, MAX_MESSAGE).unwrap().to_vec()].concat()
}

fn agents(kind: Kind) -> Vec<u8> {
    encode(&Message { kind: Some(kind) }, MAX_MESSAGE).unwrap().to_vec()
}

/// The party of what only an end says, under the line's keys.
fn secrets(end: &str) -> String {
    format!("the {end}, or whoever held the line's secrets while it lived")
}

fn pair(what: &str, party: &str) -> (String, String) {
    (what.to_owned(), party.to_owned())
}

#[tokio::test]
async fn bodies_that_go_beside_a_recording_that_is_to_have_them_are_named() {
    let named = |end: &str| {
        let what = "has the files of stream 4 go beside the recording, against the policy";
        pair(&format!("the {end} {what}"), &secrets(end))
    };
    let put = |apart| Kind::FilePut(FilePut { apart, ..FilePut::default() });
    let get = |apart| Kind::FileGet(FileGet { apart, ..FileGet::default() });
    let (both, agent) = (vec![named("technician"), named("agent")], vec![named("agent")]);
    for (bodies, asked, answered, expected) in [
        (FileBodies::Recorded, put(false), false, Vec::new()),
        (FileBodies::Recorded, put(true), true, both.clone()),
        (FileBodies::Recorded, get(true), true, both),
        (FileBodies::Recorded, get(false), true, agent),
        (FileBodies::HashOnly, put(true), true, Vec::new()),
    ] {
        let mut line = Line::under(Policy { file_bodies: bodies, ..policy(Vec::new()) });
        let ready = Kind::FileReady(FileReady { apart: answered, ..FileReady::default() });
        let asked = technicians(Channel::File, 4, asked);
        line.send(End::Technician, &stream(4, 0, &asked, false));
        line.send(End::Agent, &stream(4, 0, &agents(ready), false));
        let (found, event) = line.found().await;
        assert_eq!(found, expected, "{event}");
        assert_eq!(event["contents"]["messages"], 2);
    }
}

/// Of a stream of the agent's with six bytes.
#[tokio::test]
async fn a_stream_that_ended_otherwise_than_an_end_states_is_named() {
    use State::{Finished, Open, Reset};
    let bytes = opening(Channel::Screen);
    let size = bytes.len() as u64;
    let finished = stream(3, 0, &bytes, true);
    let broken_off = [stream(3, 0, &bytes, false), reset(3, size)].concat();
    let open = stream(3, 0, &bytes, false);
    let (sent, delivered) = ((End::Agent, Way::Sent), (End::Technician, Way::Delivered));
    let named = |(end, _): (End, Way), how: &str, at: u64| {
        let what = format!(
            "the {end} states that stream 3 of the agent was {how} at {at}, and it was not"
        );
        vec![(what, secrets(&end.to_string()))]
    };
    for (frames, stated, state, offset, expected) in [
        (&finished, sent, Finished, size, Vec::new()),
        (&finished, sent, Finished, size - 1, named(sent, "finished", size - 1)),
        (&finished, delivered, Finished, size - 1, named(delivered, "finished", size - 1)),
        (&finished, delivered, Reset, size - 1, Vec::new()),
        (&broken_off, sent, Reset, size - 1, named(sent, "reset", size - 1)),
        (&broken_off, sent, Reset, size + 1, Vec::new()),
        (&broken_off, delivered, Open, size + 1, named(delivered, "open", size + 1)),
        (&open, sent, Finished, size - 1, named(sent, "finished", size - 1)),
        (&open, delivered, Finished, size - 1, Vec::new()),
    ] {
        for before in [false, true] {
            let mut line = Line::under(policy(Vec::new()));
            let (end, way) = stated;
            let reach = bytes.len().min(usize::try_from(offset).unwrap());
            let hash = *blake3::hash(&bytes[..reach]).as_bytes();
            let streams = vec![Stream { id: 3, way, offset, hash, state }];
            let say = |line: &mut Line| line.state(end, |said| said.streams = streams);
            // What an end says may be acknowledged before what it speaks of.
            if before {
                say(&mut line);
                line.send(End::Agent, frames);
            } else {
                line.send(End::Agent, frames);
                say(&mut line);
            }
            let (found, event) = line.found().await;
            assert_eq!(found, expected, "{state:?} by {end} at {offset}: {event}");
        }
    }
}

#[tokio::test]
async fn datagrams_that_differ_from_those_that_passed_are_named() {
    let tally = |line: &Line, all: &[&[u8]]| {
        let mut tally = Tally::default();
        all.iter().for_each(|one| tally.add(&line.forge.secrets().sha256(), one));
        tally
    };
    let (technicians, either) = (secrets("technician"), "the relay or an end".to_owned());
    let (a, b, c) = (&b"\x0a\x00"[..], &b"\x0a\x01\x00"[..], &b"\x0a\x02\x00\x00"[..]);
    for (sent, delivered, party) in [
        (vec![b, a], vec![a, b], None),
        // One was lost before the relay, and one behind it.
        (vec![a, b, c], vec![b], None),
        (vec![a], vec![], Some(&technicians)),
        (vec![a, c], vec![], Some(&technicians)),
        (vec![a, b], vec![a, c], Some(&either)),
        (vec![a, b], vec![a, b, c], Some(&either)),
    ] {
        let mut line = Line::under(policy(Vec::new()));
        line.send(End::Technician, &[datagram(a), datagram(b), datagram(b"")].concat());
        let counts = (sent.len(), delivered.len());
        let (sent, delivered) = (tally(&line, &sent), tally(&line, &delivered));
        let datagrams = |sent, delivered| Some(Datagrams { sent, delivered });
        line.state(End::Technician, |said| said.datagrams = datagrams(sent, Tally::default()));
        line.state(End::Agent, |said| said.datagrams = datagrams(Tally::default(), delivered));
        line.state(End::Technician, |said| said.last = true);
        let (found, event) = line.found().await;
        let parties: Vec<_> = found.iter().map(|(_, party)| party).collect();
        assert_eq!(parties, Vec::from_iter(party), "{counts:?}: {event}");
        let told = "datagrams of the technician, and those that passed were others";
        assert!(found.iter().all(|(what, _)| what.ends_with(told)), "{found:?}");
    }
}

/// A relay that crashed may have forwarded what is not on its disk.
#[tokio::test]
async fn datagrams_that_a_crash_lost_point_at_the_crash() {
    let mut line = Line::under(policy(Vec::new()));
    line.fixture.recovered();
    let delivered = Tally { count: 1, sum: [1; 32] };
    let datagrams = Some(Datagrams { delivered, ..Datagrams::default() });
    line.state(End::Agent, |said| said.datagrams = datagrams);
    let (found, event) = line.found().await;
    let parties: Vec<_> = found.iter().map(|(_, party)| party.as_str()).collect();
    assert_eq!(parties, ["the relay's crash"], "{event}");
}

/// Both statements are its own.
#[tokio::test]
async fn an_end_that_takes_back_what_it_stated_is_named() {
    for (offset, back) in [(7, false), (6, true)] {
        let mut line = Line::under(policy(Vec::new()));
        for offset in [7, offset] {
            let (id, way, state, hash) = (8, Way::Delivered, State::Open, [1; 32]);
            let stream = Stream { id, way, offset, hash, state };
            line.state(End::Agent, |said| said.streams = vec![stream]);
        }
        let what = "the agent states that stream 8 of the technician was open at 6, and it was not";
        let expected = Vec::from_iter(back.then(|| pair(what, "the agent")));
        assert_eq!(line.found().await.0, expected);
    }
}

#[tokio::test]
async fn a_statement_that_was_never_made_and_that_an_end_says_it_heard_is_named() {
    for forged in [false, true] {
        let mut line = Line::under(policy(Vec::new()));
        let mut name = line.state(End::Agent, |_| ());
        name[0] ^= u8::from(forged);
        line.state(End::Technician, |said| said.heard = Some(Heard { number: 0, name }));
        let (found, event) = line.found().await;
        let what = "the technician states that it heard another statement 0 of the agent than the \
                    agent made";
        let named = forged.then(|| pair(what, "one of the two ends"));
        assert_eq!(found, Vec::from_iter(named), "{event}");
    }
}

/// It is told, and points at nobody: a network that broke looks the same.
#[tokio::test]
async fn packets_that_waited_for_long_are_told_of() {
    for (later_us, held_back) in [(4_000_000, None), (7_000_000, Some(6))] {
        let mut line = Line::under(policy(Vec::new()));
        line.state(End::Agent, |said| said.time_us = 20_000_000);
        // By the agent's clock it was made long before it was recorded.
        line.state(End::Agent, |said| said.time_us = 20_000_000 - later_us);
        let (found, event) = line.found().await;
        assert_eq!(found, Vec::new());
        let seconds = event["contents"]["held_back_ms"].as_u64().map(|ms| ms / 1_000);
        assert_eq!(seconds.is_some(), held_back.is_some(), "{event}");
        assert!(seconds >= held_back, "{event}");
    }
}

#[tokio::test]
async fn a_statement_that_its_end_cannot_make_there_is_a_finding() {
    let mut line = Line::under(policy(Vec::new()));
    line.state(End::Agent, |said| said.secrets = [8; 32]);
    let (found, event) = line.found().await;
    let what = "a statement of the agent names other secrets than were sealed";
    assert_eq!(found, [pair(what, &secrets("agent"))], "{event}");
    let findings = event["contents"]["findings"].as_array().unwrap();
    assert!(findings.iter().all(|one| one["time"].is_string()), "{event}");
    assert_eq!(event["verdict"], "disputed");
}
