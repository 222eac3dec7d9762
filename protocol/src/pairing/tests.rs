//! Both ends against each other, and every check on its own.

use zeroize::Zeroizing;

use super::agent::{Checks, Technician, Waiting};
use super::technician::{Offered, Request};
use super::*;
use crate::code::{Code, Nameplate};
use crate::grant::{Grant, GrantSet};
use crate::identity::certificate;
use crate::identity::revocations::RevocationList;
use crate::random::Random;
use crate::transcript::ChannelIdentifier;
use crate::wire::record::{Certificate, Role, Signed};
use crate::wire::signal::{Joined, PairingAnswer, PairingOffer, Park};

const NOW: u64 = 1_000_000;

struct Counting(u64);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

/// Everybody's keys: authority 1, node 2, technician 3.
struct World {
    code: Code,
    channel: ChannelIdentifier,
    certificate: Signed,
    revocations: Signed,
    random: Counting,
}

impl World {
    fn new() -> Self {
        let mut random = Counting(7);
        let certificate = Certificate {
            login: "alice".to_owned(),
            name: "Alice Ng".to_owned(),
            organisation: "Example Help".to_owned(),
            public_key: key(3).public().as_bytes().to_vec().into(),
            roles: vec![Role::Technician as i32],
            not_before: NOW - 1,
            not_after: NOW + 1,
            serial: 5,
        };
        Self {
            code: Code::generate(Nameplate::new(48_219).unwrap(), &mut random),
            channel: ChannelIdentifier {
                relay_origin: "relay.example:7443".to_owned(),
                node_key: key(2).public(),
                organisation_key: key(1).public(),
                policy_hash: [9; 32],
            },
            certificate: certificate::issue(&key(1), &certificate),
            revocations: RevocationList::new(NOW, []).sign(&key(2)),
            random,
        }
    }

    fn agent(&mut self) -> (Waiting, Park) {
        let answered = GrantSet::from(Grant::View);
        let started = Waiting::start(&self.code, self.channel.clone(), answered, &mut self.random);
        started.ok().unwrap()
    }

    fn technician(
        &mut self,
        code: &Code,
        park: &Park,
        signer: &SigningKey,
    ) -> Result<(Offered, PairingOffer), PairingError> {
        let joined =
            Joined { y_a: park.y_a.clone(), ad_a: park.ad_a.clone(), subject: String::new() };
        let request = Request {
            certificate: &self.certificate,
            ticket: "1001",
            subject: "Printer is on fire",
            grants: GrantSet::parse("view,command").unwrap(),
        };
        Offered::start(code, &self.channel, &joined, signer, request, &mut self.random)
    }

    fn offer(&mut self, park: &Park) -> (Offered, PairingOffer) {
        let code = self.code.clone();
        self.technician(&code, park, &key(3)).ok().unwrap()
    }

    fn receive(
        &self,
        waiting: Waiting,
        offer: &PairingOffer,
    ) -> Result<(Paired, Technician, PairingAnswer), PairingError> {
        waiting.receive(offer, Checks { now: NOW, revocations: &self.revocations })
    }

    fn refusal(&mut self, change: impl FnOnce(&mut Self, &mut PairingOffer)) -> PairingError {
        let (waiting, park) = self.agent();
        let (_, mut offer) = self.offer(&park);
        change(self, &mut offer);
        self.receive(waiting, &offer).err().unwrap()
    }
}

#[test]
fn the_same_code_pairs_and_shows_what_was_signed() {
    let mut world = World::new();
    let (waiting, park) = world.agent();
    let (offered, offer) = world.offer(&park);
    let (agent, technician, answer) = world.receive(waiting, &offer).ok().unwrap();
    let (paired, answered) = offered.receive(&answer).ok().unwrap();

    assert_eq!(agent.transcript_hash, paired.transcript_hash);
    assert_eq!(agent.peer_key, paired.session_key.public());
    assert_eq!(paired.peer_key, agent.session_key.public());
    assert_eq!(answered, Grant::View.into());
    assert_eq!(technician.certificate.name, "Alice Ng");
    assert_eq!(
        (technician.ticket.as_str(), technician.subject.as_str()),
        ("1001", "Printer is on fire")
    );
    assert_eq!(technician.requested, GrantSet::parse("view,command").unwrap());
}

#[test]
fn another_code_of_the_same_nameplate_fails_at_both_ends() {
    let mut world = World::new();
    let (waiting, park) = world.agent();
    let wrong = Code::generate(world.code.nameplate(), &mut Counting(99));
    let (offered, offer) = world.technician(&wrong, &park, &key(3)).ok().unwrap();
    assert_eq!(world.receive(waiting, &offer).err(), Some(PairingError::WrongCode));
    let guess = PairingAnswer { tag_a: vec![0; TAG].into() };
    assert_eq!(offered.receive(&guess).err(), Some(PairingError::WrongCode));
}

#[test]
fn an_agent_with_another_channel_fails() {
    let swaps: [fn(&mut ChannelIdentifier); 4] = [
        |channel| channel.policy_hash = [8; 32],
        |channel| channel.node_key = key(9).public(),
        |channel| channel.organisation_key = key(9).public(),
        |channel| channel.relay_origin.push('x'),
    ];
    for swap in swaps {
        let mut world = World::new();
        let (waiting, park) = world.agent();
        swap(&mut world.channel);
        let (_, offer) = world.offer(&park);
        assert_eq!(world.receive(waiting, &offer).err(), Some(PairingError::WrongCode));
    }
}

#[test]
fn a_reflected_tag_fails() {
    let mut world = World::new();
    let (_, park) = world.agent();
    let (offered, offer) = world.offer(&park);
    let reflected = PairingAnswer { tag_a: offer.tag_t };
    assert_eq!(offered.receive(&reflected).err(), Some(PairingError::WrongCode));
}

#[test]
fn a_changed_offer_fails() {
    let mut world = World::new();
    let changed = world.refusal(|_, offer| offer.ad_t = [&offer.ad_t[..], b"x"].concat().into());
    assert_eq!(changed, PairingError::WrongCode);
    let neutral = world.refusal(|_, offer| offer.y_t = vec![0; SHARE].into());
    assert_eq!(neutral, PairingError::Share);
    let cut = world.refusal(|_, offer| offer.tag_t = offer.tag_t.slice(..16));
    assert_eq!(cut, PairingError::WrongCode);
}

#[test]
fn an_enrolled_name_with_another_s_key_fails() {
    let mut world = World::new();
    let (waiting, park) = world.agent();
    let code = world.code.clone();
    let (_, offer) = world.technician(&code, &park, &key(4)).ok().unwrap();
    assert_eq!(world.receive(waiting, &offer).err(), Some(PairingError::Signature));
}

#[test]
fn revoked_certificates_and_stale_or_foreign_lists_fail() {
    let list =
        |issued, serials: Vec<u64>, node| RevocationList::new(issued, serials).sign(&key(node));
    let with = |revocations| World::new().refusal(|world, _| world.revocations = revocations);
    let revoked = PairingError::Certificate(CertificateError::Revoked);
    assert_eq!(with(list(NOW, vec![5], 2)), revoked);
    let stale = PairingError::Revocations(RevocationsError::OutOfDate);
    assert_eq!(with(list(NOW - 90_000, vec![], 2)), stale);
    let foreign = PairingError::Revocations(RevocationsError::Signature);
    assert_eq!(with(list(NOW, vec![], 9)), foreign);
}

#[test]
fn a_certificate_of_another_organisation_fails() {
    let mut world = World::new();
    let (waiting, park) = world.agent();
    world.certificate.signature = vec![0; 64].into();
    let (_, offer) = world.offer(&park);
    let refused = PairingError::Certificate(CertificateError::Signature);
    assert_eq!(world.receive(waiting, &offer).err(), Some(refused));
}

#[test]
fn another_version_says_whom_to_upgrade() {
    let newer = PairingError::Version { theirs: VERSION + 1 }.to_string();
    assert!(newer.ends_with("upgrade this program"), "{newer}");
    let older = PairingError::Version { theirs: VERSION - 1 }.to_string();
    assert!(older.ends_with("upgrade the other side's program"), "{older}");
}
