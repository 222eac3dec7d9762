//! A relay that tells its ends of another policy than the one in force.

use deskside_link::random::System;
use deskside_protocol::key::SigningKey;
use deskside_protocol::session::End;
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::signal::Kind;

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
