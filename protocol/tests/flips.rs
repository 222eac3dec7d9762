//! Every wire format with each of its bits flipped and at each of its lengths: what is signed or
//! under a MAC is never taken for something else, what is not signed never panics and never reads
//! as the same twice.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the corpus; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use deskside_protocol::act::ActKey;
use deskside_protocol::channel::Channel;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::frame::{self, Decoder, MAX_SIGNAL};
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::identity::rotation;
use deskside_protocol::identity::token::EnrolmentToken;
use deskside_protocol::key::Context;
use deskside_protocol::pairing::agent::{Checks, Waiting};
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::policy::Policy;
use deskside_protocol::random::Random;
use deskside_protocol::recording::checkpoint::{Checkpoint, Note};
use deskside_protocol::recording::{Binding, Closer};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::signed;
use deskside_protocol::statement::{Exchange, Ledger, Parties, Way};
use deskside_protocol::transcript::{AgentData, ChannelIdentifier, TechnicianData, sid};
use deskside_protocol::wire::message::{Act, CommandInput, Message, message};
use deskside_protocol::wire::record::{self, Role, Rotation, Signed};
use deskside_protocol::wire::signal::{
    CloseProposal, CloseSignature, Hello, Joined, Open, PairingAnswer, PairingOffer, Signal, signal,
};
use deskside_protocol::witness::Witness;
use deskside_protocol::{lv, note};
use proptest::prelude::*;
use prost::Message as _;
use support::{Cast, START, STEP, key};
use zeroize::Zeroizing;

const NOW: u64 = START / STEP;
const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);

fn binding() -> Binding {
    Binding { session: SESSION, transcript: [0x74; 32] }
}

/// `bytes` is taken; with any bit flipped, or cut anywhere, it is not.
fn only_whole(name: &str, bytes: &[u8], taken: impl Fn(&[u8]) -> bool) {
    assert!(taken(bytes), "{name}");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!taken(&flipped), "{name}: bit {bit}");
    }
    for end in 0..bytes.len() {
        assert!(!taken(&bytes[..end]), "{name}: cut at {end}");
    }
}

fn read(bytes: &[u8]) -> Option<Signed> {
    Signed::decode(bytes).ok()
}

#[test]
fn what_the_organisation_signs() {
    let cast = Cast::default();
    let organisation = cast.organisation();
    let certificate = cast.certificate().encode_to_vec();
    let none = RevocationList::new(NOW, []);
    only_whole("certificate", &certificate, |bytes| {
        let verify = |signed: Signed| {
            certificate::verify(&signed, &organisation, NOW, Role::Technician, &none)
        };
        certificate::decode(bytes).is_ok_and(|signed| verify(signed).is_ok())
    });
    let policy = b"serial = 4\norganisation = \"x\"\nissued = \"2023-11-01T00:00:00Z\"\n\
        ends = \"2025-11-01T00:00:00Z\"\nrecording = \"off\"\nfile_bodies = \"recorded\"\n\
        grants = []\nauditors = []\nretention_days = 1\n";
    let policy = signed::sign(&cast.organisation, Context::Policy, policy.to_vec());
    only_whole("policy", &policy.encode_to_vec(), |bytes| {
        read(bytes).is_some_and(|signed| Policy::open(&signed, &organisation, NOW, 4).is_ok())
    });
    let new = key(7);
    let rotation = rotation::node(&cast.node, &cast.organisation, &new.public(), NOW);
    only_whole("node rotation", &rotation.encode_to_vec(), |bytes| {
        let chain = Rotation::decode(bytes).map(|rotation| [rotation]);
        let from = cast.node.public();
        let to = |chain: [Rotation; 1]| rotation::follow_node(&from, &organisation, &chain);
        chain.is_ok_and(|chain| to(chain) == Ok(new.public()))
    });
    let rotation = rotation::authority(&cast.organisation, &new, NOW).encode_to_vec();
    only_whole("authority rotation", &rotation, |bytes| {
        let chain = Rotation::decode(bytes).map(|rotation| [rotation]);
        let to = |chain: [Rotation; 1]| rotation::follow_authority(&organisation, &chain);
        chain.is_ok_and(|chain| to(chain) == Ok(new.public()))
    });
    let list = RevocationList::new(NOW, [3, 4]).sign(&cast.node).encode_to_vec();
    only_whole("revocations", &list, |bytes| {
        let node = cast.node.public();
        read(bytes).is_some_and(|signed| RevocationList::open(&signed, &node, NOW).is_ok())
    });
}

#[test]
fn what_node_ends_and_technician_sign() {
    let agent = || Witness::new(End::Agent, key(4), key(2).public(), binding());
    let seal = binding().seal(&key(4), 0, End::Agent, Bytes::from_static(b"age"));
    only_whole("seal", &seal.encode_to_vec(), |bytes| {
        let public = key(4).public();
        record::Seal::decode(bytes).is_ok_and(|seal| binding().verify_seal(&public, &seal).is_ok())
    });
    let receipt = record::Receipt {
        session: Bytes::copy_from_slice(SESSION.as_bytes()),
        line: 0,
        end: End::Agent.to_wire(),
        age_sha256: deskside_protocol::transcript::sha256(b"age").to_vec().into(),
        time: START,
    };
    let receipt = signed::sign_message(&key(2), Context::Receipt, &receipt);
    let mut sealed = agent();
    let _seal = sealed.seal(0, Bytes::from_static(b"age"));
    only_whole("receipt", &receipt.encode_to_vec(), |bytes| {
        read(bytes).is_some_and(|receipt| sealed.receipt(&receipt).is_ok())
    });
    let checkpoint = Checkpoint { session: SESSION, seq: 41, hash: [1; 32], time_us: START };
    let note = checkpoint.sign(&key(2));
    only_whole("checkpoint", note.encode().as_bytes(), |bytes| {
        Note::parse(bytes).is_ok_and(|note| note.verify(&key(2).public()).is_ok())
    });
    let signed = binding().end_signature(&key(4), End::Agent, &note.sha256());
    only_whole("end signature", &signed.encode_to_vec(), |bytes| {
        let public = key(4).public();
        record::EndSignature::decode(bytes)
            .is_ok_and(|signed| binding().verify_end(&public, &signed).is_ok())
    });
    let certificate = Cast::default().certificate().encode_to_vec();
    let on_ticket = record::Note {
        session: Bytes::copy_from_slice(SESSION.as_bytes()),
        text: "helped".to_owned(),
        certificate: certificate.into(),
        ..record::Note::default()
    };
    let on_ticket = note::sign(&key(3), on_ticket).encode_to_vec();
    only_whole("note", &on_ticket, |bytes| {
        read(bytes).is_some_and(|signed| note::open(&signed, &key(1).public()).is_ok())
    });
}

#[test]
fn a_statement() {
    let cast = Cast::default();
    let parties = |end| {
        let (own, other) = match end {
            End::Agent => (4, 5),
            End::Technician => (5, 4),
        };
        Parties { session: cast.session, end, key: key(own), peer: key(other).public() }
    };
    let half = |end| {
        let mut exchange = Exchange::new(parties(end), None);
        exchange.begin_line(0);
        (exchange, Ledger::new([5; 32]))
    };
    let (mut agent, mut ledger) = half(End::Agent);
    ledger.opened((4, Way::Sent), false);
    ledger.count((4, Way::Sent), b"hello");
    ledger.datagram(Way::Sent, b"here");
    let signed = agent.say(&mut ledger, START, false).unwrap().signed;
    only_whole("statement", &signed.encode_to_vec(), |bytes| {
        let (mut technician, mut ledger) = half(End::Technician);
        read(bytes).is_some_and(|signed| technician.hear(&mut ledger, &signed).is_ok())
    });
}

#[test]
fn a_closing() {
    let closing = record::Closing {
        session: Bytes::copy_from_slice(SESSION.as_bytes()),
        reason: record::Reason::UserEnded.into(),
        totals: Some(record::Totals { packets_from_agent: 3, ..record::Totals::default() }),
        seq: 44,
        previous: vec![5; 32].into(),
        time: START,
    }
    .encode_to_vec();
    let sign = |signer, by| binding().close(&key(signer), by, &closing).to_vec();
    let proposal = CloseProposal {
        closing: closing.clone().into(),
        node_signature: sign(2, Closer::Node).into(),
    };
    only_whole("proposal", &proposal.encode_to_vec(), |bytes| {
        let agent = Witness::new(End::Agent, key(4), key(2).public(), binding());
        CloseProposal::decode(bytes).is_ok_and(|proposal| agent.close(&proposal).is_ok())
    });
    let agent = Closer::End(End::Agent);
    let signature = CloseSignature { signature: sign(4, agent).into() };
    only_whole("signature", &signature.encode_to_vec(), |bytes| {
        let public = key(4).public();
        let verify = |signed: CloseSignature| {
            binding().verify_close(&public, agent, &closing, &signed.signature)
        };
        CloseSignature::decode(bytes).is_ok_and(|signed| verify(signed).is_ok())
    });
}

fn input(data: &'static [u8]) -> Message {
    let data = Bytes::from_static(data);
    Message { kind: Some(message::Kind::CommandInput(CommandInput { data, end: true })) }
}

#[test]
fn acting_messages() {
    let key = ActKey::new(Zeroizing::new([6; 32]));
    let mut actor = key.actor(Channel::Command, 4);
    // The first has number 0, which protobuf leaves out; the second carries all its fields.
    let acts = [actor.wrap(&input(b"ls\n")), actor.wrap(&input(b"pwd\n"))];
    let next = || {
        let mut verifier = key.verifier(Channel::Command, 4);
        verifier.open(&acts[0]).unwrap();
        verifier
    };
    only_whole("act", &acts[1].encode_to_vec(), |bytes| {
        Act::decode(bytes).is_ok_and(|act| next().open(&act).is_ok())
    });
    let mut verifier = next();
    assert!(verifier.open(&acts[0]).is_err(), "a repeated one");
    assert!(verifier.open(&acts[1]).is_ok());
    assert!(key.verifier(Channel::Command, 4).open(&acts[1]).is_err(), "out of order");
}

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

#[test]
fn a_key_log_reads_as_itself_only() {
    let secrets = [1, 2, 3, 4].map(|byte| Zeroizing::new(vec![byte; 32]));
    let secrets = LineSecrets { client_random: [9; 32], secrets };
    let text = secrets.to_key_log(SESSION, 0, End::Agent);
    let read = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        LineSecrets::from_key_log(text, SESSION, 0, End::Agent).ok()
    };
    for bit in 0..text.len() * 8 {
        let mut flipped = text.as_bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped).is_none_or(|other| other != secrets), "bit {bit}");
    }
    for end in 0..text.len() {
        assert!(read(&text.as_bytes()[..end]).is_none_or(|other| other != secrets), "cut at {end}");
    }
}

#[test]
fn a_token_reads_as_itself_only() {
    let join =
        format!("deskside://relay.example:7443?org={}&node={}", key(1).public(), key(2).public());
    let token = EnrolmentToken { join: join.parse().unwrap(), secret: Zeroizing::new([7; 16]) };
    let text = token.to_text();
    let body = |text: &str| BASE64URL_NOPAD.decode(text.get(5..)?.as_bytes()).ok();
    for bit in 0..text.len() * 8 {
        let mut flipped = text.as_bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        if flipped.parse::<EnrolmentToken>().is_ok_and(|other| other == token) {
            // The keys' digits may be capital.
            let (one, two) = (body(&text).unwrap(), body(&flipped).unwrap());
            let changed = one.iter().zip(&two).filter(|(one, two)| one != two);
            assert!(changed.map(|(one, two)| one ^ two).eq([0x20]), "bit {bit}");
        }
    }
}

proptest! {
    /// Frames come out as they went in, in their order, however the stream is cut; a cut stream
    /// gives a prefix of them and says that it was cut.
    #[test]
    fn frames_keep_their_order(
        names in proptest::collection::vec("[a-z]{0,40}", 1..8),
        piece in 1..64_usize,
        lost in 0..64_usize,
    ) {
        let of = |name: &String| {
            let hello = Hello { version: 1, software: name.clone() };
            Signal { kind: Some(signal::Kind::Hello(hello)) }
        };
        let mut sent: Vec<_> = names.iter().map(of).collect();
        sent.push(Signal { kind: Some(signal::Kind::Open(Open {})) });
        let frames = sent.iter().map(|signal| frame::encode(signal, MAX_SIGNAL).unwrap());
        let stream = frames.collect::<Vec<_>>().concat();
        let kept = &stream[..stream.len() - lost.min(stream.len())];
        let (mut decoder, mut received) = (Decoder::new(MAX_SIGNAL), Vec::new());
        for piece in kept.chunks(piece) {
            decoder.push(piece);
            while let Some(signal) = decoder.next_message::<Signal>().unwrap() {
                received.push(signal);
            }
        }
        prop_assert!(sent.starts_with(&received));
        let whole = received.iter().map(|signal| 4 + signal.encoded_len()).sum::<usize>();
        prop_assert_eq!(decoder.finish().is_ok(), whole == kept.len());
    }

    /// Lists of fields in another order are another list.
    #[test]
    fn lists_differ_where_their_fields_do(
        one in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 3),
        two in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 3),
    ) {
        let encode = |fields: &[Vec<u8>]| {
            lv::encode(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        prop_assert_eq!(encode(&one) == encode(&two), one == two);
        let swapped = [one[1].clone(), one[0].clone(), one[2].clone()];
        prop_assert_eq!(encode(&one) == encode(&swapped), one[0] == one[1]);
    }
}

/// A sender's stream, whole and resumed, with each bit flipped and cut anywhere: whatever is taken
/// of it stays within what was announced (the check of the fuzz target says so).
#[test]
fn what_a_sender_of_files_says() {
    for seed in ["plain", "resumed"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/file");
        let stream = std::fs::read(path.join(seed)).unwrap();
        for bit in 0..stream.len() * 8 {
            let mut flipped = stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(deskside_protocol::parsers::check("file", &flipped));
        }
        for end in 0..stream.len() {
            assert!(deskside_protocol::parsers::check("file", &stream[..end]));
        }
    }
}
