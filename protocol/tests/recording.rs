//! The recording format against hands that alter it: whatever they do, a recording is never called
//! verified again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use deskside_protocol::recording::format::{BLOCK_HEADER, CHAIN_HASH, FLAG_SHREDDED};
use deskside_protocol::recording::reader::shred;
use deskside_protocol::recording::verify::{Finding, Flaw, Party, whole};
use deskside_protocol::recording::{
    Block, Damage, Kind, Reader, Report, State, Step, Verdict, Writer,
};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record;
use proptest::prelude::*;
use prost::Message as _;
use support::{BOTH, Cast, START, STEP, Tape, key, open_session, session};

fn verify(file: &[u8]) -> Report {
    whole(file, Some(Cast::default().organisation()))
}

fn finding(file: &[u8]) -> Finding {
    let Verdict::Tampered(finding) = verify(file).verdict else {
        panic!("nothing found");
    };
    finding
}

fn blocks(mut file: &[u8]) -> Vec<Block<'_>> {
    let mut reader = Reader::new();
    let mut blocks = Vec::new();
    while let Ok(Step::Block(block)) = reader.next(&mut file) {
        blocks.push(block);
    }
    blocks
}

/// The same blocks with `change` made to them, in a chain that fits: what a hand can do that knows
/// the format and has no key.
fn rechained(file: &[u8], change: impl Fn(usize, &Block<'_>, &mut Vec<u8>)) -> Vec<u8> {
    let (mut writer, preamble) = Writer::create();
    let mut out = preamble.to_vec();
    for (index, block) in blocks(file).iter().enumerate() {
        let mut body = block.body.to_vec();
        change(index, block, &mut body);
        let header = block.header;
        let next = writer.block(header.kind, header.line, header.time_us, &body, &mut out);
        writer.commit(next.unwrap());
    }
    out
}

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
fn no_flipped_bit_is_verified() {
    let file = session().file;
    let organisation = Some(Cast::default().organisation());
    for at in 0..file.len() {
        for bit in [0x01, 0x80] {
            let mut altered = file.clone();
            altered[at] ^= bit;
            assert!(!whole(&altered, organisation).verdict.is_sound(), "byte {at} bit {bit:#x}");
        }
    }
}

#[test]
fn no_flipped_bit_in_a_fitting_chain_is_verified() {
    let file = session().file;
    for (altered, block) in blocks(&file).iter().enumerate() {
        // Packets are all alike: their first bytes and the run headers are enough.
        for at in 0..block.body.len().min(400) {
            let forged = rechained(&file, |index, _, body| {
                if index == altered {
                    body[at] ^= 1;
                }
            });
            assert!(!verify(&forged).verdict.is_sound(), "block {altered} byte {at}");
        }
    }
}

#[test]
fn no_truncation_is_verified() {
    let file = session().file;
    for end in 0..file.len() {
        let verdict = verify(&file[..end]).verdict;
        assert!(matches!(verdict, Verdict::Incomplete { .. }), "{end}: {verdict:?}");
    }
}

#[test]
fn no_appended_byte_is_verified() {
    let mut file = session().file;
    file.push(0);
    let after = finding(&file);
    assert_eq!((after.what, after.at.seq), (Flaw::Bytes(Damage::AfterClose), 10));
}

#[test]
fn no_missing_or_swapped_block_is_verified() {
    let file = session().file;
    let blocks = blocks(&file);
    let bytes = |block: &Block<'_>| {
        let start = usize::try_from(block.offset).unwrap();
        file[start..start + BLOCK_HEADER + block.body.len() + CHAIN_HASH].to_vec()
    };
    let preamble = &file[..10];
    for at in 0..blocks.len() {
        let mut fewer = preamble.to_vec();
        let left = blocks.iter().enumerate().filter(|(index, _)| *index != at);
        left.for_each(|(_, block)| fewer.extend(bytes(block)));
        assert!(!verify(&fewer).verdict.is_sound(), "without {at}");
        for other in at + 1..blocks.len() {
            let mut order: Vec<_> = blocks.iter().collect();
            order.swap(at, other);
            let swapped: Vec<u8> = order.into_iter().flat_map(bytes).collect();
            let verdict = verify(&[preamble, &swapped].concat()).verdict;
            assert!(!verdict.is_sound(), "{at} and {other}");
        }
    }
}

#[test]
fn altered_packets_incriminate_whoever_held_the_file() {
    let file = session().file;
    let forged = rechained(&file, |_, block, body| {
        if block.header.kind == Kind::Packets && block.header.seq == 5 {
            body[20] ^= 1;
        }
    });
    let found = finding(&forged);
    assert_eq!(found.what, Flaw::Chain(Kind::Checkpoint));
    assert_eq!((found.at.seq, found.party), (6, Party::Holder));
}

#[test]
fn a_relabelled_seal_is_found_and_the_node_that_signed_it_named() {
    let mut tape = Tape::begin(Cast::default());
    let agent = &tape.cast.ends.agent;
    let seal = tape.binding.seal(agent, 1, End::Agent, "age".into());
    let relabelled = record::Seal { end: End::Technician.to_wire(), ..seal };
    tape.block(Kind::Seal, 1, &relabelled.encode_to_vec());
    assert_eq!(finding(&tape.file).party, Party::Holder);
    tape.checkpoint();
    let found = finding(&tape.file);
    assert_eq!((found.what, found.at.seq, found.party), (Flaw::Seal, 1, Party::Node));
}

#[test]
fn a_seal_in_another_lines_block_is_found() {
    let mut tape = Tape::begin(Cast::default());
    let seal = tape.binding.seal(&tape.cast.ends.agent, 1, End::Agent, "age".into());
    tape.block(Kind::Seal, 2, &seal.encode_to_vec());
    assert_eq!(finding(&tape.file).what, Flaw::Elsewhere(Kind::Seal));
}

#[test]
fn only_an_end_that_signed_two_seals_is_blamed_for_them() {
    let mut tape = Tape::begin(Cast::default());
    tape.seal(1, End::Agent);
    let mut repeated = tape.clone();
    repeated.seal(1, End::Agent);
    let found = finding(&repeated.file);
    assert_eq!((found.what, found.party), (Flaw::Order(Kind::Seal), Party::Holder));
    tape.seal_of(1, End::Agent, "another".into());
    let found = finding(&tape.file);
    let what = Flaw::SecondSeal { line: 1, end: End::Agent };
    assert_eq!((found.what, found.party), (what, Party::End(End::Agent)));
}

#[test]
fn a_line_needs_both_seals_beyond_its_handshake() {
    let mut tape = Tape::begin(Cast::default());
    tape.seal(1, End::Agent);
    tape.packets_of(1, &[(End::Agent, 1_200, 64 * 1024)]);
    assert!(matches!(verify(&tape.file).verdict, Verdict::Incomplete { .. }));
    tape.packets_of(1, &[(End::Agent, 1_200, 1)]);
    assert_eq!(finding(&tape.file).what, Flaw::Unsealed { line: 1 });
}

#[test]
fn a_foreign_node_key_is_found() {
    let mut tape = open_session();
    tape.cast.node = key(77);
    let mut checkpoint = tape.clone();
    checkpoint.checkpoint();
    assert_eq!(finding(&checkpoint.file).what, Flaw::NotTheNode(Kind::Checkpoint));
    tape.close(&BOTH);
    assert_eq!(finding(&tape.file).what, Flaw::NotTheNode(Kind::Close));
}

#[test]
fn a_header_with_another_node_is_not_what_the_technician_signed() {
    let cast = Cast::default();
    let (mut header, _) = cast.header();
    header.node_key = key(77).public().as_bytes().to_vec().into();
    assert_eq!(finding(&Tape::begin_with(cast, &header).file).what, Flaw::Join);
}

#[test]
fn what_the_header_says_of_the_pairing_is_computed_again() {
    type Change = fn(&mut record::Header);
    let changes: [(Change, Flaw); 7] = [
        (|header| header.nameplate = "48218".to_owned(), Flaw::Sid),
        (|header| header.nameplate = "4821".to_owned(), Flaw::Header("nameplate")),
        (|header| header.relay_origin.push('x'), Flaw::Join),
        (|header| header.y_t = vec![0; 32].into(), Flaw::Join),
        (|header| header.policy.as_mut().unwrap().body = "".into(), Flaw::Policy),
        (|header| header.policy = None, Flaw::Header("policy")),
        (|header| header.ad_t = header.ad_a.clone(), Flaw::Header("ad_t")),
    ];
    for (change, flaw) in changes {
        let (mut header, _) = Cast::default().header();
        change(&mut header);
        let found = finding(&Tape::begin_with(Cast::default(), &header).file);
        assert_eq!((found.what, found.party, found.at.seq), (flaw, Party::Holder, 0));
    }
}

#[test]
fn an_agents_share_that_was_swapped_shows_at_the_first_seal() {
    let cast = Cast::default();
    let (mut header, _) = cast.header();
    header.y_a = vec![0; 32].into();
    let mut tape = Tape::begin_with(cast, &header);
    tape.seal(1, End::Agent);
    assert_eq!(finding(&tape.file).what, Flaw::Seal);
}

#[test]
fn a_certificate_without_the_role_or_past_its_end_is_found() {
    let cast = Cast { roles: vec![record::Role::Auditor], ..Cast::default() };
    let found = finding(&Tape::begin(cast).file);
    assert_eq!((found.what, found.party), (Flaw::NotATechnician, Party::End(End::Technician)));
    let cast = Cast { not_after: START / STEP - 1, ..Cast::default() };
    let mut tape = Tape::begin(cast);
    tape.checkpoint();
    let found = finding(&tape.file);
    assert_eq!((found.what, found.party), (Flaw::CertificateTime, Party::Node));
}

#[test]
fn a_certificate_of_another_organisation_is_found() {
    let (mut header, _) = Cast { organisation: key(66), ..Cast::default() }.header();
    let cast = Cast::default();
    let (own, _) = cast.header();
    header.organisation_key = own.organisation_key;
    header.policy = own.policy;
    assert_eq!(finding(&Tape::begin_with(cast, &header).file).what, Flaw::Certificate);
}

#[test]
fn a_header_comes_first_and_once() {
    let mut tape = Tape::begin(Cast::default());
    let (header, _) = tape.cast.header();
    tape.block(Kind::Header, 0, &header.encode_to_vec());
    let found = finding(&tape.file);
    assert_eq!((found.what, found.at.seq), (Flaw::Order(Kind::Header), 1));

    let (writer, preamble) = Writer::create();
    let mut file = preamble.to_vec();
    let _next = writer.block(Kind::Event, 0, START, b"", &mut file).unwrap();
    assert_eq!(finding(&file).what, Flaw::Order(Kind::Event));
}

#[test]
fn the_close_of_another_session_does_not_fit() {
    let other = Cast { session: [7; 16].as_slice().try_into().unwrap(), ..Cast::default() };
    let mut other = Tape::begin(other);
    other.close(&BOTH);
    let close = blocks(&other.file)[1];
    let mut tape = Tape::begin(Cast::default());
    tape.block(Kind::Close, 0, close.body);
    // The transcript does not name the session: the closing itself does.
    assert_eq!(finding(&tape.file).what, Flaw::Elsewhere(Kind::Close));
}

#[test]
fn an_older_checkpoint_does_not_fit() {
    let mut tape = open_session();
    let old = tape.note.unwrap();
    tape.block(Kind::Checkpoint, 0, old.encode().as_bytes());
    assert_eq!(finding(&tape.file).what, Flaw::Chain(Kind::Checkpoint));
}

#[test]
fn a_checkpoint_that_the_recording_lacks_is_missed() {
    let mut tape = open_session();
    let mut forked = tape.clone();
    forked.event(record::event::Kind::LegLost);
    forked.checkpoint();
    tape.note = forked.note;
    tape.end_signature(End::Agent);
    assert_eq!(finding(&tape.file).what, Flaw::UnknownCheckpoint(End::Agent));
}

#[test]
fn an_end_cannot_sign_for_the_other() {
    let mut tape = open_session();
    tape.cast.ends.agent = tape.cast.ends.technician.clone();
    let mut signed = tape.clone();
    signed.end_signature(End::Agent);
    assert_eq!(finding(&signed.file).what, Flaw::NotTheEnd(Kind::EndSignature, End::Agent));
    tape.close(&BOTH);
    assert_eq!(finding(&tape.file).what, Flaw::NotTheEnd(Kind::Close, End::Agent));
}

#[test]
fn wrong_totals_incriminate_the_node() {
    let mut tape = open_session();
    tape.totals.bytes_from_agent += 1;
    tape.close(&BOTH);
    let found = finding(&tape.file);
    assert_eq!((found.what, found.party), (Flaw::Totals, Party::Node));
}

#[test]
fn a_close_elsewhere_in_the_chain_or_at_another_time_does_not_fit() {
    let tape = open_session();
    type Change = fn(&mut record::Closing);
    let changes: [(Change, Flaw); 4] = [
        (|closing| closing.seq += 1, Flaw::Chain(Kind::Close)),
        (|closing| closing.previous = vec![0; 32].into(), Flaw::Chain(Kind::Close)),
        (|closing| closing.time += 1, Flaw::Elsewhere(Kind::Close)),
        (|closing| closing.totals = None, Flaw::Totals),
    ];
    for (change, flaw) in changes {
        let mut tape = tape.clone();
        let mut closing = tape.closing();
        change(&mut closing);
        let close = tape.signed_close(&closing, &BOTH);
        tape.block(Kind::Close, 0, &close.encode_to_vec());
        assert_eq!(finding(&tape.file).what, flaw);
    }
}

#[test]
fn nobody_relabels_the_close_block_itself() {
    // Its own header is in no signature: it has to agree with what is signed.
    let tape = open_session();
    let close = tape.signed_close(&tape.closing(), &BOTH).encode_to_vec();
    for (line, later) in [(0, 1), (3, 0)] {
        let mut file = tape.file.clone();
        let time = tape.now() + later;
        let made = tape.writer.block(Kind::Close, line, time, &close, &mut file);
        assert!(made.is_ok());
        assert_eq!(finding(&file).what, Flaw::Elsewhere(Kind::Close));
    }
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

#[test]
fn a_writer_resumes_from_what_a_reader_found() {
    let mut tape = open_session();
    let torn = [&tape.file[..], b"half a block"].concat();
    let (mut reader, mut rest) = (Reader::new(), torn.as_slice());
    while let Ok(Step::Block(_)) = reader.next(&mut rest) {}
    assert_eq!(reader.finish(rest).unwrap_err().what, Damage::Torn);
    assert_eq!(usize::try_from(reader.offset()).unwrap(), tape.file.len());
    assert_eq!(reader.state(), tape.writer.state());
    tape.writer = Writer::resume(*reader.state());
    tape.close(&BOTH);
    assert_eq!(verify(&tape.file).verdict, Verdict::Verified);
}

/// Feeds `file` in pieces of these lengths, over and over.
fn read_in_pieces(file: &[u8], pieces: &[usize]) -> (Vec<(u64, Vec<u8>)>, State) {
    let (mut reader, mut held, mut read) = (Reader::new(), Vec::new(), Vec::new());
    let mut lengths = pieces.iter().cycle();
    let mut left = file;
    loop {
        let mut rest = held.as_slice();
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            read.push((block.offset, block.body.to_vec()));
        }
        let kept = rest.len();
        held.drain(..held.len() - kept);
        if left.is_empty() {
            return (read, reader.finish(&held).unwrap());
        }
        let (piece, behind) = left.split_at((*lengths.next().unwrap()).min(left.len()));
        held.extend_from_slice(piece);
        left = behind;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_give_the_same_blocks_as_the_whole(pieces in prop::collection::vec(1..700usize, 1..20)) {
        let file = session().file;
        let whole = read_in_pieces(&file, &[file.len()]);
        prop_assert_eq!(read_in_pieces(&file, &pieces), whole);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), behind: bool) {
        let mut file = Writer::create().1.to_vec();
        if !behind {
            file.clear();
        }
        file.extend(bytes);
        prop_assert!(!verify(&file).verdict.is_sound());
    }

    #[test]
    fn random_bodies_never_panic(
        kind in 1..=9u8, line: u16, body in prop::collection::vec(any::<u8>(), 0..300), first: bool,
    ) {
        let mut tape = Tape::begin(Cast::default());
        if first {
            let (writer, preamble) = Writer::create();
            (tape.writer, tape.file) = (writer, preamble.to_vec());
        }
        let kind = Kind::from_byte(kind);
        tape.block(kind, line, &body);
        prop_assert!(!verify(&tape.file).verdict.is_sound());
    }
}
