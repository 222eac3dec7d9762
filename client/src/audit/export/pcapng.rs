//! The packets of a recording for other people's tools: a pcapng file with the lines' secrets in it.
//!
//! It is normalised, since those tools follow what they are shown: packets that no key opens, that
//! were recorded twice, or that should have been acknowledged and were not, are left out; those of one
//! direction stand in the order of their numbers. Bytes and times are as recorded. Addresses are made
//! up: a recording has none.

use std::io::Write;

use deskside_decode::{Recorded, Report, Space};
use deskside_protocol::session::End;

use super::capture::{Datagram, datagram, preamble};
use super::spool::Spool;
use crate::audit::Tape;

/// The port of the agent, who is the server: other tools take what goes there for QUIC.
const SERVER: u16 = 443;
/// The technician's port on line 0; each line is a flow of its own.
const FIRST_PORT: u16 = 49_152;

/// A packet, by what decides whether it stands in the file, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    line: u16,
    from: End,
    space: Space,
    number: u64,
    elicits: bool,
    time_us: u64,
    /// When its turn is among the packets of its line: [`order`] says.
    turn_us: u64,
}

/// Writes the packets of `tape` to `out`. Gives how many stand there, and how many datagrams of the
/// recording do not.
///
/// # Errors
/// What the disk says, or the spool.
pub(super) fn write(tape: &Tape, out: &mut dyn Write) -> anyhow::Result<(u64, u64)> {
    let mut spool = Spool::new()?;
    let report = tape.packets(|packet| spool.push(Key::of(&packet), &packet.bytes))?;
    out.write_all(&preamble(&tape.session(), &tape.key_logs(&report)))?;
    let mut written = 0;
    spool.each(
        |keys| order(keys, &report),
        |key, bytes| {
            written += 1;
            Ok(out.write_all(&datagram(&key.datagram(bytes)))?)
        },
    )?;
    let ends = report.lines.iter().map(|line| &line.ends);
    let recorded: u64 = ends.map(|ends| ends.agent.datagrams + ends.technician.datagrams).sum();
    Ok((written, recorded.saturating_sub(written)))
}

impl Key {
    const fn of(packet: &Recorded) -> Self {
        let Recorded { line, from, time_us, space, number, elicits, .. } = *packet;
        Self { line, from, space, number, elicits, time_us, turn_us: time_us }
    }

    fn datagram<'a>(&self, payload: &'a [u8]) -> Datagram<'a> {
        let port = FIRST_PORT.saturating_add(self.line);
        let (technician, agent) = (([10, 0, 0, 1], port), ([10, 0, 0, 2], SERVER));
        let (source, destination) = match self.from {
            End::Technician => (technician, agent),
            End::Agent => (agent, technician),
        };
        Datagram { time_us: self.time_us, source, destination, payload }
    }
}

/// Whether the other end took it in, as far as it says so. What asks for no acknowledgement carries
/// nothing; a handshake's last packets outlive the keys under which they would be acknowledged.
fn counts(key: &Key, report: &Report) -> bool {
    if key.space != Space::Data || !key.elicits {
        return true;
    }
    let line = report.lines.iter().find(|line| line.line == key.line);
    line.is_some_and(|line| {
        let ranges = line.acknowledged.of(key.from);
        let behind = ranges.partition_point(|(first, _)| *first <= key.number);
        let range = behind.checked_sub(1).and_then(|at| ranges.get(at));
        range.is_some_and(|(_, last)| *last >= key.number)
    })
}

/// Leaves out what does not count. The rest stands by line; each direction and space in the order of
/// its numbers, and these as near to the recorded times as that leaves them.
fn order(keys: &mut Vec<(Key, usize)>, report: &Report) {
    keys.retain(|(key, _)| counts(key, report));
    let flow = |key: &Key| (key.line, key.from.byte(), key.space);
    keys.sort_by_key(|(key, _)| (flow(key), key.number));
    let (mut last, mut reached) = (None, 0);
    for (key, _) in keys.iter_mut() {
        if last.replace(flow(key)) != Some(flow(key)) {
            reached = 0;
        }
        reached = key.time_us.max(reached);
        key.turn_us = reached;
    }
    // Stable: what has one time keeps the order of its flow.
    keys.sort_by_key(|(key, _)| (key.line, key.turn_us));
}

#[cfg(test)]
mod tests {
    use deskside_decode::{LineReport, Tally};
    use deskside_protocol::session::Ends;

    use super::*;

    fn key(from: End, space: Space, number: u64, time_us: u64) -> Key {
        Key { line: 0, from, space, number, elicits: true, time_us, turn_us: time_us }
    }

    /// A report of line 0 in which these packets of either end were acknowledged.
    fn acknowledged(agent: &[(u64, u64)], technician: &[(u64, u64)]) -> Report {
        let acknowledged = Ends { agent: agent.to_vec(), technician: technician.to_vec() };
        let line = LineReport {
            line: 0,
            suite: None,
            times_us: (0, 0),
            ends: Ends::default(),
            acknowledged,
            halves: 0,
            stretches: Vec::new(),
            statements: Tally::default(),
            closed: Ends::default(),
            findings: Vec::new(),
            findings_total: 0,
        };
        Report { lines: vec![line], ..Report::default() }
    }

    fn ordered(recorded: impl IntoIterator<Item = Key>, report: &Report) -> Vec<usize> {
        let mut keys: Vec<_> = recorded.into_iter().zip(0..).collect();
        order(&mut keys, report);
        keys.into_iter().map(|(_, part)| part).collect()
    }

    #[test]
    fn numbers_rise_in_each_direction_and_times_hardly_fall() {
        use End::{Agent, Technician};
        let recorded = [
            key(Technician, Space::Initial, 0, 1),
            key(Agent, Space::Initial, 0, 2),
            key(Agent, Space::Data, 0, 2),
            key(Agent, Space::Data, 2, 5),
            key(Technician, Space::Data, 0, 6),
            key(Agent, Space::Data, 1, 7),
        ];
        let report = acknowledged(&[(0, 2)], &[(0, 0)]);
        assert_eq!(ordered(recorded, &report), [0, 1, 2, 4, 5, 3]);
    }

    #[test]
    fn what_is_left_out_moves_nothing_of_the_rest() {
        use End::{Agent, Technician};
        // Half of what the agent sent was lost, so that half of the places are those of nothing.
        let lost = (1..=6).map(|number| key(Agent, Space::Data, number, 10 + number));
        let recorded = [
            key(Technician, Space::Initial, 0, 1),
            key(Agent, Space::Initial, 0, 2),
            key(Agent, Space::Handshake, 0, 3),
        ];
        let kept = [key(Agent, Space::Data, 7, 20), key(Technician, Space::Data, 0, 21)];
        let report = acknowledged(&[(7, 7)], &[(0, 0)]);
        let all = recorded.into_iter().chain(lost).chain(kept);
        assert_eq!(ordered(all, &report), [0, 1, 2, 9, 10]);
    }
}
