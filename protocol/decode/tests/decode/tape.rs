//! A recording: made by the protocol's own writer, taken apart, made again otherwise, decoded.

use std::collections::BTreeMap;

use deskside_decode::{Decoder, Event, Recorded, Report, Space, What};
use deskside_protocol::recording::{Kind, Packets, Reader, Step, Writer, runs};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;
use deskside_protocol::wire::record;
use prost::Message as _;

/// A datagram that a relay recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) line: u16,
    pub(crate) from: End,
    pub(crate) time_us: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Writes a recording.
pub(crate) struct Tape {
    writer: Writer,
    pub(crate) file: Vec<u8>,
}

impl Tape {
    pub(crate) fn new() -> Self {
        let (writer, preamble) = Writer::create();
        Self { writer, file: preamble.to_vec() }
    }

    pub(crate) fn of<'a>(passed: impl IntoIterator<Item = &'a Passed>) -> Self {
        let mut tape = Self::new();
        passed.into_iter().for_each(|passed| tape.record(passed));
        tape
    }

    pub(crate) fn record(&mut self, passed: &Passed) {
        let Passed { line, from, time_us, bytes } = passed;
        let mut packets = Packets::new(*line, *time_us, bytes.len());
        packets.run(*from, u16::try_from(bytes.len()).unwrap(), *time_us, bytes).unwrap();
        let next = self.writer.packets(&mut packets).unwrap();
        self.writer.commit(next);
        self.file.extend_from_slice(packets.block());
    }

    /// The relay says that it crashed and goes on.
    pub(crate) fn recovered(&mut self, time_us: u64) {
        let kind = record::event::Kind::Recovered.into();
        let event = record::Event { kind, ..record::Event::default() }.encode_to_vec();
        let next = self.writer.block(Kind::Event, 0, time_us, &event, &mut self.file).unwrap();
        self.writer.commit(next);
    }

    /// What was recorded, one by one.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        let (mut reader, mut input) = (Reader::new(), self.file.as_slice());
        let mut passed = Vec::new();
        while let Step::Block(block) = reader.next(&mut input).unwrap() {
            if block.header.kind != Kind::Packets {
                continue;
            }
            for run in runs(block.body).map(Result::unwrap) {
                let time_us = block.header.time_us + u64::from(run.delta_us);
                passed.extend(run.packets().map(|bytes| Passed {
                    line: block.header.line,
                    from: run.from,
                    time_us,
                    bytes: bytes.to_vec(),
                }));
            }
        }
        passed
    }

    /// What was opened, once, each packet in a datagram of its own: all of it, or what counts, that is
    /// without what should have been acknowledged and was not.
    pub(crate) fn opened(&self, sealed: &[(u16, LineSecrets)], counting: bool) -> Self {
        let mut decoder = Decoder::new();
        decoder.keep_packets();
        for (line, secrets) in sealed {
            decoder.sealed(*line, End::Agent, secrets.clone());
        }
        let (mut reader, mut input) = (Reader::new(), self.file.as_slice());
        let mut packets = Vec::new();
        while let Step::Block(block) = reader.next(&mut input).unwrap() {
            decoder.feed(&block);
            while decoder.poll().is_some() {}
            packets.extend(std::iter::from_fn(|| decoder.poll_packet()));
        }
        let report = decoder.finish();
        packets.retain(|packet| !counting || counts(packet, &report));
        let passed: Vec<_> = packets
            .into_iter()
            .map(|Recorded { line, from, time_us, bytes, .. }| Passed {
                line,
                from,
                time_us,
                bytes: bytes.to_vec(),
            })
            .collect();
        Self::of(&passed)
    }

    pub(crate) fn decoded(&self, sealed: &[(u16, LineSecrets)]) -> Decoded {
        let both = sealed.iter().flat_map(|(line, secrets)| {
            [End::Agent, End::Technician].map(|end| (*line, end, secrets.clone()))
        });
        self.decoded_by(both)
    }

    /// Decodes with what each end sealed.
    pub(crate) fn decoded_by(
        &self,
        sealed: impl IntoIterator<Item = (u16, End, LineSecrets)>,
    ) -> Decoded {
        let mut decoder = Decoder::new();
        for (line, end, secrets) in sealed {
            decoder.sealed(line, end, secrets);
        }
        let (mut reader, mut input) = (Reader::new(), self.file.as_slice());
        let mut events = Vec::new();
        while let Step::Block(block) = reader.next(&mut input).unwrap() {
            decoder.feed(&block);
            events.extend(std::iter::from_fn(|| decoder.poll()));
        }
        Decoded { events, report: decoder.finish() }
    }
}

/// Whether the other end said that it took the packet in, where it would say so.
fn counts(packet: &Recorded, report: &Report) -> bool {
    let line = report.lines.iter().find(|line| line.line == packet.line).unwrap();
    let within = |(first, last): &(u64, u64)| (*first..=*last).contains(&packet.number);
    packet.space != Space::Data
        || !packet.elicits
        || line.acknowledged.of(packet.from).iter().any(within)
}

/// What came of it.
pub(crate) struct Decoded {
    pub(crate) events: Vec<Event>,
    pub(crate) report: Report,
}

/// A direction of a stream, as it came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) finished: bool,
    pub(crate) reset: Option<u64>,
}

impl Decoded {
    /// Streams by line, number and sender; each byte stands where it says, and time never falls.
    pub(crate) fn streams(&self) -> BTreeMap<(u16, u64, End), Stream> {
        let mut streams = BTreeMap::<_, Stream>::new();
        let mut times = BTreeMap::new();
        for event in &self.events {
            let of = |stream| (event.line, stream, event.from);
            let key = match &event.what {
                What::Data { stream, offset, bytes } => {
                    let known = streams.entry(of(*stream)).or_default();
                    assert!(!known.finished && known.reset.is_none() && !bytes.is_empty());
                    assert_eq!(*offset, known.bytes.len() as u64);
                    known.bytes.extend_from_slice(bytes);
                    of(*stream)
                }
                What::Finished { stream, size } => {
                    let known = streams.entry(of(*stream)).or_default();
                    assert_eq!(*size, known.bytes.len() as u64);
                    assert!(!std::mem::replace(&mut known.finished, true));
                    of(*stream)
                }
                What::Reset { stream, code, delivered, .. } => {
                    let known = streams.entry(of(*stream)).or_default();
                    assert_eq!(*delivered, known.bytes.len() as u64);
                    known.reset = Some(*code);
                    of(*stream)
                }
                What::Opened(_)
                | What::Stopped { .. }
                | What::Datagram(_)
                | What::Closed(_)
                | What::Relay(_) => {
                    continue;
                }
            };
            let before = times.insert(key, event.time_us).unwrap_or_default();
            assert!(before <= event.time_us, "time falls on {key:?}");
        }
        streams
    }

    pub(crate) fn datagrams(&self, from: End) -> Vec<Vec<u8>> {
        let sent = self.events.iter().filter(|event| event.from == from);
        let mut datagrams = Vec::new();
        for event in sent {
            if let What::Datagram(bytes) = &event.what {
                datagrams.push(bytes.to_vec());
            }
        }
        datagrams
    }
}
