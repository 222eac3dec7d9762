//! Requests that are carried to the key and back, and what is wrong with others.

use deskside_protocol::identity::certificate;
use deskside_protocol::policy::Policy;
use tempfile::TempDir;

use super::*;
use crate::enrolment::{self, CERTIFICATE_SECONDS, Enrolled, Request};
use crate::invitation::Secret;
use crate::node::Places;
use crate::recipient::EXAMPLE;
use crate::{keyfile, policy};
use deskside_link::random::System;

const NOW: u64 = 1_795_305_600;

/// A relay whose authority was moved away, the key, and the founder's token.
async fn founded() -> (Node, SigningKey, Secret, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::under(folder.path().join("relay"));
    let (node, secret) = Node::start(places, "Example", NOW, &mut System::new()).await.unwrap();
    let vault = folder.path().join("vault");
    std::fs::rename(folder.path().join("relay-authority"), &vault).unwrap();
    let key = keyfile::read(&vault.join(crate::authority::FILE)).unwrap();
    (node, key, secret.unwrap(), folder)
}

fn key() -> SigningKey {
    SigningKey::generate(&mut System::new())
}

async fn redeem(
    node: &Node,
    secret: &Secret,
    key: &SigningKey,
) -> Result<Enrolled, EnrolmentError> {
    let request = Request {
        secret: secret.as_ref(),
        key: key.public(),
        recipient: EXAMPLE,
        login: "alice",
        name: "Alice Ng",
    };
    enrolment::redeem(node, request, NOW).await
}

/// As over a stick: through the text of both files.
fn carried(requests: &Requests, key: &SigningKey) -> Result<Signatures, OfflineError> {
    let requests = Requests::parse(requests.to_text().unwrap().as_bytes()).unwrap();
    let signatures = sign_all(key, &requests, NOW)?;
    Ok(Signatures::parse(signatures.to_text().unwrap().as_bytes()).unwrap())
}

#[tokio::test]
async fn a_request_is_signed_elsewhere_and_fetched_with_the_same_token() {
    let (node, authority, secret, _folder) = founded().await;
    let alice = key();
    for _ in 0..2 {
        let waits = redeem(&node, &secret, &alice).await.unwrap_err();
        assert!(matches!(waits, EnrolmentError::Waiting), "{waits}");
    }
    let stranger = redeem(&node, &secret, &key()).await.unwrap_err();
    assert!(matches!(stranger, EnrolmentError::Spent), "the token is bound to the first key");

    let requests = collect(&node).await.unwrap();
    assert_eq!(requests.wanted.len(), 1);
    assert_eq!(requests.wanted[0].roles, "technician,auditor,admin");
    let signatures = carried(&requests, &authority).unwrap();
    assert_eq!(import(&node, &signatures, NOW).await.unwrap(), ["alice"]);
    assert_eq!(collect(&node).await.unwrap().wanted, []);

    let enrolled = redeem(&node, &secret, &alice).await.unwrap();
    let body = certificate::open(&enrolled.certificate, &node.organisation()).unwrap();
    assert_eq!((body.login.as_str(), body.serial), ("alice", 1));
    assert_eq!(body.public_key, alice.public().as_bytes().as_slice());
    let policy = Policy::open(&enrolled.policy, &node.organisation(), NOW, 2).unwrap();
    assert_eq!(policy.auditors, [EXAMPLE]);
    let again = redeem(&node, &secret, &alice).await.unwrap_err();
    assert!(matches!(again, EnrolmentError::Spent));
}

#[tokio::test]
async fn with_the_key_back_at_the_relay_it_is_signed_there() {
    let (node, _authority, secret, folder) = founded().await;
    let alice = key();
    redeem(&node, &secret, &alice).await.unwrap_err();
    let (away, here) = (folder.path().join("vault"), folder.path().join("relay-authority"));
    std::fs::rename(away, here).unwrap();
    assert!(redeem(&node, &secret, &alice).await.is_ok());
}

#[tokio::test]
async fn a_renewal_waits_and_is_there_at_the_next_question() {
    let (node, authority, secret, _folder) = founded().await;
    let alice = key();
    redeem(&node, &secret, &alice).await.unwrap_err();
    let signatures = carried(&collect(&node).await.unwrap(), &authority).unwrap();
    import(&node, &signatures, NOW).await.unwrap();
    redeem(&node, &secret, &alice).await.unwrap();

    let who = async || node.store().technician(alice.public().as_bytes()).await.unwrap().unwrap();
    let late = NOW + CERTIFICATE_SECONDS - 1;
    for _ in 0..2 {
        let waits = enrolment::renew(&node, &who().await, false, late).await.unwrap_err();
        assert!(matches!(waits, EnrolmentError::Waiting), "{waits}");
    }
    let requests = collect(&node).await.unwrap();
    assert!(requests.wanted.len() == 1 && requests.wanted[0].renewal);
    let signatures = sign_all(&authority, &requests, late).unwrap();
    assert_eq!(signatures.policy, None, "she is auditor already");
    import(&node, &signatures, late).await.unwrap();
    let renewed = enrolment::renew(&node, &who().await, false, late).await.unwrap();
    let body = certificate::open(&renewed.certificate, &node.organisation()).unwrap();
    assert_eq!((body.serial, body.not_after), (1, late + CERTIFICATE_SECONDS));
}

#[tokio::test]
async fn only_what_was_asked_for_here_is_taken_in() {
    let (node, authority, secret, _folder) = founded().await;
    redeem(&node, &secret, &key()).await.unwrap_err();
    let requests = collect(&node).await.unwrap();
    let changed = |change: fn(&mut Wanted)| {
        let mut requests = requests.clone();
        change(&mut requests.wanted[0]);
        sign_all(&authority, &requests, NOW).unwrap()
    };
    for signatures in [
        changed(|wanted| wanted.login = "mallory".into()),
        changed(|wanted| wanted.roles = "technician".into()),
        changed(|wanted| wanted.key = "11".repeat(32)),
        changed(|wanted| wanted.serial = 2),
        // The right words by another key.
        Signatures {
            certificates: {
                let other = key();
                let mut requests = requests.clone();
                requests.organisation = other.public();
                let policy = policy::current(&node).await.unwrap();
                requests.policy = policy.sign(&other).unwrap();
                sign_all(&other, &requests, NOW).unwrap().certificates
            },
            policy: None,
        },
    ] {
        let error = import(&node, &signatures, NOW).await.unwrap_err();
        assert!(matches!(error, OfflineError::Unasked(_)), "{error}");
    }
    assert_eq!(collect(&node).await.unwrap(), requests, "nothing has changed");
    assert!(matches!(sign_all(&key(), &requests, NOW), Err(OfflineError::Foreign)));
    let mut nameless = requests.clone();
    nameless.wanted[0].name = "\u{202e}x".into();
    let refused = sign_all(&authority, &nameless, NOW).unwrap_err();
    assert!(matches!(refused, OfflineError::Request { .. }), "{refused}");

    // Somebody changed the policy between the two.
    let signatures = sign_all(&authority, &requests, NOW).unwrap();
    let held = policy::current(&node).await.unwrap();
    let next = Policy { serial: held.serial + 1, ..held };
    let stored = StoredPolicy {
        serial: next.serial,
        signed: next.sign(&authority).unwrap().encode_to_vec(),
    };
    assert!(node.store().set_policy(&stored, NOW).await.unwrap());
    let error = import(&node, &signatures, NOW).await.unwrap_err();
    assert!(matches!(error, OfflineError::Outdated), "{error}");
    assert_eq!(collect(&node).await.unwrap().wanted, requests.wanted);
}

#[test]
fn other_files_are_named() {
    for text in ["", "{}", "[]", "{\"file\":\"x\"}", &"x".repeat(MAX_PAPER + 1)] {
        assert!(Requests::parse(text.as_bytes()).is_err());
        assert!(Signatures::parse(text.as_bytes()).is_err());
    }
}
