//! What an auditor with the key learns of the packets, of sessions between real processes.

use std::path::Path;
use std::time::Duration;

use deskside_tests::process::{command, run};
use deskside_tests::programs::programs;
use deskside_tests::tap::Way;
use serde_json::json;

use crate::house::{AGENT, Helped, House, TECHNICIAN};

/// Somebody without any auditor's key finds the signatures in order, and is told what was not read.
fn blind(house: &House, file: &Path) {
    let home = house.path("stranger");
    let org = house.relay.join().split("org=").nth(1).unwrap().split('&').next().unwrap();
    let mut verify = command(&programs().unwrap().client);
    verify.env("HOME", &home).env("DESKSIDE_HOME", &home);
    let told =
        run("deskside", verify.args(["audit", "verify"]).arg(file).args(["--org", org]), None);
    let told = told.unwrap();
    let words = String::from_utf8_lossy(&told.stdout);
    assert!(told.code == Some(0) && words.starts_with("VERIFIED: nobody changed"), "{told}");
    assert!(words.contains("not read: an auditor's key opens them"), "{told}");
}

#[test]
fn a_whole_session_is_read_and_nothing_in_it_is_disputed() {
    let house = House::new();
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    let said = session.exec(&["echo", "read by the auditor"], b"").unwrap();
    assert_eq!(said.code, Some(0));
    let (file, noise) = house.noise("noise", 700_000);
    house.copy(&[&file, "agent:"]).done().unwrap();
    let id = session.id().to_owned();
    session.end("").unwrap();

    let verdict = house.verdict(&id);
    assert_eq!((&verdict["verdict"], &verdict["sound"]), (&json!("verified"), &json!(true)));
    let contents = &verdict["contents"];
    assert_eq!((&contents["findings"], &contents["unreadable"]), (&json!([]), &json!(0)));
    let count = |name: &str| contents[name].as_u64().unwrap();
    // Control, the command, the transfer; each with a word from both.
    assert!(count("streams") >= 3 && count("messages") >= 8, "{contents}");
    assert!(count("bytes") > noise.len() as u64, "{contents}");
    let [line] = contents["lines"].as_array().unwrap().as_slice() else { panic!("{contents}") };
    assert!(line["cipher"].is_string(), "{line}");
    for end in ["agent", "technician"] {
        assert!(line[end]["acknowledged"].as_u64() > Some(10), "{line}");
        assert_eq!(line[end]["unopened"], 0, "{line}");
    }
    // Both ends have stated what they sent and delivered, to the last, and the packets prove it.
    let stated = &contents["statements"];
    let whole = |end: &str| stated[end]["last"] == true && stated[end]["count"].as_u64() > Some(0);
    assert!(whole("agent") && whole("technician"), "{stated}");
    assert_eq!(
        (&stated["disputed"], stated["proven"].as_u64() > Some(4)),
        (&json!(0), true),
        "{stated}"
    );
    // One's own key is taken unasked; without any nothing is read, and that is said.
    let file = house.fetched(&id);
    let own = house.alice.run(&["audit", "verify", file.to_str().unwrap()]).unwrap();
    assert_eq!(own.done().unwrap()["contents"], *contents);
    blind(&house, &file);
}

#[test]
fn packets_that_pass_the_recorder_by_are_missed() {
    let house = House::tapped(|_| ());
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["echo", "recorded"], b"").unwrap().code, Some(0));
    house.tap().bypass(TECHNICIAN, Some(AGENT)).unwrap();
    let said = session.exec(&["echo", "hidden from the recording"], b"").unwrap();
    assert_eq!((said.code, said.stdout.as_slice()), (Some(0), &b"hidden from the recording\n"[..]));
    house.tap().bypass(TECHNICIAN, None).unwrap();
    assert_eq!(session.exec(&["echo", "recorded again"], b"").unwrap().code, Some(0));
    let id = session.id().to_owned();
    session.end("").unwrap();

    // All signatures hold, and without a key nothing shows.
    let file = house.fetched(&id);
    blind(&house, &file);
    let told = house.alice.run(&["audit", "verify", file.to_str().unwrap()]).unwrap();
    assert_eq!(told.code, Some(7), "{told}");
    let verdict = told.events().unwrap().pop().unwrap();
    assert_eq!(verdict["verdict"], "disputed");
    let finding = &verdict["contents"]["findings"][0];
    let what = finding["what"].as_str().unwrap();
    assert!(what.contains("of the technician arrived and are not in the recording"), "{what}");
    assert_eq!(finding["incriminates"], "the relay");
    let sentences = verdict["explanation"].as_array().unwrap();
    let tells = |sentence: &serde_json::Value| {
        let sentence = sentence.as_str().unwrap();
        sentence.contains(what) && sentence.ends_with("This points at the relay.")
    };
    assert!(sentences.iter().any(tells), "{sentences:?}");
}

#[test]
fn what_was_recorded_and_never_forwarded_is_not_taken_for_arrived() {
    let house = House::tapped(|_| ());
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["echo", "arrived"], b"").unwrap().code, Some(0));
    let (file, _) = house.noise("noise", 30_000_000);
    let _copying = house.copying(&[&file, "agent:"], 100_000);
    house.tap().withhold(AGENT).unwrap();
    let id = session.id().to_owned();
    session.end("").unwrap();

    let verdict = house.verdict(&id);
    let contents = &verdict["contents"];
    let unknown = |end: &str| contents["lines"][0][end]["unknown"].as_u64().unwrap();
    assert!(unknown("technician") >= 10, "{contents}");
    // Neither end states that it came, so nothing is proven of it; and nobody is blamed, since it
    // may as well have been lost on the way. That the ends' last words did not arrive either shows.
    let told = (&verdict["verdict"], &contents["findings"]);
    assert_eq!(told, (&json!("incomplete"), &json!([])), "{verdict}");
    let (recording, told) = (house.fetched(&id), house.path("told.jsonl"));
    let (recording, told) = (recording.to_str().unwrap(), told.to_str().unwrap());
    let identity = house.alice.identity();
    let words = ["audit", "export", recording, "-o", told, "--identity"];
    house.alice.run(&[&words[..], &[identity.to_str().unwrap()]].concat()).unwrap().done().unwrap();
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.contains("noise") && !told.contains("\"landed\":true"), "{told}");
}

#[test]
fn packets_that_no_end_made_are_counted_and_say_nothing() {
    let house = House::tapped(|_| ());
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["echo", "one"], b"").unwrap().code, Some(0));
    let seen = house.tap().last(TECHNICIAN, Way::ToRelay, true).unwrap();
    let mut made = seen.to_vec();
    for number in 0..40_u8 {
        // Its label is right, and only an end could seal the rest.
        let last = made.last_mut().unwrap();
        *last = last.wrapping_add(number | 1);
        house.tap().spoofs_end(TECHNICIAN, &made).unwrap();
        house.tap().spoofs_end(TECHNICIAN, &seen).unwrap();
    }
    assert_eq!(session.exec(&["echo", "two"], b"").unwrap().code, Some(0));
    let id = session.id().to_owned();
    session.end("").unwrap();

    let verdict = house.verdict(&id);
    let contents = &verdict["contents"];
    let technician = &contents["lines"][0]["technician"];
    let count = |name: &str| technician[name].as_u64().unwrap();
    assert!(count("unopened") >= 30 && count("repeated") >= 30, "{technician}");
    assert_eq!(
        (&verdict["verdict"], &contents["findings"], &contents["statements"]["disputed"]),
        (&json!("verified"), &json!([]), &json!(0)),
        "{verdict}"
    );
}

#[test]
fn packets_that_are_held_back_on_either_side_of_the_recorder_show() {
    const LATE: Duration = Duration::from_millis(500);
    let house = House::tapped(|_| ());
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["echo", "at once"], b"").unwrap().code, Some(0));
    house.tap().hold_back(AGENT, LATE).unwrap();
    assert_eq!(session.exec(&["echo", "late"], b"").unwrap().code, Some(0));
    let id = session.id().to_owned();
    session.end("").unwrap();

    let verdict = house.verdict(&id);
    let (line, stated) = (&verdict["contents"]["lines"][0], &verdict["contents"]["statements"]);
    // Behind the recorder: the technician's packets waited for the agent's word.
    assert!(line["technician"]["slowest_ms"].as_u64() >= Some(1_000), "{line}");
    // Before it: there is one clock here, and the agent had written long before.
    assert!(stated["agent"]["lag_ms"]["most"].as_i64() >= Some(500), "{stated}");
    assert_eq!(verdict["verdict"], "verified", "{verdict}");
}
