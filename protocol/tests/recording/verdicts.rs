//! What is said of a recording with which nothing is wrong, or nothing that a crash does not explain.

use deskside_protocol::recording::format::{BLOCK_HEADER, CHAIN_HASH, FLAG_SHREDDED};
use deskside_protocol::recording::reader::shred;
use deskside_protocol::recording::verify::{Flaw, whole};
use deskside_protocol::recording::{Damage, Kind, Verdict};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record;

use crate::support::{BOTH, Cast, START, STEP, Tape, key, open_session, session};
use crate::{blocks, finding, verify};

#[test]
fn a_whole_recording_is_verified() {
    let tape = session();
    let report = verify(&tape.file);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.blocks, 10);
    assert_eq!(report.times_us, Some((START, START + 9 * STEP)));
    assert_eq!(report.hash.as_ref(), Some(tape.writer.state().hash()));
    assert_eq!((report.packets.agent.packets, report.packets.agent.bytes), (5, 4_900));
    assert_eq!((report.packets.technician.packets, report.packets.technician.bytes), (2, 1_260));
    assert_eq!(report.seals.len(), 2);
    assert_eq!((report.events.len(), report.checkpoints), (1, 1));
    assert_eq!(report.closed_by, Ends { agent: true, technician: true });
    let facts = report.facts.unwrap();
    assert_eq!(facts.session(), tape.cast.session);
    assert_eq!(facts.certificate.name, "Ada Lovelace");
    assert_eq!(facts.technician.join.ticket, "4711");
}

#[test]
fn without_an_organisation_it_is_only_consistent() {
    let report = whole(&session().file, None);
    assert_eq!(report.verdict, Verdict::Consistent);
    assert!(report.verdict.is_sound());
}

#[test]
fn another_organisation_is_named() {
    let report = whole(&session().file, Some(key(99).public()));
    let Verdict::Tampered(finding) = report.verdict else { panic!("{report:?}") };
    assert_eq!(finding.what, Flaw::OtherOrganisation(Cast::default().organisation()));
    assert_eq!(report.facts, None);
}

#[test]
fn a_missing_end_leaves_the_tail_unproven_since_its_last_signature() {
    let mut tape = open_session();
    tape.checkpoint();
    tape.end_signature(End::Technician);
    let mut without = tape.clone();
    without.close(&[End::Technician]);
    // The agent signed the checkpoint in block 6, the technician the one in block 9.
    let since = |tape: &Tape| {
        let Verdict::Incomplete { since } = verify(&tape.file).verdict else {
            panic!("not incomplete");
        };
        since.map(|place| place.seq)
    };
    assert_eq!(since(&without), Some(6));
    assert_eq!(since(&tape), Some(6));
    tape.close(&[End::Agent]);
    assert_eq!(since(&tape), Some(9));
    assert_eq!(since(&Tape::begin(Cast::default())), None);
}

#[test]
fn a_recovered_recording_says_so() {
    let mut tape = open_session();
    tape.event(record::event::Kind::Recovered);
    tape.close(&BOTH);
    let Verdict::Recovered { at } = verify(&tape.file).verdict else { panic!() };
    assert_eq!(at.seq, 9);
}

#[test]
fn a_shredded_recording_says_so_and_its_chain_holds() {
    let file = session().file;
    let mut shredded = file[..10].to_vec();
    for block in blocks(&file) {
        let start = usize::try_from(block.offset).unwrap();
        let whole = &file[start..start + BLOCK_HEADER + block.body.len() + CHAIN_HASH];
        shredded.extend(shred(&block).unwrap_or_else(|| whole.to_vec()));
    }
    let report = verify(&shredded);
    assert_eq!(report.verdict, Verdict::Shredded);
    assert_eq!((report.seals.len(), report.shredded.len()), (0, 2));
    assert_eq!(report.hash, verify(&file).hash);
    assert!(!String::from_utf8_lossy(&shredded).contains("age-encryption"));
}

#[test]
fn only_a_seal_can_be_shredded() {
    let file = session().file;
    let event = blocks(&file)[1];
    let mut flagged = file.clone();
    flagged[usize::try_from(event.offset).unwrap() + 5] = FLAG_SHREDDED;
    let what = Damage::Flags { kind: Kind::Event, flags: FLAG_SHREDDED };
    assert_eq!(finding(&flagged).what, Flaw::Bytes(what));
}

#[test]
fn unknown_kinds_are_chained_skipped_and_named() {
    let mut tape = open_session();
    tape.block(Kind::Unknown(200), 4, b"from the future");
    tape.block(Kind::Segment, 0, b"");
    tape.close(&BOTH);
    let report = verify(&tape.file);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.unknown_kinds.into_iter().collect::<Vec<_>>(), [(7, 1), (200, 1)]);
}
