//! Excerpts as auditors hand them out, honest and not: whose word each byte is, and that no byte of
//! one can be changed unseen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use deskside_protocol::excerpt::{self, Flaw, Known};
use deskside_protocol::identity::certificate::CertificateError;
use deskside_protocol::key::SigningKey;
use deskside_protocol::log::evidence;
use deskside_protocol::session::End;
use deskside_protocol::statement::State;
use deskside_protocol::wire::record::{Excerpt, Role};
use prost::Message as _;

use support::excerpt::{NOW, SAID, STATED, auditor, blocks, certified, honest, logged, statement};
use support::{Cast, key, session};

fn judged(cast: &Cast, excerpt: &Excerpt) -> Result<excerpt::Judged, Flaw> {
    let bytes = excerpt::encode(excerpt, &auditor()).unwrap();
    let organisation = Some(cast.organisation());
    excerpt::judge(&bytes, Known { organisation, ..Known::default() })
}

#[test]
fn both_ends_prove_what_they_have_stated_and_the_auditor_the_rest() {
    let (cast, mut excerpt) = honest();
    let proven = judged(&cast, &excerpt).unwrap();
    assert_eq!((proven.auditor.login.as_str(), proven.facts.session()), ("grace", cast.session));
    let [half] = proven.proven[..] else { panic!("one half") };
    assert_eq!((half.both(), half.whole.agent), (STATED as u64, false));
    let closed = proven.closed.unwrap();
    assert!(closed.by.agent && closed.by.technician);
    assert_eq!(closed.hash, blocks(&session())[1].1);
    assert_eq!(proven.log.unwrap().head.size, 2);
    // The technician said once more how it ended, and the agent did not.
    excerpt.statements.push(statement(&cast, End::Technician, SAID, State::Finished));
    let [half] = judged(&cast, &excerpt).unwrap().proven[..] else { panic!("one half") };
    assert_eq!((half.by.technician, half.by.agent), (SAID.len() as u64, STATED as u64));
    assert_eq!(
        (half.whole.technician, half.whole.agent, half.both()),
        (true, false, STATED as u64)
    );
    // Nobody said whose recording it is: then it is held against its own word.
    let bytes = excerpt::encode(&excerpt, &auditor()).unwrap();
    assert!(excerpt::judge(&bytes, Known::default()).is_ok());
}

#[test]
fn no_byte_can_be_changed_or_cut() {
    let (cast, excerpt) = honest();
    let bytes = excerpt::encode(&excerpt, &auditor()).unwrap();
    let known = Known { organisation: Some(cast.organisation()), ..Known::default() };
    assert!(excerpt::judge(&bytes, known).is_ok());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(excerpt::judge(&flipped, known).is_err(), "byte {at}");
        assert!(excerpt::judge(&bytes[..at], known).is_err(), "cut at {at}");
    }
    assert!(excerpt::judge(&[&bytes[..], b"\0"].concat(), known).is_err());
}

#[test]
fn what_an_auditor_makes_up_is_named() {
    let (cast, good) = honest();
    type Change<'a> = Box<dyn Fn(&mut Excerpt) + 'a>;
    let certificate = |roles: &'static [Role], by: SigningKey| -> Change<'_> {
        Box::new(move |excerpt| {
            excerpt.certificate = certified(roles, &by).encode_to_vec().into();
        })
    };
    let bytes = Flaw::Bytes { line: 0, stream: 4, from: End::Technician, by: End::Agent };
    let other = session();
    let table: Vec<(Flaw, Change<'_>)> = vec![
        (Flaw::Certificate(CertificateError::Signature), certificate(&[Role::Auditor], key(0x31))),
        (
            Flaw::Certificate(CertificateError::Role),
            certificate(&[Role::Technician], cast.organisation.clone()),
        ),
        (
            Flaw::Certificate(CertificateError::NotInForce),
            Box::new(|excerpt| excerpt.time = NOW + 11),
        ),
        (
            bytes,
            Box::new(|excerpt| {
                excerpt.halves[0].bytes = b"the bytes of another..".as_slice().into()
            }),
        ),
        (
            Flaw::Statement,
            Box::new(|excerpt| {
                let stranger = Cast { ends: session().cast.ends, ..other.cast.clone() };
                let mut signed = statement(&stranger, End::Agent, b"", State::Open);
                signed.signature = vec![0; 64].into();
                excerpt.statements.push(signed);
            }),
        ),
        (Flaw::Close, Box::new(|excerpt| excerpt.close = excerpt.header.clone())),
        (Flaw::Malformed, Box::new(|excerpt| excerpt.header = excerpt.close.clone())),
        (
            Flaw::Log(evidence::Flaw::OtherClose),
            Box::new(|excerpt| {
                let [(_, first), _] = blocks(&other);
                excerpt.log = Some(logged(&other.cast, first, [7; 32]));
            }),
        ),
        (
            Flaw::Log(evidence::Flaw::OtherOpen),
            Box::new(|excerpt| excerpt.log = Some(logged(&other.cast, [7; 32], [7; 32]))),
        ),
    ];
    for (flaw, change) in table {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(judged(&cast, &changed).unwrap_err(), flaw);
    }
    // Signed by somebody else than the certificate says.
    let bytes = excerpt::encode(&good, &key(0x32)).unwrap();
    assert_eq!(excerpt::judge(&bytes, Known::default()).unwrap_err(), Flaw::Signature);
}

#[test]
fn a_form_that_has_two_readings_is_none() {
    let (cast, good) = honest();
    let malformed = |change: &dyn Fn(&mut Excerpt)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(excerpt::encode(&changed, &auditor()).unwrap_err(), Flaw::Malformed);
    };
    malformed(&|excerpt| excerpt.halves.push(excerpt.halves[0].clone()));
    malformed(&|excerpt| excerpt.halves[0].marks.clear());
    malformed(&|excerpt| excerpt.halves[0].from = 0);
    malformed(&|excerpt| excerpt.halves[0].line = 65_536);
    let bytes = excerpt::encode(&good, &auditor()).unwrap();
    let mut later = bytes.clone();
    later[9] = 2;
    assert_eq!(excerpt::decode(&later).unwrap_err(), Flaw::Version(2));
    assert_eq!(excerpt::decode(&bytes[..9]).unwrap_err(), Flaw::Malformed);
    assert!(judged(&cast, &good).is_ok());
}
