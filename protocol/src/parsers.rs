//! Every parser that reads a stranger's bytes, each as one function that parses and checks that
//! what was understood encodes again to the same bytes.
//!
//! The fuzz targets in `fuzz/` and the corpus replay in `tests/corpus.rs` call exactly these, so
//! that an input found by the one is replayed by the other. A new parser is one line in [`all`],
//! one in `fuzz/Cargo.toml` and a folder in `fuzz/corpus/`.

use crate::code::{Code, Nameplate};
use crate::lv;
use crate::recording::checkpoint::Note;
use crate::recording::format::{BLOCK_HEADER, BlockHeader};
use crate::recording::reader::shred;
use crate::recording::{Kind, Packets, Reader, Step, WriteError, Writer, runs, verify};
use crate::transcript::{AgentData, TechnicianData};

/// Panics where a parser breaks its promise; what is merely malformed is fine.
pub type Check = fn(&[u8]);

/// All parsers by name: the fuzz target's and the corpus folder's.
#[must_use]
pub const fn all() -> &'static [(&'static str, Check)] {
    &[
        ("agent_data", agent_data),
        ("checkpoint", checkpoint),
        ("code", code),
        ("lv", length_prefixed),
        ("recording", recording),
        ("technician_data", technician_data),
    ]
}

/// Runs the parser `name` on `bytes`, and says whether there is one.
pub fn check(name: &str, bytes: &[u8]) -> bool {
    let parser = all().iter().find(|(known, _)| *known == name);
    if let Some((_, parser)) = parser {
        parser(bytes);
    }
    parser.is_some()
}

fn agent_data(bytes: &[u8]) {
    if let Ok(data) = AgentData::decode(bytes) {
        assert_eq!(data.encode(), bytes);
    }
}

fn technician_data(bytes: &[u8]) {
    if let Ok(data) = TechnicianData::decode(bytes) {
        assert_eq!(data.encode(), bytes);
    }
}

fn checkpoint(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.encode().as_bytes(), bytes);
    }
}

/// A code is read in any grouping, so it is its own text that has to read as itself.
fn code(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(code) = Code::parse(text) {
        assert!(Code::parse(&code.grouped()).is_ok_and(|again| again == code));
    }
    if let Ok(nameplate) = Nameplate::parse(text) {
        assert_eq!(nameplate.to_string(), text);
    }
}

fn length_prefixed(bytes: &[u8]) {
    fn of<const N: usize>(bytes: &[u8]) {
        if let Ok(fields) = lv::decode::<N>(bytes) {
            assert_eq!(lv::encode(&fields), bytes);
        }
    }
    of::<0>(bytes);
    of::<1>(bytes);
    of::<5>(bytes);
    of::<9>(bytes);
}

/// Reads the bytes as a recording and writes what was read again. A fuzzer cannot guess a chain
/// hash, so the bytes are also judged as bodies in a chain that fits.
fn recording(bytes: &[u8]) {
    let _report = verify::whole(bytes, None);
    let (mut reader, mut rest) = (Reader::new(), bytes);
    let (mut writer, preamble) = Writer::create();
    let mut again = preamble.to_vec();
    while let Ok(Step::Block(block)) = reader.next(&mut rest) {
        if block.is_shredded() {
            again.extend(shred(&block).unwrap_or_default());
            writer = Writer::resume(*reader.state());
        } else {
            append(&mut writer, block.header.kind, block.body, &block.header, &mut again);
        }
    }
    let read = usize::try_from(reader.offset()).unwrap_or_default();
    assert!(read == 0 || bytes.starts_with(&again) && again.len() == read);
    chained(bytes);
    packets(bytes);
}

/// Takes the bytes as (kind, 16-bit length, body) over and over, and judges the recording of these
/// blocks.
fn chained(mut bytes: &[u8]) {
    let (mut writer, preamble) = Writer::create();
    let mut file = preamble.to_vec();
    while let Some(([kind, high, low], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        let header = BlockHeader::decode(&[0; BLOCK_HEADER]);
        append(&mut writer, Kind::from_byte(*kind), body, &header, &mut file);
        if writer.state().is_closed() {
            break;
        }
        bytes = rest;
    }
    let report = verify::whole(&file, None);
    assert_eq!(report.blocks, writer.state().seq());
}

fn append(writer: &mut Writer, kind: Kind, body: &[u8], like: &BlockHeader, out: &mut Vec<u8>) {
    match writer.block(kind, like.line, like.time_us, body, out) {
        Ok(next) => writer.commit(next),
        Err(error) => assert_eq!(error, WriteError::Closed),
    }
}

/// A body of runs is what a builder makes of these runs.
fn packets(body: &[u8]) {
    let Ok(runs) = runs(body).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let mut packets = Packets::new(0, 0, body.len());
    for run in runs {
        if packets.run(run.from, run.stride, run.delta_us.into(), run.bytes).is_err() {
            return;
        }
    }
    let (writer, _) = Writer::create();
    if writer.packets(&mut packets).is_ok() {
        assert_eq!(packets.block().get(BLOCK_HEADER..BLOCK_HEADER + body.len()), Some(body));
    }
}
