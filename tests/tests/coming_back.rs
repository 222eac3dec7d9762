//! Somebody dies in the middle of a transfer, and nothing is lost.

use std::fs;
use std::time::Instant;

use deskside_protocol::policy::Policy;
use deskside_protocol::wire::record::event;
use deskside_tests::agent::Wish;
use deskside_tests::process::Process;
use deskside_tests::recorded::Recorded;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::house::{AGENT, ELSEWHERE, Helped, House, assert_copied};

/// Bytes of a file that takes long enough to be disturbed.
const BIG: u64 = 48 * 1024 * 1024;
/// Bytes after which it is disturbed.
const MIDDLE: u64 = 8 * 1024 * 1024;
/// Bytes of a packet on loopback, at the most.
const LARGEST: u64 = 6_500;

#[track_caller]
fn assert_gap(process: &mut Process, cause: &str) {
    let gap = process.wait_for("gap").unwrap();
    assert_eq!(gap["cause"], cause);
    assert!(process.wait_for("back").unwrap()["seconds"].is_number());
}

/// The recording of a session.
fn recorded(house: &House, session: &str) -> Recorded {
    Recorded::read(&fs::read(house.fetched(session)).unwrap()).unwrap()
}

fn lines_sealed(verdict: &Value) -> &Value {
    &verdict["seals"]["equal"]
}

#[test]
fn a_relay_that_is_killed_and_started_again() {
    let mut house = House::tapped(|_| ());
    let Helped { mut agent, mut session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);

    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    house.relay.kill().unwrap();
    house.relay.restart().unwrap();
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    assert_gap(&mut session.process, "relay");
    assert_gap(&mut agent.process, "relay");

    // And the other way, twice in one transfer.
    let here = house.path("here.bin");
    let copy = house.copying(&["agent:big.bin", here.to_str().unwrap()], MIDDLE);
    for _ in 0..2 {
        house.relay.kill().unwrap();
        let before = house.tap().bulk();
        house.relay.restart().unwrap();
        house.tap().wait_for_bulk(before + MIDDLE).unwrap();
    }
    assert_copied(copy);
    assert!(fs::read(here).unwrap() == bytes);

    let id = session.id().to_owned();
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
    let verdict = house.verdict(&id);
    // Whole and signed by all three; that nothing is missing for all the deaths both ends' last words
    // prove, and not a restarted relay's.
    assert!(verdict["verdict"] == "verified" && !verdict["recovered"].is_null(), "{verdict}");
    assert!(
        verdict["explanation"][0].as_str().unwrap().contains("nothing is missing"),
        "{verdict}"
    );
    assert_eq!(lines_sealed(&verdict), &json!([0]), "{verdict}");
    let recorded = recorded(&house, &id);
    assert_eq!(recorded.when(event::Kind::Recovered).count(), 3);
    let left = house.tap().look(|seen| recorded.left(seen));
    assert!(left.packets > 3 * MIDDLE / LARGEST && left.missing == 0, "{left:?}");
}

#[test]
fn a_relay_that_comes_back_at_another_address_of_the_policy() {
    let mut house = House::tapped(|_| ());
    let Helped { agent, mut session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    house.relay.kill().unwrap();
    house.relay.restart_at("127.0.0.1:0").unwrap();
    house.tap().lead(ELSEWHERE, house.relay.address().parse().unwrap());
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    assert_gap(&mut session.process, "relay");
}

#[test]
fn an_agent_that_is_killed_and_started_again() {
    let house = House::tapped(|_| ());
    let Helped { agent, mut session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    agent.process.signal(Signal::KILL).unwrap();
    drop(agent);
    // Nothing is answered beforehand any more: what was allowed still is.
    let wish = Wish { allow: "", ..Wish::default() };
    let mut agent = house.agent_as("agent", &wish);
    let resumed = agent.wait_for("resumed").unwrap();
    assert_eq!(resumed["session"], session.id());
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    // So quickly that the relay had not missed it: there is no gap to tell, but another line.
    assert_eq!(session.process.wait_for("line").unwrap()["line"], 1);
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");

    let id = session.id().to_owned();
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
    let asked = |event: &Value| event["event"] == "code" || event["event"] == "grant";
    let heard = agent.process.heard();
    assert!(!heard.iter().any(asked), "the user was asked again: {heard:?}");
    let verdict = house.verdict(&id);
    assert_eq!(lines_sealed(&verdict), &json!([0, 1]), "{verdict}");
    assert_eq!(verdict["verdict"], "verified", "{verdict}");
}

#[test]
fn a_technicians_program_that_is_killed_and_resumed() {
    let house = House::tapped(|_| ());
    let Helped { mut agent, session, ticket } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    let id = session.id().to_owned();
    let mut copy = house.copying(&[&big, "agent:"], MIDDLE);
    drop(session);
    assert_ne!(copy.end().unwrap(), Some(0), "nobody is left to copy");
    assert_eq!(house.alice.run(&["info"]).unwrap().code, Some(5));

    let resuming = house.alice.command(&["resume", "--headless"]).unwrap();
    let mut resuming = { resuming };
    let mut process = Process::start("deskside resume", &mut resuming).unwrap();
    assert_eq!(process.wait_for("resumed").unwrap()["session"], json!(id));
    let session = house.alice.held(process).unwrap();
    assert_eq!(session.id(), id);
    let again = house.copy(&["--resume", &big, "agent:"]);
    assert_eq!(again.code, Some(0), "{again}");
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    session.end("Came back.").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));

    let shown = house.alice.shown(&ticket).unwrap();
    let signed = shown["notes"].as_array().unwrap().iter().filter(|note| note["signed"] == true);
    let notes: Vec<_> = signed.map(|note| note["text"].as_str().unwrap()).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("Came back."), "{notes:?}");
    let verdict = house.verdict(&id);
    assert_eq!(lines_sealed(&verdict), &json!([0, 1]), "{verdict}");
}

#[test]
fn a_computer_that_slept() {
    let house = House::tapped(|_| ());
    let Helped { agent, mut session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    agent.process.signal(Signal::STOP).unwrap();
    // Longer than a leg lives without a word: the relay has given it up.
    let asleep = session.process.wait_for("gap");
    agent.process.signal(Signal::CONT).unwrap();
    assert_eq!(asleep.unwrap()["cause"], "agent");
    session.process.wait_for("back").unwrap();
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes);
    session.end("").unwrap();
}

#[test]
fn an_address_that_changes_without_a_word() {
    let house = House::tapped(|_| ());
    let Helped { agent, session, .. } = house.helped("agent");
    let (big, bytes) = house.noise("big.bin", BIG);
    let id = session.id().to_owned();
    let copy = house.copying(&[&big, "agent:"], MIDDLE);
    house.tap().forget_mappings(AGENT);
    assert_copied(copy);
    let here = house.path("here.bin");
    let copy = house.copying(&["agent:big.bin", here.to_str().unwrap()], MIDDLE);
    house.tap().forget_mappings(AGENT);
    assert_copied(copy);
    assert!(fs::read(agent.file("big.bin")).unwrap() == bytes && fs::read(here).unwrap() == bytes);
    let gaps = session.process.heard().iter().filter(|event| event["event"] == "gap").count();
    assert_eq!(gaps, 0, "{:?}", session.process.heard());
    session.end("").unwrap();
    assert!(recorded(&house, &id).when(event::Kind::LegMoved).count() >= 1);
}

#[track_caller]
fn assert_noted(house: &House, ticket: &str) {
    let shown = house.alice.shown(ticket).unwrap();
    let signed = |note: &Value| note["signed"] == true;
    assert!(shown["notes"].as_array().unwrap().iter().any(signed), "{shown}");
}

fn two_seconds(policy: &mut Policy) {
    policy.grace_seconds = 2;
}

#[test]
fn an_agent_that_does_not_come_back() {
    let house = House::tapped(two_seconds);
    let Helped { agent, mut session, ticket } = house.helped("agent");
    agent.process.signal(Signal::KILL).unwrap();
    drop(agent);
    assert_eq!(session.process.end().unwrap(), Some(8), "{}", session.process.words());
    let ended = session.process.heard().iter().find(|event| event["event"] == "ended").unwrap();
    assert_eq!(ended["reason"], "agent_lost");
    assert_noted(&house, &ticket);
    // Started too late, it shows a code again, or says why it does not go on.
    let mut agent = house.agent("agent");
    agent.code().unwrap();
}

#[test]
fn a_technician_who_does_not_come_back() {
    let house = House::tapped(two_seconds);
    let Helped { mut agent, session, ticket } = house.helped("agent");
    drop(session);
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "technician_lost");
    assert_eq!(agent.process.end().unwrap(), Some(8), "{}", agent.process.words());
    // Too late: the session has ended, and its note is written now.
    let late = house.alice.run(&["resume", "--headless"]).unwrap();
    assert_eq!(late.code, Some(8), "{late}");
    assert_noted(&house, &ticket);
}

#[test]
fn a_relay_that_does_not_come_back() {
    let mut house = House::tapped(two_seconds);
    let Helped { mut agent, mut session, ticket } = house.helped("agent");
    let began = Instant::now();
    house.relay.kill().unwrap();
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "relay_stopped");
    assert_eq!(agent.process.end().unwrap(), Some(8), "{}", agent.process.words());
    // Its note cannot be written to the ticket, and is kept.
    assert_eq!(session.process.end().unwrap(), Some(6), "{}", session.process.words());
    assert!(began.elapsed().as_secs() >= 2, "the grace is 2 seconds");
    house.relay.restart().unwrap();
    let late = house.alice.run(&["resume", "--headless"]).unwrap();
    assert_eq!(late.code, Some(8), "{late}");
    assert_noted(&house, &ticket);
}
