//! A relay that tells its ends of another policy than the one in force.

use deskside_link::random::System;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::session::End;
use deskside_protocol::wire::record::{Change, Rotation, Signed};
use deskside_protocol::wire::signal::PolicyNow;
use deskside_protocol::wire::signal::signal::Kind;
use prost::Message as _;

use super::pairing::WRONG_CODE;
use crate::hostile::{Den, assert_told, told};

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
fn a_policy_that_it_changed_in_mid_session() {
    let den = Den::new();
    let (mut agent, mut session) = den.helped("agent");
    let mine = SigningKey::generate(&mut System::new());
    let only = |words| move |policy: &mut Policy| policy.grants = GrantSet::parse(words).unwrap();
    let forged = den.liar.other_policy(Some(&mine), only("view")).unwrap();
    let old = den.liar.other_policy(None, |policy| {
        only("view")(policy);
        policy.serial = 3;
    });
    // A key of its own, which the organisation's is said to have been followed by.
    let statement = rotation::authority(&mine, &mine, 100);
    let link: JoinLink = den.liar.join().parse().unwrap();
    let change = Change { old: link.organisation.as_bytes().to_vec().into(), ..Change::default() };
    let change = Change { new: mine.public().as_bytes().to_vec().into(), ..change };
    let stolen = Rotation { change: change.encode_to_vec().into(), ..statement };
    let narrower = den.liar.other_policy(None, only("view,command")).unwrap();
    let wider = den.liar.other_policy(None, |policy| policy.grants = GrantSet::all()).unwrap();
    for (policy, organisations) in [
        (forged.clone(), Vec::new()),
        (forged, vec![stolen]),
        (old.unwrap(), Vec::new()),
        (narrower, Vec::new()),
        (wider, Vec::new()),
    ] {
        for end in [End::Agent, End::Technician] {
            let now =
                PolicyNow { policy: Some(policy.clone()), organisations: organisations.clone() };
            den.liar.says(end, Kind::PolicyNow(now)).unwrap();
        }
    }
    // The first that anybody takes is the organisation's own.
    for process in [&mut agent.process, &mut session.process] {
        let told = process.wait_for("policy").unwrap()["forbidden"].to_string();
        assert!(told.contains("file") && !told.contains("command"), "{told}");
    }
    assert_eq!(session.exec(&["true"], b"").unwrap().code, Some(0));
    let ran = den.alice.run(&["cp", "agent:nothing", "."]).unwrap();
    assert_eq!(ran.code, Some(3), "{ran}");
    session.end("").unwrap();
}

#[test]
fn keys_that_were_followed_by_its_own_only() {
    let den = Den::new();
    let link: JoinLink = den.liar.join().parse().unwrap();
    let mine = SigningKey::generate(&mut System::new());
    // Signed by the new key, and by no old one.
    let mut statement = rotation::authority(&mine, &mine, 100);
    let mut change = Change::decode(statement.change.as_ref()).unwrap();
    change.old = link.organisation.as_bytes().to_vec().into();
    statement.change = change.encode_to_vec().into();
    den.liar.lies(move |_, kind| match kind {
        Kind::Welcome(mut welcome) => {
            welcome.organisations = vec![statement.clone()];
            vec![Kind::Welcome(welcome)]
        }
        other => vec![other],
    });
    let sentence = "is not the relay of the join link";
    assert_told(&mut den.agent("agent").process, 7, sentence);
    let ran = den.alice.run(&["ticket", "list"]).unwrap();
    assert_eq!((ran.code, ran.sentence().contains(sentence)), (Some(7), true), "{ran}");
}
