//! One whole pairing from fixed randomness. The technician is played twice: by the crate, and from
//! the formulas of PROTOCOL.md on other libraries; both make the same bytes.

use deskside_protocol::code::Code;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::pairing::PairingError;
use deskside_protocol::pairing::agent::{Checks, Waiting};
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::random::Random;
use deskside_protocol::transcript::{AgentData, ChannelIdentifier, Join, policy_hash};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::{Joined, PairingAnswer, PairingOffer, Park};
use prost::Message as _;

use crate::identity::{NOW, bytes, papers, policy};
use crate::oracle::{self, lv};
use crate::sheet::Sheet;
use crate::support::key;
use crate::texts::code;

/// Fills each request with one byte, and the next with the next.
struct Script(u8);

impl Random for Script {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(self.0);
        self.0 += 1;
    }
}

const TICKET: &str = "4711";
const SUBJECT: &str = "The printer is on fire";

fn the_code() -> Code {
    code("48219302756")
}

fn channel() -> ChannelIdentifier {
    ChannelIdentifier {
        relay_origin: "relay.example:7443".to_owned(),
        node_key: key(2).public(),
        organisation_key: key(1).public(),
        policy_hash: policy_hash(&policy().sign(&key(1)).unwrap()),
    }
}

fn agent() -> (Waiting, Park) {
    let answered = GrantSet::parse("view").unwrap();
    Waiting::start(&the_code(), channel(), answered, &mut Script(0x11)).ok().unwrap()
}

fn requested() -> GrantSet {
    GrantSet::parse("view,command").unwrap()
}

/// What the technician says, made from the formulas alone.
struct ByHand {
    y_t: [u8; 32],
    signed: Vec<u8>,
    ad_t: Vec<u8>,
    k: [u8; 32],
    isk: [u8; 64],
    th: [u8; 32],
    prk: [u8; 32],
    tag_t: [u8; 32],
    tag_a: [u8; 32],
}

impl ByHand {
    fn offer(&self) -> PairingOffer {
        let Self { y_t, ad_t, tag_t, .. } = self;
        PairingOffer { y_t: bytes(y_t), ad_t: bytes(ad_t), tag_t: bytes(tag_t) }
    }
}

/// A technician of this version and certificate, who signs with the key of seed `signer`.
fn by_hand(park: &Park, version: u32, certificate: &Signed, signer: u8) -> ByHand {
    let (ci, digits) = (channel().encode(), *the_code().digits());
    let nonce_a = AgentData::decode(&park.ad_a).unwrap().nonce;
    let sid = oracle::sha256(&lv(&[b"deskside1 sid", &digits[..5], &nonce_a]));
    let scalar = oracle::scalar(&[0x21; 64]);
    let generator = oracle::generator(&oracle::generator_string(&digits, &ci, &sid));
    let y_t = (generator * scalar).compress().to_bytes();
    let session_key = key(0x22).public();
    let fields: [&[u8]; 8] = [
        &ci,
        &sid,
        &y_t,
        session_key.as_bytes(),
        TICKET.as_bytes(),
        SUBJECT.as_bytes(),
        &requested().bits().to_be_bytes(),
        &[0x23; 32],
    ];
    let signed = lv(&[&[&b"deskside1 join"[..]], &fields[..]].concat());
    let join = Join {
        version,
        session_key,
        certificate: certificate.encode_to_vec().into(),
        ticket: TICKET.to_owned(),
        subject: SUBJECT.to_owned(),
        requested: requested().bits(),
        nonce: [0x23; 32],
    };
    let ad_t = join.sign(&key(signer), &ci, &sid, &y_t).encode();
    let k = oracle::product(&scalar, &park.y_a);
    let isk = oracle::isk(&sid, &k, [&park.y_a, &park.ad_a], [&y_t, &ad_t]);
    let th = oracle::sha256(&lv(&[b"deskside1 th", &ci, &sid, &park.y_a, &park.ad_a, &y_t, &ad_t]));
    let prk = oracle::hmac(&th, &isk);
    let tag_t = oracle::hmac(&oracle::expand(&prk, b"confirm technician"), &th);
    let tag_a = oracle::hmac(&oracle::expand(&prk, b"confirm agent"), &th);
    ByHand { y_t, signed, ad_t, k, isk, th, prk, tag_t, tag_a }
}

fn run(offer: &PairingOffer, revocations: &Signed) -> Result<PairingAnswer, PairingError> {
    let (waiting, _) = agent();
    let checks = Checks { now: NOW, revocations };
    waiting.receive(offer, checks).map(|(_, _, answer)| answer)
}

#[test]
fn a_pairing() {
    let mut sheet = Sheet::new(
        "pairing",
        "\
# One pairing, from fixed randomness. PROTOCOL.md, \"Pairing\".
#
# Ed25519 seeds (32 times this byte): organisation 01, node 02, technician's long-term key 03.
# The certificate is that of certificate.txt, the policy that of policy.txt; the list of revoked
# certificates is empty and was issued at 1700000000, which is the time of all checks.
",
    );
    let (certificate, revocations) = papers();
    let (waiting, park) = agent();
    let hand = by_hand(&park, 1, &certificate, 3);

    let joined = Joined { y_a: park.y_a.clone(), ad_a: park.ad_a.clone(), subject: String::new() };
    let request = Request {
        certificate: &certificate,
        ticket: TICKET,
        subject: SUBJECT,
        grants: requested(),
    };
    let started =
        Offered::start(&the_code(), &channel(), &joined, &key(3), request, &mut Script(0x21));
    let (offered, offer) = started.ok().unwrap();
    assert_eq!(offer, hand.offer());
    let checks = Checks { now: NOW, revocations: &revocations };
    let (at_agent, shown, answer) = waiting.receive(&offer, checks).ok().unwrap();
    assert_eq!(answer.tag_a.as_ref(), hand.tag_a);
    let (at_technician, answered) = offered.receive(&answer).ok().unwrap();
    assert_eq!(at_agent.transcript_hash, hand.th);
    assert_eq!(at_technician.transcript_hash, hand.th);
    assert_eq!(shown.requested, requested());
    assert_eq!(answered, GrantSet::parse("view").unwrap());

    both_know(&mut sheet, &park);
    the_run(&mut sheet, &park, &hand);
    signals(&mut sheet, &park, &offer, &answer);
    failures(&mut sheet, &park, &offer);
    sheet.pinned();
}

fn both_know(sheet: &mut Sheet, park: &Park) {
    let (ci, digits) = (channel().encode(), *the_code().digits());
    let nonce = AgentData::decode(&park.ad_a).unwrap().nonce;
    let fields = lv(&[b"deskside1 sid", &digits[..5], &nonce]);
    let sid = oracle::sha256(&fields);
    sheet.part("what both ends know");
    sheet.text("PRS: the twelve digits", std::str::from_utf8(&digits).unwrap());
    sheet.hex("CI", &ci);
    sheet.hex("nonce_A", &nonce);
    sheet.hex("lv(\"deskside1 sid\", nameplate, nonce_A)", &fields);
    sheet.hex("sid", &sid);
    let string = oracle::generator_string(&digits, &ci, &sid);
    sheet.hex("CPace: generator string", &string);
    sheet.hex("CPace: generator", &oracle::generator(&string).compress().to_bytes());
}

fn the_run(sheet: &mut Sheet, park: &Park, hand: &ByHand) {
    sheet.part("the agent");
    sheet.hex("session key: Ed25519 seed", &[0x11; 32]);
    sheet.hex("session key: public", key(0x11).public().as_bytes());
    sheet.hex("y_a, from 64 random bytes (all 13) reduced", oracle::scalar(&[0x13; 64]).as_bytes());
    sheet.hex("Y_A", &park.y_a);
    sheet.hex("AD_A (answered beforehand: view)", &park.ad_a);
    sheet.part("the technician");
    sheet.hex("session key: Ed25519 seed", &[0x22; 32]);
    sheet.hex("session key: public", key(0x22).public().as_bytes());
    sheet.hex("y_t, from 64 random bytes (all 21) reduced", oracle::scalar(&[0x21; 64]).as_bytes());
    sheet.hex("Y_T", &hand.y_t);
    sheet.hex("what sig_T signs", &hand.signed);
    sheet.hex("sig_T", &hand.ad_t[hand.ad_t.len() - 64..]);
    sheet.hex("AD_T (asks for view and command)", &hand.ad_t);
    sheet.part("the shared key and its confirmation");
    sheet.hex("K", &hand.k);
    sheet.hex("ISK", &hand.isk);
    sheet.hex("TH", &hand.th);
    sheet.hex("PRK", &hand.prk);
    sheet.hex("key of tag_T", &oracle::expand(&hand.prk, b"confirm technician"));
    sheet.hex("tag_T", &hand.tag_t);
    sheet.hex("key of tag_A", &oracle::expand(&hand.prk, b"confirm agent"));
    sheet.hex("tag_A", &hand.tag_a);
}

fn signals(sheet: &mut Sheet, park: &Park, offer: &PairingOffer, answer: &PairingAnswer) {
    sheet.part("as the bodies of signals");
    sheet.hex("Park", &park.encode_to_vec());
    sheet.hex("PairingOffer", &offer.encode_to_vec());
    sheet.hex("PairingAnswer", &answer.encode_to_vec());
}

fn failures(sheet: &mut Sheet, park: &Park, offer: &PairingOffer) {
    let (certificate, revocations) = papers();
    let node = key(2);
    sheet.part("offers that the agent refuses, and the cause that it reports");
    let good = |offer: &PairingOffer| offer.clone();
    let neutral = PairingOffer { y_t: bytes(&[0; 32]), ..good(offer) };
    let swapped = PairingOffer { y_t: park.y_a.clone(), ..good(offer) };
    let longer = PairingOffer { ad_t: bytes(&[&offer.ad_t[..], b"x"].concat()), ..good(offer) };
    let cut = PairingOffer { tag_t: offer.tag_t.slice(..31), ..good(offer) };
    let reflected =
        PairingOffer { tag_t: bytes(&by_hand(park, 1, &certificate, 3).tag_a), ..good(offer) };
    let newer = by_hand(park, 2, &certificate, 3).offer();
    let thief = by_hand(park, 1, &certificate, 9).offer();
    let foreign = Signed { signature: bytes(&[0; 64]), ..certificate.clone() };
    let foreign = by_hand(park, 1, &foreign, 3).offer();
    let stale = RevocationList::new(NOW - 86_401, []).sign(&node);
    let revoked = RevocationList::new(NOW, [7]).sign(&node);
    for (name, offer, revocations) in [
        ("Y_T is the neutral element", &neutral, &revocations),
        ("Y_T is Y_A", &swapped, &revocations),
        ("AD_T is one byte longer than what the tag covers", &longer, &revocations),
        ("tag_T is cut", &cut, &revocations),
        ("tag_T is the agent's own tag", &reflected, &revocations),
        ("version 2", &newer, &revocations),
        ("the list of revoked certificates is a day and a second old", offer, &stale),
        ("the organisation did not sign the certificate", &foreign, &revocations),
        ("the certificate is revoked", offer, &revoked),
        ("sig_T is by another key (seed 09) than the certificate's", &thief, &revocations),
    ] {
        let failure = run(offer, revocations).unwrap_err();
        let outcome = format!("{failure:?}, cause {}", failure.cause());
        sheet.hex(&format!("{name}\n# fails: {outcome}"), &offer.encode_to_vec());
    }
}
