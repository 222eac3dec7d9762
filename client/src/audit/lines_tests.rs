//! Lines on which an end did or stated what an honest one does not: made packet by packet, and judged as
//! `verify` judges any file.

use age::x25519::Identity;
use deskside_decode::Suite;
use deskside_decode::forge::Forge;
use deskside_protocol::act::ActKey;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{MAX_MESSAGE, encode};
use deskside_protocol::policy::{FileBodies, Policy};
use deskside_protocol::session::{End, Ends};
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
}

impl Line {
    fn under(policy: Policy) -> Self {
        let (identity, forge) = (Identity::generate(), Forge::new(Suite::Aes256Gcm, 3).unwrap());
        let mut fixture = Fixture::under(policy);
        for end in [End::Agent, End::Technician] {
            fixture.seal(end, forge.secrets(), &identity.to_public());
        }
        Self { fixture, forge, identity, numbers: Ends::default() }
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
        let by = if from == End::Agent { End::Technician } else { End::Agent };
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
fn stream(id: u8, offset: u8, bytes: &[u8], last: bool) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    // Two bytes of length hold up to 16,383.
    [&[0x0e | u8::from(last), id, offset, 0x40, length][..], bytes].concat()
}

/// What the technician says on a stream of a channel, opened by it.
fn technicians(channel: Channel, id: u64, kind: Kind) -> Vec<u8> {
    let opening = Opening { channel: channel.to_wire() as i32 };
    let mut actor = ActKey::new(Zeroizing::new([1; 32])).actor(channel, id);
    let act = actor.wrap(&Message { kind: Some(kind) });
    [encode(&opening, MAX_MESSAGE).unwrap(), encode(&act, MAX_MESSAGE).unwrap()].concat()
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
