//! One line: datagrams in the order of the recording go in, what the other end acknowledged of them
//! comes out.
//!
//! A packet is recorded before it is forwarded, and acknowledged after it arrived. So when an
//! acknowledgement is recorded, everything that it names stands before it; what does not was
//! forwarded without being recorded.

use std::collections::VecDeque;

use bytes::Bytes;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, Ends};

use crate::event::{Closed, Event, What};
use crate::finding::{Findings, Found, Party, Space, other};
use crate::frames::{Acked, Frame, frames};
use crate::handshake::Handshakes;
use crate::header::{Form, Packet, Piece, pieces};
use crate::numbers::{Numbers, Seen};
use crate::opening::Opened;
use crate::report::{Counted, LineReport};
use crate::secrets::{Candidate, candidates};
use crate::statement::{Agreement, Claim, Half};
use crate::streams::{Outcome, Streams};
use crate::waiting::{Unacknowledged, Waiting};

/// QUIC's own code for a peer that broke the protocol: what an end closes with that hears packets
/// acknowledged which it never sent (RFC 9000 section 13.1).
const PROTOCOL_VIOLATION: u64 = 0x0a;
/// So long after bytes arrived an end sends those before them again, if these did not: many round
/// trips, and the patience of a stream that others go before.
const HOLE_US: u64 = 60_000_000;
/// Bytes of a close's reason that are kept.
const MAX_REASON: usize = 1_024;

/// What is known of one direction.
#[derive(Default)]
struct Side {
    handshake: Numbers,
    data: Numbers,
    waiting: Unacknowledged,
    counted: Counted,
    closed: Option<Closed>,
    /// When something of it was last acknowledged.
    acknowledged_us: u64,
    /// It had more under way than is decoded, and that was said.
    over_limit: bool,
}

impl Side {
    const fn numbers(&mut self, space: Space) -> &mut Numbers {
        match space {
            Space::Handshake => &mut self.handshake,
            Space::Initial | Space::Data => &mut self.data,
        }
    }
}

/// A line under way.
pub(crate) struct Line {
    number: u16,
    /// Until a packet opens there may be several, from then on one.
    candidates: Vec<Candidate>,
    opened: bool,
    handshakes: Handshakes,
    sides: Ends<Side>,
    streams: Streams,
    findings: Findings,
    times_us: Option<(u64, u64)>,
}

impl Line {
    pub(crate) fn new(number: u16, sealed: &[(End, LineSecrets)]) -> Self {
        let mut handshakes = Handshakes::default();
        sealed.iter().for_each(|(_, secrets)| handshakes.want(secrets.client_random));
        Self {
            number,
            candidates: candidates(sealed),
            opened: false,
            handshakes,
            sides: Ends::default(),
            streams: Streams::default(),
            findings: Findings::new(number),
            times_us: None,
        }
    }

    pub(crate) fn datagram(
        &mut self,
        from: End,
        time_us: u64,
        datagram: &[u8],
        events: &mut VecDeque<Event>,
    ) {
        let (first, _) = self.times_us.unwrap_or((time_us, time_us));
        self.times_us = Some((first, time_us));
        self.sides.of_mut(from).counted.datagrams += 1;
        for piece in pieces(datagram) {
            let read = match piece {
                Piece::Packet(packet) => self.packet(from, time_us, &packet, events),
                Piece::Other => None,
            };
            if read.is_none() {
                self.sides.of_mut(from).counted.unopened += 1;
            }
        }
    }

    /// Reads a packet; `None` where no key opens it.
    fn packet(
        &mut self,
        from: End,
        time_us: u64,
        packet: &Packet<'_>,
        events: &mut VecDeque<Event>,
    ) -> Option<()> {
        let space = match packet.form {
            Form::Initial { to, from: id } => {
                return self.initial(from, time_us, (to, id), packet);
            }
            Form::Handshake => Space::Handshake,
            Form::Short => Space::Data,
        };
        let opened = self.open(from, time_us, space, packet, events)?;
        let side = self.sides.of_mut(from);
        side.counted.updates += u64::from(opened.updated);
        let seen = side.numbers(space).see(opened.number, &opened.tag);
        match seen {
            Seen::Again => side.counted.repeated += 1,
            Seen::Rewritten => {
                let what = Found::Rewritten { from, space, number: opened.number };
                self.findings.add(time_us, what, Party::Secrets(from));
            }
            Seen::First | Seen::Late => {
                side.counted.packets += 1;
                if seen == Seen::Late {
                    let what = Found::Late { from, space, number: opened.number };
                    self.findings.add(time_us, what, Party::Node);
                }
                self.payload(from, time_us, space, &opened, seen, events);
            }
        }
        Some(())
    }

    fn initial(
        &mut self,
        from: End,
        time_us: u64,
        ids: (&[u8], &[u8]),
        packet: &Packet<'_>,
    ) -> Option<()> {
        let read = self.handshakes.read(from, ids, packet)?;
        for (first, last) in read.missing {
            let what = Found::Missing { from: other(from), space: Space::Initial, first, last };
            self.findings.add(time_us, what, Party::Nobody);
        }
        let counted = &mut self.sides.of_mut(from).counted;
        if read.again {
            counted.repeated += 1
        } else {
            counted.packets += 1
        }
        Some(())
    }

    /// Opens a packet under the sealed secrets. The first one that opens settles which these are.
    fn open(
        &mut self,
        from: End,
        time_us: u64,
        space: Space,
        packet: &Packet<'_>,
        events: &mut VecDeque<Event>,
    ) -> Option<Opened> {
        let numbers = self.sides.of_mut(from).numbers(space);
        let (here, there) = (numbers.expected(), numbers.expected_there());
        let mut tried = self.candidates.iter_mut().enumerate();
        let (at, opened) = tried.find_map(|(at, candidate)| {
            let openers = match space {
                Space::Handshake => &mut candidate.handshake,
                Space::Initial | Space::Data => &mut candidate.data,
            };
            let opener = openers.of_mut(from);
            let opened = opener.open(packet, here);
            let opened = opened.or_else(|| there.and_then(|there| opener.open(packet, there)));
            Some((at, opened?))
        })?;
        if !self.opened {
            self.opened = true;
            self.candidates.swap(0, at);
            self.settle(from, time_us, events);
        }
        Some(opened)
    }

    /// The first candidate is the true one.
    fn settle(&mut self, from: End, time_us: u64, events: &mut VecDeque<Event>) {
        let rejected = self.candidates.split_off(1);
        let Some(Candidate { suite, sealed_by, .. }) = self.candidates.first() else { return };
        let liars = rejected.iter().flat_map(|candidate| &candidate.sealed_by);
        let mut liars: Vec<End> = liars.filter(|end| !sealed_by.contains(end)).copied().collect();
        liars.dedup();
        for liar in liars {
            self.findings.add(time_us, Found::WrongSecrets(liar), Party::End(liar));
        }
        let what = What::Opened(*suite);
        events.push_back(Event { line: self.number, from, time_us, what });
    }

    /// Takes from a packet what counts at once, and keeps the rest until it is acknowledged.
    fn payload(
        &mut self,
        from: End,
        time_us: u64,
        space: Space,
        opened: &Opened,
        seen: Seen,
        events: &mut VecDeque<Event>,
    ) {
        let (mut elicits, mut carries) = (false, false);
        for frame in frames(&opened.payload) {
            let Ok(frame) = frame else {
                let what = Found::Malformed { from, number: opened.number };
                self.findings.add(time_us, what, Party::Secrets(from));
                return;
            };
            elicits |= frame.elicits();
            carries |= carries_content(&frame);
            if let Frame::Ack(acked) = &frame {
                self.acknowledged(from, time_us, space, acked, events);
            } else if let Frame::Close { application, code, reason } = frame {
                let reason = reason.get(..MAX_REASON).unwrap_or(reason);
                let reason = Bytes::copy_from_slice(reason);
                self.closed(from, time_us, Closed { application, code, reason }, events);
            }
        }
        if space != Space::Data || !elicits {
            return;
        }
        let payload = if carries { opened.payload.clone() } else { Bytes::new() };
        let waiting = Waiting { time_us, payload };
        if seen == Seen::Late {
            self.deliver(from, &waiting, time_us, events);
        } else {
            self.sides.of_mut(from).waiting.keep(opened.number, waiting);
        }
    }

    /// `by` acknowledged packets of the other end.
    fn acknowledged(
        &mut self,
        by: End,
        time_us: u64,
        space: Space,
        acked: &Acked<'_>,
        events: &mut VecDeque<Event>,
    ) {
        let from = other(by);
        for (first, last) in acked.ranges() {
            let numbers = self.sides.of_mut(from).numbers(space);
            let news = numbers.acknowledge(first, last);
            let side = self.sides.of_mut(from);
            let count = |ranges: &[(u64, u64)]| {
                ranges.iter().map(|(first, last)| last - first + 1).sum::<u64>()
            };
            if !news.ranges.is_empty() {
                side.acknowledged_us = time_us;
            }
            side.counted.acknowledged += count(&news.ranges) - count(&news.missing);
            for (first, last) in news.missing {
                let excused = self.sides.of_mut(from).numbers(space).is_excused(first, last);
                let party = if excused { Party::Crash } else { Party::Node };
                self.findings.add(time_us, Found::Missing { from, space, first, last }, party);
            }
            if space != Space::Data {
                continue;
            }
            for (first, last) in news.ranges {
                while let Some(waiting) = self.sides.of_mut(from).waiting.take(first, last) {
                    self.deliver(from, &waiting, time_us, events);
                }
            }
        }
    }

    /// What a packet carries has arrived; `time_us` is the moment of the acknowledgement.
    fn deliver(
        &mut self,
        from: End,
        waiting: &Waiting,
        time_us: u64,
        events: &mut VecDeque<Event>,
    ) {
        let payload = &waiting.payload;
        for frame in frames(payload).map_while(Result::ok) {
            match frame {
                Frame::Stream { stream, offset, data, fin } => {
                    let half = Half { stream, from };
                    let piece = (offset, payload.slice_ref(data), fin);
                    let outcome = self.streams.data(half, piece, payload.len(), waiting.time_us);
                    self.outcome(half, outcome, time_us, events);
                }
                Frame::Reset { stream, code, size } => {
                    let half = Half { stream, from };
                    let (delivered, outcome) = self.streams.reset(half, size);
                    self.outcome(half, outcome, time_us, events);
                    if let Some(delivered) = delivered {
                        let what = What::Reset { stream, code, size, delivered };
                        events.push_back(self.event(from, waiting.time_us, what));
                    }
                }
                Frame::Stop { stream, code } => {
                    let what = What::Stopped { stream, code };
                    events.push_back(self.event(from, waiting.time_us, what));
                }
                Frame::Datagram(data) => {
                    self.sides.of_mut(from).counted.messages += 1;
                    let what = What::Datagram(payload.slice_ref(data));
                    events.push_back(self.event(from, waiting.time_us, what));
                }
                Frame::Padding
                | Frame::Ack(_)
                | Frame::Crypto { .. }
                | Frame::Close { .. }
                | Frame::HandshakeDone
                | Frame::Other => {}
            }
        }
    }

    fn outcome(
        &mut self,
        half: Half,
        outcome: Outcome,
        time_us: u64,
        events: &mut VecDeque<Event>,
    ) {
        let Half { stream, from } = half;
        for part in outcome.readable {
            self.sides.of_mut(from).counted.bytes += part.bytes.len() as u64;
            let what = What::Data { stream, offset: part.offset, bytes: part.bytes };
            events.push_back(self.event(from, part.time_us, what));
        }
        if let Some((size, whole_us)) = outcome.whole {
            events.push_back(self.event(from, whole_us, What::Finished { stream, size }));
        }
        if let Some(offset) = outcome.differs {
            let what = Found::Overlap { from, stream, offset };
            self.findings.add(time_us, what, Party::Secrets(from));
        }
        if outcome.two_ends {
            self.findings.add(time_us, Found::FinalSize { from, stream }, Party::Secrets(from));
        }
        let side = self.sides.of_mut(from);
        if outcome.no_room && !std::mem::replace(&mut side.over_limit, true) {
            self.findings.add(time_us, Found::Limit { from }, Party::Secrets(from));
        }
        for claim in outcome.disputed {
            self.disputed(half, &claim, time_us);
        }
    }

    fn closed(&mut self, from: End, time_us: u64, closed: Closed, events: &mut VecDeque<Event>) {
        // An end that has closed says it again to each packet that still comes.
        if self.sides.of(from).closed.is_none() {
            self.sides.of_mut(from).closed = Some(closed.clone());
            events.push_back(self.event(from, time_us, What::Closed(closed)));
        }
    }

    const fn event(&self, from: End, time_us: u64, what: What) -> Event {
        Event { line: self.number, from, time_us, what }
    }

    /// The relay says that it crashed here.
    pub(crate) fn crashed(&mut self) {
        for end in [End::Agent, End::Technician] {
            let side = self.sides.of_mut(end);
            side.handshake.crashed();
            side.data.crashed();
        }
    }

    pub(crate) fn compare(&mut self, half: Half, claim: &Claim, time_us: u64) -> Agreement {
        let agreement = self.streams.compare(half, claim);
        if matches!(agreement, Agreement::Disputed(_)) {
            self.disputed(half, claim, time_us);
        }
        agreement
    }

    fn disputed(&mut self, half: Half, claim: &Claim, time_us: u64) {
        let Half { stream, from } = half;
        let what = Found::Statement { by: claim.by, from, stream, offset: claim.offset };
        self.findings.add(time_us, what, Party::Secrets(claim.by));
    }

    /// Bytes that were passed over: the end of the line may have come between, but not for long.
    fn holes(&mut self) {
        for (Half { stream, from }, (offset, end), time_us) in self.streams.gaps() {
            let went_on = self.sides.of(from).acknowledged_us.saturating_sub(time_us);
            let party = if went_on > HOLE_US { Party::Node } else { Party::Nobody };
            self.findings.add(time_us, Found::Hole { from, stream, offset, end }, party);
        }
    }

    pub(crate) fn finish(mut self) -> LineReport {
        let (first_us, last_us) = self.times_us.unwrap_or_default();
        if self.opened && !self.handshakes.hello_may_be_there() {
            self.findings.add(first_us, Found::NoHello, Party::Node);
        }
        let unopened = [End::Agent, End::Technician].map(|end| self.sides.of(end).counted.unopened);
        if !self.opened && !self.candidates.is_empty() && unopened != [0, 0] {
            self.findings.add(first_us, Found::NothingOpens, Party::Anybody);
        }
        self.holes();
        let mut ends = Ends::<Counted>::default();
        for end in [End::Agent, End::Technician] {
            let side = self.sides.of_mut(end);
            let (lost, tail) = side.waiting.left(side.data.largest_acknowledged());
            let (open, unseen) = (self.streams.open(end), side.data.unseen());
            *ends.of_mut(end) = Counted { lost, tail, open, unseen, ..side.counted };
            let unsent = side.closed.as_ref();
            if unsent.is_some_and(|how| !how.application && how.code == PROTOCOL_VIOLATION) {
                self.findings.never_sent(end);
            }
        }
        let (findings, findings_total) = self.findings.finish();
        let suite = self.candidates.first().filter(|_| self.opened).map(|one| one.suite);
        let closed =
            Ends { agent: self.sides.agent.closed, technician: self.sides.technician.closed };
        LineReport {
            line: self.number,
            suite,
            times_us: (first_us, last_us),
            ends,
            halves: self.streams.count,
            statements: self.streams.tally,
            closed,
            findings,
            findings_total,
        }
    }
}

const fn carries_content(frame: &Frame<'_>) -> bool {
    matches!(
        frame,
        Frame::Stream { .. } | Frame::Reset { .. } | Frame::Stop { .. } | Frame::Datagram(_)
    )
}
