//! What decoding costs: a recording of one long stream, as a ratio to a bare opening of the same
//! packets by AES-256-GCM in the same run.
//!
//! `cargo bench -p deskside-decode`; with `-- --test` (and under `cargo test --benches`) one quick
//! round.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "../../benches/support/clock.rs"]
mod clock;

use std::hint::black_box;

use deskside_decode::forge::Forge;
use deskside_decode::{Decoder, Suite, Timeline, What};
use deskside_protocol::recording::{Packets, Reader, Step, Writer};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use clock::{is_measured, median, time};

/// Bytes of stream data in a packet: one of 1,400 bytes.
const DATA: usize = 1_350;
/// Packets of one block, a receive batch; the technician acknowledges each.
const BATCH: u64 = 46;
/// Batches of one round: 65 MB.
const BATCHES: u64 = 1_024;
/// Rounds; the median is printed.
const ROUNDS: usize = 9;
/// Bytes of a header as the forge makes it, and of a tag.
const HEADER: usize = 21;
const TAG: usize = 16;

/// The recording's packets: blocks of the agent's data, each followed by an acknowledgement.
fn recording(batches: u64) -> Option<(Vec<u8>, LineSecrets, Vec<Vec<u8>>)> {
    let forge = Forge::new(Suite::Aes256Gcm, 7)?;
    let (mut writer, preamble) = Writer::create();
    let (mut file, mut bare) = (preamble.to_vec(), Vec::new());
    for batch in 0..batches {
        let mut block = Packets::new(0, batch, 0);
        for number in batch * BATCH..(batch + 1) * BATCH {
            let payload = [&stream(number * DATA as u64)[..], &[7; DATA]].concat();
            let packet = forge.packet(End::Agent, number, &payload)?;
            block.run(End::Agent, u16::try_from(packet.len()).ok()?, batch, &packet).ok()?;
            bare.push(sealed(&payload)?);
        }
        let ack =
            [&[2][..], &varint((batch + 1) * BATCH - 1), &[0, 0], &varint(BATCH - 1)].concat();
        let ack = forge.packet(End::Technician, batch, &ack)?;
        block.run(End::Technician, u16::try_from(ack.len()).ok()?, batch, &ack).ok()?;
        let next = writer.packets(&mut block).ok()?;
        writer.commit(next);
        file.extend_from_slice(block.block());
    }
    Some((file, forge.secrets().clone(), bare))
}

/// The head of a STREAM frame with an offset, up to the packet's end: the agent's stream 3.
fn stream(offset: u64) -> Vec<u8> {
    [&[0x0c, 3][..], &varint(offset)].concat()
}

/// A number of eight bytes.
fn varint(number: u64) -> [u8; 8] {
    (number | 3 << 62).to_be_bytes()
}

/// The first layer only: blocks in, events out. Gives the bytes that came through.
fn decode(
    mut file: &[u8],
    secrets: &LineSecrets,
    mut seen: impl FnMut(deskside_decode::Event),
) -> u64 {
    let (mut reader, mut decoder) = (Reader::new(), Decoder::new());
    decoder.sealed(0, End::Agent, secrets.clone());
    let mut bytes = 0;
    while let Ok(Step::Block(block)) = reader.next(&mut file) {
        decoder.feed(&block);
        while let Some(event) = decoder.poll() {
            if let What::Data { bytes: data, .. } = &event.what {
                bytes += data.len() as u64;
            }
            seen(event);
        }
    }
    bytes
}

fn key() -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &[9; 32]).ok().map(LessSafeKey::new)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([1; 12])
}

/// A payload for the peer, sealed behind a header of the same length.
fn sealed(payload: &[u8]) -> Option<Vec<u8>> {
    let mut packet = payload.to_vec();
    key()?.seal_in_place_append_tag(nonce(), Aad::from([0; HEADER]), &mut packet).ok()?;
    packet.splice(..0, [0; HEADER]);
    Some(packet)
}

/// The peer: each packet copied and opened.
fn open(packets: &[Vec<u8>]) {
    let Some(key) = key() else { return };
    let mut buffer = Vec::new();
    for packet in packets {
        buffer.clear();
        buffer.extend_from_slice(packet);
        let (header, payload) = buffer.split_at_mut(HEADER);
        let opened = key.open_in_place(nonce(), Aad::from(header), payload);
        assert!(black_box(opened).is_ok(), "what was sealed opens");
    }
}

fn main() {
    let (rounds, batches) = if is_measured() { (ROUNDS, BATCHES) } else { (1, 4) };
    let Some((file, secrets, packets)) = recording(batches) else { return };
    let expected = batches * BATCH * DATA as u64;
    // Interleaved, so that a noisy neighbour slows all alike.
    let (mut bare, mut decoded, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(time(|| open(&packets)));
        decoded.push(time(|| assert_eq!(decode(&file, &secrets, drop), expected)));
        let mut timeline = Timeline::new();
        told.push(time(|| {
            let bytes = decode(&file, &secrets, |event| {
                timeline.feed(event);
                while let Some(entry) = timeline.poll() {
                    black_box(entry);
                }
            });
            assert_eq!(bytes, expected);
        }));
    }
    let megabytes = packets.iter().map(|packet| packet.len() - TAG).sum::<usize>() as f64 / 1e6;
    let bare = median(bare);
    println!("decode: {} packets, {megabytes:.0} MB, median of {rounds}", packets.len());
    for (name, seconds) in [("open", bare), ("decode", median(decoded)), ("timeline", median(told))]
    {
        let (speed, ratio) = (megabytes / seconds, seconds / bare);
        println!("  {name:<8} {speed:>7.0} MB/s  {ratio:.2} of a bare opening's time");
    }
}
