//! Enrolment over a real first start in a temporary folder.

use deskside_protocol::key::SigningKey;
use tempfile::TempDir;

use super::*;
use crate::invitation::INVITATION_SECONDS;
use crate::node::Places;
use crate::recipient::EXAMPLE;
use deskside_link::random::System;
use deskside_protocol::identity::certificate;
use deskside_protocol::policy::Policy;
use deskside_protocol::wire::record::Role;

const NOW: u64 = 1_795_305_600;

async fn founded() -> (Node, Secret, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::under(folder.path().join("relay"));
    let (node, secret) =
        Node::start(places, "Example Help", NOW, &mut System::new()).await.unwrap();
    (node, secret.unwrap(), folder)
}

fn first<'a>(secret: &'a Secret, key: &SigningKey) -> Request<'a> {
    Request {
        secret: secret.as_ref(),
        key: key.public(),
        recipient: EXAMPLE,
        login: "alice",
        name: "Alice Ng",
    }
}

#[tokio::test]
async fn the_first_person_becomes_technician_auditor_and_admin() {
    let (node, secret, _folder) = founded().await;
    let key = SigningKey::generate(&mut System::new());
    let enrolled = redeem(&node, first(&secret, &key), NOW).await.unwrap();
    let revoked = RevocationList::new(NOW, []);
    for role in [Role::Technician, Role::Auditor, Role::Admin] {
        let certificate =
            certificate::verify(&enrolled.certificate, &node.organisation(), NOW, role, &revoked);
        let certificate = certificate.unwrap();
        assert_eq!((certificate.login.as_str(), certificate.serial), ("alice", 1));
        assert_eq!(certificate.organisation, "Example Help");
    }
    let policy = Policy::open(&enrolled.policy, &node.organisation(), NOW, 2).unwrap();
    assert_eq!((policy.serial, policy.auditors), (2, vec![EXAMPLE.to_owned()]));
    assert_eq!(node.policy().await.unwrap(), enrolled.policy);
    let row = node.store().technician(key.public().as_bytes()).await.unwrap().unwrap();
    assert_eq!((row.login.as_str(), row.roles.as_str()), ("alice", "technician,auditor,admin"));
}

use deskside_protocol::identity::revocations::RevocationList;

#[tokio::test]
async fn used_expired_and_unknown_tokens_get_one_answer() {
    let (node, secret, _folder) = founded().await;
    let key = SigningKey::generate(&mut System::new());
    let late = redeem(&node, first(&secret, &key), NOW + INVITATION_SECONDS).await.unwrap_err();
    let other = Secret::new([0; 16]);
    let unknown = redeem(&node, first(&other, &key), NOW).await.unwrap_err();
    redeem(&node, first(&secret, &key), NOW).await.unwrap();
    let used = redeem(&node, first(&secret, &key), NOW).await.unwrap_err();
    for error in [late, unknown, used] {
        let refusal = error.refusal();
        assert_eq!(refusal.code, Code::TokenSpent as i32);
        assert_eq!(refusal.text, EnrolmentError::Spent.to_string());
    }
}

#[tokio::test]
async fn two_at_once_cannot_both_win() {
    let (node, secret, _folder) = founded().await;
    let keys = [SigningKey::generate(&mut System::new()), SigningKey::generate(&mut System::new())];
    let (one, two) = tokio::join!(
        redeem(&node, first(&secret, &keys[0]), NOW),
        redeem(&node, first(&secret, &keys[1]), NOW),
    );
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(node.store().technicians().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_fails_leaves_the_token_good() {
    let (node, secret, _folder) = founded().await;
    let key = SigningKey::generate(&mut System::new());
    let good = first(&secret, &key);
    for (request, expected) in [
        (Request { recipient: "", ..good }, "an auditor needs an age identity"),
        (Request { recipient: "age1x", ..good }, "that is not an age recipient"),
        (Request { login: "Alice Ng", ..good }, "a login has"),
        (Request { login: "", ..good }, "a login has"),
        (Request { name: "Alice\u{202e}", ..good }, "a name has"),
    ] {
        let error = redeem(&node, request, NOW).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.refusal().code, Code::BadRequest as i32);
    }
    let enrolled = redeem(&node, good, NOW).await.unwrap();
    let serial = certificate::open(&enrolled.certificate, &node.organisation()).unwrap().serial;
    assert_eq!(serial, 1);
}

#[tokio::test]
async fn an_invited_technician_is_who_the_invitation_says() {
    let (node, _secret, _folder) = founded().await;
    let roles: Roles = "technician".parse().unwrap();
    let secret = invite(&node, "bob", "Bob", &roles, None, NOW, &mut System::new()).await.unwrap();
    let key = SigningKey::generate(&mut System::new());
    let before = node.policy().await.unwrap();
    let enrolled = redeem(&node, first(&secret, &key), NOW).await.unwrap();
    let certificate = certificate::open(&enrolled.certificate, &node.organisation()).unwrap();
    assert_eq!((certificate.login.as_str(), certificate.name.as_str()), ("bob", "Bob"));
    assert_eq!(certificate.roles, [Role::Technician as i32]);
    assert_eq!(enrolled.policy, before);
}

#[tokio::test]
async fn a_taken_login_or_key_is_refused() {
    let (node, founder, _folder) = founded().await;
    let roles: Roles = "technician".parse().unwrap();
    let secret =
        invite(&node, "alice", "Alice", &roles, None, NOW, &mut System::new()).await.unwrap();
    let key = SigningKey::generate(&mut System::new());
    redeem(&node, first(&secret, &key), NOW).await.unwrap();
    let taken = redeem(&node, first(&founder, &key), NOW).await.unwrap_err();
    assert_eq!(taken.to_string(), "the login alice is taken");
    let request = Request { login: "root", ..first(&founder, &key) };
    let taken = redeem(&node, request, NOW).await.unwrap_err();
    assert_eq!(taken.to_string(), "this computer's key is enrolled already");
}

#[tokio::test]
async fn revoking_ends_certificates_and_open_invitations() {
    let (node, _secret, _folder) = founded().await;
    let roles: Roles = "technician".parse().unwrap();
    let used = invite(&node, "bob", "Bob", &roles, None, NOW, &mut System::new()).await.unwrap();
    let open = invite(&node, "bob", "Bob", &roles, None, NOW, &mut System::new()).await.unwrap();
    let key = SigningKey::generate(&mut System::new());
    let enrolled = redeem(&node, first(&used, &key), NOW).await.unwrap();
    assert_eq!(node.store().revoke("bob", NOW + 1).await.unwrap(), Some(vec![1]));
    assert_eq!(node.store().revoke("bob", NOW + 2).await.unwrap(), Some(vec![]));
    assert_eq!(node.store().revoke("carol", NOW).await.unwrap(), None);
    let list = node.revocations(NOW + 1).await.unwrap().signed;
    let list = RevocationList::open(&list, &node.key().public(), NOW + 1).unwrap();
    let verdict = certificate::verify(
        &enrolled.certificate,
        &node.organisation(),
        NOW + 1,
        Role::Technician,
        &list,
    );
    assert_eq!(verdict.err(), Some(certificate::CertificateError::Revoked));
    let other = SigningKey::generate(&mut System::new());
    let spent = redeem(&node, first(&open, &other), NOW + 1).await.unwrap_err();
    assert!(matches!(spent, EnrolmentError::Spent));
}
