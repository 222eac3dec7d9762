//! What a recording holds, to be held against what a tap saw.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, bail};
use deskside_protocol::label::Label;
use deskside_protocol::recording::format::runs;
use deskside_protocol::recording::{Kind as Block, Reader, Step};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::{Event, event};
use prost::Message as _;

use crate::tap::{Hash, Seen, Way, hash};

/// What a recording says of itself, as far as it is asked here.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// How often each packet is in it.
    pub packets: HashMap<Hash, u32>,
    /// What the relay saw, and when, in microseconds since the epoch.
    pub events: Vec<(u64, Event)>,
}

impl Recorded {
    /// Reads a whole recording.
    ///
    /// # Errors
    /// Where it is none, or not whole.
    pub fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let (mut reader, mut rest) = (Reader::new(), bytes);
        let mut recorded = Self::default();
        loop {
            let block = match reader.next(&mut rest).context("read the recording")? {
                Step::Block(block) => block,
                Step::NeedMore(_) if rest.is_empty() => return Ok(recorded),
                Step::NeedMore(_) => bail!("the recording ends within a block"),
            };
            if block.header.kind == Block::Packets {
                recorded.packets(block.body)?;
            } else if block.header.kind == Block::Event {
                let event = Event::decode(block.body).context("read an event")?;
                recorded.events.push((block.header.time_us, event));
            }
        }
    }

    fn packets(&mut self, body: &[u8]) -> anyhow::Result<()> {
        for run in runs(body) {
            let run = run.context("read a batch of packets")?;
            for packet in run.bytes.chunks(usize::from(run.stride)) {
                *self.packets.entry(hash(packet)).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Counts the packets that left the relay. One that left twice has to be in the recording twice.
    #[must_use]
    pub fn left(&self, seen: &[Seen]) -> Left {
        // Whom the ends sent to. The relay's stateless resets have random bits where a label
        // stands (RFC 9000 section 10.3): half of them look like a line's packet to nobody.
        let sent = seen.iter().filter(|seen| seen.way == Way::ToRelay);
        let labels: HashSet<Label> = sent.map(|seen| seen.label).collect();
        let mut recorded = self.packets.clone();
        let mut left = Left::default();
        for seen in seen.iter().filter(|seen| seen.way == Way::FromRelay) {
            if !labels.contains(&seen.label) {
                left.of_no_line += 1;
                continue;
            }
            left.packets += 1;
            match recorded.get_mut(&seen.hash) {
                Some(count @ 1..) => *count -= 1,
                _ => left.missing += 1,
            }
        }
        left
    }

    /// When events of this kind were, and of which end.
    pub fn when(&self, kind: event::Kind) -> impl Iterator<Item = (u64, Option<End>)> {
        let of_kind = self.events.iter().filter(move |(_, event)| event.kind == kind as i32);
        of_kind.map(|(at, event)| (*at, End::from_wire(event.end)))
    }

    /// When both ends were registered again after `killed`.
    #[must_use]
    pub fn registered(&self, killed: u64) -> Option<u64> {
        let mut back: Ends<Option<u64>> = Ends::default();
        for (at, end) in self.when(event::Kind::LegBack).filter(|(at, _)| *at > killed) {
            back.of_mut(end?).get_or_insert(at);
        }
        Some(back.agent?.max(back.technician?))
    }
}

/// Packets that the tap saw leave the relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// Of a line.
    pub packets: u64,
    /// Of a line, and not in the recording.
    pub missing: u64,
    /// Under a label that no end ever sent to.
    pub of_no_line: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: u64, way: Way, mark: u8, length: usize) -> Seen {
        let label = Label::from_bytes(&[0x80; 8]).unwrap();
        Seen { at, way, door: 0, label, length, hash: [mark; 16] }
    }

    fn recorded(marks: &[u8]) -> Recorded {
        let mut recorded = Recorded::default();
        for mark in marks {
            *recorded.packets.entry([*mark; 16]).or_default() += 1;
        }
        recorded
    }

    #[test]
    fn a_packet_that_left_twice_has_to_be_there_twice() {
        let twice = [seen(1, Way::FromRelay, 1, 9), seen(2, Way::FromRelay, 1, 9)];
        let sent = seen(0, Way::ToRelay, 3, 9);
        let all = [&[sent][..], &twice].concat();
        let left = |packets, missing, of_no_line| Left { packets, missing, of_no_line };
        assert_eq!(recorded(&[1]).left(&all), left(2, 1, 0));
        assert_eq!(recorded(&[1, 1, 2]).left(&all), left(2, 0, 0));
        assert_eq!(recorded(&[]).left(&[sent]), left(0, 0, 0));
        // To a label that nobody ever sent to: no packet of a line.
        assert_eq!(recorded(&[]).left(&twice), left(0, 0, 2));
    }
}
