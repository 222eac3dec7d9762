//! Under `hash-only` the bodies of files pass the relay and are in no recording; what they were is.

use std::fs;

use deskside_protocol::policy::{FileBodies, Policy};
use deskside_protocol::transcript::sha256;
use deskside_tests::agent::Wish;
use rustix::process::Signal;
use serde_json::json;

use crate::export::Exported;
use crate::house::{Helped, House, assert_copied};

/// Bytes of a file that takes long enough to be disturbed.
const BIG: u64 = 48 * 1024 * 1024;
/// Bytes after which it is disturbed.
const MIDDLE: u64 = 8 * 1024 * 1024;

fn hash_only(policy: &mut Policy) {
    policy.file_bodies = FileBodies::HashOnly;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the auditor's key opens of a session in which one file went there and back.
struct Copied {
    exported: Exported,
    bytes: Vec<u8>,
    ticket: String,
    /// Of bulk data, that left the relay meanwhile.
    passed: u64,
}

impl Copied {
    fn under(change: impl FnOnce(&mut Policy)) -> Self {
        let house = House::tapped(change);
        let Helped { agent, session, ticket } = house.helped("agent");
        let (file, bytes) = house.noise("noise.bin", 3_000_001);
        let before = house.tap().bulk();
        house.copy(&[&file, "agent:"]).done().unwrap();
        assert!(fs::read(agent.file("noise.bin")).unwrap() == bytes);
        let back = house.path("back.bin");
        house.copy(&["agent:noise.bin", back.to_str().unwrap()]).done().unwrap();
        assert!(fs::read(back).unwrap() == bytes);
        let passed = house.tap().bulk() - before;
        let id = session.id().to_owned();
        session.end("").unwrap();
        let file = house.fetched(&id);
        Self { exported: Exported { house, id, file }, bytes, ticket, passed }
    }

    /// Whether any stream of the recording, decoded, has these bytes.
    fn is_recorded(&self, bytes: &[u8]) -> bool {
        let streams = self.exported.streams();
        streams.values().any(|stream| memchr::memmem::find(stream, bytes).is_some())
    }
}

#[test]
fn bodies_pass_and_only_their_hashes_are_recorded() {
    for (change, recorded) in [(hash_only as fn(&mut Policy), false), (|_| (), true)] {
        let copied = Copied::under(change);
        let Copied { exported, bytes, ticket, passed } = &copied;
        assert!(*passed > 2 * bytes.len() as u64, "{passed} bytes passed");
        for at in [0, 1_500_000, bytes.len() - 64] {
            assert_eq!(copied.is_recorded(&bytes[at..at + 64]), recorded, "at {at}");
        }
        let sum = sha256(bytes);
        assert!(copied.is_recorded(&sum), "the hash is recorded");
        let shown = exported.house.alice.shown(ticket).unwrap().to_string();
        assert!(shown.contains(&hex(&sum)), "{shown}");

        // The auditor misses nothing, and finds no fault.
        let verdict = exported.house.verdict(&exported.id);
        assert_eq!((&verdict["verdict"], &verdict["sound"]), (&json!("verified"), &json!(true)));
        let contents = &verdict["contents"];
        assert_eq!((&contents["findings"], &contents["unreadable"]), (&json!([]), &json!(0)));
        assert_eq!(contents["statements"]["disputed"], 0, "{contents}");
        let told = exported.happenings();
        let all = |name: &str, field: &str| {
            let named: Vec<_> = told.iter().filter(|told| told["what"] == name).collect();
            assert_eq!(named.len(), 2, "{told:?}");
            named.iter().map(|told| told[field].clone()).collect::<Vec<_>>()
        };
        assert_eq!(all("transfer", "bodies_recorded"), [json!(recorded), json!(recorded)]);
        assert_eq!(all("file-ended", "body_recorded"), [json!(recorded), json!(recorded)]);
        assert_eq!(all("file-ended", "sha256"), [json!(hex(&sum)), json!(hex(&sum))]);
        assert_eq!(all("file-ended", "landed"), [json!(true), json!(true)]);
        // And since when there was a road beside the recording, by the relay's own word.
        let road: Vec<_> = told.iter().filter(|told| told["event"] == "files-line").collect();
        assert_eq!(road.len(), usize::from(!recorded), "{road:?}");
        let first = told.iter().position(|told| told["what"] == "file-ended").unwrap();
        let opened = told.iter().position(|told| told["event"] == "files-line");
        assert!(opened.is_none_or(|opened| opened < first), "{told:?}");
    }
}

#[test]
fn a_relay_that_is_killed_in_the_middle() {
    let mut house = House::tapped(hash_only);
    let Helped { agent, session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    house.relay.kill().unwrap();
    house.relay.restart().unwrap();
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    let here = house.path("here.bin");
    let copy = house.copying(&["agent:big.bin", here.to_str().unwrap()], MIDDLE);
    house.relay.kill().unwrap();
    house.relay.restart().unwrap();
    assert_copied(copy);
    assert!(fs::read(here).unwrap() == bytes);
    let id = session.id().to_owned();
    session.end("").unwrap();
    let verdict = house.verdict(&id);
    assert!(verdict["verdict"] == "verified" && !verdict["recovered"].is_null(), "{verdict}");
    // Both deaths are on the auditor's track, and whose connection the relay had to wait for.
    let file = house.fetched(&id);
    let exported = Exported { house, id, file };
    let told = exported.happenings();
    let count = |event: &str| told.iter().filter(|told| told["event"] == event).count();
    assert_eq!((count("recovered"), count("back")), (2, 4), "{told:?}");
    assert!(fs::metadata(&exported.file).unwrap().len() < BIG / 8);
}

#[test]
fn an_agent_that_is_killed_in_the_middle_has_another_files_line() {
    let house = House::tapped(hash_only);
    let Helped { agent, mut session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    agent.process.signal(Signal::KILL).unwrap();
    drop(agent);
    let mut agent = house.agent_as("agent", &Wish { allow: "", ..Wish::default() });
    agent.wait_for("resumed").unwrap();
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    assert_eq!(session.process.wait_for("line").unwrap()["line"], 1);
    let id = session.id().to_owned();
    session.end("").unwrap();
    assert_eq!(house.verdict(&id)["verdict"], "verified");
}

#[test]
fn a_transfer_that_was_broken_off_goes_on() {
    let house = House::tapped(hash_only);
    let Helped { agent, session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    drop(house.copying(&[&big, "agent:"], MIDDLE));
    let again = house.copy(&["--resume", &big, "agent:"]);
    assert_eq!(again.code, Some(0), "{again}");
    let events = again.events().unwrap();
    let file = events.iter().find(|event| event["event"] == "file").unwrap();
    assert!(file["resumed"].as_u64() > Some(0), "{file}");
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    session.end("").unwrap();
}
