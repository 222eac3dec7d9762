//! Frames and pieces pinned as bytes, with the pictures that they make: what is in recordings has to
//! be read for years.
//!
//! zstd and JPEG may be packed otherwise by another version of their libraries, so it is the reading
//! that is pinned. `DESKSIDE_BLESS=1 cargo test -p deskside-screen --test vectors` writes the file.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read its vectors; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use deskside_screen::{Coded, Decoder, Encoder, Frame, Piece, Rect, Size, View};

const WIDTH: usize = 72;
const HEIGHT: usize = 130;

/// Comments of the file.
const PREFACE: &str = "\
# What the agent sends of a picture, and what the technician sees after it.
#   frame NUMBER WIDTH HEIGHT BEGINS PIECES EXACT RESIDUAL    (BEGINS: 1 fresh, 2 renewed; - for no bytes)
#   piece FRAME X Y WIDTH HEIGHT JPEG
#   sees SUM     the pixels' sum: s = s * 16777619 xor 0x00RRGGBB, modulo 2^64, from 2166136261 on
";

fn screen(colour: impl Fn(usize, usize) -> u32) -> Vec<u8> {
    let places = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    places.flat_map(|(x, y)| colour(x, y).to_le_bytes()).collect()
}

fn text(x: usize, y: usize) -> u32 {
    let ink = (((x / 6 * 0x9e37 + y / 4 * 0x79b9) * (y / 4 + 7)) >> 4) & 7;
    if ink == 0 { 0x20_30_40 } else { 0xff_ff_f0 }
}

fn photo(x: usize, y: usize) -> u32 {
    let noise = (((x * 31 + y * 17) * 2_654_435_761) >> 20) & 7;
    u32::try_from(((x * 3 + noise) & 255) << 16 | ((y * 5 + noise) & 255) << 8 | (x + y)).unwrap()
}

/// Text; the text moved up by 16 pixels; a photo below it; the photo made exact; the stream renewed.
fn session() -> Vec<Coded> {
    let size = Size::new(WIDTH, HEIGHT).unwrap();
    let mut encoder = Encoder::new(size).unwrap();
    let mut coded = Vec::new();
    let pictures = [
        screen(text),
        screen(|x, y| text(x, y + 16)),
        screen(|x, y| if y < 96 { text(x, y + 16) } else { photo(x, y) }),
    ];
    for bytes in &pictures {
        let view = View::new(size, WIDTH * 4, bytes).unwrap();
        let frame = encoder.frame(&view, &[size.rect()], Duration::ZERO).unwrap().unwrap();
        coded.push(frame);
    }
    coded.push(encoder.refine(Duration::ZERO, Duration::ZERO, usize::MAX).unwrap().unwrap());
    // A minute later, the text moved again.
    let bytes = screen(|x, y| if y < 96 { text(x, y + 20) } else { photo(x, y) });
    let view = View::new(size, WIDTH * 4, &bytes).unwrap();
    let later = Duration::from_secs(60);
    coded.push(encoder.frame(&view, &[size.rect()], later).unwrap().unwrap());
    coded
}

fn sum(decoder: &Decoder) -> String {
    let pixels = decoder.picture().unwrap().pixels();
    let sum = pixels
        .iter()
        .fold(2_166_136_261_u64, |sum, pixel| sum.wrapping_mul(16_777_619) ^ u64::from(*pixel));
    format!("{sum:016x}")
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { HEXLOWER.encode(bytes) }
}

fn written() -> String {
    let mut decoder = Decoder::new().unwrap();
    let mut out = PREFACE.to_owned();
    for Coded { frame, pieces } in session() {
        decoder.frame(&frame).unwrap();
        let Frame { number, fresh, renewed, exact, residual, .. } = &frame;
        let (exact, residual) = (hex(exact), hex(residual));
        let fresh = u8::from(*fresh) + 2 * u8::from(*renewed);
        let count = pieces.len();
        writeln!(out, "frame {number} {WIDTH} {HEIGHT} {fresh} {count} {exact} {residual}")
            .unwrap();
        for Piece { frame, rect, jpeg } in &pieces {
            let Rect { x, y, width, height } = rect;
            writeln!(out, "piece {frame} {x} {y} {width} {height} {}", hex(jpeg)).unwrap();
        }
        pieces.iter().for_each(|piece| drop(decoder.piece(piece).unwrap()));
        writeln!(out, "sees {}", sum(&decoder)).unwrap();
    }
    out
}

fn bytes(word: &str) -> Bytes {
    if word == "-" { Bytes::new() } else { HEXLOWER.decode(word.as_bytes()).unwrap().into() }
}

fn number(word: &str) -> usize {
    word.parse().unwrap()
}

#[test]
fn pinned_frames_make_their_pictures() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/screen.txt");
    if std::env::var_os("DESKSIDE_BLESS").is_some() {
        std::fs::write(path, written()).unwrap();
    }
    let file = std::fs::read_to_string(path).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let (mut frames, mut pieces, mut seen) = (0, 0, 0);
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["frame", count, width, height, fresh, of, exact, residual] => {
                frames += 1;
                let size = Size::new(number(width), number(height)).unwrap();
                let frame = Frame {
                    number: count.parse().unwrap(),
                    size,
                    fresh: fresh == "1",
                    renewed: fresh == "2",
                    exact: bytes(exact),
                    residual: bytes(residual),
                    pieces: of.parse().unwrap(),
                };
                decoder.frame(&frame).unwrap();
            }
            ["piece", frame, x, y, width, height, jpeg] => {
                pieces += 1;
                let (x, y) = (number(x), number(y));
                let rect = Rect { x, y, width: number(width), height: number(height) };
                let frame = frame.parse().unwrap();
                decoder.piece(&Piece { frame, rect, jpeg: bytes(jpeg) }).unwrap();
            }
            ["sees", expected] => {
                seen += 1;
                assert_eq!(sum(&decoder), expected, "after frame {frames}");
            }
            _ => panic!("{line}"),
        }
    }
    assert_eq!((frames, seen), (5, 5));
    assert!(pieces > 0);
}
