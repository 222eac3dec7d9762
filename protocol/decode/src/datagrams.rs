//! A line's datagrams: those that passed the relay, by count and sum, and what the ends state of them.
//!
//! Some get lost behind the relay or in the receiver's queue, so that fewer may be delivered than
//! passed, and some before it, so that more may be sent. Never more is delivered, nor less sent; and
//! where the counts are the same so are the datagrams.

use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::Tally;

use crate::statement::DatagramClaim;

/// What came and what was stated.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    /// By the end that sent.
    passed: Ends<Tally>,
    /// What each end last said that it had sent.
    sent: Ends<Tally>,
    /// Its last word on the line was heard, and when.
    last_us: Ends<Option<u64>>,
}

/// More of them, or others, than the packets have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) by: End,
    pub(crate) from: End,
    /// As stated.
    pub(crate) count: u64,
}

impl Datagrams {
    /// One is in a packet of `from`, on the line with secrets of this hash.
    pub(crate) fn pass(&mut self, from: End, secrets: &[u8; 32], datagram: &[u8]) {
        // An empty one only asks for an acknowledgement.
        if !datagram.is_empty() {
            self.passed.of_mut(from).add(secrets, datagram);
        }
    }

    /// Takes what an end states. What it delivered can be compared now: what it can have had passed
    /// before. What it sent only when all of it has passed that will.
    pub(crate) fn take(&mut self, claim: &DatagramClaim, time_us: u64) -> Option<Difference> {
        let by = claim.by;
        if claim.is_last {
            *self.last_us.of_mut(by) = Some(time_us);
        }
        let stated = claim.datagrams?;
        *self.sent.of_mut(by) = stated.sent;
        let from = by.other();
        let passed = self.passed.of(from);
        let count = stated.delivered.count;
        let same = count != passed.count || stated.delivered == *passed;
        (count > passed.count || !same).then_some(Difference { by, from, count })
    }

    /// The line is over: whether more came from an end than it says in its last word, and when that
    /// was heard. Of one that never said a last word more may have come.
    pub(crate) fn finish(&self, by: End) -> Option<(u64, Difference)> {
        let time_us = (*self.last_us.of(by))?;
        let (stated, passed) = (self.sent.of(by), self.passed.of(by));
        let same = stated.count != passed.count || stated == passed;
        let differs = passed.count > stated.count || !same;
        differs.then_some((time_us, Difference { by, from: by, count: stated.count }))
    }
}

#[cfg(test)]
mod tests {
    use deskside_protocol::statement;

    use super::*;

    const SECRETS: [u8; 32] = [7; 32];

    fn tally(datagrams: &[&[u8]]) -> Tally {
        let mut tally = Tally::default();
        datagrams.iter().for_each(|datagram| tally.add(&SECRETS, datagram));
        tally
    }

    /// What both ends make of three datagrams of the agent's and one of the technician's.
    fn judged(by: End, sent: Tally, delivered: Tally) -> (bool, bool) {
        let mut line = Datagrams::default();
        for datagram in [&b"a"[..], b"b", b"", b"c"] {
            line.pass(End::Agent, &SECRETS, datagram);
        }
        line.pass(End::Technician, &SECRETS, b"d");
        let datagrams = Some(statement::Datagrams { sent, delivered });
        let claim = DatagramClaim { by, secrets: SECRETS, datagrams, is_last: false };
        let now = line.take(&claim, 1);
        assert_eq!(line.finish(by), None, "not behind a last word");
        let last = DatagramClaim { datagrams: None, is_last: true, ..claim };
        assert_eq!(line.take(&last, 2), None);
        (now.is_some(), line.finish(by).is_some())
    }

    #[test]
    fn no_more_is_delivered_and_no_less_sent_and_the_same_number_is_the_same() {
        let (none, one) = (tally(&[]), tally(&[b"d"]));
        let (two, three) = (tally(&[b"a", b"c"]), tally(&[b"c", b"a", b"b"]));
        let (others, four) = (tally(&[b"a", b"b", b"x"]), tally(&[b"a", b"b", b"c", b"e"]));
        for (delivered, differs) in
            [(none, false), (two, false), (three, false), (others, true), (four, true)]
        {
            assert_eq!(judged(End::Technician, one, delivered), (differs, false));
        }
        for (sent, differs) in
            [(none, true), (two, true), (three, false), (others, true), (four, false)]
        {
            assert_eq!(judged(End::Agent, sent, one), (false, differs));
        }
    }
}
