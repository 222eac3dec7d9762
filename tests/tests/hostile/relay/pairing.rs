//! What a relay does to the pairing that it carries.

use std::fs;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::SigningKey;
use deskside_protocol::pairing::agent::Waiting;
use deskside_protocol::session::End;
use deskside_protocol::transcript::ChannelIdentifier;
use deskside_protocol::wire::signal::{
    PairingAnswer, PairingFailed, PairingOffer, Park, signal::Kind,
};
use deskside_tests::agent::{Agent, Wish};

use crate::hostile::{Den, assert_told, told};

/// What an agent says of a tag that does not fit.
pub(super) const WRONG_CODE: &str = "the code was not the right one";

/// A half of a pairing that fits no code of anybody's, as good as any otherwise.
fn stray() -> Park {
    let key = || SigningKey::generate(&mut System::new()).public();
    let channel = ChannelIdentifier {
        relay_origin: "127.0.0.1:1".to_owned(),
        node_key: key(),
        organisation_key: key(),
        policy_hash: [0; 32],
    };
    let nameplate = Nameplate::new(1).unwrap();
    let code = Code::generate(nameplate, &mut System::new());
    Waiting::start(&code, channel, GrantSet::all(), &mut System::new()).unwrap().1
}

#[test]
fn swapped_keys() {
    let den = Den::new();
    type Lie = fn(End, Kind) -> Kind;
    let lies: [(&str, Lie); 6] = [
        ("the agent's share", |_, kind| match kind {
            Kind::Joined(joined) => Kind::Joined(joined_with(joined, |j| j.y_a = stray().y_a)),
            other => other,
        }),
        ("the agent's session key", |_, kind| match kind {
            Kind::Joined(joined) => Kind::Joined(joined_with(joined, |j| j.ad_a = stray().ad_a)),
            other => other,
        }),
        ("the technician's share", |_, kind| match kind {
            Kind::PairingOffer(offer) => {
                Kind::PairingOffer(PairingOffer { y_t: stray().y_a, ..offer })
            }
            other => other,
        }),
        ("the technician's session key", |_, kind| match kind {
            Kind::PairingOffer(offer) => {
                let mut ad_t = offer.ad_t.to_vec();
                // Role and version with their lengths, then the length of the key.
                ad_t[4 + 10 + 4 + 4 + 4] ^= 1;
                Kind::PairingOffer(PairingOffer { ad_t: ad_t.into(), ..offer })
            }
            other => other,
        }),
        ("the technician's tag", |_, kind| match kind {
            Kind::PairingOffer(offer) => {
                Kind::PairingOffer(PairingOffer { tag_t: vec![0; 32].into(), ..offer })
            }
            other => other,
        }),
        ("a share that is none", |_, kind| match kind {
            Kind::PairingOffer(offer) => {
                Kind::PairingOffer(PairingOffer { y_t: vec![0; 32].into(), ..offer })
            }
            other => other,
        }),
    ];
    for (number, (what, lie)) in lies.into_iter().enumerate() {
        let mut agent = den.agent(&format!("agent{number}"));
        let code = agent.code().unwrap();
        den.liar.lies(move |end, kind| vec![lie(end, kind)]);
        let mut connect = den.connecting(&code);
        let sentence = if what == "a share that is none" {
            "upgrade"
        } else {
            "not the code on the user's screen"
        };
        assert_told(&mut connect, 4, sentence);
        let failed = agent.wait_for("pairing_failed").unwrap();
        let reason = failed["reason"].as_str().unwrap();
        let share = what == "a share that is none";
        assert_eq!(reason == WRONG_CODE, !share, "{what}: {reason}");
        assert_ne!(agent.code().unwrap(), code, "{what}: another code is shown");
        assert!(!told(&agent.process, "paired") && !told(&connect, "session"), "{what}");
    }
}

#[test]
fn a_node_key_that_is_not_the_links() {
    // The authority's own organisation, at the address of the link: only the node is another.
    let den = Den::new();
    let node = den.liar.node().public().to_string();
    let other = SigningKey::generate(&mut System::new()).public().to_string();
    let link = den.liar.join().replace(&node, &other);
    let mut agent = Agent::start(&den.path("agent"), &link, &Wish::default()).unwrap();
    assert_told(&mut agent.process, 7, "is not the relay of the join link");
    let account = den.alice.home().join("account.json");
    let text = fs::read_to_string(&account).unwrap();
    fs::write(&account, text.replace(&node, &other)).unwrap();
    assert_told(&mut den.connecting("482193027568"), 7, "is not the relay of the join link");
    assert!(
        den.liar.heard().iter().all(|(_, kind)| !matches!(kind, Kind::Open(_) | Kind::Join(_)))
    );
}

fn joined_with<T>(mut joined: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut joined);
    joined
}

#[test]
fn a_forged_answer() {
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    den.liar.lies(|_, kind| match kind {
        Kind::PairingAnswer(_) => {
            vec![Kind::PairingAnswer(PairingAnswer { tag_a: vec![0; 32].into() })]
        }
        other => vec![other],
    });
    let mut connect = den.connecting(&code);
    assert_told(&mut connect, 4, "whoever answered does not have that code");
    assert!(!told(&connect, "session"));
    assert!(!told(&agent.process, "paired"));
}

#[test]
fn a_failed_pairing_that_was_none() {
    // The agent is asked nothing, and the code is used up at the technician's: told as a wrong code.
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    den.liar.lies(|end, kind| match (end, kind) {
        (End::Agent, Kind::PairingOffer(_)) => vec![],
        (_, other) => vec![other],
    });
    let mut connect = den.connecting(&code);
    den.liar.hears(|_, kind| matches!(kind, Kind::PairingOffer(_)).then_some(())).unwrap();
    den.liar
        .says(End::Technician, Kind::PairingFailed(PairingFailed { cause: 2, text: String::new() }))
        .unwrap();
    assert_told(&mut connect, 4, "not the code on the user's screen");
    // Its own list knows the code, whatever a relay says.
    assert_told(&mut den.connecting(&code), 4, "tried from here before");
}

#[test]
fn a_replayed_pairing() {
    let den = Den::new();
    let (mut agent, session) = den.helped("agent");
    let offer = den.liar.hears(|_, kind| {
        if let Kind::PairingOffer(offer) = kind { Some(offer.clone()) } else { None }
    });
    let offer = offer.unwrap();
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
    // To the same computer, and to another.
    for name in ["agent", "other"] {
        let mut agent = den.agent(name);
        let code = agent.code().unwrap();
        den.liar.says(End::Agent, Kind::PairingOffer(offer.clone())).unwrap();
        assert_eq!(agent.wait_for("pairing_failed").unwrap()["reason"], WRONG_CODE);
        assert_ne!(agent.code().unwrap(), code);
        assert!(!told(&agent.process, "paired"));
    }
    // The agent's old answer does not pass for one to a new offer.
    let answer = den.liar.hears(|_, kind| {
        if let Kind::PairingAnswer(answer) = kind { Some(answer.clone()) } else { None }
    });
    let answer = answer.unwrap();
    den.liar.lies(move |_, kind| match kind {
        Kind::PairingAnswer(_) => vec![Kind::PairingAnswer(answer.clone())],
        other => vec![other],
    });
    let mut agent = den.agent("third");
    let mut connect = den.connecting(&agent.code().unwrap());
    assert_told(&mut connect, 4, "whoever answered does not have that code");
}

#[test]
fn a_share_that_is_reflected() {
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    let Park { y_a, ad_a } = den
        .liar
        .hears(|_, kind| if let Kind::Park(park) = kind { Some(park.clone()) } else { None })
        .unwrap();
    let tag_t = Bytes::from_static(&[0; 32]);
    let offer = PairingOffer { y_t: y_a, ad_t: ad_a, tag_t };
    den.liar.says(End::Agent, Kind::PairingOffer(offer)).unwrap();
    assert_eq!(agent.wait_for("pairing_failed").unwrap()["reason"], WRONG_CODE);
    assert_ne!(agent.code().unwrap(), code);
    assert!(!told(&agent.process, "paired"));
}

#[test]
fn two_tries_at_one_code() {
    let den = Den::new();
    let mut agent = den.agent("agent");
    let code = agent.code().unwrap();
    // The right offer comes right behind a wrong one, on the same stream.
    den.liar.lies(|end, kind| match (end, kind) {
        (End::Agent, Kind::PairingOffer(offer)) => {
            let wrong = PairingOffer { tag_t: vec![0; 32].into(), ..offer.clone() };
            vec![Kind::PairingOffer(wrong), Kind::PairingOffer(offer)]
        }
        (_, other) => vec![other],
    });
    assert_told(&mut den.connecting(&code), 4, "not the code on the user's screen");
    assert_eq!(agent.wait_for("pairing_failed").unwrap()["reason"], WRONG_CODE);
    assert_ne!(agent.code().unwrap(), code);
    assert!(!told(&agent.process, "paired"));
}

#[test]
fn a_revoked_certificate_that_the_relay_lets_through() {
    let den = Den::new();
    den.liar.revoke(&[7]);
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    assert_told(&mut connect, 4, "did not accept your certificate");
    let failed = agent.wait_for("pairing_failed").unwrap();
    assert_eq!(failed["reason"], "the technician's certificate was revoked");
    assert!(!told(&agent.process, "paired"));
}

#[test]
fn a_list_of_revocations_that_somebody_else_signed() {
    let den = Den::new();
    let stranger = SigningKey::generate(&mut System::new());
    let list = deskside_protocol::identity::revocations::RevocationList::new(now(), []);
    let forged = list.sign(&stranger);
    let old = deskside_protocol::identity::revocations::RevocationList::new(now() - 90_000, []);
    let old = old.sign(den.liar.node());
    for (number, (list, sentence)) in
        [(forged, "not signed by the relay"), (old, "out of date")].into_iter().enumerate()
    {
        den.liar.lies(move |_, kind| match kind {
            Kind::Welcome(mut welcome) => {
                welcome.revocations = Some(list.clone());
                vec![Kind::Welcome(welcome)]
            }
            other => vec![other],
        });
        let mut agent = den.agent(&format!("agent{number}"));
        assert_told(&mut den.connecting(&agent.code().unwrap()), 4, "list of certificates");
        let failed = agent.wait_for("pairing_failed").unwrap();
        assert!(failed["reason"].as_str().unwrap().contains(sentence), "{failed}");
    }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}
