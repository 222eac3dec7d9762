//! What the tap saw, held against the recording: whether every packet that left the relay is in it,
//! and how long it took until bytes flowed again.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, bail};
use deskside_protocol::label::Label;
use deskside_protocol::recording::format::runs;
use deskside_protocol::recording::{Kind as Block, Reader, Step};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::{Event, event};
use prost::Message as _;

use crate::tap::{BULK, Hash, Seen, Way, hash};

/// What a recording says of itself, as far as it is asked here.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// How often each packet is in it.
    packets: HashMap<Hash, u32>,
    /// When an end was back, in microseconds since the epoch.
    backs: Vec<(u64, End)>,
}

impl Recorded {
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
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
                let back = event.kind == event::Kind::LegBack as i32;
                if let Some(end) = End::from_wire(event.end).filter(|_| back) {
                    recorded.backs.push((block.header.time_us, end));
                }
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
    pub(super) fn left(&self, seen: &[Seen]) -> Left {
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

    /// When both ends were registered again after `killed`.
    fn registered(&self, killed: u64) -> Option<u64> {
        let mut back: Ends<Option<u64>> = Ends::default();
        for (at, end) in self.backs.iter().filter(|(at, _)| *at > killed) {
            back.of_mut(*end).get_or_insert(*at);
        }
        Some(back.agent?.max(back.technician?))
    }
}

/// Packets that the tap saw leave the relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Of a line.
    pub(super) packets: u64,
    /// Of a line, and not in the recording.
    pub(super) missing: u64,
    /// Under a label that no end ever sent to.
    pub(super) of_no_line: u64,
}

/// Microseconds that one death of the relay took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// From the relay's own record that both ends are registered until new data left it.
    pub(super) registered: u64,
    /// From the SIGKILL until new data left the relay.
    pub(super) killed: u64,
    /// From the new process's own word that it serves until new data left it.
    pub(super) ready: u64,
}

/// The gap of a relay that was killed at `killed` and served again at `ready`.
///
/// New data is a packet of bulk size that no end had sent before both were registered: what the
/// ends send again in order to be noticed is no news.
pub(super) fn gap(
    recorded: &Recorded,
    seen: &[Seen],
    killed: u64,
    ready: u64,
) -> anyhow::Result<Gap> {
    let registered = recorded.registered(killed).context("see both ends come back")?;
    let begin = seen.partition_point(|seen| seen.at < killed);
    let before: HashSet<Hash> = seen
        .iter()
        .take_while(|seen| seen.at < registered)
        .filter(|seen| seen.way == Way::ToRelay && seen.length >= BULK)
        .map(|seen| seen.hash)
        .collect();
    let flows = seen.iter().skip(begin).find(|seen| {
        seen.way == Way::FromRelay
            && seen.length >= BULK
            && seen.at >= ready.min(registered)
            && !before.contains(&seen.hash)
    });
    let flows = flows.context("see bytes flow again")?.at;
    let since = |at| flows.saturating_sub(at);
    Ok(Gap { registered: since(registered), killed: since(killed), ready: since(ready) })
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

    #[test]
    fn what_is_only_sent_again_does_not_end_a_gap() {
        let mut recorded = recorded(&[]);
        recorded.backs = vec![(900, End::Agent), (150, End::Agent), (200, End::Technician)];
        recorded.backs.sort_by_key(|(at, _)| *at);
        let seen = [
            seen(10, Way::ToRelay, 1, 1400),
            seen(11, Way::FromRelay, 1, 1400),
            seen(90, Way::ToRelay, 2, 1400),
            // Killed at 100, ready at 140, both back at 200: the last packet comes again.
            seen(201, Way::ToRelay, 2, 1400),
            seen(202, Way::FromRelay, 2, 1400),
            seen(205, Way::FromRelay, 3, 60),
            seen(230, Way::FromRelay, 4, 1400),
        ];
        let gap = gap(&recorded, &seen, 100, 140).unwrap();
        assert_eq!(gap, Gap { registered: 30, killed: 130, ready: 90 });
    }

    #[test]
    fn a_gap_that_never_ends_is_an_error() {
        let mut recorded = recorded(&[]);
        assert!(gap(&recorded, &[], 100, 140).is_err());
        recorded.backs = vec![(150, End::Agent), (200, End::Technician)];
        assert!(gap(&recorded, &[seen(11, Way::FromRelay, 1, 1400)], 100, 140).is_err());
    }
}
