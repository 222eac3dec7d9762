//! Every parser that reads a stranger's bytes, each as one function, as
//! `deskside_protocol::parsers` has them: the fuzz targets in `fuzz/` and the replay of their corpora
//! in `tests/corpus.rs` call exactly these. A fuzzer cannot guess a key, so that what stands behind
//! the AEAD is sealed for it here.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use deskside_protocol::session::{End, Ends};

use crate::event::{Closed, Event, What};
use crate::forge::Forge;
use crate::frames::{Frame, frames};
use crate::header::{Piece, pieces};
use crate::keys::Suite;
use crate::line::Line;
use crate::timeline::{Item, Timeline};

/// Panics where a parser breaks its promise; what is merely malformed is fine.
pub type Check = fn(&[u8]);

/// All parsers by name: the fuzz target's and the corpus folder's.
#[must_use]
pub const fn all() -> &'static [(&'static str, Check)] {
    &[
        ("decode_datagrams", datagrams),
        ("decode_frames", payload),
        ("decode_line", sealed),
        ("decode_messages", messages),
    ]
}

/// Runs one of them; `false` where there is none of this name.
#[must_use]
pub fn check(name: &str, bytes: &[u8]) -> bool {
    let found = all().iter().find(|(known, _)| *known == name);
    found.is_some_and(|(_, check)| {
        check(bytes);
        true
    })
}

/// What a script does next: a byte of its own, and bytes behind a length of two.
fn step<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let ([flags, high, low], behind) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (bytes, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some((*flags, bytes))
}

const fn end_of(flags: u8) -> End {
    if flags & 1 == 0 { End::Technician } else { End::Agent }
}

/// A payload as it comes out of the AEAD.
fn payload(bytes: &[u8]) {
    let mut broken = false;
    for frame in frames(bytes) {
        assert!(!broken, "it goes on behind a malformed frame");
        match frame {
            Err(_) => broken = true,
            Ok(Frame::Ack(acked)) => {
                let mut below = 1 << 62;
                for (first, last) in acked.ranges() {
                    assert!(first <= last && last < below, "ranges out of order");
                    below = first;
                }
            }
            Ok(Frame::Stream { offset, data, .. }) => {
                assert!(offset + (data.len() as u64) < 1 << 62, "a stream without end");
            }
            Ok(_) => {}
        }
    }
}

/// Datagrams as they come from the network: each step is one.
fn datagrams(bytes: &[u8]) {
    let Some(forge) = Forge::new(Suite::Aes128Gcm, 1) else { return };
    let mut line = Line::new(0, &[(End::Agent, forge.secrets().clone())]);
    let (mut rest, mut events) = (bytes, VecDeque::new());
    while let Some((flags, datagram)) = step(&mut rest) {
        for piece in pieces(datagram) {
            if let Piece::Packet(packet) = piece {
                assert!(packet.number_at + 20 <= packet.bytes.len(), "no room for a sample");
            }
        }
        line.datagram(end_of(flags), 0, datagram, &mut events);
    }
    let report = line.finish();
    let opened = |end| report.ends.of(end).acknowledged;
    assert!(events.is_empty() && opened(End::Agent) == 0, "a key was guessed");
}

/// Payloads that are sealed as those of one line: the step's byte says whose (bit 0), whether the
/// key is updated before (bit 1), and how far the number goes on (the rest; 0 uses it again).
fn sealed(bytes: &[u8]) {
    let Some(mut forge) = Forge::new(Suite::Aes128Gcm, 1) else { return };
    let mut line = Line::new(0, &[(End::Agent, forge.secrets().clone())]);
    let (mut rest, mut numbers) = (bytes, Ends::<u64>::default());
    let (mut order, mut timeline) = (Order::default(), Timeline::new());
    while let Some((flags, payload)) = step(&mut rest) {
        let from = end_of(flags);
        if flags & 2 != 0 {
            assert!(forge.update(from).is_some(), "an update");
        }
        let number = numbers.of_mut(from);
        *number += u64::from(flags >> 2);
        let Some(packet) = forge.packet(from, *number, payload) else { continue };
        let mut events = VecDeque::new();
        line.datagram(from, *number, &packet, &mut events);
        for event in events {
            order.take(&event);
            timeline.feed(event);
            while timeline.poll().is_some() {}
        }
    }
    let report = line.finish();
    assert!(report.findings.len() <= crate::MAX_FINDINGS, "too many findings");
}

/// That bytes of a stream come in order, and nothing comes behind its end.
#[derive(Default)]
struct Order(BTreeMap<(u64, End), Option<u64>>);

impl Order {
    fn take(&mut self, event: &Event) {
        let (stream, expected, then) = match &event.what {
            What::Data { stream, offset, bytes } => {
                (*stream, Some(*offset), Some(offset + bytes.len() as u64))
            }
            What::Finished { stream, size } => (*stream, Some(*size), None),
            What::Reset { stream, delivered, .. } => (*stream, Some(*delivered), None),
            What::Opened(_)
            | What::Stopped { .. }
            | What::Datagram(_)
            | What::Closed(_)
            | What::Relay(_) => return,
        };
        let known = self.0.entry((stream, event.from)).or_insert(Some(0));
        assert!(*known == expected, "a stream out of order");
        *known = then;
    }
}

/// Events for a timeline: the step's byte says whose (bit 0), what (bits 1 and 2: data, end, reset,
/// datagram), and on which stream (the rest).
fn messages(bytes: &[u8]) {
    let mut timeline = Timeline::new();
    let (mut rest, mut offsets) = (bytes, BTreeMap::<(u64, End), u64>::new());
    while let Some((flags, data)) = step(&mut rest) {
        let (from, stream) = (end_of(flags), u64::from(flags >> 3));
        let offset = offsets.entry((stream, from)).or_default();
        let bytes = Bytes::copy_from_slice(data);
        let what = match flags >> 1 & 3 {
            0 => {
                let what = What::Data { stream, offset: *offset, bytes };
                *offset += data.len() as u64;
                what
            }
            1 => What::Finished { stream, size: *offset },
            2 => What::Reset { stream, code: 0, size: *offset, delivered: *offset },
            _ if data.is_empty() => {
                What::Closed(Closed { application: true, code: 0, reason: bytes })
            }
            _ => What::Datagram(bytes),
        };
        timeline.feed(Event { line: 0, from, time_us: 0, what });
        while let Some(entry) = timeline.poll() {
            if let (Item::Raw { at, bytes }, Some(stream)) = (&entry.item, entry.stream) {
                let reach = offsets.get(&(stream, entry.from)).copied().unwrap_or_default();
                assert!(
                    !bytes.is_empty() && at + bytes.len() as u64 <= reach,
                    "raw bytes of nowhere"
                );
            }
        }
    }
    timeline.finish();
}
