//! Full disks at all three sides: what is lost is said, and the session goes on where it may.

use std::fs;

use deskside_protocol::policy::Recording;
use deskside_tests::agent::Wish;
use deskside_tests::relay::Relay;
use serde_json::{Value, json};

use crate::house::{Helped, House};

/// Bytes that a file may have on the full disk: room for a database and for what a program keeps.
const ROOM: u64 = 1024 * 1024;

fn reason(events: &[Value]) -> Option<&str> {
    events.iter().find(|event| event["event"] == "ended")?["reason"].as_str()
}

#[test]
fn what_cannot_be_recorded_is_not_forwarded() {
    let house = House::with(|data| Relay::start_fillable(data).unwrap());
    let Helped { mut agent, mut session, ticket } = house.helped("agent");
    house.relay.fill_disk(ROOM).unwrap();

    let input = vec![b'x'; 8 * 1024 * 1024];
    let through = session.exec(&["cat"], &input).unwrap();
    assert_ne!(through.code, Some(0), "8 MiB went there and back");
    let came = through.stdout.len() as u64;
    assert!(came < ROOM, "{came} bytes came back, and there was room for {ROOM} both ways");

    assert_eq!(session.process.end().unwrap(), Some(8), "{}", session.process.words());
    assert_eq!(reason(session.process.heard()), Some("recording_failed"));
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "recording_failed");
    drop(ticket);
}

#[test]
fn a_best_effort_session_goes_on_unrecorded_and_says_so() {
    let house = House::with(|data| Relay::start_fillable(data).unwrap());
    house.relay.change_policy(|policy| policy.recording = Recording::BestEffort).unwrap();
    let Helped { mut agent, mut session, .. } = house.helped("agent");
    house.relay.fill_disk(ROOM).unwrap();

    let (big, bytes) = house.noise("big.bin", 8 * 1024 * 1024);
    let through = house.copy(&[&big, "agent:"]);
    assert_eq!(through.code, Some(0), "{through}");
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    agent.wait_for("unrecorded").unwrap();
    session.process.wait_for("unrecorded").unwrap();
    assert_eq!(house.alice.run(&["info"]).unwrap().done().unwrap()["recorded"], json!(false));
    session.end("The disk was full.").unwrap();
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "technician_ended");
}

#[test]
fn a_receiver_without_room_says_so_and_the_session_goes_on() {
    let house = House::new();
    let wish = Wish { fillable: true, ..Wish::default() };
    let Helped { agent, session, .. } = house.helped_by(house.agent_as("agent", &wish));
    agent.process.fill_disk(ROOM).unwrap();
    let (big, _) = house.noise("big.bin", 4 * ROOM);
    let (small, bytes) = house.noise("small.bin", ROOM / 2);
    let full = house.copy(&[&big, "agent:"]);
    assert_eq!(full.code, Some(1), "{full}");
    assert!(!full.sentence().is_empty(), "{full}");
    assert!(!agent.file("big.bin").exists());
    let fits = house.copy(&[&small, "agent:"]);
    assert_eq!(fits.code, Some(0), "{fits}");
    assert!(fs::read(agent.file("small.bin")).unwrap() == bytes);
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    session.end("").unwrap();
}

#[test]
fn a_technician_without_room_is_told_and_the_session_goes_on() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Full here").unwrap();
    let code = agent.code().unwrap();
    let connect = house.alice.fillable_connect(&code, &ticket).unwrap();
    let session = house.alice.held(connect).unwrap();
    session.process.fill_disk(ROOM).unwrap();
    let noise = vec![7; 4 * usize::try_from(ROOM).unwrap()];
    fs::write(agent.file("big.bin"), &noise).unwrap();
    fs::write(agent.file("small.bin"), b"small").unwrap();
    let here = house.path("big.bin");
    let full = house.copy(&["agent:big.bin", here.to_str().unwrap()]);
    assert_eq!(full.code, Some(1), "{full}");
    assert!(!here.exists());
    let fits = house.copy(&["agent:small.bin", here.to_str().unwrap()]);
    assert_eq!(fits.code, Some(0), "{fits}");
    assert_eq!(fs::read(&here).unwrap(), b"small");
    session.end("").unwrap();
}

#[test]
fn whoever_only_sends_needs_no_room() {
    let house = House::new();
    let wish = Wish { fillable: true, ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    let ticket = house.alice.ticket("Full at the sender's").unwrap();
    let code = agent.code().unwrap();
    let connect = house.alice.fillable_connect(&code, &ticket).unwrap();
    let session = house.alice.held(connect).unwrap();
    let (big, bytes) = house.noise("big.bin", 4 * ROOM);

    // Nothing may be written by the technician's program, not one byte of what it keeps.
    session.process.fill_disk(0).unwrap();
    let up = house.copy(&[&big, "agent:"]);
    assert_eq!(up.code, Some(0), "{up}");
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);

    // Nor by the agent, while the technician's disk has room again (but keeps its hard limit, so
    // that another session's program takes the file).
    session.end("").unwrap();
    let mut agent = house.agent_as("agent", &wish);
    let code = agent.code().unwrap();
    let session = house.alice.connect(&code, &ticket).unwrap();
    agent.process.fill_disk(0).unwrap();
    let here = house.path("here.bin");
    let down = house.copy(&["agent:big.bin", here.to_str().unwrap()]);
    assert_eq!(down.code, Some(0), "{down}");
    assert!(fs::read(here).unwrap() == bytes);
    session.end("").unwrap();
}
