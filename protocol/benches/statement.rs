//! What counting costs an end: a ledger fed with packets as they arrive and with pieces of a file as
//! they leave, as a ratio to what QUIC spends on encrypting the same bytes, in the same run.
//!
//! `cargo bench -p deskside-protocol --bench statement`; with `-- --test` (and under `cargo test
//! --benches`) one quick round.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "support/clock.rs"]
mod clock;

use std::hint::black_box;

use deskside_protocol::statement::{Ledger, Way};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use clock::{is_measured, median, time};

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

fn main() {
    let (rounds, size) = if is_measured() { (ROUNDS, BYTES) } else { (1, BYTES / 60) };
    let bytes: Vec<u8> = (0..size).map(|at| (at % 251).to_le_bytes()[0]).collect();
    // Interleaved, so that a noisy neighbour slows all alike.
    let (mut sealed, mut packets, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        sealed.push(time(|| seal(&bytes)));
        packets.push(time(|| count(&bytes, PACKET)));
        pieces.push(time(|| count(&bytes, PIECE)));
    }
    let speed = |seconds: f64| bytes.len() as f64 / seconds / 1e9;
    let sealed = median(sealed);
    println!("AES-128-GCM in packets of 1,200 bytes: {:.2} GB/s", speed(sealed));
    for (what, times) in [("packets of 1,200 bytes", packets), ("pieces of 256 KiB", pieces)] {
        let counted = median(times);
        let ratio = counted / sealed;
        println!("counted in {what}: {:.2} GB/s, {ratio:.2} of its time", speed(counted));
    }
}
