//! What an auditor with the key learns of the packets, of sessions between real processes.

use serde_json::json;

use crate::house::{AGENT, Helped, House, TECHNICIAN};

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
    // Without the key nothing is read, and the verdict is the same.
    let file = house.fetched(&id);
    let words = ["audit", "verify", file.to_str().unwrap()];
    let blind = house.alice.run(&words).unwrap().done().unwrap();
    assert_eq!((&blind["verdict"], &blind["contents"]), (&json!("verified"), &json!(null)));
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

    // All signatures hold, and without the key nothing shows.
    let file = house.fetched(&id);
    let (file, identity) = (file.to_str().unwrap(), house.alice.identity());
    let blind = house.alice.run(&["audit", "verify", file]).unwrap();
    assert_eq!(blind.code, Some(0), "{blind}");
    let words = ["audit", "verify", file, "--identity", identity.to_str().unwrap()];
    let told = house.alice.run(&words).unwrap();
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
