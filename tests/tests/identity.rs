//! Who may come in, and for how long: people who are taken back, certificates that end.

use std::time::{Duration, Instant};

use deskside_tests::relay::beside;
use deskside_tests::technician::Technician;

use crate::house::{Helped, House};

/// A house with bob, who was invited with these further words.
fn with_bob(words: &[&str]) -> (House, Technician) {
    let house = House::new();
    let invite = [&["technician", "invite", "bob", "--name", "Bob Lee"], words].concat();
    let invited = house.relay.beside(&invite).unwrap().done().unwrap();
    let token = invited["token"].as_str().unwrap().to_owned();
    let bob = Technician::enrolled(&house.path("bob"), &token).unwrap();
    (house, bob)
}

/// What both ends say of a session that the relay ended because its technician may not stay.
fn assert_put_out(helped: Helped, bob: &Technician, reason: &str, words: &str) {
    let Helped { mut agent, mut session, ticket } = helped;
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], reason);
    assert_eq!(session.process.wait_for("ended").unwrap()["reason"], reason);
    assert_eq!(session.process.end().unwrap(), Some(3), "{}", session.process.words());
    assert!(session.process.words().contains(words), "{}", session.process.words());
    assert_eq!(agent.process.end().unwrap(), Some(8), "{}", agent.process.words());
    // Nothing more is to be had, and what he did is kept for him.
    let ran = bob.run(&["ticket", "show", &ticket]).unwrap();
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(ran.sentence().contains(words), "{ran}");
    assert_eq!(std::fs::read_dir(bob.home().join("notes")).unwrap().count(), 1);
}

fn helped_by(house: &House, bob: &Technician) -> Helped {
    let mut agent = house.agent("agent");
    let ticket = bob.ticket("Printer").unwrap();
    let code = agent.code().unwrap();
    let session = bob.connect(&code, &ticket).unwrap();
    agent.wait_for("grant").unwrap();
    Helped { agent, session, ticket }
}

#[test]
fn a_revoked_technician_is_put_out_of_a_running_session() {
    let (house, bob) = with_bob(&[]);
    let helped = helped_by(&house, &bob);
    let ran = helped.session.exec(&["true"], b"").unwrap();
    assert_eq!(ran.code, Some(0), "{ran}");
    let began = Instant::now();
    house.relay.beside(&["technician", "revoke", "bob"]).unwrap().done().unwrap();
    assert_put_out(helped, &bob, "technician_revoked", "revoked");
    // The goal is a second; five are for a machine that does other things as well.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Everybody else goes on.
    house.helped("another").session.end("").unwrap();
    let list = house.relay.beside(&["technician", "list"]).unwrap().events().unwrap();
    let bob = list.iter().find(|who| who["login"] == "bob").unwrap();
    assert_eq!(bob["state"], "revoked");
    assert!(bob["seen"].as_u64() >= bob["enrolled"].as_u64(), "{bob}");
}

#[test]
fn a_certificate_that_ends_puts_its_holder_out() {
    let (house, bob) = with_bob(&["--valid", "12s"]);
    let helped = helped_by(&house, &bob);
    assert_put_out(helped, &bob, "technician_expired", "expired");
    let list = house.relay.beside(&["technician", "list"]).unwrap().events().unwrap();
    let bob = list.iter().find(|who| who["login"] == "bob").unwrap();
    assert_eq!((&bob["state"], &bob["renewal"]), (&"expired".into(), &"never".into()));
}

#[test]
fn with_the_authority_elsewhere_somebody_is_enrolled_by_two_files() {
    let house = House::new();
    let vault = house.path("vault");
    std::fs::rename(house.path("relay-authority"), &vault).unwrap();
    let token = house.relay.invite("bob", "technician,auditor").unwrap();
    let bob = Technician::new(&house.path("bob"));
    for _ in 0..2 {
        let ran = bob.typing(&["enroll", "-"], &token).unwrap();
        assert_eq!(ran.code, Some(3), "{ran}");
        assert!(ran.sentence().contains("Your request waits there"), "{ran}");
    }

    let (requests, signed) = (house.path("requests.json"), house.path("signed.json"));
    let (requests, signed) = (requests.to_str().unwrap(), signed.to_str().unwrap());
    let written = house.relay.beside(&["authority", "requests", "--output", requests]).unwrap();
    assert_eq!(written.done().unwrap()["requests"][0]["login"], "bob");
    // On another machine: a folder of its own, no relay, nobody at a terminal.
    let elsewhere = house.path("elsewhere");
    let sign = ["authority", "sign", requests, "--output", signed, "--authority"];
    let sign = [&sign[..], &[vault.to_str().unwrap()]].concat();
    let unread = beside(&elsewhere, &sign).unwrap();
    assert_eq!(unread.code, Some(2), "{unread}");
    assert!(unread.sentence().contains("has to read the requests"), "{unread}");
    let done = beside(&elsewhere, &[&sign[..], &["--yes"]].concat()).unwrap().done().unwrap();
    assert_eq!(done["signed"][0]["roles"], "technician,auditor");
    let imported = house.relay.beside(&["authority", "import", signed]).unwrap().done().unwrap();
    assert_eq!(imported["enrolled"], serde_json::json!(["bob"]));
    // Once: nobody waits for it any more.
    assert_eq!(house.relay.beside(&["authority", "import", signed]).unwrap().code, Some(7));

    bob.typing(&["enroll", "-"], &token).unwrap().done().unwrap();
    assert!(bob.identity().is_file());
    helped_by(&house, &bob).session.end("").unwrap();
    assert_eq!(bob.run(&["audit", "list"]).unwrap().code, Some(0));
    assert_eq!(bob.typing(&["enroll", "-"], &token).unwrap().code, Some(4), "it is spent");
}
