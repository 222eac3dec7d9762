//! Bytes and blocks that were changed, cut off, appended, left out or swapped.

use deskside_protocol::recording::format::{BLOCK_HEADER, CHAIN_HASH};
use deskside_protocol::recording::verify::{Flaw, Party, whole};
use deskside_protocol::recording::{Block, Damage, Kind, Verdict, Writer};
use prost::Message as _;

use crate::support::{BOTH, Cast, START, Tape, open_session, session};
use crate::{blocks, finding, rechained, verify};

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
