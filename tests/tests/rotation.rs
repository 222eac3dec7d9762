//! Keys that change: whoever knows the old ones follows, sessions go on, recordings of before verify,
//! and nobody else is followed.

use deskside_tests::agent::{Agent, Wish};
use deskside_tests::relay::{Relay, beside};
use deskside_tests::technician::Technician;
use serde_json::Value;

use crate::house::{Helped, House};

fn house() -> House {
    House::with(|data| Relay::start_lasting(data).unwrap())
}

/// A session of `who` with an agent that has this link, to its end. Gives its id, and what the agent
/// said of who came.
fn session(house: &House, who: &Technician, link: &str, name: &str) -> (String, Value) {
    let mut agent = Agent::start(&house.path(name), link, &Wish::default()).unwrap();
    let ticket = who.ticket("Printer").unwrap();
    let session = who.connect(&agent.code().unwrap(), &ticket).unwrap();
    let (id, paired) = (session.id().to_owned(), agent.wait_for("paired").unwrap());
    session.end("").unwrap();
    (id, paired)
}

/// A session in which the relay is killed, `changed`, and started again: it goes on, and its
/// recording says that it did.
fn over(house: &mut House, changed: impl FnOnce(&House)) {
    let Helped { mut agent, mut session, .. } = house.helped("living");
    house.relay.kill().unwrap();
    changed(house);
    house.relay.restart().unwrap();
    agent.wait_for("back").unwrap();
    session.process.wait_for("back").unwrap();
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let id = session.id().to_owned();
    session.end("").unwrap();
    let verdict = house.verdict(&id);
    assert!(verdict["verdict"] == "verified" && !verdict["recovered"].is_null(), "{verdict}");
}

fn verdict_of(who: &Technician, session: &str) -> Value {
    who.run(&["audit", "verify", session]).unwrap().events().unwrap().pop().unwrap()
}

fn account(who: &Technician) -> String {
    std::fs::read_to_string(who.home().join("account.json")).unwrap()
}

#[test]
fn another_node_key_is_taken_by_whoever_knows_the_old_one() {
    let mut house = house();
    let (old, alice) = (house.relay.join().to_owned(), house.alice.clone());
    let (before, _) = session(&house, &alice, &old, "before");
    let token = house.relay.invite("bob", "technician").unwrap();

    let rotated = house.relay.beside(&["rotate", "node"]).unwrap().done().unwrap();
    let node = rotated["node"].as_str().unwrap().to_owned();
    // Until it is started again the relay is the one that it was.
    session(&house, &alice, &old, "meanwhile");
    let again = house.relay.beside(&["rotate", "node"]).unwrap();
    assert_eq!(again.code, Some(3), "{again}");
    over(&mut house, |_| ());
    assert!(house.relay.join().contains(&node) && !old.contains(&node));
    assert!(house.relay.data().join("former-node-keys").is_dir());

    // The account, the old link, a token of before.
    assert!(account(&alice).contains(&node));
    let (after, _) = session(&house, &alice, &old, "before");
    let bob = Technician::enrolled(&house.path("bob"), &token).unwrap();
    assert!(account(&bob).contains(&node));
    session(&house, &bob, house.relay.join(), "new");
    for id in [before, after] {
        assert_eq!(verdict_of(&alice, &id)["verdict"], "verified");
    }
    // No session is left that was begun under the old key.
    house.relay.kill().unwrap();
    house.relay.restart().unwrap();
    alice.ticket("Printer").unwrap();
    assert!(!house.relay.data().join("former-node-keys").exists());

    // Another relay in its place, which shows a key of its own and proves nothing.
    let address = house.relay.address().to_owned();
    house.relay.kill().unwrap();
    let _impostor = Relay::start_at(&house.path("impostor"), &address).unwrap();
    let ran = alice.run(&["ticket", "list"]).unwrap();
    assert_eq!(ran.code, Some(7), "{ran}");
    let mut deceived = Agent::start(&house.path("deceived"), &old, &Wish::default()).unwrap();
    assert_eq!(deceived.process.end().unwrap(), Some(7), "{}", deceived.process.words());
}

#[test]
fn another_authority_key_is_the_same_organisation() {
    let mut house = house();
    let (old, alice) = (house.relay.join().to_owned(), house.alice.clone());
    let (before, first) = session(&house, &alice, &old, "known");
    assert_eq!(first["organisation_known"], false);
    let token = house.relay.invite("bob", "technician").unwrap();
    let running = house.relay.beside(&["rotate", "authority"]).unwrap();
    assert_eq!(running.code, Some(1), "{running}");
    assert!(running.sentence().contains("already running"), "{running}");

    over(&mut house, |house| {
        house.relay.beside(&["rotate", "authority"]).unwrap().done().unwrap();
        house.relay.beside(&["rotate", "node"]).unwrap().done().unwrap();
    });
    let policy = house.relay.beside(&["policy", "show"]).unwrap().done().unwrap();
    assert_eq!(policy["policy"]["serial"], 3, "the auditor's, then the new key's");
    // The old link leads to both keys of today, and the computer knows who that is.
    let (after, again) = session(&house, &alice, &old, "known");
    assert_eq!(again["organisation_known"], true);
    let bob = Technician::enrolled(&house.path("bob"), &token).unwrap();
    let (_, paired) = session(&house, &bob, &old, "known");
    assert_eq!(paired["organisation_known"], true);
    for id in [&before, &after] {
        let verdict = verdict_of(&alice, id);
        assert_eq!(verdict["verdict"], "verified", "{verdict}");
        let former = verdict["explanation"].to_string().contains("given up since");
        assert_eq!(former, *id == before, "{verdict}");
    }
    let keys = account(&alice);
    assert!(keys.contains("organisation_changes") && !keys.contains(&old), "{keys}");
}

#[test]
fn the_authority_key_changes_where_it_is_and_the_relay_hears_of_it_by_paper() {
    let mut house = house();
    let old = house.relay.join().to_owned();
    let vault = house.path("vault");
    std::fs::rename(house.path("relay-authority"), &vault).unwrap();
    house.relay.kill().unwrap();
    let away = house.relay.beside(&["rotate", "authority"]).unwrap();
    assert_eq!(away.code, Some(5), "{away}");
    assert!(away.sentence().contains("rotate authority --output"), "{away}");

    let (asked, signed) = (house.path("asked.json"), house.path("signed.json"));
    let (asked, signed) = (asked.to_str().unwrap(), signed.to_str().unwrap());
    let ask = ["rotate", "authority", "--output", asked];
    let written = house.relay.beside(&ask).unwrap().done().unwrap();
    assert_eq!(written["certificates"], 1);
    let vault = vault.to_str().unwrap();
    let sign = ["authority", "sign", asked, "--output", signed, "--authority", vault];
    let elsewhere = house.path("elsewhere");
    let unread = beside(&elsewhere, &sign).unwrap();
    assert_eq!(unread.code, Some(2), "{unread}");
    let done = beside(&elsewhere, &[&sign[..], &["--yes"]].concat()).unwrap().done().unwrap();
    let import = ["authority", "import", signed];
    let imported = house.relay.beside(&import).unwrap().done().unwrap();
    assert_eq!(imported["organisation"], done["organisation"]);
    let again = house.relay.beside(&import).unwrap();
    assert_eq!(again.code, Some(7), "{again}");

    house.relay.restart().unwrap();
    assert!(house.relay.join().contains(imported["organisation"].as_str().unwrap()));
    session(&house, &house.alice, &old, "agent");
}
