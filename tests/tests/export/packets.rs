//! The packets themselves with the line's secrets, read by Wireshark's own decoder.

use std::collections::BTreeMap;
use std::path::Path;

use deskside_decode::{Decoder, What};
use deskside_protocol::recording::{Reader, Step};
use deskside_protocol::session::End;
use deskside_tests::process::{command, run};
use deskside_tests::recorded::Recorded;
use serde_json::Value;

use super::Exported;
use crate::house::House;

/// Bytes by who sent them and on which stream.
pub(crate) type Streams = BTreeMap<(End, u64), Vec<u8>>;

impl Exported {
    /// What each stream carried, by the decoder.
    pub(crate) fn streams(&self) -> Streams {
        let bytes = std::fs::read(&self.file).unwrap();
        let mut decoder = Decoder::new();
        for (line, end, secrets) in self.sealed() {
            decoder.sealed(line, end, secrets);
        }
        let (mut reader, mut rest) = (Reader::new(), bytes.as_slice());
        let mut streams = Streams::new();
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            decoder.feed(&block);
            while let Some(event) = decoder.poll() {
                if let What::Data { stream, offset, bytes } = event.what {
                    let known = streams.entry((event.from, stream)).or_default();
                    assert_eq!(known.len() as u64, offset);
                    known.extend_from_slice(&bytes);
                }
            }
        }
        streams
    }
}

#[test]
fn tshark_reads_the_same_streams_from_the_packets() {
    let exported = Exported::new();
    let (capture, told) = exported.export("a.pcapng", &[]);
    let told = told.done().unwrap();
    assert_eq!((&told["event"], &told["as"]), (&"exported".into(), &"pcapng".into()));
    assert_eq!(told["bytes"], std::fs::metadata(&capture).unwrap().len());
    assert!(told["packets"].as_u64() > Some(100), "{told}");
    same(&tshark(&capture), &exported.streams());
}

#[test]
fn tshark_reads_them_where_packets_were_lost_and_came_twice() {
    let house = House::tapped(|_| ());
    house.tap().storm();
    let exported = Exported::of(house);
    let recorded = Recorded::read(&std::fs::read(&exported.file).unwrap()).unwrap();
    assert!(recorded.packets.values().any(|times| *times > 1), "none came twice");
    let (capture, told) = exported.export("a.pcapng", &[]);
    let told = told.done().unwrap();
    // So many are left out that a place of one that is kept lies behind all that are kept.
    assert!(told["left_out"].as_u64() > Some(10), "{told}");
    same(&tshark(&capture), &exported.streams());
}

/// All of what the decoder reads, and nothing else, is in the capture.
fn same(read: &Streams, ours: &Streams) {
    assert!(ours.len() >= 6, "{:?}", ours.keys());
    assert_eq!(read.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    for (key, bytes) in ours {
        assert!(read[key] == *bytes, "{key:?}: {} and {} bytes", read[key].len(), bytes.len());
    }
}

/// What each stream carried, by Wireshark's own decoder, which has nothing but the file.
fn tshark(capture: &Path) -> Streams {
    let mut tshark = command("tshark");
    tshark.args(["-n", "-T", "json", "--no-duplicate-keys", "-Y", "quic.stream_data", "-r"]);
    let read = run("tshark", tshark.arg(capture), None).unwrap();
    assert_eq!(read.code, Some(0), "{read}: is the package tshark installed?");
    let packets: Vec<Value> = serde_json::from_slice(&read.stdout).unwrap();
    let mut streams = Streams::new();
    for packet in packets {
        let layers = &packet["_source"]["layers"];
        let from = if layers["udp"]["udp.srcport"] == "443" { End::Agent } else { End::Technician };
        frames(&layers["quic"], &mut |stream, offset, bytes| {
            let known = streams.entry((from, stream)).or_default();
            known.resize(known.len().max(offset + bytes.len()), 0);
            known[offset..offset + bytes.len()].copy_from_slice(bytes);
        });
    }
    streams
}

/// All STREAM frames that carry anything: stream, offset, bytes.
fn frames(dissected: &Value, seen: &mut impl FnMut(u64, usize, &[u8])) {
    let data = dissected["quic.stream_data"].as_str();
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let number = |name: &str| dissected[name].as_str().map(|text| text.parse::<u64>().unwrap());
        let bytes: Vec<u8> =
            data.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let offset = number("quic.stream.offset").unwrap_or_default();
        seen(number("quic.stream.stream_id").unwrap(), offset.try_into().unwrap(), &bytes);
    }
    let parts = dissected.as_array().into_iter().flatten();
    for part in parts.chain(dissected.as_object().into_iter().flat_map(|object| object.values())) {
        frames(part, seen);
    }
}
