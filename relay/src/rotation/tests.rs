use std::fs;
use std::path::PathBuf;

use deskside_link::random::System;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation::leads_to;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Policy;
use deskside_protocol::wire::record::{Role, Signed};

use super::*;
use crate::authority::{FILE, NEXT};
use crate::enrolment::{self, Request};
use crate::node::{Node, Places};
use crate::offline::rotation as paper;
use crate::policy;

const NOW: u64 = 1_795_305_600;

struct House {
    folder: tempfile::TempDir,
    places: Places,
}

impl House {
    async fn founded() -> (Self, Node) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::under(folder.path().join("relay"));
        let house = Self { folder, places };
        let node = house.start().await;
        (house, node)
    }

    async fn start(&self) -> Node {
        let started = Node::start(self.places.clone(), "Example", NOW, &mut System::new()).await;
        started.unwrap().0
    }

    fn authority(&self, file: &str) -> PathBuf {
        self.folder.path().join("relay-authority").join(file)
    }
}

fn link(node: &Node) -> JoinLink {
    JoinLink {
        host: "relay.example".to_owned(),
        port: 7443,
        organisation: node.organisation(),
        node: node.key().public(),
        webpki: false,
    }
}

fn told(node: &Node) -> Welcome {
    let Rotations { nodes, organisations } = node.rotations().clone();
    Welcome { nodes, organisations, ..Welcome::default() }
}

async fn enrolled(node: &Node, login: &str) -> SigningKey {
    let key = SigningKey::generate(&mut System::new());
    let roles = "technician".parse().unwrap();
    let random = &mut System::new();
    let secret = enrolment::invite(node, login, "A Person", &roles, None, NOW, random);
    let secret = secret.await.unwrap();
    let request =
        Request { secret: secret.as_ref(), key: key.public(), recipient: "", login: "", name: "" };
    enrolment::redeem(node, request, NOW).await.unwrap();
    key
}

#[tokio::test]
async fn a_node_key_counts_from_the_next_start_on_and_a_crash_is_settled() {
    let (house, node) = House::founded().await;
    let (first, path) = (link(&node), house.places.node_key());
    let old = fs::read(&path).unwrap();
    let second = rotate_node(&node, NOW, &mut System::new()).await.unwrap();
    assert_ne!(second, first.node);
    // Whoever runs beside the relay names the key that it still has.
    let beside = Node::open(house.places.clone()).await.unwrap();
    assert_eq!(beside.key().public(), first.node);
    let again = rotate_node(&beside, NOW, &mut System::new()).await.unwrap_err();
    assert!(matches!(again, RotateError::Pending(named) if named == second));

    let node = house.start().await;
    assert_eq!(leads_to(&first, &told(&node), &second), Ok(link(&node)));
    assert!(node.key_of(first.node.as_bytes()).is_some(), "sessions may need it");
    node.forget_former_keys();
    let node = house.start().await;
    assert!(node.key_of(first.node.as_bytes()).is_none());
    assert!(node.key_of(second.as_bytes()).is_some());

    // As if it had died between the two renames, and before both.
    fs::rename(&path, path.with_extension("next")).unwrap();
    assert_eq!(house.start().await.key().public(), second);
    fs::rename(&path, path.with_extension("next")).unwrap();
    fs::write(&path, old).unwrap();
    assert_eq!(house.start().await.key().public(), second);
    fs::remove_file(&path).unwrap();
    assert!(Node::start(house.places.clone(), "", NOW, &mut System::new()).await.is_err());
}

#[tokio::test]
async fn a_key_that_is_away_states_nothing() {
    let (house, node) = House::founded().await;
    fs::remove_file(house.authority(FILE)).unwrap();
    let away = rotate_node(&node, NOW, &mut System::new()).await.unwrap_err();
    assert!(matches!(away, RotateError::Authority(AuthorityError::Away { .. })));
    let away = rotate_authority(&node, NOW, &mut System::new()).await.unwrap_err();
    assert!(matches!(away, RotateError::Authority(AuthorityError::Away { .. })));
    assert_eq!(link(&house.start().await), link(&node));
}

#[tokio::test]
async fn an_authority_key_signs_anew_what_counts() {
    let (house, node) = House::founded().await;
    let first = link(&node);
    let alice = enrolled(&node, "alice").await;
    let mallory = enrolled(&node, "mallory").await;
    node.store().revoke("mallory", NOW).await.unwrap();
    rotate_node(&node, NOW, &mut System::new()).await.unwrap();
    let node = house.start().await;
    let before = policy::current(&node).await.unwrap();

    let new = rotate_authority(&node, NOW + 5, &mut System::new()).await.unwrap();
    let node = house.start().await;
    assert_eq!(node.organisation(), new);
    assert!(!house.authority(NEXT).exists(), "it took its place");
    assert_eq!(node.authority().key(&new).unwrap().public(), new);
    assert!(node.authority().key(&first.organisation).is_err(), "the old one is gone");
    // A link of before both changes leads to both keys of today.
    assert_eq!(leads_to(&first, &told(&node), &node.key().public()), Ok(link(&node)));
    assert_eq!(node.former_organisations(), [first.organisation]);

    let after = Policy::open(&node.policy().await.unwrap(), &new, NOW, 2).unwrap();
    assert_eq!(after, Policy { serial: before.serial + 1, issued: after.issued, ..before });
    let certificate = async |key: &SigningKey| {
        let who = node.store().technician(key.public().as_bytes()).await.unwrap().unwrap();
        Signed::decode(who.certificate.as_slice()).unwrap()
    };
    let opened = certificate::open(&certificate(&alice).await, &new).unwrap();
    assert_eq!(opened.login, "alice");
    assert!(opened.roles.contains(&Role::Technician.into()));
    let revoked = certificate::open(&certificate(&mallory).await, &new);
    assert!(revoked.is_err(), "what was taken back is not signed anew");
    // And people are enrolled as before.
    enrolled(&node, "bob").await;
}

#[tokio::test]
async fn the_key_may_stay_elsewhere() {
    let (house, node) = House::founded().await;
    let alice = enrolled(&node, "alice").await;
    let (was, elsewhere) = (node.organisation(), house.folder.path().join("vault"));
    fs::rename(house.folder.path().join("relay-authority"), &elsewhere).unwrap();
    let vault = crate::authority::Authority::at(elsewhere);

    let asked = paper::collect(&node, NOW).await.unwrap();
    let asked = paper::Rotating::parse(asked.to_text().unwrap().as_bytes()).unwrap();
    assert_eq!(asked.people().unwrap().len(), 1);
    let (old, next) = (vault.key(&was).unwrap(), vault.next(&mut System::new()).unwrap());
    let rotated = paper::sign(&old, &next, &asked, NOW).unwrap();
    let text = rotated.to_text().unwrap();
    assert!(paper::Rotated::is(text.as_bytes()) && !paper::Rotating::is(text.as_bytes()));
    let rotated = paper::Rotated::parse(text.as_bytes()).unwrap();

    // A lost or refused paper costs nothing: the old key is there still.
    assert_eq!(vault.key(&was).unwrap().public(), was);
    let with = |change: fn(&mut paper::Rotated)| {
        let mut other = rotated.clone();
        change(&mut other);
        other
    };
    for (what, lie) in [
        ("nobody's certificate", with(|paper| paper.certificates.clear())),
        ("nobody's change", with(|paper| paper.change = Rotation::default())),
        ("another policy", with(|paper| paper.policy = Signed::default())),
        ("another node", with(|paper| paper.nodes.push(paper.change.clone()))),
    ] {
        assert!(paper::import(&node, &lie, NOW).await.is_err(), "{what}");
    }
    assert_eq!(paper::import(&node, &rotated, NOW).await.unwrap(), next.public());
    let again = paper::import(&house.start().await, &rotated, NOW).await;
    assert!(again.is_err(), "once");

    let node = house.start().await;
    assert_eq!((node.organisation(), node.former_organisations()), (next.public(), vec![was]));
    assert!(node.store().technician(alice.public().as_bytes()).await.unwrap().is_some());
    assert_eq!(vault.key(&next.public()).unwrap().public(), next.public());
    assert!(vault.key(&was).is_err());
}

#[tokio::test]
async fn who_was_enrolled_meanwhile_is_not_left_behind() {
    let (_house, node) = House::founded().await;
    enrolled(&node, "alice").await;
    let asked = paper::collect(&node, NOW).await.unwrap();
    let old = node.authority().key(&node.organisation()).unwrap();
    let next = node.authority().next(&mut System::new()).unwrap();
    let rotated = paper::sign(&old, &next, &asked, NOW).unwrap();
    enrolled(&node, "bob").await;
    let error = paper::import(&node, &rotated, NOW).await.unwrap_err();
    assert!(matches!(error, OfflineError::Changed(_)), "{error}");
    let stranger = SigningKey::generate(&mut System::new());
    let foreign = paper::sign(&stranger, &next, &asked, NOW);
    assert!(matches!(foreign, Err(OfflineError::Foreign)));
}
