//! A technician who is not whom he claims to be, or has not the code.

use std::fs;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::code::Code;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::certificate;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::record::{Certificate, Role};
use deskside_protocol::wire::signal::{PairingFailed, PairingOffer, signal::Kind as Signal};
use deskside_tests::light::{self, Access, Joining};
use tokio::runtime::Runtime;

use super::{access, house};
use crate::hostile::told;
use crate::house::House;

/// The agent's verdict on an offer: its sentence, and the number that the technician is told.
fn judged(
    house: &House,
    name: &str,
    offer: impl FnOnce(&Joining, &Access) -> PairingOffer,
) -> (String, u32) {
    let mut agent = house.agent(name);
    let code = Code::parse(&agent.code().unwrap()).unwrap();
    let access = access(house);
    let answer = Runtime::new().unwrap().block_on(async {
        let leg = light::technician_leg(&access).await.unwrap();
        let mut joining = Joining::knock(&access, &leg, &code).await.unwrap();
        let offer = offer(&joining, &access);
        joining.ask(offer).await.unwrap()
    });
    let Signal::PairingFailed(PairingFailed { cause, .. }) = answer else {
        unreachable!("{answer:?}")
    };
    let failed = agent.wait_for("pairing_failed").unwrap();
    agent.code().unwrap();
    assert!(!told(&agent.process, "paired"));
    (failed["reason"].as_str().unwrap().to_owned(), cause)
}

#[test]
fn a_certificate_that_is_not_ones_own() {
    let house = house();
    let authority = fs::read(house.path("relay-authority/authority.key")).unwrap();
    let authority = SigningKey::from_seed(<[u8; 32]>::try_from(authority).unwrap().into());
    let key = SigningKey::generate(&mut System::new());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let genuine = Certificate {
        login: "mallory".to_owned(),
        name: "Alice Ng".to_owned(),
        organisation: "Example Help".to_owned(),
        public_key: Bytes::copy_from_slice(key.public().as_bytes()),
        roles: vec![Role::Technician as i32],
        not_before: now - 60,
        not_after: now + 600,
        serial: 4_000,
    };
    let by = |signer: &SigningKey, change: fn(&mut Certificate)| {
        let mut certificate = genuine.clone();
        change(&mut certificate);
        let (key, certificate) = (key.clone(), certificate::issue(signer, &certificate));
        move |joining: &Joining, access: &Access| {
            let liar = Access { key, certificate, ..access.clone() };
            joining.offer(&liar, GrantSet::all()).unwrap().1
        }
    };
    let stranger = SigningKey::generate(&mut System::new());
    let cases = [
        (by(&stranger, |_| ()), "not signed by the organisation"),
        (by(&authority, |it| it.not_after = it.not_before + 1), "not valid at this time"),
        (by(&authority, |it| it.roles = vec![Role::Auditor as i32]), "lacks the role"),
        (by(&authority, |it| it.name.clear()), "malformed"),
    ];
    for (number, (offer, sentence)) in cases.into_iter().enumerate() {
        let (said, cause) = judged(&house, &format!("agent{number}"), offer);
        assert!(said.contains(sentence) && cause == 5, "{said:?}, cause {cause}");
    }
    // Alice's own certificate, shown by somebody who has not her key.
    let (said, cause) = judged(&house, "stolen", |joining, access| {
        let liar = Access { key: key.clone(), ..access.clone() };
        joining.offer(&liar, GrantSet::all()).unwrap().1
    });
    assert!(said.contains("not signed by the technician of the certificate"), "{said}");
    assert_eq!(cause, 7);
}

#[test]
fn a_code_that_was_spent() {
    let house = house();
    let mut agent = house.agent("agent");
    let text = agent.code().unwrap();
    let code = Code::parse(&text).unwrap();
    let access = access(&house);
    let runtime = Runtime::new().unwrap();
    let offer = runtime.block_on(async {
        let leg = light::technician_leg(&access).await.unwrap();
        let mut joining = Joining::knock(&access, &leg, &code).await.unwrap();
        let (_, right) = joining.offer(&access, GrantSet::all()).unwrap();
        let wrong = PairingOffer { tag_t: vec![0; 32].into(), ..right.clone() };
        let answer = joining.ask(wrong).await.unwrap();
        assert!(matches!(answer, Signal::PairingFailed(_)), "{answer:?}");
        // The right one, a moment too late, on the same stream: nobody hears it.
        assert!(joining.ask(right.clone()).await.is_err());
        // And the same code again.
        let again = Joining::knock(&access, &leg, &code).await.err().unwrap();
        assert!(again.to_string().contains("was used"), "{again:#}");
        right
    });
    agent.wait_for("pairing_failed").unwrap();
    // To the next code of the same computer, and to another computer.
    let next = Code::parse(&agent.code().unwrap()).unwrap();
    let mut other = house.agent("other");
    let another = Code::parse(&other.code().unwrap()).unwrap();
    for (agent, code) in [(&mut agent, next), (&mut other, another)] {
        // Another ticket each time: two failed codes lock one.
        let access = super::access(&house);
        let answer = runtime.block_on(async {
            let leg = light::technician_leg(&access).await.unwrap();
            let mut joining = Joining::knock(&access, &leg, &code).await.unwrap();
            joining.ask(offer.clone()).await.unwrap()
        });
        assert!(
            matches!(answer, Signal::PairingFailed(PairingFailed { cause: 2, .. })),
            "{answer:?}"
        );
        let failed = agent.wait_for("pairing_failed").unwrap();
        assert_eq!(failed["reason"], "the code was not the right one");
        assert!(!told(&agent.process, "paired"));
    }
}

/// Guesses of each sort: at one code, so that all but the first come too late.
const GUESSES: usize = 10_000;
/// Legs that guess at once, each with as many streams as a relay gives one.
const LEGS: usize = 4;

#[test]
fn ten_thousand_guesses() {
    let house = house();
    let mut agent = house.agent("agent");
    let code = agent.code().unwrap();
    // A stranger guesses at the nameplate that he overheard, and gets nowhere near the agent.
    let stranger = Access { key: SigningKey::generate(&mut System::new()), ..access(&house) };
    let met = guess(&stranger, &code, GUESSES);
    assert_eq!(met, 0, "a stranger met an agent");
    // Somebody enrolled meets it once. What he guesses then is at nobody.
    let met = guess(&access(&house), &code, GUESSES);
    assert_eq!(met, 1, "of {GUESSES} guesses at one code one is heard");
    agent.wait_for("pairing_failed").unwrap();
    let next = agent.code().unwrap();
    assert_ne!(next, code);
    let failed = agent.process.heard().iter().filter(|it| it["event"] == "pairing_failed");
    assert_eq!(failed.count(), 1);
    assert!(!told(&agent.process, "paired"));
}

/// Guesses at the six secret digits behind a nameplate; gives how many an agent has heard.
fn guess(access: &Access, code: &str, guesses: usize) -> usize {
    let runtime = Runtime::new().unwrap();
    let plate = code[..5].to_owned();
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for leg in 0..LEGS {
            let (access, plate) = (access.clone(), plate.clone());
            all.spawn(async move {
                let mut heard = 0;
                let dialled = light::technician_leg(&access).await.unwrap();
                for number in 0..guesses / LEGS {
                    let digits = format!("{plate}{:06}", number * LEGS + leg);
                    let code =
                        (0..10).find_map(|check| Code::parse(&format!("{digits}{check}")).ok());
                    // The relay says no, in whatever words.
                    let knocked = Joining::knock(&access, &dialled, &code.unwrap()).await;
                    let Ok(mut joining) = knocked else { continue };
                    let (_, offer) = joining.offer(&access, GrantSet::all()).unwrap();
                    let answer = joining.ask(offer).await;
                    heard += usize::from(matches!(answer, Ok(Signal::PairingFailed(_))));
                }
                heard
            });
        }
        all.join_all().await.into_iter().sum()
    })
}
