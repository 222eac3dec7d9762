//! A relay that lies to an honest agent and an honest technician.

#![allow(clippy::wildcard_enum_match_arm, reason = "a lie is about one signal; all others pass")]

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::{Context, SigningKey};
use deskside_protocol::pairing::agent::Waiting;
use deskside_protocol::recording::{Binding, Closer};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::signed;
use deskside_protocol::transcript::ChannelIdentifier;
use deskside_protocol::wire::record::{Closing, Reason, Receipt, Signed};
use deskside_protocol::wire::signal::{
    Challenge, CloseProposal, Closed, PairingAnswer, PairingFailed, PairingOffer, Park, Refused,
    Session as Given, Unrecorded, signal::Kind,
};
use deskside_tests::agent::{Agent, Wish};
use prost::Message as _;

use super::{Den, assert_told, told};

const WRONG_CODE: &str = "the code was not the right one";

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
fn a_relay_that_does_not_lie_is_believed() {
    let den = Den::recorded();
    let (mut agent, session) = den.helped("agent");
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
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
    den.liar.says(End::Technician, Kind::PairingFailed(PairingFailed { cause: 2 })).unwrap();
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

/// Gives each of its ends another policy than that in force.
fn swap(den: &Den, to: End, policy: &Signed) {
    let policy = policy.clone();
    den.liar.lies(move |end, kind| match kind {
        Kind::Welcome(mut welcome) if end == to => {
            welcome.policy = Some(policy.clone());
            vec![Kind::Welcome(welcome)]
        }
        other => vec![other],
    });
}

#[test]
fn a_swapped_policy() {
    let den = Den::new();
    // The authority signed both: one for auditors of the relay's own.
    let other = den.liar.other_policy(None, |policy| policy.auditors = vec!["age1mine".into()]);
    let other = other.unwrap();
    for (number, to) in [End::Technician, End::Agent].into_iter().enumerate() {
        swap(&den, to, &other);
        let mut agent = den.agent(&format!("agent{number}"));
        let mut connect = den.connecting(&agent.code().unwrap());
        assert_told(&mut connect, 4, "not the code on the user's screen");
        assert_eq!(agent.wait_for("pairing_failed").unwrap()["reason"], WRONG_CODE);
        assert!(!told(&agent.process, "paired") && !told(&connect, "session"));
    }
    // Nobody signed this one.
    let mine = SigningKey::generate(&mut System::new());
    let forged = den.liar.other_policy(Some(&mine), |policy| policy.auditors.clear()).unwrap();
    let sentence = "not signed by the organisation of the join link";
    swap(&den, End::Agent, &forged);
    assert_told(&mut den.agent("agent2").process, 3, sentence);
    swap(&den, End::Technician, &forged);
    let mut agent = den.agent("agent3");
    assert_told(&mut den.connecting(&agent.code().unwrap()), 3, sentence);
    // The code was not even tried.
    den.liar.lies(|_, kind| vec![kind]);
    assert!(!told(&agent.process, "pairing_failed"));
}

#[test]
fn a_policy_of_an_older_serial() {
    let den = Den::new();
    let old = den.liar.other_policy(None, |policy| policy.serial = 3).unwrap();
    let (mut agent, session) = den.helped("agent");
    session.end("").unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(0));
    let sentence = "serial 3, and serial 4 was seen before";
    swap(&den, End::Agent, &old);
    assert_told(&mut den.agent("agent").process, 3, sentence);
    // Where it is new there is nothing to compare with, and the technician remembers.
    swap(&den, End::Technician, &old);
    let mut agent = den.agent("new");
    assert_told(&mut den.connecting(&agent.code().unwrap()), 3, sentence);
}

#[test]
fn packets_that_are_mirrored_and_replayed() {
    let den = Den::new();
    den.liar.mirrors();
    let (agent, session) = den.helped("agent");
    let count = agent.file("count");
    let counting = ["sh", "-c", "echo once >> \"$0\"", count.to_str().unwrap()];
    assert_eq!(session.exec(&counting, b"").unwrap().code, Some(0));
    // All that passed so far, once more to whom it was for.
    let passed = den.liar.passed();
    assert!(passed.len() > 20, "{} packets", passed.len());
    passed.iter().for_each(|packet| den.liar.delivers(packet));
    assert_eq!(session.exec(&["echo", "well"], b"").unwrap().stdout, b"well\n");
    assert_eq!(fs::read_to_string(&count).unwrap(), "once\n");
    session.end("").unwrap();
}

#[test]
fn packets_that_go_to_a_third() {
    let den = Den::new();
    let third = UdpSocket::bind("127.0.0.1:0").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    den.liar.copies_to(third.local_addr().unwrap());
    let (_agent, session) = den.helped("agent");
    let marker = "somebody-reads-this-along";
    assert_eq!(
        session.exec(&["echo", marker], b"").unwrap().stdout,
        format!("{marker}\n").as_bytes()
    );
    session.end("").unwrap();
    let (mut read, mut buffer) = (0, [0; 2048]);
    while let Ok(length) = third.recv(&mut buffer) {
        read += 1;
        let found = memchr::memmem::find(&buffer[..length], marker.as_bytes());
        assert_eq!(found, None);
    }
    assert!(read > 20, "{read} packets");
}

#[test]
fn receipts_for_something_else() {
    let stranger = SigningKey::generate(&mut System::new());
    type Lie = fn(&mut Receipt);
    let lies: [(&str, Lie); 4] = [
        ("another seal", |receipt| receipt.age_sha256 = vec![0; 32].into()),
        ("the other end", |receipt| receipt.end = 3 - receipt.end),
        ("another line", |receipt| receipt.line = 1),
        ("another session", |receipt| receipt.session = vec![0; 16].into()),
    ];
    for (what, lie) in lies {
        let den = Den::recorded();
        let node = den.liar.node().clone();
        den.liar.lies(move |_, kind| match kind {
            Kind::Receipt(receipt) => {
                let mut receipt = Receipt::decode(receipt.body).unwrap();
                lie(&mut receipt);
                vec![Kind::Receipt(signed::sign_message(&node, Context::Receipt, &receipt))]
            }
            other => vec![other],
        });
        assert_not_sealed(&den, what);
    }
    let den = Den::recorded();
    den.liar.lies(move |_, kind| match kind {
        Kind::Receipt(receipt) => {
            let receipt = Receipt::decode(receipt.body).unwrap();
            vec![Kind::Receipt(signed::sign_message(&stranger, Context::Receipt, &receipt))]
        }
        other => vec![other],
    });
    assert_not_sealed(&den, "another signer");
}

/// Neither end goes on without a receipt that is one.
#[track_caller]
fn assert_not_sealed(den: &Den, what: &str) {
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    let ended = agent.wait_for("ended").unwrap();
    assert_eq!(ended["reason"], "not_sealed", "{what}");
    assert_eq!(agent.process.end().unwrap(), Some(3), "{what}");
    let code = connect.end().unwrap();
    assert!(matches!(code, Some(3 | 6)), "{what}: {code:?} {}", connect.words());
    assert!(!told(&agent.process, "grant") && !told(&connect, "session"), "{what}");
}

#[test]
fn receipts_that_are_withheld() {
    let den = Den::recorded();
    let node = den.liar.node().clone();
    // "Both have sealed", before either has, and never again.
    den.liar.lies(move |_, kind| match kind {
        Kind::Session(session) => {
            let receipt = Receipt {
                session: session.session.clone(),
                line: 0,
                end: 1,
                age_sha256: vec![0; 32].into(),
                time: 1,
            };
            let early = signed::sign_message(&node, Context::Receipt, &receipt);
            vec![Kind::Session(session), Kind::Receipt(early)]
        }
        Kind::Receipt(_) => vec![],
        other => vec![other],
    });
    assert_not_sealed(&den, "no receipt");
}

#[test]
fn a_session_that_is_not_recorded_after_all() {
    let den = Den::recorded();
    den.liar.lies(|_, kind| match kind {
        Kind::Session(session) => vec![Kind::Session(Given { recorded: false, ..session })],
        other => vec![other],
    });
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    assert_told(&mut connect, 3, "the policy requires a recording, and the relay makes none");
    assert!(matches!(agent.process.end().unwrap(), Some(3 | 8)));
    assert!(!told(&agent.process, "grant") && !told(&connect, "session"));
}

#[test]
fn a_recording_that_stops_although_it_is_required() {
    let den = Den::recorded();
    let (mut agent, mut session) = den.helped("agent");
    // Each end is told alone, so that none learns it from the other.
    den.liar.says(End::Agent, Kind::Unrecorded(Unrecorded {})).unwrap();
    let ended = agent.wait_for("ended").unwrap();
    assert_eq!(ended["reason"], "recording_failed");
    assert_eq!(agent.process.end().unwrap(), Some(8));
    session.process.end().unwrap();

    let (_agent, mut session) = den.helped("other");
    den.liar.says(End::Technician, Kind::Unrecorded(Unrecorded {})).unwrap();
    assert_told(&mut session.process, 3, "the policy requires a recording");
}

/// What a relay may say in the middle of a session that ends it there.
#[track_caller]
fn assert_ends(den: &Den, to: End, what: &str, kind: Kind) {
    let (mut agent, mut session) = den.helped(&format!("agent {what} {to}"));
    let heard = den.liar.heard().len();
    den.liar.says(to, kind).unwrap();
    let code = match to {
        End::Agent => {
            let ended = agent.wait_for("ended").unwrap();
            assert_eq!(ended["reason"], "relay_stopped", "{what}");
            agent.process.end().unwrap()
        }
        End::Technician => session.process.end().unwrap(),
    };
    assert!(matches!(code, Some(6 | 8)), "{what} to the {to}: {code:?}");
    // Nothing was signed for it.
    let signed = |kind: &Kind| {
        matches!(kind, Kind::Proof(_) | Kind::CloseSignature(_) | Kind::EndSignature(_))
    };
    let heard = den.liar.heard().split_off(heard);
    let of = heard.iter().filter(|(end, kind)| *end == to && signed(kind)).count();
    assert_eq!(of, 0, "{what} to the {to}");
}

#[test]
fn signals_of_another_session() {
    let den = Den::new();
    for to in [End::Agent, End::Technician] {
        let challenge = Challenge { nonce: vec![1; 32].into(), label: vec![0x80; 8].into() };
        assert_ends(&den, to, "another label to prove", Kind::Challenge(challenge));
        let given = |session: &[u8], label: u8, line| {
            Kind::Session(Given {
                session: Bytes::copy_from_slice(session),
                own_label: vec![label; 8].into(),
                peer_label: vec![label | 1; 8].into(),
                reattach_token: vec![1; 16].into(),
                recorded: false,
                line,
            })
        };
        assert_ends(&den, to, "another session", given(&[9; 16], 0x82, 1));
        assert_ends(&den, to, "a label that is none", given(&[9; 16], 0x02, 1));
        assert_ends(&den, to, "half a token", {
            let Kind::Session(session) = given(&[9; 16], 0x82, 1) else { unreachable!() };
            Kind::Session(Given { reattach_token: vec![1; 8].into(), ..session })
        });
        let closing = Closing { session: vec![9; 16].into(), seq: 1, ..Closing::default() };
        let closing = closing.encode_to_vec();
        let binding = Binding { session: SessionId::from_bytes([9; 16]), transcript: [0; 32] };
        let signature = binding.close(den.liar.node(), Closer::Node, &closing);
        let node_signature = Bytes::copy_from_slice(&signature);
        let proposal = CloseProposal { closing: closing.into(), node_signature };
        assert_ends(&den, to, "another closing", Kind::CloseProposal(proposal));
        let answer = Kind::PairingAnswer(PairingAnswer { tag_a: vec![0; 32].into() });
        assert_ends(&den, to, "what does not belong here", answer);
    }
}

#[test]
fn a_signal_that_is_too_long() {
    let den = Den::new();
    let long = || Kind::Refused(Refused { code: 13, text: "x".repeat(700_000) });
    for to in [End::Agent, End::Technician] {
        assert_ends(&den, to, "too long", long());
    }
    // And before there is a session.
    den.liar.lies(move |end, kind| match (end, kind) {
        (End::Technician, Kind::Joined(_)) => vec![long()],
        (_, other) => vec![other],
    });
    let mut agent = den.agent("agent");
    assert_told(
        &mut den.connecting(&agent.code().unwrap()),
        6,
        "the connection to the relay was lost",
    );
    den.liar.lies(move |_, kind| match kind {
        Kind::Opened(_) => {
            vec![Kind::Refused(Refused { code: 13, text: "x".repeat(700_000) })]
        }
        other => vec![other],
    });
    assert_told(&mut den.agent("late").process, 8, "over the maximum");
}

#[test]
fn a_refusal_that_drives_a_terminal() {
    let den = Den::new();
    den.liar.lies(|end, kind| match (end, kind) {
        (End::Technician, Kind::Joined(_)) => {
            let text = "\u{1b}[2J\u{9b}31m\u{202e}txt".to_owned();
            vec![Kind::Refused(Refused { code: 3, text })]
        }
        (_, other) => vec![other],
    });
    let mut agent = den.agent("agent");
    let mut connect = den.connecting(&agent.code().unwrap());
    assert_eq!(connect.end().unwrap(), Some(3));
    let words = connect.words();
    assert!(
        words.contains("txt") && !words.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
        "{words:?}"
    );
}

#[test]
fn a_closing_with_a_forged_reason() {
    let den = Den::new();
    let closed = |reason: Reason| {
        Kind::Closed(Closed { reason: reason as i32, recording_hash: Bytes::new() })
    };
    // It may end what it carries, and say why: the ends believe that it ended, and run nothing more.
    let (mut agent, mut session) = den.helped("agent");
    den.liar.says(End::Technician, closed(Reason::UserRefused)).unwrap();
    assert_told(&mut session.process, 3, "the user refused");
    den.liar.says(End::Agent, closed(Reason::TechnicianEnded)).unwrap();
    assert_eq!(agent.wait_for("ended").unwrap()["reason"], "technician_ended");
    assert_eq!(agent.process.end().unwrap(), Some(0));
    // A reason that nobody knows is none.
    let (mut agent, mut session) = den.helped("other");
    den.liar
        .says(End::Technician, Kind::Closed(Closed { reason: 99, ..Closed::default() }))
        .unwrap();
    assert_eq!(session.process.end().unwrap(), Some(8));
    den.liar.says(End::Agent, Kind::Closed(Closed { reason: 99, ..Closed::default() })).unwrap();
    assert_eq!(agent.process.end().unwrap(), Some(8));
}
