//! Bytes and blocks that were changed by a hand that knows the format, appended or relabelled; what is
//! done at every place is `everywhere`'s.

use deskside_protocol::recording::verify::{Flaw, Party};
use deskside_protocol::recording::{Damage, Kind, Writer};
use prost::Message as _;

use crate::support::{BOTH, Cast, START, Tape, open_session, session};
use crate::{blocks, finding, rechained, verify};

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
fn no_appended_byte_is_verified() {
    let mut file = session().file;
    file.push(0);
    let after = finding(&file);
    assert_eq!((after.what, after.at.seq), (Flaw::Bytes(Damage::AfterClose), 10));
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
