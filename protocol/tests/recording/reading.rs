//! Readers and writers: pieces of any size, a file that goes on, and bytes that are no recording.

use deskside_protocol::recording::{Damage, Kind, Reader, State, Step, Verdict, Writer};
use proptest::prelude::*;

use crate::support::{BOTH, Cast, Tape, open_session, session};
use crate::verify;

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
