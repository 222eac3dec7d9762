//! What counting costs an end: a ledger fed with packets as they arrive and with pieces of a file as
//! they leave, as a ratio to what QUIC spends on encrypting the same bytes, in the same run.
//!
//! `cargo bench -p deskside-protocol --bench statement`; with `-- --test` (and under `cargo test
//! --benches`) one quick round.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use deskside_protocol::statement::{Ledger, Way};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// What a packet brings.
const PACKET: usize = 1_200;
/// What a file is read in.
const PIECE: usize = 256 * 1_024;
/// Bytes of one round: 60 MiB, a multiple of both.
const BYTES: usize = 60 * 1_024 * 1_024;
/// Rounds; the median is printed.
const ROUNDS: usize = 9;

/// Counts the bytes in pieces of this size.
fn count(bytes: &[u8], size: usize) {
    let mut ledger = Ledger::new([1; 32]);
    ledger.opened((4, Way::Sent), false);
    for piece in bytes.chunks(size) {
        ledger.count((4, Way::Sent), black_box(piece));
    }
    black_box(ledger.take());
}

/// The peer: each packet encrypted, as QUIC has to do on either side.
fn seal(bytes: &[u8]) {
    let Ok(key) = UnboundKey::new(&AES_128_GCM, &[7; 16]) else { return };
    let key = LessSafeKey::new(key);
    let mut packet = [0; PACKET];
    for (number, piece) in bytes.chunks(PACKET).enumerate() {
        let Some(packet) = packet.get_mut(..piece.len()) else { return };
        packet.copy_from_slice(piece);
        let mut nonce = [0; 12];
        nonce.split_at_mut(4).1.copy_from_slice(&(number as u64).to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        black_box(key.seal_in_place_separate_tag(nonce, Aad::from(&[0; 20]), packet).is_ok());
    }
}

fn median(rounds: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(rounds / 2).copied().unwrap_or_default()
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let (rounds, size) = if test { (1, BYTES / 60) } else { (ROUNDS, BYTES) };
    let bytes: Vec<u8> = (0..size).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let sealed = median(rounds, || seal(&bytes));
    let speed = |time: Duration| bytes.len() as f64 / time.as_secs_f64() / 1e9;
    println!("AES-128-GCM in packets of 1,200 bytes: {:.2} GB/s", speed(sealed));
    for (what, size) in [("packets of 1,200 bytes", PACKET), ("pieces of 256 KiB", PIECE)] {
        let counted = median(rounds, || count(&bytes, size));
        let ratio = counted.as_secs_f64() / sealed.as_secs_f64();
        println!("counted in {what}: {:.2} GB/s, {ratio:.2} of it", speed(counted));
    }
}
