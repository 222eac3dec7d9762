//! One line: datagrams in the order of the recording go in, what the other end acknowledged of them
//! comes out.
//!
//! A packet is recorded before it is forwarded, and acknowledged after it arrived. So when an
//! acknowledgement is recorded, everything that it names stands before it; what does not was
//! forwarded without being recorded.

mod arrival;
mod ending;

use std::collections::VecDeque;

use bytes::Bytes;
use deskside_protocol::seal::LineSecrets;
use deskside_protocol::session::{End, Ends};

use crate::datagrams::Datagrams;
use crate::event::{Closed, Event, Recorded, What};
use crate::finding::{Findings, Found, Party, Space};
use crate::frames::frames;
use crate::handshake::Handshakes;
use crate::header::{Form, Packet, Piece, pieces};
use crate::numbers::{Numbers, Seen};
use crate::opening::Opened;
use crate::report::Counted;
use crate::secrets::{Candidate, candidates};
use crate::streams::Streams;
use crate::waiting::Unacknowledged;

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
    datagrams: Datagrams,
    /// The relay crashed while it lived.
    crashed: bool,
    findings: Findings,
    times_us: Option<(u64, u64)>,
    /// Packets that opened, where somebody wants them.
    kept: Option<VecDeque<Recorded>>,
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
            datagrams: Datagrams::default(),
            crashed: false,
            findings: Findings::new(number),
            times_us: None,
            kept: None,
        }
    }

    /// From here on keeps the packets that open, for [`Line::kept`].
    pub(crate) fn keep_packets(&mut self) {
        self.kept = Some(VecDeque::new());
    }

    /// The packets that opened since this was last asked.
    pub(crate) fn kept(&mut self) -> VecDeque<Recorded> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A packet of this number, with this payload, opened for the first time.
    fn keep(&mut self, from: End, time_us: u64, space: Space, packet: &Packet<'_>, open: &Opened) {
        if let Some(kept) = &mut self.kept {
            let (line, number) = (self.number, open.number);
            let elicits = frames(&open.payload).map_while(Result::ok).any(|frame| frame.elicits());
            let bytes = Bytes::copy_from_slice(packet.bytes);
            kept.push_back(Recorded { line, from, time_us, space, number, elicits, bytes });
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
                self.keep(from, time_us, space, packet, &opened);
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
            let what = Found::Missing { from: from.other(), space: Space::Initial, first, last };
            self.findings.add(time_us, what, Party::Nobody);
        }
        let counted = &mut self.sides.of_mut(from).counted;
        if read.again {
            counted.repeated += 1;
        } else {
            counted.packets += 1;
            self.keep(from, time_us, Space::Initial, packet, &read.opened);
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

    /// The relay says that it crashed here.
    pub(crate) fn crashed(&mut self) {
        self.crashed = true;
        for end in [End::Agent, End::Technician] {
            let side = self.sides.of_mut(end);
            side.handshake.crashed();
            side.data.crashed();
        }
    }
}
