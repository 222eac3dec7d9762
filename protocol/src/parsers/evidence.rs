//! What auditors read: recordings and their seals, what was stated and closed, the relay's log.

use prost::Message as _;
use zeroize::Zeroizing;

use super::{again, carried, signer, text};
use crate::excerpt;
use crate::key::{Context, SigningKey};
use crate::log::{Leaf, SignedHead, TilePath, evidence, tile};
use crate::recording::checkpoint::Note;
use crate::recording::format::{BLOCK_HEADER, BlockHeader};
use crate::recording::reader::shred;
use crate::recording::{Kind, Packets, Reader, Step, WriteError, Writer, runs, verify};
use crate::seal::LineSecrets;
use crate::session::{End, Ends, SessionId};
use crate::signed;
use crate::statement::{self, Exchange, Ledger, Parties, Statement, Tail};
use crate::wire::record;

/// The bytes as a stranger's statement, as one that its end has signed, and as one that the other
/// end hears.
pub(super) fn statements(bytes: &[u8]) {
    let key = signer();
    let keys = Ends { agent: key.public(), technician: key.public() };
    let _refused = statement::open(&carried(bytes), &keys);
    let signed = signed::sign(&key, Context::Statement, bytes.to_vec());
    let Ok(read) = statement::open(&signed, &keys) else { return };
    assert!(Statement::from_wire(&read.to_wire()).is_ok_and(|again| again == read));
    let end = read.end.other();
    let parties = Parties { session: read.session, end, peer: key.public(), key };
    let (mut exchange, mut ledger) = (Exchange::new(parties, None), Ledger::new(read.secrets));
    exchange.begin_line(read.line);
    if exchange.hear(&mut ledger, &signed).is_ok() {
        assert!(exchange.hear(&mut ledger, &signed).is_err(), "it was heard twice");
    }
}

pub(super) fn tail(bytes: &[u8]) {
    if let Ok(tail) = Tail::decode(bytes) {
        assert!(Tail::decode(&tail.encode(7)).is_ok_and(|again| again == tail));
    }
}

pub(super) fn close(bytes: &[u8]) {
    if let Ok(close) = record::Close::decode(bytes) {
        again(&close);
        again(&record::Closing::decode(close.closing).unwrap_or_default());
    }
}

pub(super) fn checkpoint(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.encode().as_bytes(), bytes);
    }
}

/// The bytes as a file, and as what an auditor would have signed.
pub(super) fn excerpt(bytes: &[u8]) {
    if let Ok((signed, _)) = excerpt::decode(bytes) {
        let rest = bytes.get(excerpt::MAGIC.len() + 2..);
        assert_eq!(rest, Some(signed.encode_to_vec().as_slice()));
        let organisation = Some(SigningKey::from_seed(Zeroizing::new([0xfe; 32])).public());
        let known = excerpt::Known { organisation, ..excerpt::Known::default() };
        assert!(excerpt::judge(bytes, known).is_err(), "a signature was guessed");
    }
    let Ok(body) = record::Excerpt::decode(bytes) else { return };
    again(&body);
    let pieces = body.halves.iter().flat_map(excerpt::Half::pieces);
    assert!(pieces.fold(0, |all, (_, piece, _)| all + piece.len()) <= bytes.len());
    if let Ok(file) = excerpt::encode(&body, &signer()) {
        assert!(excerpt::decode(&file).is_ok_and(|(_, again)| again == body));
        let _judged = excerpt::judge(&file, excerpt::Known::default()).is_ok();
    }
}

pub(super) fn key_log(bytes: &[u8]) {
    let session = SessionId::from_bytes([0x5e; 16]);
    if let Ok(secrets) = LineSecrets::from_key_log(text(bytes), session, 0, End::Agent) {
        assert_eq!(secrets.to_key_log(session, 0, End::Agent).as_bytes(), bytes);
    }
}

pub(super) fn log_bundle(bytes: &[u8]) {
    let (entries, used) = tile::entries(bytes);
    let mut again = Vec::new();
    for entry in entries {
        tile::put_entry(&mut again, entry);
    }
    assert_eq!(again, bytes.get(..used).unwrap_or_default());
    assert!(again.len() <= tile::MAX_BUNDLE);
}

pub(super) fn log_head(bytes: &[u8]) {
    if let Ok(head) = SignedHead::parse(bytes) {
        assert_eq!(head.encode().as_bytes(), bytes);
    }
}

pub(super) fn log_leaf(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::decode(bytes) {
        assert_eq!(leaf.encode(), bytes);
    }
}

pub(super) fn log_path(bytes: &[u8]) {
    if let Ok(path) = text(bytes).parse::<TilePath>() {
        assert_eq!(path.to_string().as_bytes(), bytes);
    }
}

/// The bytes as a proof under the head that they name, which nobody has signed, and under one that
/// is signed over whatever root their first leaf leads to.
pub(super) fn log_proof(bytes: &[u8]) {
    let Ok(proof) = record::LogProof::decode(bytes) else { return };
    again(&proof);
    let unused = [SigningKey::from_seed(Zeroizing::new([0xfe; 32])).public()];
    let session = SessionId::from_bytes([0x5e; 16]);
    let claim = evidence::Claim { session, first: [1; 32], last: None, keys: &unused };
    assert!(claim.judge(&proof).is_err(), "a signature was guessed");
    let keys = [signer().public()];
    let _judged = evidence::Claim { keys: &keys, ..claim }.judge(&proof).is_ok();
}

/// Reads the bytes as a recording and writes what was read again. A fuzzer cannot guess a chain
/// hash, so the bytes are also judged as bodies in a chain that fits.
pub(super) fn recording(bytes: &[u8]) {
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
