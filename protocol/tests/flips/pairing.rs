//! What passes while two pair: whatever of it is changed, nobody is paired.

use bytes::Bytes;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::pairing::agent::{Checks, Waiting};
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::random::Random;
use deskside_protocol::transcript::{AgentData, ChannelIdentifier, TechnicianData, sid};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::{Joined, PairingAnswer, PairingOffer};

use crate::NOW;
use crate::support::{Cast, key};

/// One byte for each request, and the next for the next.
struct Script(u8);

impl Random for Script {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(self.0);
        self.0 = self.0.wrapping_add(1);
    }
}

/// A pairing: its code, its channel, and what the technician answers.
struct Pairing {
    code: Code,
    channel: ChannelIdentifier,
    revocations: Signed,
}

impl Pairing {
    fn new() -> Self {
        let (header, _) = Cast::default().header();
        Self {
            code: Code::parse("482193027568").ok().unwrap(),
            channel: ChannelIdentifier {
                relay_origin: header.relay_origin,
                node_key: key(2).public(),
                organisation_key: key(1).public(),
                policy_hash: [9; 32],
            },
            revocations: RevocationList::new(NOW, []).sign(&key(2)),
        }
    }

    fn agent(&self) -> (Waiting, Joined) {
        let (code, channel) = (&self.code, self.channel.clone());
        let answered = GrantSet::from(Grant::View);
        let (waiting, park) = Waiting::start(code, channel, answered, &mut Script(1)).ok().unwrap();
        (waiting, Joined { y_a: park.y_a, ad_a: park.ad_a, subject: String::new() })
    }

    fn offer(&self, joined: &Joined) -> Option<(Offered, PairingOffer)> {
        let certificate = Cast::default().certificate();
        let request = Request {
            certificate: &certificate,
            ticket: "4711",
            subject: "The printer is on fire",
            grants: Grant::View.into(),
        };
        let (code, channel) = (&self.code, &self.channel);
        Offered::start(code, channel, joined, &key(3), request, &mut Script(33)).ok()
    }

    fn answer(&self, offer: &PairingOffer) -> Option<PairingAnswer> {
        let (waiting, _) = self.agent();
        let checks = Checks { now: NOW, revocations: &self.revocations };
        waiting.receive(offer, checks).ok().map(|(_, _, answer)| answer)
    }
}

#[test]
fn a_changed_offer_or_answer_pairs_nobody() {
    let pairing = Pairing::new();
    let (_, joined) = pairing.agent();
    let (_, good) = pairing.offer(&joined).unwrap();
    let answer = pairing.answer(&good).unwrap();
    let flipped = |bytes: &Bytes, bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Bytes::from(bytes)
    };
    for bit in 0..256 {
        let offer = PairingOffer { y_t: flipped(&good.y_t, bit), ..good.clone() };
        assert!(pairing.answer(&offer).is_none(), "y_t, bit {bit}");
        let offer = PairingOffer { tag_t: flipped(&good.tag_t, bit), ..good.clone() };
        assert!(pairing.answer(&offer).is_none(), "tag_t, bit {bit}");
        let (offered, _) = pairing.offer(&joined).unwrap();
        let answer = PairingAnswer { tag_a: flipped(&answer.tag_a, bit) };
        assert!(offered.receive(&answer).is_err(), "tag_a, bit {bit}");
    }
    // One bit of each byte: a run costs a millisecond here.
    for at in 0..good.ad_t.len() {
        let offer = PairingOffer { ad_t: flipped(&good.ad_t, at * 8 + at % 8), ..good.clone() };
        assert!(pairing.answer(&offer).is_none(), "ad_t, byte {at}");
        let offer = PairingOffer { ad_t: good.ad_t.slice(..at), ..good.clone() };
        assert!(pairing.answer(&offer).is_none(), "ad_t, cut at {at}");
    }
}

#[test]
fn a_changed_park_pairs_nobody() {
    let pairing = Pairing::new();
    let (_, good) = pairing.agent();
    for (name, field) in [("y_a", &good.y_a), ("ad_a", &good.ad_a)] {
        for bit in 0..field.len() * 8 {
            let mut changed = field.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let joined = match name {
                "y_a" => Joined { y_a: changed.into(), ..good.clone() },
                _ => Joined { ad_a: changed.into(), ..good.clone() },
            };
            let answer = pairing.offer(&joined).and_then(|(_, offer)| pairing.answer(&offer));
            assert!(answer.is_none(), "{name}, bit {bit}");
        }
    }
}

#[test]
fn sig_t_by_itself() {
    let (header, _) = Cast::default().header();
    let nameplate = Nameplate::parse(&header.nameplate).unwrap();
    let nonce = AgentData::decode(&header.ad_a).unwrap().nonce;
    let (sid, long_term) = (sid(nameplate, &nonce), key(3).public());
    let ci = ChannelIdentifier {
        relay_origin: header.relay_origin.clone(),
        node_key: key(2).public(),
        organisation_key: key(1).public(),
        policy_hash: deskside_protocol::transcript::policy_hash(header.policy.as_ref().unwrap()),
    }
    .encode();
    let verify = |bytes: &[u8]| {
        let data = TechnicianData::decode(bytes).ok()?;
        data.verify(&long_term, &ci, &sid, &header.y_t).ok()?;
        Some(data)
    };
    let good = verify(&header.ad_t).unwrap();
    for bit in 0..header.ad_t.len() * 8 {
        let mut flipped = header.ad_t.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Version and certificate are bound by the tag instead, and by the certificate's own
        // signature; all that the user is shown is under sig_T.
        if let Some(data) = verify(&flipped) {
            let shown = (&data.join.ticket, &data.join.subject, data.join.requested);
            assert_eq!(shown, (&good.join.ticket, &good.join.subject, good.join.requested));
            assert_eq!(data.join.session_key, good.join.session_key);
            assert_ne!(data, good, "bit {bit}");
        }
    }
}
