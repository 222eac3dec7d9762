//! What is said of a line beside its packets, and what is left to say when it is over.

use deskside_protocol::session::{End, Ends};

use super::Line;
use crate::datagrams::Difference;
use crate::endings::Stated;
use crate::finding::{Found, Party};
use crate::report::{Counted, LineReport};
use crate::statement::{Agreement, Claim, DatagramClaim, Half};

/// QUIC's own code for a peer that broke the protocol: what an end closes with that hears packets
/// acknowledged which it never sent (RFC 9000 section 13.1).
const PROTOCOL_VIOLATION: u64 = 0x0a;
/// So long after bytes arrived an end sends those before them again, if these did not: many round
/// trips, and the patience of a stream that others go before.
const HOLE_US: u64 = 60_000_000;

impl Line {
    pub(crate) fn compare(&mut self, half: Half, claim: &Claim, time_us: u64) -> Agreement {
        let agreement = self.streams.compare(half, claim, time_us);
        if matches!(agreement, Agreement::Disputed(_)) {
            self.disputed(half, claim, time_us);
        }
        let (taken_back, misstated) = self.streams.state(half, Stated::of(claim, time_us));
        if taken_back {
            // Both are signed by its session key.
            let stated = Stated::of(claim, time_us);
            self.misstated(half, &stated, time_us, Party::End(claim.by));
        }
        for (half, stated) in misstated {
            self.misstated(half, &stated, time_us, Party::Secrets(stated.by));
        }
        agreement
    }

    pub(super) fn misstated(&mut self, half: Half, stated: &Stated, time_us: u64, party: Party) {
        let (Half { stream, from }, Stated { by, state, offset, .. }) = (half, *stated);
        self.findings.add(time_us, Found::Ended { by, from, stream, state, offset }, party);
    }

    pub(crate) fn compare_datagrams(&mut self, claim: &DatagramClaim, time_us: u64) {
        self.streams.stretches.stated(claim.by, time_us, claim.is_last);
        // Sums under other secrets say nothing; who sealed or stated those is found elsewhere.
        if self.candidates.first().is_none_or(|true_one| true_one.name != claim.secrets) {
            return;
        }
        if let Some(Difference { by, from, count }) = self.datagrams.take(claim, time_us) {
            // A relay that forwarded what it did not record makes an honest end's word look like this.
            let party = if self.crashed { Party::Crash } else { Party::Anybody };
            self.findings.add(time_us, Found::Datagrams { by, from, count }, party);
        }
    }

    /// What was stated and can be compared only now.
    fn stated(&mut self) {
        for (half, stated) in self.streams.rest() {
            self.misstated(half, &stated, stated.time_us, Party::Secrets(stated.by));
        }
        for end in [End::Agent, End::Technician] {
            if let Some((time_us, Difference { by, from, count })) = self.datagrams.finish(end) {
                let what = Found::Datagrams { by, from, count };
                self.findings.add(time_us, what, Party::Secrets(by));
            }
        }
    }

    pub(super) fn disputed(&mut self, half: Half, claim: &Claim, time_us: u64) {
        let Half { stream, from } = half;
        let what = Found::Statement { by: claim.by, from, stream, offset: claim.offset };
        self.findings.add(time_us, what, Party::Secrets(claim.by));
    }

    pub(crate) fn note(&mut self, time_us: u64, what: Found, party: Party) {
        self.findings.add(time_us, what, party);
    }

    /// Bytes that were passed over: the end of the line may have come between, but not for long.
    fn holes(&mut self) {
        for (Half { stream, from }, (offset, end), time_us) in self.streams.gaps() {
            let went_on = self.sides.of(from).acknowledged_us.saturating_sub(time_us);
            let party = if went_on > HOLE_US { Party::Anybody } else { Party::Nobody };
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
        self.stated();
        let mut ends = Ends::<Counted>::default();
        let mut acknowledged = Ends::<Vec<(u64, u64)>>::default();
        for end in [End::Agent, End::Technician] {
            let side = self.sides.of_mut(end);
            let (lost, tail) = side.waiting.left(side.data.largest_acknowledged());
            *acknowledged.of_mut(end) = side.data.acknowledged();
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
            acknowledged,
            halves: self.streams.count,
            statements: self.streams.tally,
            stretches: self.streams.stretches.finish(),
            closed,
            findings,
            findings_total,
        }
    }
}
