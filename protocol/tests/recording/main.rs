//! The recording format against hands that alter it: whatever they do, a recording is never called
//! verified again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod altered;
mod everywhere;
mod paired;
mod reading;
mod resigned;
mod sealed;
mod signed;
mod verdicts;

use deskside_protocol::recording::verify::{Finding, whole};
use deskside_protocol::recording::{Block, Reader, Report, Step, Verdict, Writer};

use support::Cast;

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
