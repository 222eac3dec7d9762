//! A relay that alters its own recording and signs it again: all that it can sign it signs anew, and of
//! the ends it has what they signed. Each change is caught, and no end is blamed for it.

use std::collections::BTreeMap;

use deskside_protocol::recording::format::{BLOCK_HEADER, CHAIN_HASH};
use deskside_protocol::recording::verify::{Party, whole};
use deskside_protocol::recording::{Kind, Verdict};
use deskside_protocol::wire::record;
use prost::Message as _;

use crate::everywhere::{Log, Tally, closed, pieces, taken_apart};
use crate::support::{Cast, Tape};

/// What the relay itself makes of its blocks: all that it signs it signs anew, and of the ends it has
/// what they signed.
fn signed_anew(file: &[u8], pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let header = record::Header::decode(taken_apart(pieces.first()?).3).ok()?;
    let close = pieces.iter().rev().find(|piece| taken_apart(piece).0 == Kind::Close)?;
    let by_ends = record::Close::decode(taken_apart(close).3).unwrap();
    let mut tape = Tape::begin_with(Cast::default(), &header);
    // It signs for the session that its HEADER says.
    if let Some(facts) = whole(&tape.file, None).facts {
        tape.binding = facts.binding;
    }
    for piece in pieces.iter().skip(1) {
        let (kind, line, _, body) = taken_apart(piece);
        match kind {
            Kind::Checkpoint => tape.checkpoint(),
            Kind::Close => {}
            Kind::Packets => {
                let next = tape.writer.block(kind, line, tape.now(), body, &mut tape.file);
                tape.writer.commit(next.unwrap());
            }
            Kind::Header
            | Kind::Seal
            | Kind::Event
            | Kind::EndSignature
            | Kind::Segment
            | Kind::Unknown(_) => tape.block(kind, line, body),
        }
    }
    // It counts what it kept.
    let counted = whole(&tape.file, None).packets;
    tape.totals = record::Totals {
        packets_from_agent: counted.agent.packets,
        bytes_from_agent: counted.agent.bytes,
        packets_from_technician: counted.technician.packets,
        bytes_from_technician: counted.technician.bytes,
        packets_dropped: 0,
    };
    let mut own = tape.signed_close(&tape.closing(), &[]);
    own.agent_signature = by_ends.agent_signature;
    own.technician_signature = by_ends.technician_signature;
    tape.block(Kind::Close, 0, &own.encode_to_vec());
    (tape.file != file).then_some(tape.file)
}

/// Whom it points at.
fn blamed(tally: &mut Tally<'_>, altered: &[u8], place: &str) -> Party {
    let verdict = tally.judge(altered, &|| place.to_owned());
    let Verdict::Tampered(finding) = verdict else { panic!("{place}: {verdict:?}") };
    finding.party
}

fn checkpoint(pieces: &[&[u8]]) -> usize {
    pieces.iter().position(|piece| taken_apart(piece).0 == Kind::Checkpoint).unwrap()
}

/// Whose doing a change is that begins at this block: the node's name stands under another history than
/// the one whose checkpoint the ends signed. Behind that anybody could do it to the file.
fn expected(own: &[&[u8]], at: usize) -> Party {
    if at <= checkpoint(own) { Party::Node } else { Party::Holder }
}

/// What it does behind the last checkpoint that an end signed its log names.
#[test]
fn every_block_left_out() {
    let file = closed(Cast::default());
    let log = Log::of(&file);
    let own = pieces(&file);
    let mut tally = Tally::new("a block left out by the relay, signed anew", &log);
    for at in 1..own.len() - 1 {
        let mut fewer = own.clone();
        fewer.remove(at);
        let altered = signed_anew(&file, &fewer).unwrap();
        let place = format!("block {at}");
        assert_eq!(blamed(&mut tally, &altered, &place), expected(&own, at), "{place}");
    }
    tally.all_caught();
    assert_eq!(tally.by_log, tally.tried);
}

/// But HEADER, which comes first, and CLOSE, which comes last.
#[test]
fn every_two_neighbours_exchanged() {
    let file = closed(Cast::default());
    let log = Log::of(&file);
    let own = pieces(&file);
    let mut tally = Tally::new("two neighbours exchanged by the relay, signed anew", &log);
    for at in 1..own.len() - 2 {
        let mut swapped = own.clone();
        swapped.swap(at, at + 1);
        let altered = signed_anew(&file, &swapped).unwrap();
        let place = format!("blocks {at} and {}", at + 1);
        assert_eq!(blamed(&mut tally, &altered, &place), expected(&own, at), "{place}");
    }
    tally.all_caught();
    assert_eq!(tally.by_log, tally.tried);
}

/// But in what it makes anew, CHECKPOINT and CLOSE. A HEADER that does not hold says nobody's key, so
/// that there the node may stay unnamed; what no longer decodes has its name under it wherever it is.
#[test]
fn a_bit_of_each_byte_of_each_body() {
    let file = closed(Cast::default());
    let log = Log::of(&file);
    let own = pieces(&file);
    let mut tally = Tally::new("a bit of a body flipped by the relay, signed anew", &log);
    let mut kinds = BTreeMap::<u8, usize>::new();
    for (at, piece) in own.iter().enumerate() {
        let kind = taken_apart(piece).0;
        if matches!(kind, Kind::Checkpoint | Kind::Close) {
            continue;
        }
        for byte in BLOCK_HEADER..piece.len() - CHAIN_HASH {
            let mut flipped = piece.to_vec();
            flipped[byte] ^= 1 << (byte % 8);
            let mut altered = own.clone();
            altered[at] = &flipped;
            // A HEADER that it cannot read it does not sign for.
            let Some(altered) = signed_anew(&file, &altered) else { continue };
            let place = format!("byte {byte} of block {at}");
            let party = blamed(&mut tally, &altered, &place);
            let signed = at < checkpoint(&own) || kind == Kind::EndSignature;
            let possible = match signed && kind != Kind::Header {
                true => party == Party::Node,
                false => matches!(party, Party::Node | Party::Holder),
            };
            assert!(possible, "{place}: {party}");
            *kinds.entry(piece[4]).or_default() += 1;
        }
    }
    tally.all_caught();
    // HEADER, SEAL, PACKETS, EVENT, ENDSIG.
    assert_eq!(kinds.into_keys().collect::<Vec<_>>(), [1, 2, 3, 4, 6]);
}
