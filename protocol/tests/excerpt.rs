//! Excerpts as auditors hand them out, honest and not: whose word each byte is, and that no byte of
//! one can be changed unseen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use deskside_protocol::excerpt::{self, Flaw, Known};
use deskside_protocol::identity::certificate::CertificateError;
use deskside_protocol::key::SigningKey;
use deskside_protocol::log::evidence;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::statement::State;
use deskside_protocol::wire::record::{
    Excerpt, ExcerptEntry, ExcerptHalf, ExcerptMark, ExcerptStream, Role,
};
use prost::Message as _;

use support::excerpt::{
    MADE_UP, NOW, SAID, STATED, auditor, blocks, certified, honest, logged, statement,
};
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
    let tape = session();
    let other = tape.cast.clone();
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
        // Of another session, by the very ends of this one.
        (
            Flaw::Statement,
            Box::new(|excerpt| {
                let elsewhere =
                    Cast { session: SessionId::from_bytes([0xee; 16]), ..other.clone() };
                excerpt.statements.push(statement(&elsewhere, End::Agent, b"", State::Open));
            }),
        ),
        (
            Flaw::Statement,
            Box::new(|excerpt| {
                let mut signed = statement(&other, End::Agent, b"", State::Open);
                signed.signature = vec![0; 64].into();
                excerpt.statements.push(signed);
            }),
        ),
        (Flaw::Close, Box::new(|excerpt| excerpt.close = excerpt.header.clone())),
        (Flaw::Malformed, Box::new(|excerpt| excerpt.header = excerpt.close.clone())),
        (
            Flaw::Log(evidence::Flaw::OtherClose),
            Box::new(|excerpt| {
                let [(_, first), _] = blocks(&tape);
                excerpt.log = Some(logged(&other, first, [7; 32]));
            }),
        ),
        (
            Flaw::Log(evidence::Flaw::OtherOpen),
            Box::new(|excerpt| excerpt.log = Some(logged(&other, [7; 32], [7; 32]))),
        ),
    ];
    for (flaw, change) in table {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(judged(&cast, &changed).unwrap_err(), flaw);
    }
    // The recording's first block with one bit of its last signature the other way.
    let mut altered = good.clone();
    let mut header = altered.header.to_vec();
    *header.last_mut().unwrap() ^= 1;
    altered.header = header.into();
    let flaw = judged(&cast, &altered).unwrap_err();
    assert!(matches!(flaw, Flaw::Header(_)), "{flaw:?}");
    // Signed by somebody else than the certificate says.
    let bytes = excerpt::encode(&good, &key(0x32)).unwrap();
    assert_eq!(excerpt::judge(&bytes, Known::default()).unwrap_err(), Flaw::Signature);
}

#[test]
fn what_an_end_signed_otherwise_takes_nothing_from_the_rest() {
    let (cast, mut excerpt) = honest();
    let half = |excerpt: &Excerpt| {
        let [half] = judged(&cast, excerpt).unwrap().proven[..] else { panic!("one half") };
        half
    };
    // An end that lies of what came later: what it said before is proven all the same.
    excerpt.statements.push(statement(&cast, End::Agent, MADE_UP, State::Finished));
    excerpt.statements.push(statement(&cast, End::Technician, SAID, State::Finished));
    let proven = half(&excerpt);
    assert_eq!((proven.by.agent, proven.by.technician), (STATED as u64, SAID.len() as u64));
    assert_eq!((proven.disputed.agent, proven.disputed.technician), (1, 0));
    assert!(!proven.whole.agent && proven.whole.technician);
    // An auditor who lies has nothing proven, and all of it disputed.
    excerpt.halves[0].bytes = MADE_UP.into();
    let proven = half(&excerpt);
    assert_eq!((proven.both(), proven.disputed.agent, proven.disputed.technician), (0, 1, 2));
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
    // Times that fall would put the pieces in another order than the one that both ends signed.
    let marks = |times: [u64; 2]| {
        let mark = |(end, time): (usize, u64)| ExcerptMark { end: end as u64, time };
        [STATED, SAID.len()].into_iter().zip(times).map(mark).collect::<Vec<_>>()
    };
    malformed(&|excerpt| excerpt.halves[0].marks = marks([9, 8]));
    let mut at_once = good.clone();
    at_once.halves[0].marks = marks([9, 9]);
    assert_eq!(judged(&cast, &at_once).unwrap().proven[0].both(), STATED as u64);
    // The channel is the one that the stream's opener said, in both directions.
    malformed(&|excerpt| excerpt.halves[0].channel = 6);
    malformed(&|excerpt| excerpt.halves[0].channel = 0);
    malformed(&|excerpt| excerpt.halves[0].stream = 5);
    let answered = |channel: u32| {
        let half = ExcerptHalf { from: End::Agent.to_wire(), channel, ..good.halves[0].clone() };
        Excerpt { halves: vec![half, good.halves[0].clone()], ..good.clone() }
    };
    assert!(judged(&cast, &answered(8)).is_ok());
    malformed(&|excerpt| *excerpt = answered(6));
    // Nothing that the auditor says stands in a stream that the ends prove.
    let entry = |line, id| ExcerptEntry {
        line,
        stream: Some(ExcerptStream { id }),
        ..ExcerptEntry::default()
    };
    malformed(&|excerpt| excerpt.entries.push(entry(0, 4)));
    let mut beside = good.clone();
    beside.entries.extend([entry(0, 8), entry(1, 4), ExcerptEntry::default()]);
    assert!(judged(&cast, &beside).is_ok());
    let bytes = excerpt::encode(&good, &auditor()).unwrap();
    let mut later = bytes.clone();
    later[9] = 2;
    assert_eq!(excerpt::decode(&later).unwrap_err(), Flaw::Version(2));
    assert_eq!(excerpt::decode(&bytes[..9]).unwrap_err(), Flaw::Malformed);
    assert!(judged(&cast, &good).is_ok());
}
