//! Bytes and time per frame on captured desktops, beside the plainest way in the same run: zstd for
//! each tile that differs.
//!
//! `cargo bench -p deskside-tests --bench screen -- FILE.bgrx ...`: each file holds 1920x1080 BGRX
//! frames one behind the other, as `dump_frames.py` of the measuring harness writes them. The first
//! frame is where it begins and is not counted. Times are this thread's; each file is coded three
//! times and the median counts.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a benchmark")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::time::{Duration, Instant};

use deskside_screen::{Decoder, Encoder, Picture, Size, TILE, View};

const WIDTH: usize = 1_920;
const HEIGHT: usize = 1_080;
const ROW: usize = WIDTH * 4;
const FRAME: usize = ROW * HEIGHT;
const REPEATS: usize = 3;
const STEP: Duration = Duration::from_millis(33);

/// What one way took over all frames of a file.
#[derive(Clone, Copy, Default)]
struct Cost {
    bytes: usize,
    encode: Duration,
    decode: Duration,
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    if files.is_empty() {
        println!("no captured frames named; see the head of benches/screen.rs");
    }
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let frames: Vec<&[u8]> = bytes.chunks_exact(FRAME).collect();
        let name = std::path::Path::new(&file).file_stem().unwrap().to_string_lossy();
        let count = frames.len() - 1;
        let (plain, ours) = (median(|| plain(&frames)), median(|| ours(&frames)));
        for (way, cost) in [("tiles", plain), ("deskside", ours)] {
            println!(
                "{name:<8} {way:<9} {:>9.1} kB/frame {:>7.2} ms to encode {:>6.2} ms to decode  {:.3} of the bytes, {:.2} of the time",
                cost.bytes as f64 / 1e3 / count as f64,
                cost.encode.as_secs_f64() * 1e3 / count as f64,
                cost.decode.as_secs_f64() * 1e3 / count as f64,
                cost.bytes as f64 / plain.bytes as f64,
                cost.encode.as_secs_f64() / plain.encode.as_secs_f64(),
            );
        }
        rest(&name, frames.last().unwrap());
    }
}

fn median(way: impl Fn() -> Cost) -> Cost {
    let mut all: Vec<Cost> = (0..REPEATS).map(|_| way()).collect();
    all.sort_unstable_by_key(|cost| cost.encode);
    all[REPEATS / 2]
}

fn view(frame: &[u8]) -> View<'_> {
    View::new(Size::new(WIDTH, HEIGHT).unwrap(), ROW, frame).unwrap()
}

fn ours(frames: &[&[u8]]) -> Cost {
    let size = Size::new(WIDTH, HEIGHT).unwrap();
    let (mut encoder, mut decoder) = (Encoder::new(size).unwrap(), Decoder::new().unwrap());
    let mut cost = Cost::default();
    for (number, frame) in frames.iter().enumerate() {
        let began = Instant::now();
        let now = STEP * u32::try_from(number).unwrap();
        let coded = encoder.frame(&view(frame), &[size.rect()], now).unwrap();
        let encoded = began.elapsed();
        let Some(coded) = coded else { continue };
        let began = Instant::now();
        decoder.frame(&coded.frame).unwrap();
        coded.pieces.iter().for_each(|piece| drop(decoder.piece(piece).unwrap()));
        let decoded = began.elapsed();
        encoder.acknowledge(decoder.whole());
        if number > 0 {
            let pieces: usize = coded.pieces.iter().map(|piece| piece.jpeg.len()).sum();
            cost.bytes += coded.frame.exact.len() + pieces;
            cost.encode += encoded;
            cost.decode += decoded;
        }
    }
    cost
}

/// zstd for each tile that differs.
fn plain(frames: &[&[u8]]) -> Cost {
    let mut zstd = zstd::bulk::Compressor::new(1).unwrap();
    let mut cost = Cost::default();
    let mut tile = Vec::new();
    for pair in frames.windows(2) {
        let [old, new] = pair else { continue };
        let began = Instant::now();
        for y in (0..HEIGHT).step_by(TILE) {
            for x in (0..WIDTH).step_by(TILE) {
                let rows = || (y..(y + TILE).min(HEIGHT)).map(|row| row * ROW + x * 4);
                let width = TILE.min(WIDTH - x) * 4;
                if rows().any(|at| old[at..at + width] != new[at..at + width]) {
                    tile.clear();
                    rows().for_each(|at| tile.extend_from_slice(&new[at..at + width]));
                    cost.bytes += zstd.compress(&tile).unwrap().len();
                }
            }
        }
        cost.encode += began.elapsed();
    }
    cost
}

/// What it takes until a picture at rest is exact.
fn rest(name: &str, frame: &[u8]) {
    let size = Size::new(WIDTH, HEIGHT).unwrap();
    let (mut encoder, mut decoder) = (Encoder::new(size).unwrap(), Decoder::new().unwrap());
    let first = encoder.frame(&view(frame), &[size.rect()], Duration::ZERO).unwrap().unwrap();
    decoder.frame(&first.frame).unwrap();
    first.pieces.iter().for_each(|piece| drop(decoder.piece(piece).unwrap()));
    let seen: usize = first.pieces.iter().map(|piece| piece.jpeg.len()).sum();
    let (mut exact, began) = (0, Instant::now());
    while let Some(more) = encoder.refine(STEP, STEP, 200_000).unwrap() {
        decoder.frame(&more.frame).unwrap();
        exact += more.frame.exact.len() + more.frame.residual.len();
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    assert_eq!(decoder.picture(), Some(&Picture::of(&view(frame))), "at rest it is exact");
    println!(
        "{name:<8} from nothing: {:.1} kB, of it pictures {:.1}; exact after {:.1} kB more and {took:.0} ms",
        (seen + first.frame.exact.len()) as f64 / 1e3,
        seen as f64 / 1e3,
        exact as f64 / 1e3,
    );
}
