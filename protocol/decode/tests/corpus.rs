//! Replays the fuzz corpora on every `cargo test`, and throws dice at the same parsers.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the corpus; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../tests/support/replay.rs"]
mod replay;

use deskside_decode::parsers;
use deskside_protocol::act::ActKey;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::{MAX_MESSAGE, encode};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{FileEntry, FilePut, Message, Opening};
use proptest::prelude::*;
use replay::{corpora, replay};
use zeroize::Zeroizing;

#[test]
fn every_parser_has_a_target_and_a_corpus_and_keeps_its_promise_on_it() {
    replay(env!("CARGO_MANIFEST_DIR"), parsers::all());
}

/// One step of a script.
fn step(flags: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[flags], &length[..], bytes].concat()
}

/// A frame of few streams and small numbers, so that frames meet each other.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = (0u8..4, 0u8..30, 0u8..20, any::<bool>(), 0u8..20).prop_map(
        |(stream, offset, length, fin, bent)| {
            let mut data: Vec<u8> = (offset..offset + length).collect();
            if let Some(byte) = data.get_mut(usize::from(bent)).filter(|_| bent % 5 == 4) {
                *byte ^= 0x80;
            }
            [&[0x0e | u8::from(fin), stream, offset, length][..], &data].concat()
        },
    );
    let ack = (0u8..40, 0u8..40, prop::option::of((0u8..5, 0u8..5))).prop_map(
        |(largest, first, more)| match more {
            None => vec![2, largest, 0, 0, first.min(largest)],
            Some((gap, length)) => vec![2, largest, 0, 1, first % 4, gap, length],
        },
    );
    let reset = (0u8..4, 0u8..50).prop_map(|(stream, size)| vec![4, stream, 7, size]);
    let others = prop::sample::select(vec![
        b"\x01".to_vec(),
        b"\x05\x01\x07".to_vec(),
        b"\x31\x02hi".to_vec(),
        b"\x1d\x07\x00".to_vec(),
        b"\x00\x00\x00".to_vec(),
    ]);
    let junk = prop::collection::vec(any::<u8>(), 1..9);
    prop_oneof![6 => stream, 6 => ack, 1 => reset, 2 => others, 1 => junk]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_keep_every_parser_s_promise(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        short in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 0..20),
    ) {
        let script: Vec<u8> = short.iter().flat_map(|(flags, bytes)| step(*flags, bytes)).collect();
        for (_, check) in parsers::all() {
            check(&bytes);
            check(&script);
        }
    }

    #[test]
    fn frames_behind_the_aead_keep_a_line_in_order(
        steps in prop::collection::vec(
            (0u8..2, 0u8..10, 0u8..4, prop::collection::vec(frame(), 1..5)), 0..80
        ),
    ) {
        let script = steps.iter().flat_map(|(from, update, on, frames)| {
            let flags = from | u8::from(*update == 9) << 1 | on << 2;
            step(flags, &[&frames.concat()[..], &[1; 4]].concat())
        });
        prop_assert!(parsers::check("decode_line", &script.collect::<Vec<_>>()));
    }
}

/// Writes the corpora's seeds: `cargo test -p deskside-decode --test corpus seeds -- --ignored`.
#[test]
#[ignore = "it writes into the tree"]
fn seeds() {
    let stream = b"\x0f\x07\x00\x05hello\x31\x02hi";
    let acked = b"\x02\x00\x00\x00\x00\x01\x01\x01";
    let all = b"\x01\x03\x14\x00\x02\x02\x01\x03\x00\x00\x05\x06\x07\x04\x04\x07\x09\x05\x04\x07\x06\x00\x01x\
                \x18\x01\x00\x02ab0123456789abcdef\x1a01234567\x40\xaf\x01\x02\x03\x04\x1f\x1e\x1d\x07\x01x\x30d";
    let line = [
        step(5, stream),
        step(4, acked),
        step(7, b"\x0e\x0b\x02\x02cd"),
        step(4, b"\x02\x01\x00\x00\x00"),
    ];
    let mut actor = ActKey::new(Zeroizing::new([1; 32])).actor(Channel::File, 0);
    let mut says = |kind| encode(&actor.wrap(&Message { kind: Some(kind) }), MAX_MESSAGE).unwrap();
    let opening =
        encode(&Opening { channel: Channel::File.to_wire() as i32 }, MAX_MESSAGE).unwrap();
    let messages = [
        step(0, &opening),
        step(0, &says(Kind::FilePut(FilePut::default()))),
        step(0, &says(Kind::FileEntry(FileEntry::default()))),
        step(0, b"\0\0\0\x02hi\0\0\0\0"),
        step(2, b""),
        step(6, b"x"),
    ];
    let initial = b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x40\x20................................";
    let datagrams = [step(0, initial), step(1, &[0x40; 60])];
    for (name, seed) in [
        ("decode_frames", all.to_vec()),
        ("decode_line", line.concat()),
        ("decode_messages", messages.concat()),
        ("decode_datagrams", datagrams.concat()),
    ] {
        let folder = corpora(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("whole"), seed).unwrap();
    }
}
