//! Enrolling against a scripted relay.

use super::*;
use crate::failure::exit_of;
use crate::home::tests::{certificate_of, home_in, join, key};
use crate::relay::tests::Scripted;
use deskside_protocol::identity::rotation;
use deskside_protocol::identity::token::SECRET;
use deskside_protocol::wire::signal::{Refused, refused};
use zeroize::Zeroizing;

const NOW: u64 = 1_795_326_600;

fn token(organisation: &SigningKey) -> String {
    let token = EnrolmentToken { join: join(organisation), secret: Zeroizing::new([4; SECRET]) };
    token.to_text().to_string()
}

pub(crate) fn policy(auditors: Vec<String>) -> Policy {
    let time = |text: &str| text.parse().unwrap();
    let (issued, ends) = (time("2026-11-22T00:00:00Z"), time("2027-11-22T00:00:00Z"));
    Policy { auditors, ..Policy::first("Example", issued, ends) }
}

/// What an honest relay of `authority` answers to `enrolment`.
fn answer(authority: &SigningKey, person: &SigningKey, auditors: Vec<String>) -> Kind {
    Kind::Enrolled(Enrolled {
        certificate: Some(certificate_of(authority, person)),
        policy: Some(policy(auditors).sign(authority).unwrap()),
    })
}

#[tokio::test]
async fn a_token_becomes_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let home = home_in(folder.path());
    let enrolment = Enrolment::prepare(&home, &token(&key(1))).unwrap();
    let own = home.key().unwrap().unwrap();
    let mut relay = Scripted::answering([answer(&key(1), &own, vec![])]);
    let member = enrolment.trade(&home, &mut relay, NOW).await.unwrap();
    assert_eq!(member.person.login, "alice");
    assert_eq!(member.event()["roles"], json!(["technician"]));
    assert_eq!(member.identity, None);
    assert!(!home.auditor().is_kept());
    let Kind::Enrol(asked) = &relay.questions[0] else { unreachable!() };
    assert_eq!(asked.secret.as_ref(), [4; SECRET]);
    assert!(asked.recipient.starts_with("age1"));
    let (key, account) = home.enrolled().unwrap();
    assert_eq!((key.public(), account.policy_serial), (own.public(), 1));
}

#[tokio::test]
async fn an_auditor_keeps_the_identity() {
    let folder = tempfile::tempdir().unwrap();
    let home = home_in(folder.path());
    let enrolment = Enrolment::prepare(&home, &token(&key(1))).unwrap();
    let recipient = home.auditor().recipient().unwrap().to_string();
    let own = home.key().unwrap().unwrap();
    let mut relay = Scripted::answering([answer(&key(1), &own, vec![recipient])]);
    let member = enrolment.trade(&home, &mut relay, NOW).await.unwrap();
    assert!(home.auditor().is_kept());
    assert!(member.text().contains("auditor.age-identity"));
}

#[tokio::test]
async fn a_relay_that_lies_is_exit_7_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let home = home_in(folder.path());
    let lies = |own: &SigningKey| {
        [answer(&key(8), own, vec![]), answer(&key(1), &key(3), vec![]), {
            let certificate = Some(certificate_of(&key(1), own));
            Kind::Enrolled(Enrolled {
                certificate,
                policy: Some(policy(vec![]).sign(&key(8)).unwrap()),
            })
        }]
    };
    for lie in 0..3 {
        let enrolment = Enrolment::prepare(&home, &token(&key(1))).unwrap();
        let answers = lies(&home.key().unwrap().unwrap());
        let mut relay = Scripted::answering([answers[lie].clone()]);
        let error = enrolment.trade(&home, &mut relay, NOW).await.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Verification, "{error:#}");
        assert_eq!(home.account().unwrap(), None);
    }
}

#[tokio::test]
async fn a_spent_token_is_exit_4_and_the_account_stands() {
    let folder = tempfile::tempdir().unwrap();
    let home = home_in(folder.path());
    let enrolment = Enrolment::prepare(&home, &token(&key(1))).unwrap();
    let code = refused::Code::TokenSpent.into();
    let mut relay = Scripted::answering([Kind::Refused(Refused { code, text: String::new() })]);
    let error = enrolment.trade(&home, &mut relay, NOW).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Code);
}

#[test]
fn a_mistyped_token_is_exit_4() {
    let folder = tempfile::tempdir().unwrap();
    let error = Enrolment::prepare(&home_in(folder.path()), "dse1.zzz").err().unwrap();
    assert_eq!(exit_of(&error), Exit::Code);
}

#[test]
fn another_organisation_needs_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let home = home_in(folder.path());
    let certificate = certificate_of(&key(1), &key(2));
    home.keep_account(&Account {
        join: join(&key(1)),
        certificate,
        policy_serial: 1,
        organisations: Vec::new(),
    })
    .unwrap();
    let at = |by: u8, organisations| {
        Applicant::prepare(&home, join(&key(1))).unwrap().at_today(
            &home,
            join(&key(by)),
            organisations,
        )
    };
    assert!(at(1, Vec::new()).is_ok(), "renewing is fine");
    let changed = || vec![rotation::authority(&key(1), &key(6), 100)];
    assert_eq!(at(6, changed()).unwrap().organisations, changed(), "it is the same one");
    let error = at(6, Vec::new()).err().unwrap();
    assert_eq!(exit_of(&error), Exit::Refused);
    assert!(error.to_string().contains("DESKSIDE_HOME"));
}

#[test]
fn a_wish_is_what_was_said_or_the_account_s_name() {
    let wished = |login: Option<&str>, name: Option<&str>, user| {
        let Wished { login, name } = Wished::of(login.map(Into::into), name.map(Into::into), user);
        (login, name)
    };
    let pair = |login: &str, name: &str| (login.to_owned(), name.to_owned());
    assert_eq!(wished(Some("ann"), Some("Ann Lee"), Some("root")), pair("ann", "Ann Lee"));
    assert_eq!(wished(None, None, Some("Bob Smith")), pair("bobsmith", "bobsmith"));
    assert_eq!(wished(None, None, None), pair("admin", "admin"));
}
