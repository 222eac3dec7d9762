//! What a technician meets who is too eager, and a session that wants too much.

use std::fs;
use std::time::{Duration, Instant};

use deskside_protocol::code::Code;
use deskside_tests::agent::Agent;
use deskside_tests::technician::Technician;
use deskside_tests::web;

use crate::house::House;

/// The code with another secret, and a check digit that fits.
fn wrong(code: &str) -> String {
    let mut digits: Vec<u8> = code.bytes().take(11).collect();
    digits[7] = if digits[7] == b'9' { b'0' } else { digits[7] + 1 };
    let body = String::from_utf8(digits).unwrap();
    let with = |check| format!("{body}{check}");
    (0..10).map(with).find(|code| Code::parse(code).is_ok()).unwrap()
}

/// A failed run: gives what the technician read.
fn fail(house: &House, agent: &mut Agent, ticket: &str) -> String {
    let code = agent.code().unwrap();
    let ran = house.alice.refused(&wrong(&code), ticket).unwrap();
    assert_eq!(ran.code, Some(4), "{ran}");
    // The user hears of each one.
    assert!(agent.wait_for("pairing_failed").unwrap()["reason"].is_string());
    ran.sentence()
}

#[test]
fn two_failed_codes_lock_and_a_lead_lifts_the_lock() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Guessing").unwrap();
    let first = fail(&house, &mut agent, &ticket);
    assert!(first.contains("locks ticket"), "{first}");
    let second = fail(&house, &mut agent, &ticket);
    assert!(second.contains("try again in 15 minutes"), "{second}");

    let code = agent.code().unwrap();
    let ran = house.alice.refused(&code, &ticket).unwrap();
    assert_eq!(ran.code, Some(3), "{ran}");
    let said = ran.sentence();
    assert!(
        said.contains("2 codes failed in your name") && said.contains("unlock admin"),
        "{said}"
    );
    assert!((house.relay.number("deskside_failed_pairings_total").unwrap() - 2.0).abs() < 0.1);
    let notes = house.alice.shown(&ticket).unwrap()["notes"].to_string();
    assert_eq!(notes.matches("Pairing failed: admin").count(), 2, "{notes}");

    // Nobody lifts his own lock; a lead does, from where he sits.
    let unlock = ["technician", "unlock", "admin", "--ticket", &ticket];
    let own = house.alice.run(&unlock).unwrap();
    assert_eq!(own.code, Some(3), "{own}");
    let token = house.relay.invite("lee", "lead").unwrap();
    let lead = Technician::enrolled(&house.path("lee"), &token).unwrap();
    let lifted = lead.run(&unlock).unwrap().done().unwrap();
    assert_eq!((&lifted["forgiven"], &lifted["ticket"].to_string()), (&2.into(), &ticket));
    // The code that was refused has not been tried: it is as good as before.
    house.alice.connect(&code, &ticket).unwrap().end("").unwrap();
    let nobody = house.relay.beside(&["technician", "unlock", "nobody"]).unwrap();
    assert_eq!(nobody.code, Some(5), "{nobody}");
    let none = house.relay.beside(&["technician", "unlock", "admin"]).unwrap().done().unwrap();
    assert_eq!(none["forgiven"], 0);
}

#[test]
fn acting_on_the_admin_address_takes_the_token_also_from_loopback() {
    let house = House::new();
    let mut agent = house.agent("agent");
    let ticket = house.alice.ticket("Guessing").unwrap();
    fail(&house, &mut agent, &ticket);
    let path = "/technicians/admin/unlock";
    let bare = web::ask("POST", house.relay.admin(), path, &[]).unwrap();
    assert_eq!(bare.status, 401, "{bare:?}");
    let token = fs::read_to_string(house.relay.data().join("admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let with = [("Authorization", bearer.as_str())];
    assert_eq!(web::ask("POST", house.relay.http(), path, &with).unwrap().status, 404);
    let lifted = web::ask("POST", house.relay.admin(), path, &with).unwrap();
    assert_eq!((lifted.status, lifted.text().as_str()), (200, "1 failed codes are forgotten\n"));
}

#[test]
fn a_recording_that_is_long_enough_ends_its_session_and_both_ends_say_so() {
    let house = House::new();
    house.relay.change_policy(|policy| policy.recording_quota_bytes = Some(1024 * 1024)).unwrap();
    let mut helped = house.helped("agent");
    let (big, _) = house.noise("big.bin", 4 * 1024 * 1024);
    // Cut off or, on a fast machine, just done: the session ends all the same.
    let copied = house.copy(&[&big, "agent:"]);
    let ended = helped.agent.wait_for("ended").unwrap();
    let said = ended["reason"].to_string();
    assert!(said.contains("recording"), "{said} after {copied}");
    let code = helped.session.process.end().unwrap();
    assert_eq!(code, Some(8), "{}", helped.session.process.words());
    let words = helped.session.process.words();
    assert!(words.contains("as long as the policy lets it become"), "{words}");
    let verdict = house.verdict(helped.session.id());
    // The relay ended it in the middle of a sentence: neither end could say a last word.
    assert_eq!(verdict["verdict"], "incomplete", "{verdict}");
    let why = verdict["explanation"][0].as_str().unwrap();
    assert!(why.contains("both ends' last words are missing"), "{why}");
}

#[test]
fn a_policy_can_slow_a_session_down() {
    const RATE: u64 = 512 * 1024;
    let house = House::new();
    house.relay.change_policy(|policy| policy.bytes_per_second = Some(RATE)).unwrap();
    let helped = house.helped("agent");
    let (file, bytes) = house.noise("file.bin", 3 * RATE);
    let began = Instant::now();
    let copied = house.copy(&[&file, "agent:"]);
    assert_eq!(copied.code, Some(0), "{copied}");
    // Three seconds' worth, less what may come at once.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(fs::read(helped.agent.file("file.bin")).unwrap() == bytes);
    helped.session.end("").unwrap();
}
