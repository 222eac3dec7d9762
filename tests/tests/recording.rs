//! A finished recording of a real session, bent and cut everywhere.

use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::Verdict;
use deskside_protocol::recording::verify::whole;
use deskside_tests::technician::Technician;

use crate::house::{Helped, House};

/// A recording, and a folder of somebody who can judge it.
struct Recorded {
    house: House,
    bytes: Vec<u8>,
    organisation: PublicKey,
}

fn recorded() -> Recorded {
    let house = House::new();
    let Helped { agent: _agent, session, .. } = house.helped("agent");
    assert_eq!(session.exec(&["echo", "recorded"], b"").unwrap().code, Some(0));
    let id = session.id().to_owned();
    session.end("").unwrap();
    let bytes = std::fs::read(house.fetched(&id)).unwrap();
    let organisation = whole(&bytes, None).facts.unwrap().organisation_key;
    assert_eq!(whole(&bytes, Some(organisation)).verdict, Verdict::Verified);
    Recorded { house, bytes, organisation }
}

#[test]
fn every_flipped_byte_fails() {
    let Recorded { mut bytes, organisation, .. } = recorded();
    let mut sound = Vec::new();
    for at in 0..bytes.len() {
        // One bit, another one at each position.
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        if whole(&bytes, Some(organisation)).verdict.is_sound() {
            sound.push(at);
        }
        bytes[at] ^= bit;
    }
    assert_eq!(sound, [0; 0], "of {} bytes", bytes.len());
}

#[test]
fn every_truncation_fails() {
    let Recorded { bytes, organisation, .. } = recorded();
    let sound: Vec<_> = (0..bytes.len())
        .filter(|length| whole(&bytes[..*length], Some(organisation)).verdict.is_sound())
        .collect();
    assert_eq!(sound, [0; 0], "of {} bytes", bytes.len());
    let longer = [bytes.as_slice(), b"\0"].concat();
    assert!(!whole(&longer, Some(organisation)).verdict.is_sound());
}

#[test]
fn the_program_says_so_with_exit_7() {
    let Recorded { house, bytes, organisation } = recorded();
    let file = house.path("bent.dsr");
    let verify = |who: &Technician, bytes: &[u8], more: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        let words = [&["audit", "verify", file.to_str().unwrap()], more].concat();
        who.run(&words).unwrap()
    };
    assert_eq!(verify(&house.alice, &bytes, &[]).code, Some(0));
    let last = bytes.len() - 1;
    for at in [0, 9, 12, 40, last / 3, last / 2, last - 40, last] {
        let mut bent = bytes.clone();
        bent[at] ^= 0x80;
        let bent = verify(&house.alice, &bent, &[]);
        let verdict = bent.events().unwrap().pop().unwrap();
        assert_eq!((bent.code, &verdict["sound"]), (Some(7), &false.into()), "byte {at}");
        assert_eq!(verify(&house.alice, &bytes[..at], &[]).code, Some(7), "{at} bytes");
    }

    // An auditor who never enrolled: nothing is proven until the organisation's key is given.
    let stranger = Technician::new(&house.path("stranger"));
    let word = |more: &[&str]| {
        let told = verify(&stranger, &bytes, more).events().unwrap().pop().unwrap();
        told["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(word(&[]), "consistent");
    assert_eq!(word(&["--org", &organisation.to_string()]), "verified");
    assert_eq!(word(&["--org", &"11".repeat(32)]), "tampered");
}
