//! What goes wrong in daily life: each with its sentence, its exit code, and nothing lost.

use std::fs;

use deskside_protocol::code::Code;
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::process::Ran;
use deskside_tests::relay::{Relay, beside};
use deskside_tests::technician::Technician;
use rustix::process::Signal;
use serde_json::json;

use crate::house::{Helped, House};

/// Exit code and sentence of a program that refused.
#[track_caller]
fn assert_refused(ran: &Ran, exit: i32, sentence: &str) {
    assert_eq!(ran.code, Some(exit), "{ran}");
    let said = ran.sentence();
    assert!(said.contains(sentence), "{said:?} has no {sentence:?}");
    assert!(ran.stderr.contains(sentence) || ran.stderr.is_empty(), "{ran}");
}

/// The code with its `at`th digit another, and no fitting check digit.
fn mistyped(code: &str, at: usize) -> String {
    let mut digits: Vec<u8> = code.bytes().collect();
    digits[at] = if digits[at] == b'9' { b'0' } else { digits[at] + 1 };
    String::from_utf8(digits).unwrap()
}

/// The code with its `at`th digit another, and a check digit that fits.
fn another(code: &str, at: usize) -> String {
    let wrong = mistyped(code, at);
    let with = |check| format!("{}{check}", &wrong[..11]);
    (0..10).map(with).find(|code| Code::parse(code).is_ok()).unwrap()
}

#[test]
fn a_mistyped_code_is_caught_before_anything_is_sent() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Slips").unwrap();
    let code = agent.code().unwrap();
    for at in [0, 4, 5, 10, 11] {
        let ran = house.alice.refused(&mistyped(&code, at), &ticket).unwrap();
        assert_refused(&ran, 4, "typing mistake");
    }
    assert_refused(&house.alice.refused("4821", &ticket).unwrap(), 4, "digits");
    // The code is as good as before, in any grouping, and from standard input.
    let spaced = format!("{} {}-{}", &code[..4], &code[4..8], &code[8..]);
    house.alice.connect(&spaced, &ticket).unwrap().end("").unwrap();

    // Not even a relay that is gone is noticed.
    house.relay.stop().unwrap();
    let ran = house.alice.refused(&mistyped(&code, 3), &ticket).unwrap();
    assert_refused(&ran, 4, "typing mistake");
    let ran = house.alice.refused(&another(&code, 3), &ticket).unwrap();
    assert_eq!(ran.code, Some(6), "{ran}");
}

#[test]
fn a_wrong_secret_fails_and_the_agent_shows_another_code() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Guessing").unwrap();
    let code = agent.code().unwrap();
    let ran = house.alice.refused(&another(&code, 7), &ticket).unwrap();
    assert_refused(&ran, 4, "code");
    assert!(agent.wait_for("pairing_failed").unwrap()["reason"].is_string());
    let next = agent.code().unwrap();
    assert_ne!(code, next);
    // The right secret comes too late: the run is over.
    assert_eq!(house.alice.refused(&code, &ticket).unwrap().code, Some(4));
    house.alice.connect(&next, &ticket).unwrap().end("").unwrap();
}

#[test]
fn a_code_works_once() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Once").unwrap();
    let code = agent.code().unwrap();
    house.alice.connect(&code, &ticket).unwrap().end("").unwrap();
    // Retyped by the same person, who is told so here, and by another, who is told so there.
    assert_refused(&house.alice.refused(&code, &ticket).unwrap(), 4, "code");
    let token = house.relay.invite("bob", "technician").unwrap();
    let bob = Technician::enrolled(&house.path("bob"), &token).unwrap();
    assert_refused(&bob.refused(&code, &ticket).unwrap(), 4, "code");
    // One that nobody ever showed.
    assert_refused(&house.alice.refused(&another(&code, 0), &ticket).unwrap(), 4, "code");
}

#[test]
fn a_ticket_that_is_unknown_or_closed_costs_no_code() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let code = agent.code().unwrap();
    assert_refused(&house.alice.refused(&code, "999999").unwrap(), 5, "ticket");
    let ticket = house.alice.ticket("Done already").unwrap();
    house.alice.run(&["ticket", "status", &ticket, "closed"]).unwrap().done().unwrap();
    assert_refused(&house.alice.refused(&code, &ticket).unwrap(), 3, "ticket");
    house.alice.run(&["ticket", "status", &ticket, "open"]).unwrap().done().unwrap();
    house.alice.connect(&code, &ticket).unwrap().end("").unwrap();
}

#[test]
fn a_relay_that_is_not_the_one_of_the_link_is_refused() {
    let house = House::new();
    let other = Relay::start(&house.path("other")).unwrap();
    let link = house.relay.join().replace(house.relay.address(), other.address());
    let mut agent = Agent::start(&house.path("agent"), &link, &Wish::default()).unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(7), "{}", agent.process.words());
    assert!(!agent.process.words().is_empty());

    let account = house.alice.home().join("account.json");
    let text = fs::read_to_string(&account).unwrap();
    fs::write(&account, text.replace(house.relay.address(), other.address())).unwrap();
    let ran = house.alice.run(&["ticket", "list"]).unwrap();
    assert_refused(&ran, 7, "relay");
}

#[test]
fn without_an_auditor_nobody_connects() {
    let house = House::new();
    let relay = Relay::start(&house.path("unaudited")).unwrap();
    let token = relay.invite("tom", "technician").unwrap();
    let tom = Technician::enrolled(&house.path("tom"), &token).unwrap();
    let ticket = tom.ticket("Unaudited").unwrap();
    let connect = |name| {
        let mut agent = Agent::start(&house.path(name), relay.join(), &Wish::default()).unwrap();
        let code = agent.code().unwrap();
        (agent, code)
    };
    let (_agent, code) = connect("first");
    assert_refused(&tom.refused(&code, &ticket).unwrap(), 3, "deskside-relay auditor add");

    let identity = fs::read_to_string(house.alice.identity()).unwrap();
    let recipient = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    relay.beside(&["auditor", "add", recipient]).unwrap().done().unwrap();
    let (_agent, code) = connect("second");
    tom.connect(&code, &ticket).unwrap().end("").unwrap();
}

#[test]
fn a_missing_display_is_said() {
    let house = House::new();
    let start = |name, screen, display| {
        let wish = Wish { screen, display, ..Wish::default() };
        Agent::start(&house.path(name), house.relay.join(), &wish).unwrap()
    };
    let mut agent = start("none", "x11", vec![]);
    assert_eq!(agent.process.end().unwrap(), Some(5));
    assert!(agent.process.words().contains("DISPLAY"), "{}", agent.process.words());
    let gone = house.path("no-such-socket").display().to_string();
    let mut agent = start("gone", "x11", vec![("DISPLAY", gone.clone())]);
    assert_eq!(agent.process.end().unwrap(), Some(5));
    assert!(agent.process.words().contains("display"), "{}", agent.process.words());

    // By default a computer without a screen can still be helped, just not seen.
    let mut agent = start("auto", "auto", vec![("DISPLAY", gone)]);
    let ticket = house.alice.ticket("Headless").unwrap();
    let session = house.alice.connect(&agent.code().unwrap(), &ticket).unwrap();
    assert_refused(&house.alice.run(&["screenshot"]).unwrap(), 5, "screen");
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    session.end("").unwrap();
}

#[test]
fn a_killed_agent_ends_the_session_with_a_note() {
    let house = House::tapped(|policy| policy.grace_seconds = 2);
    let Helped { agent, mut session, ticket } = house.helped("agent");
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    agent.process.signal(Signal::KILL).unwrap();
    assert_eq!(session.process.end().unwrap(), Some(8), "{}", session.process.words());
    let last = session.process.heard().last().unwrap();
    assert!(last["error"].is_string() || last["reason"].is_string(), "{last}");

    let shown = house.alice.shown(&ticket).unwrap();
    assert!(shown["notes"].as_array().unwrap().iter().any(|note| note["signed"] == true));
    let listed = house.alice.run(&["audit", "list"]).unwrap().done().unwrap();
    assert!(listed["closed"].is_string(), "{listed}");
    let file = house.fetched(session.id());
    let judged = house.alice.run(&["audit", "verify", file.to_str().unwrap()]).unwrap();
    let verdict = judged.events().unwrap().pop().unwrap();
    assert_eq!((judged.code, &verdict["verdict"]), (Some(7), &json!("incomplete")), "{judged}");
    assert_eq!(verdict["finding"], json!(null));
}

#[test]
fn a_killed_technician_leaves_the_agent_in_order() {
    let house = House::tapped(|policy| policy.grace_seconds = 2);
    let Helped { mut agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    session.process.signal(Signal::KILL).unwrap();
    let ended = agent.wait_for("ended").unwrap();
    assert_eq!(ended["reason"], "technician_lost");
    assert_eq!(agent.process.end().unwrap(), Some(8));

    // The folder is not blocked by what the dead one left behind.
    assert_refused(&house.alice.run(&["info"]).unwrap(), 5, "session");
    let Helped { agent: _agent, session, .. } = house.helped("next");
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    session.end("").unwrap();
}

#[test]
fn a_second_relay_on_the_folder_is_refused() {
    let house = House::new();
    let ran = beside(house.relay.data(), &["serve", "--listen", "127.0.0.1:0"]).unwrap();
    assert_refused(&ran, 1, "already running on this folder");
    assert!(house.alice.ticket("The first one is well").is_ok());
}

#[test]
fn a_token_works_once_and_a_mistyped_one_never() {
    let house = House::new();
    let token = house.relay.token().unwrap();
    let eve = Technician::new(&house.path("eve"));
    assert_refused(&eve.typing(&["enroll", "-"], token).unwrap(), 4, "token");
    for garbage in ["dse1.nonsense", "hello", &token[..token.len() - 3]] {
        let ran = eve.run(&["enroll", garbage]).unwrap();
        assert_eq!(ran.code, Some(4), "{ran}");
        assert!(!ran.sentence().is_empty());
    }
    assert_eq!(eve.run(&["ticket", "list"]).unwrap().code, Some(3), "still a stranger");
}

#[test]
fn a_policy_file_of_an_older_serial_is_refused() {
    let house = House::new();
    let older = written_policy(&house, "older.toml");
    house.relay.beside(&["policy", "set", &older]).unwrap().done().unwrap();
    let ran = house.relay.beside(&["policy", "set", &older]).unwrap();
    assert_refused(&ran, 3, "serial");
}

/// Saves the policy in force to a file.
fn written_policy(house: &House, name: &str) -> String {
    let shown = house.relay.beside(&["policy", "show"]).unwrap().done().unwrap();
    let policy: toml::Table = serde_json::from_value(shown["policy"].clone()).unwrap();
    let path = house.path(name);
    fs::write(&path, policy.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_old_policy_that_is_brought_back_is_refused_by_both_ends() {
    let house = House::new();
    // The relay as it is now, to be brought back later.
    let (data, old) = (house.relay.data().to_owned(), house.path("old"));
    let House { relay, .. } = &house;
    let policy = written_policy(&house, "policy.toml");
    copy_files(&data, &old);
    relay.beside(&["policy", "set", &policy]).unwrap().done().unwrap();
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    session.end("").unwrap();

    let back = Relay::start(&old).unwrap();
    let mut agent = Agent::start(&house.path("agent"), back.join(), &Wish::default()).unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(3), "{}", agent.process.words());
    assert!(agent.process.words().contains("policy"), "{}", agent.process.words());

    let account = house.alice.home().join("account.json");
    let text = fs::read_to_string(&account).unwrap();
    fs::write(&account, text.replace(house.relay.address(), back.address())).unwrap();
    let mut fresh = Agent::start(&house.path("fresh"), back.join(), &Wish::default()).unwrap();
    let ticket = house.alice.ticket("Old").unwrap();
    // The log of an old folder is shorter than it was; whoever takes that for true is told the rest.
    let code = fresh.code().unwrap();
    let ran = house.alice.refused(&code, &ticket).unwrap();
    assert!(ran.code == Some(7) && ran.sentence().contains("log"), "{ran}");
    fs::remove_file(house.alice.home().join("log-head")).unwrap();
    let ran = house.alice.refused(&code, &ticket).unwrap();
    assert!([Some(3), Some(7)].contains(&ran.code), "{ran}");
    assert!(ran.sentence().contains("policy"), "{ran}");
}

/// A copy of the folder of a relay that does nothing at the moment: files, not folders.
fn copy_files(data: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(data).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
