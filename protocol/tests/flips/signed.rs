//! What is signed, or under a MAC: with a bit flipped, or cut anywhere, it is not taken.

use bytes::Bytes;
use deskside_protocol::act::ActKey;
use deskside_protocol::channel::Channel;
use deskside_protocol::identity::certificate;
use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::identity::rotation;
use deskside_protocol::key::Context;
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::checkpoint::{Checkpoint, Note};
use deskside_protocol::recording::{Binding, Closer};
use deskside_protocol::session::End;
use deskside_protocol::statement::{Exchange, Ledger, Parties, Way};
use deskside_protocol::wire::message::{Act, CommandInput, Message, message};
use deskside_protocol::wire::record::{self, Role, Rotation, Signed};
use deskside_protocol::wire::signal::{CloseProposal, CloseSignature};
use deskside_protocol::witness::Witness;
use deskside_protocol::{note, signed};
use prost::Message as _;
use zeroize::Zeroizing;

use crate::support::{Cast, START, key};
use crate::{NOW, SESSION};

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
