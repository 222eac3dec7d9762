//! What recording costs: the writer on GRO batches of 64 KiB, as a ratio to a bare BLAKE3 over the
//! same bytes in the same run.
//!
//! `cargo bench -p deskside-protocol`; with `-- --test` (and under `cargo test --benches`) one
//! quick round.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "support/clock.rs"]
mod clock;

use std::hint::black_box;

use deskside_protocol::recording::{Packets, Reader, Step, Writer};
use deskside_protocol::session::End;

use clock::{is_measured, median, time};

/// One GRO batch: 54 packets of 1,200 bytes are just below 64 KiB.
const BATCH: usize = 54 * 1_200;
/// Batches of one round: 63 MiB.
const BATCHES: usize = 1_024;
/// Rounds; the median is printed.
const ROUNDS: usize = 9;
/// Microseconds between two batches, as at 500 Mbit/s.
const GAP_US: u64 = 1_000;

/// Makes the block of one batch, as the relay does before each write.
fn block(writer: &mut Writer, time_us: u64, batch: &[u8]) -> Option<Packets> {
    let mut packets = Packets::new(1, time_us, BATCH);
    packets.run(End::Agent, 1_200, time_us, batch).ok()?;
    let next = writer.packets(&mut packets).ok()?;
    writer.commit(next);
    Some(packets)
}

fn write(batch: &[u8], batches: usize) {
    let (mut writer, _) = Writer::create();
    for _ in 0..batches {
        let time_us = writer.state().seq() * GAP_US;
        black_box(block(&mut writer, time_us, batch));
    }
}

/// The peer: nothing but the hash of the same bytes.
fn hash(batch: &[u8], batches: usize) {
    for _ in 0..batches {
        black_box(blake3::hash(black_box(batch)));
    }
}

/// Reads and verifies the chain of a file of as many batches.
fn read(mut file: &[u8]) {
    let mut reader = Reader::new();
    while let Ok(Step::Block(block)) = reader.next(&mut file) {
        black_box(block);
    }
}

fn file(batch: &[u8], batches: usize) -> Vec<u8> {
    let (mut writer, preamble) = Writer::create();
    let blocks = (0..batches).filter_map(|_| block(&mut writer, 0, batch));
    let blocks = blocks.flat_map(|packets| packets.block().to_vec());
    preamble.into_iter().chain(blocks).collect()
}

fn main() {
    let (rounds, batches) = if is_measured() { (ROUNDS, BATCHES) } else { (1, 16) };
    let batch: Vec<u8> = (0..=255).cycle().take(BATCH).collect();
    let stored = file(&batch, batches);
    // Interleaved, so that a noisy neighbour slows all three alike.
    let (mut bare, mut written, mut read_back) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(time(|| hash(&batch, batches)));
        written.push(time(|| write(&batch, batches)));
        read_back.push(time(|| read(&stored)));
    }
    let megabytes = (batches * BATCH) as f64 / 1e6;
    let bare = median(bare);
    println!("recording: {batches} batches of {BATCH} bytes, median of {rounds}");
    for (name, seconds) in
        [("blake3", bare), ("write", median(written)), ("read", median(read_back))]
    {
        let (speed, ratio) = (megabytes / seconds, seconds / bare);
        println!("  {name:<7} {speed:>7.0} MB/s  {ratio:.2} of bare BLAKE3's time");
    }
}
