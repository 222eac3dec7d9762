//! What arrives: an opened packet's acknowledgements count at once, and what it carries itself once
//! the other end has acknowledged it.

use std::collections::VecDeque;

use bytes::Bytes;
use deskside_protocol::session::End;

use super::Line;
use crate::event::{Closed, Event, What};
use crate::finding::{Found, Party, Space};
use crate::frames::{Acked, Frame, frames};
use crate::numbers::Seen;
use crate::opening::Opened;
use crate::statement::Half;
use crate::streams::Outcome;
use crate::waiting::Waiting;

/// Bytes of a close's reason that are kept.
const MAX_REASON: usize = 1_024;

impl Line {
    /// Takes from a packet what counts at once, and keeps the rest until it is acknowledged.
    pub(super) fn payload(
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
            } else if let Frame::Datagram(data) = frame
                && space == Space::Data
                && let Some(true_one) = self.candidates.first()
            {
                self.datagrams.pass(from, &true_one.name, data);
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
        let from = by.other();
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
                    let slowest = &mut self.sides.of_mut(from).counted.slowest_us;
                    *slowest = time_us.saturating_sub(waiting.time_us).max(*slowest);
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
        for stated in outcome.misstated {
            self.misstated(half, &stated, time_us, Party::Secrets(stated.by));
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
}

const fn carries_content(frame: &Frame<'_>) -> bool {
    matches!(
        frame,
        Frame::Stream { .. } | Frame::Reset { .. } | Frame::Stop { .. } | Frame::Datagram(_)
    )
}
