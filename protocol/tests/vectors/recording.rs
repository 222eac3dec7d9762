//! The format's vectors: a tiny recording, byte for byte.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use deskside_protocol::recording::verify::whole;
use deskside_protocol::recording::{Block, Kind, Reader, Step, Verdict, runs};
use deskside_protocol::session::End;

use crate::support::{BOTH, Cast, Tape};

/// Bytes on a line of the file.
const WIDTH: usize = 32;

const PREFACE: &str = "\
# A tiny recording with every kind of block. `#` begins a comment; all else is hex.
# PROTOCOL.md, \"Recording\", explains the fields.
#
# Ed25519 seeds (32 times this byte): organisation 01, node 02, technician's long-term key 03,
# session keys: agent 04, technician 05.
# Verdict with the organisation's key: verified.
";

fn tiny() -> Tape {
    let mut tape = Tape::begin(Cast::default());
    tape.packets_of(1, &[(End::Technician, 4, 6), (End::Agent, 8, 8)]);
    tape.seal(1, End::Agent);
    tape.seal(1, End::Technician);
    tape.event(deskside_protocol::wire::record::event::Kind::Confirmed);
    tape.checkpoint();
    tape.end_signature(End::Agent);
    tape.block(Kind::Unknown(200), 0, b"skip me");
    tape.close(&BOTH);
    tape
}

fn hex(out: &mut String, name: &str, bytes: &[u8]) {
    writeln!(out, "# {name}").unwrap();
    for line in bytes.chunks(WIDTH) {
        writeln!(out, "{}", HEXLOWER.encode(line)).unwrap();
    }
}

fn annotate(file: &[u8]) -> String {
    let mut out = PREFACE.to_owned();
    hex(&mut out, "magic", &file[..8]);
    hex(&mut out, "version", &file[8..10]);
    let (mut reader, mut rest) = (Reader::new(), file);
    while let Ok(Step::Block(block)) = reader.next(&mut rest) {
        annotate_block(&mut out, &block);
    }
    out
}

fn annotate_block(out: &mut String, block: &Block<'_>) {
    let header = block.header;
    writeln!(out, "\n# block {}: {}", header.seq, header.kind).unwrap();
    hex(out, "len", &header.len.to_be_bytes());
    hex(out, "kind, flags", &[header.kind.byte(), header.flags]);
    hex(out, "line", &header.line.to_be_bytes());
    hex(out, "seq", &header.seq.to_be_bytes());
    hex(out, "time", &header.time_us.to_be_bytes());
    if header.kind == Kind::Packets {
        for run in runs(block.body).flatten() {
            let (from, len) = (run.from, run.bytes.len());
            let byte = u8::from(from == End::Agent);
            hex(out, &format!("run: from the {from}"), &[byte]);
            hex(out, "run: stride", &run.stride.to_be_bytes());
            hex(out, "run: len", &u32::try_from(len).unwrap().to_be_bytes());
            hex(out, "run: delta", &run.delta_us.to_be_bytes());
            for packet in run.packets() {
                hex(out, "run: packet", packet);
            }
        }
    } else {
        if header.kind == Kind::Checkpoint {
            for line in String::from_utf8_lossy(block.body).lines() {
                writeln!(out, "#   {line}").unwrap();
            }
        }
        hex(out, "body", block.body);
    }
    hex(out, "h", &block.hash);
}

fn bytes(annotated: &str) -> Vec<u8> {
    let lines = annotated.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    HEXLOWER.decode(lines.collect::<String>().as_bytes()).unwrap()
}

#[test]
fn the_tiny_recording_is_these_bytes() {
    let path = crate::sheet::path("recording");
    let made = tiny().file;
    if std::env::var_os("DESKSIDE_BLESS").is_some() {
        std::fs::write(&path, annotate(&made)).unwrap();
    }
    let vectors = std::fs::read_to_string(&path).unwrap();
    let stored = bytes(&vectors);
    let report = whole(&stored, Some(Cast::default().organisation()));
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(stored, made);
    assert_eq!(vectors, annotate(&made));
}
