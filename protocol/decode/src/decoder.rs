//! A whole recording: its blocks go in, line by line.

use std::collections::{BTreeMap, VecDeque};

use deskside_protocol::recording::format::MAX_LINES;
use deskside_protocol::recording::{Block, Kind, runs};
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::End;
use deskside_protocol::wire::record;
use prost::Message as _;

use crate::event::{Event, Recorded, What};
use crate::finding::{Found, Party};
use crate::line::Line;
use crate::report::Report;
use crate::statement::{Agreement, Claim, DatagramClaim, Half};

/// Lines that are decoded side by side: one follows the other, and what is still under way of the
/// last one comes late. So many times a line's bounds is what a decoder may hold.
const MAX_LIVE_LINES: usize = 2;

/// Decodes the packets of one recording.
#[allow(missing_debug_implementations, reason = "holds secrets")]
#[derive(Default)]
pub struct Decoder {
    sealed: BTreeMap<u16, Vec<(End, LineSecrets)>>,
    lines: BTreeMap<u16, Line>,
    time_us: u64,
    events: VecDeque<Event>,
    keeps: bool,
    packets: VecDeque<Recorded>,
    report: Report,
}

impl Decoder {
    /// Before the first block, and without secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `end` sealed of a line: before the line's first packet. A line without secrets is
    /// counted and not read; more lines or copies than a recording has are not taken.
    pub fn sealed(&mut self, line: u16, end: End, secrets: LineSecrets) {
        if self.sealed.len() >= MAX_LINES && !self.sealed.contains_key(&line) {
            return;
        }
        let copies = self.sealed.entry(line).or_default();
        if copies.iter().all(|(known, _)| *known != end) {
            copies.push((end, secrets));
        }
    }

    /// Gives the packets themselves too, by [`Decoder::poll_packet`]: before the first block.
    pub fn keep_packets(&mut self) {
        self.keeps = true;
    }

    /// The next packet that opened, in the order of the recording. All of them are to be taken before
    /// the next block, as events are.
    pub fn poll_packet(&mut self) -> Option<Recorded> {
        self.packets.pop_front()
    }

    /// Takes the next block, in order; those without packets matter too.
    pub fn feed(&mut self, block: &Block<'_>) {
        self.time_us = block.header.time_us;
        match block.header.kind {
            Kind::Packets => self.packets(block),
            Kind::Event => self.event(block),
            Kind::Header
            | Kind::Seal
            | Kind::Checkpoint
            | Kind::EndSignature
            | Kind::Segment
            | Kind::Close
            | Kind::Unknown(_) => {}
        }
    }

    /// The next event. All of them are to be taken before the next block: what a block brings is
    /// bounded by what waits in its line, and what several bring is not.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Holds what an end states of a stream against what came through, by what is known so far.
    /// What differs becomes a finding too. A line that is over cannot be compared.
    pub fn compare(&mut self, line: u16, half: Half, claim: &Claim) -> Agreement {
        let time_us = self.time_us;
        let live = self.lines.get_mut(&line);
        live.map_or(Agreement::Consistent, |line| line.compare(half, claim, time_us))
    }

    /// Holds what an end states of datagrams against those that passed. What differs becomes a finding.
    pub fn compare_datagrams(&mut self, line: u16, claim: &DatagramClaim) {
        let time_us = self.time_us;
        if let Some(line) = self.lines.get_mut(&line) {
            line.compare_datagrams(claim, time_us);
        }
    }

    /// Notes as a finding what somebody sees who reads along and knows more than the packets: of the
    /// line of an event, before the next block.
    pub fn note(&mut self, line: u16, what: Found, party: Party) {
        let time_us = self.time_us;
        if let Some(line) = self.lines.get_mut(&line) {
            line.note(time_us, what, party);
        }
    }

    /// The recording ended.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let left = std::mem::take(&mut self.lines);
        self.report.lines.extend(left.into_values().map(Line::finish));
        self.report.lines.sort_by_key(|line| line.line);
        self.report
    }

    fn packets(&mut self, block: &Block<'_>) {
        let number = block.header.line;
        let Some(line) = self.line(number) else {
            let datagrams = runs(block.body).map_while(Result::ok).map(|run| run.packets().len());
            self.report.stale += datagrams.sum::<usize>() as u64;
            return;
        };
        let mut malformed = false;
        let mut events = VecDeque::new();
        for run in runs(block.body) {
            let Ok(run) = run else {
                malformed = true;
                break;
            };
            let time_us = block.header.time_us.saturating_add(run.delta_us.into());
            for datagram in run.packets() {
                line.datagram(run.from, time_us, datagram, &mut events);
            }
        }
        let mut kept = line.kept();
        self.events.append(&mut events);
        self.packets.append(&mut kept);
        self.report.malformed += u64::from(malformed);
    }

    /// The line of this number, which begins with its first packet; `None` where it is over.
    fn line(&mut self, number: u16) -> Option<&mut Line> {
        if !self.lines.contains_key(&number) {
            let over = self.report.lines.iter().any(|line| line.line == number);
            if over || self.lines.len() + self.report.lines.len() >= MAX_LINES {
                return None;
            }
            if self.lines.len() == MAX_LIVE_LINES
                && let Some((_, oldest)) = self.lines.pop_first()
            {
                self.report.lines.push(oldest.finish());
            }
            let sealed = self.sealed.remove(&number).unwrap_or_default();
            let mut line = Line::new(number, &sealed);
            if self.keeps {
                line.keep_packets();
            }
            self.lines.insert(number, line);
        }
        self.lines.get_mut(&number)
    }

    fn event(&mut self, block: &Block<'_>) {
        let Ok(event) = record::Event::decode(block.body) else { return };
        if event.kind() == record::event::Kind::Recovered {
            self.lines.values_mut().for_each(Line::crashed);
        }
        let from = End::from_wire(event.end).unwrap_or(End::Agent);
        let (line, time_us) = (block.header.line, block.header.time_us);
        self.events.push_back(Event { line, from, time_us, what: What::Relay(event) });
    }
}
