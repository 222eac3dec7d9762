//! Blocks come back, shredded ones keep the chain, what is too large is never buffered.

use super::*;
use crate::recording::Writer;

fn two_blocks() -> Vec<u8> {
    let (mut writer, preamble) = Writer::create();
    let mut file = preamble.to_vec();
    let next = writer.block(Kind::Event, 0, 10, b"one", &mut file).unwrap();
    writer.commit(next);
    let next = writer.block(Kind::Seal, 1, 20, b"sealed copy", &mut file).unwrap();
    writer.commit(next);
    file
}

fn read(mut file: &[u8]) -> Result<(Vec<Block<'_>>, State), Fault> {
    let mut reader = Reader::new();
    let mut blocks = Vec::new();
    while let Step::Block(block) = reader.next(&mut file)? {
        blocks.push(block);
    }
    Ok((blocks, reader.finish(file)?))
}

#[test]
fn blocks_come_back_as_written() {
    let file = two_blocks();
    let (blocks, state) = read(&file).unwrap();
    let [one, two] = blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((one.body, one.header.time_us, one.offset), (&b"one"[..], 10, 10));
    assert_eq!((two.body, two.header.line, two.previous), (&b"sealed copy"[..], 1, one.hash));
    assert_eq!((state.seq(), *state.hash()), (2, two.hash));
}

#[test]
fn a_shredded_seal_keeps_the_chain() {
    let file = two_blocks();
    let (blocks, state) = read(&file).unwrap();
    let seal = blocks[1];
    let mut shredded = file[..usize::try_from(seal.offset).unwrap()].to_vec();
    shredded.extend(shred(&seal).unwrap());
    let (left, same) = read(&shredded).unwrap();
    assert_eq!(state, same);
    assert!(left[1].is_shredded());
    assert_eq!(shred(&left[1]), shred(&seal));
    assert_eq!(shred(&blocks[0]), None);
}

#[test]
fn a_block_that_is_too_large_is_refused_before_it_is_buffered() {
    let mut file = format::preamble().to_vec();
    let header =
        BlockHeader { len: u32::MAX, kind: Kind::Packets, flags: 0, line: 0, seq: 0, time_us: 0 };
    file.extend(header.encode());
    let fault = read(&file).unwrap_err();
    assert_eq!(fault.what, Damage::TooLarge { len: u32::MAX });
    assert_eq!(fault.at, Place { offset: 10, seq: 0, time_us: 0 });
}

#[test]
fn another_version_is_named() {
    let mut file = format::preamble().to_vec();
    file[9] = 2;
    assert_eq!(read(&file).unwrap_err().what, Damage::Version { found: 2 });
    file[0] = b'X';
    assert_eq!(read(&file).unwrap_err().what, Damage::Magic);
}
