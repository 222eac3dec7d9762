//! A small recording of a session that is in the relay's log, altered in every way at every place: each
//! is caught, and what is said points at nobody who did not do it. `--no-capture` prints the counts.

use std::collections::BTreeMap;

use deskside_protocol::log::evidence::{Claim, Flaw as LogFlaw};
use deskside_protocol::log::head::{Head, origin};
use deskside_protocol::log::tree::{fold, leaf_hash};
use deskside_protocol::log::{Leaf, What, proof};
use deskside_protocol::recording::format::{BLOCK_HEADER, CHAIN_HASH};
use deskside_protocol::recording::verify::{Party, Report, whole};
use deskside_protocol::recording::{Block, Kind, Verdict, Writer};
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::record::{self, LogLeaf, LogProof};

use crate::support::{BOTH, Cast, START, Tape, key};
use crate::{blocks, verify};

/// The bytes of the magic and the version.
const PREAMBLE: usize = 10;
/// All 255 other values stand at every so many bytes, and at each byte of one block's own header. A
/// judgement takes a debug build some milliseconds.
const SAMPLE: usize = 400;

/// As [`crate::support::session`], with fewer bytes of packets: these are all alike.
fn tape(cast: Cast) -> Tape {
    let mut tape = Tape::begin(cast);
    tape.event(record::event::Kind::Joined);
    tape.packets_of(1, &[(End::Technician, 40, 40), (End::Agent, 40, 80)]);
    tape.seal(1, End::Agent);
    tape.seal(1, End::Technician);
    tape.packets_of(1, &[(End::Agent, 40, 100), (End::Technician, 40, 60)]);
    tape.checkpoint();
    tape.end_signature(End::Agent);
    tape.end_signature(End::Technician);
    tape.packets_of(1, &[(End::Technician, 40, 60)]);
    tape
}

pub(crate) fn closed(cast: Cast) -> Vec<u8> {
    let mut tape = tape(cast);
    tape.close(&BOTH);
    tape.file
}

/// Another session of the same relay, between other ends.
fn another() -> Vec<u8> {
    let mut cast = Cast { session: SessionId::from_bytes([0x0f; 16]), ..Cast::default() };
    (cast.ends.agent, cast.ends.technician) = (key(14), key(15));
    closed(cast)
}

/// The relay's log, and what it proves of the session.
pub(crate) struct Log {
    proof: LogProof,
}

impl Log {
    pub(crate) fn of(file: &[u8]) -> Self {
        let report = whole(file, None);
        let leaf = |session, what| Leaf { session, what, time_us: START }.encode();
        let (own, other) = (Cast::default().session, SessionId::from_bytes([0x0f; 16]));
        let entries = [
            leaf(other, What::Open { header: Some([9; 32]) }),
            leaf(own, What::Open { header: report.first_hash }),
            leaf(other, What::Close { last: Some([9; 32]), reason: 1 }),
            leaf(own, What::Close { last: report.hash, reason: 1 }),
        ];
        let hashes: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut nodes = |level: u32, index: u64| {
            let begin = usize::try_from(index << level).unwrap();
            fold(&hashes[begin..begin + (1_usize << level)]).ok_or(())
        };
        let (size, node) = (entries.len() as u64, key(2));
        let root = proof::root(size, &mut nodes).unwrap();
        let head = Head { origin: origin(&node.public()), size, root }.sign(&node).encode();
        let leaf = |index: usize| LogLeaf {
            index: index as u64,
            leaf: entries[index].clone().into(),
            path: proof::inclusion(index as u64, size, &mut |level, index| {
                let begin = usize::try_from(index << level).unwrap();
                fold(&hashes[begin..begin + (1_usize << level)]).ok_or(())
            })
            .unwrap()
            .iter()
            .map(|hash| hash.to_vec().into())
            .collect(),
        };
        Self { proof: LogProof { leaves: vec![leaf(1), leaf(3)], head, note: None } }
    }

    /// What it says of a recording of which this was found; `None` where that cannot be asked.
    fn judge(&self, report: &Report) -> Option<Result<(), LogFlaw>> {
        let keys = [key(2).public()];
        let last = report.closing.as_ref().and(report.hash);
        let first = report.first_hash?;
        let claim = Claim { session: Cast::default().session, first, last, keys: &keys };
        Some(claim.judge(&self.proof).map(drop))
    }
}

/// What was said of all files that were altered in one way.
pub(crate) struct Tally<'a> {
    name: &'static str,
    log: &'a Log,
    pub(crate) tried: usize,
    caught: usize,
    /// That the log alone would have caught.
    pub(crate) by_log: usize,
    said: BTreeMap<String, usize>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(name: &'static str, log: &'a Log) -> Self {
        Self { name, log, tried: 0, caught: 0, by_log: 0, said: BTreeMap::new() }
    }

    /// Judges a file. Whatever was done to it, without a key: nobody is named but who held it.
    fn by_hand(&mut self, file: &[u8], place: impl Fn() -> String) -> Verdict {
        let verdict = self.judge(file, &place);
        if let Verdict::Tampered(finding) = verdict {
            assert_eq!(finding.party, Party::Holder, "{}: {}: {finding:?}", self.name, place());
        }
        verdict
    }

    pub(crate) fn judge(&mut self, file: &[u8], place: &impl Fn() -> String) -> Verdict {
        let report = verify(file);
        self.tried += 1;
        let logged = self.log.judge(&report);
        self.by_log += usize::from(matches!(logged, Some(Err(_))));
        let word = match report.verdict {
            Verdict::Tampered(finding) => format!("tampered, by {}", finding.party),
            Verdict::Incomplete { .. } => "incomplete".to_owned(),
            Verdict::Unreadable(_) => "unreadable".to_owned(),
            Verdict::Verified
            | Verdict::Consistent
            | Verdict::Shredded
            | Verdict::Recovered { .. } => {
                panic!("{}: {}: {:?}", self.name, place(), report.verdict)
            }
        };
        // Where a crash would leave the same, the log tells that it was none.
        if let Verdict::Incomplete { .. } = report.verdict {
            assert!(!matches!(logged, Some(Ok(()))), "{}: {}: {logged:?}", self.name, place());
        }
        self.caught += 1;
        *self.said.entry(word).or_default() += 1;
        report.verdict
    }

    /// Each was caught, and prints the counts.
    pub(crate) fn all_caught(&self) {
        let said: Vec<_> =
            self.said.iter().map(|(word, count)| format!("{word} {count}")).collect();
        println!(
            "{:<44} tried {:>6}  caught {:>6}  by the log alone {:>6}  {}",
            self.name,
            self.tried,
            self.caught,
            self.by_log,
            said.join(", ")
        );
        assert!(self.tried > 0 && self.caught == self.tried);
    }
}

/// The bytes of each block.
pub(crate) fn pieces(file: &[u8]) -> Vec<&[u8]> {
    let piece = |block: &Block<'_>| {
        let start = usize::try_from(block.offset).unwrap();
        &file[start..start + BLOCK_HEADER + block.body.len() + CHAIN_HASH]
    };
    blocks(file).iter().map(piece).collect()
}

fn joined(file: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    [&file[..PREAMBLE], &pieces.concat()].concat()
}

/// The same blocks in a chain that fits, as a hand without keys can make it.
fn chained(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut writer, preamble) = Writer::create();
    let mut out = preamble.to_vec();
    for piece in pieces {
        let (kind, line, time_us, body) = taken_apart(piece);
        // Behind a CLOSE there is no going on.
        let Ok(next) = writer.block(kind, line, time_us, body, &mut out) else { break };
        writer.commit(next);
    }
    out
}

pub(crate) fn taken_apart(piece: &[u8]) -> (Kind, u16, u64, &[u8]) {
    let kind = Kind::from_byte(piece[4]);
    let line = u16::from_be_bytes(piece[6..8].try_into().unwrap());
    let time_us = u64::from_be_bytes(piece[16..24].try_into().unwrap());
    (kind, line, time_us, &piece[BLOCK_HEADER..piece.len() - CHAIN_HASH])
}

fn flipped(name: &'static str, bits_of: impl Fn(usize) -> std::ops::Range<usize>) {
    let file = closed(Cast::default());
    let log = Log::of(&file);
    let mut tally = Tally::new(name, &log);
    for at in 0..file.len() {
        for bit in bits_of(at) {
            let mut altered = file.clone();
            altered[at] ^= 1 << bit;
            tally.by_hand(&altered, || format!("byte {at}, bit {bit}"));
        }
    }
    tally.all_caught();
}

#[test]
fn every_byte() {
    flipped("one bit of each byte", |at| at % 8..at % 8 + 1);
}

#[test]
fn every_bit_of_every_byte() {
    flipped("each bit of each byte", |_| 0..8);
}

#[test]
fn every_other_value_of_a_byte() {
    let file = closed(Cast::default());
    let log = Log::of(&file);
    let mut tally = Tally::new("every other value of a byte, at a sample", &log);
    let checkpoint = blocks(&file).into_iter().find(|it| it.header.kind == Kind::Checkpoint);
    let start = usize::try_from(checkpoint.unwrap().offset).unwrap();
    let header = start..start + BLOCK_HEADER;
    for at in (0..file.len()).filter(|at| at % SAMPLE == 0 || header.contains(at)) {
        for value in (0..=255).filter(|value| *value != file[at]) {
            let mut altered = file.clone();
            altered[at] = value;
            tally.by_hand(&altered, || format!("byte {at} as {value}"));
        }
    }
    tally.all_caught();
}

#[test]
fn every_length() {
    let file = closed(Cast::default());
    let log = Log::of(&file);
    let mut tally = Tally::new("cut off", &log);
    for end in 0..file.len() {
        let verdict = tally.by_hand(&file[..end], || format!("at {end}"));
        // A crash leaves the same, so nobody is named; the log says that it was none.
        assert!(matches!(verdict, Verdict::Incomplete { .. }), "{end}: {verdict:?}");
    }
    tally.all_caught();
}

/// Every way to leave out, double, exchange and replace blocks.
fn rearranged(file: &[u8], other: &[u8], mut each: impl FnMut(&'static str, String, &[&[u8]])) {
    let (own, foreign) = (pieces(file), pieces(other));
    for at in 0..own.len() {
        let mut fewer = own.clone();
        fewer.remove(at);
        each("a block left out", format!("{at}"), &fewer);
        for to in 0..=own.len() {
            let mut more = own.clone();
            more.insert(to, own[at]);
            each("a block once more", format!("{at} at {to}"), &more);
        }
        for with in at + 1..own.len() {
            let mut swapped = own.clone();
            swapped.swap(at, with);
            each("two blocks exchanged", format!("{at} and {with}"), &swapped);
        }
        for (from, piece) in foreign.iter().enumerate() {
            let mut replaced = own.clone();
            replaced[at] = piece;
            each("another session's block instead", format!("{at} by {from}"), &replaced);
        }
    }
}

#[test]
fn every_block() {
    let (file, other) = (closed(Cast::default()), another());
    let log = Log::of(&file);
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    rearranged(&file, &other, |name, place, pieces| {
        let tally = tallies.entry(name).or_insert_with(|| Tally::new(name, &log));
        tally.by_hand(&joined(&file, pieces), || place.clone());
    });
    tallies.values().for_each(Tally::all_caught);
    let names: Vec<_> = tallies.keys().copied().collect();
    assert_eq!(names.len(), 4);
}

#[test]
fn every_block_in_a_chain_that_fits() {
    let (file, other) = (closed(Cast::default()), another());
    let log = Log::of(&file);
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    rearranged(&file, &other, |name, place, pieces| {
        let altered = chained(pieces);
        // A second CLOSE is where the file ends.
        if altered == file {
            return;
        }
        let tally = tallies.entry(name).or_insert_with(|| Tally::new(name, &log));
        tally.by_hand(&altered, || format!("{place}, in a chain that fits"));
    });
    tallies.values().for_each(Tally::all_caught);
    assert_eq!(tallies.len(), 4);
}
