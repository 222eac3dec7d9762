//! Replays the fuzz corpora on every `cargo test`: an input that once broke a parser never does
//! again.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the corpus; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../tests/support/replay.rs"]
mod replay;

use std::time::Duration;

use deskside_screen::{Coded, Encoder, Size, View, parsers};
use replay::{corpora, replay};

#[test]
fn every_parser_has_a_target_and_a_corpus_and_keeps_its_promise_on_it() {
    replay(env!("CARGO_MANIFEST_DIR"), parsers::all());
}

/// Lines, a picture, and the picture made exact.
fn session() -> [Coded; 3] {
    let size = Size::new(150, 70).unwrap();
    let mut encoder = Encoder::new(size).unwrap();
    let mut pixels = vec![0; size.pixels() * 4];
    for (index, byte) in pixels.iter_mut().enumerate() {
        *byte = if index / 600 % 9 < 2 { 0 } else { 0xee };
    }
    let view = View::new(size, 600, &pixels).unwrap();
    let lines = encoder.frame(&view, &[size.rect()], Duration::ZERO).unwrap().unwrap();
    for (index, byte) in pixels.iter_mut().enumerate() {
        let (x, y) = (index % 600 / 4, index / 600);
        *byte = u8::try_from((x + y * 2 + (x * 7 + y * 13) % 5) & 0xff).unwrap();
    }
    let view = View::new(size, 600, &pixels).unwrap();
    let picture = encoder.frame(&view, &[size.rect()], Duration::ZERO).unwrap().unwrap();
    let exact = encoder.refine(Duration::ZERO, Duration::ZERO, usize::MAX).unwrap().unwrap();
    [lines, picture, exact]
}

/// Writes the corpora's seeds: `cargo test -p deskside-screen --test corpus seeds -- --ignored`.
#[test]
#[ignore = "it writes into the tree"]
fn seeds() {
    let coded = session();
    assert!(!coded[1].pieces.is_empty(), "a picture");
    let mut frames = Vec::new();
    for Coded { frame, .. } in &coded {
        frames.push(u8::from(frame.fresh) + 2 * u8::from(frame.renewed));
        for part in [&frame.exact, &frame.residual] {
            frames.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
        }
        frames.extend_from_slice(&frame.exact);
        frames.extend_from_slice(&frame.residual);
    }
    let layout = [1, 0xff, 0xff, 9, 0, 2, 0, 1, 2, 1, 0x91, 8, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let piece = &coded[1].pieces[0].jpeg;
    for (name, seed) in
        [("screen_frames", &frames[..]), ("screen_layout", &layout), ("screen_piece", piece)]
    {
        let folder = corpora(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("whole"), seed).unwrap();
    }
}
