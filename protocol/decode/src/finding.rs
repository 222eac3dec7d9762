//! What in a recording does not go together, and whom it points at.

use deskside_protocol::session::End;
use deskside_protocol::statement::State;
use thiserror::Error;

/// Findings that are kept; the number of all is counted.
pub const MAX_FINDINGS: usize = 1_024;

/// The number space that a packet belongs to (RFC 9000 section 12.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Space {
    /// Under keys that everybody can compute.
    #[error("Initial packet")]
    Initial,
    /// Under the handshake secrets.
    #[error("Handshake packet")]
    Handshake,
    /// Under the traffic secrets.
    #[error("packet")]
    Data,
}

/// Whom a finding points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Party {
    /// The relay's node: it records before it forwards, or it does not forward.
    #[error("the relay")]
    Node,
    /// The relay's crash, which it tells of itself.
    #[error("the relay's crash")]
    Crash,
    /// An end: nobody else could have done it.
    #[error("the {0}")]
    End(End),
    /// An end, or whoever held the line's secrets while it lived.
    #[error("the {0}, or whoever held the line's secrets while it lived")]
    Secrets(End),
    /// One of the two ends, each by its own signature.
    #[error("one of the two ends")]
    Ends,
    /// The relay or an end, and the recording does not say which.
    #[error("the relay or an end")]
    Anybody,
    /// Nobody: a bad network, or whoever saw the line's packets, could have made it look like this.
    #[error("nobody")]
    Nobody,
}

/// Why a statement is none that its end can make at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatementFlaw {
    /// Without the pairing nobody knows the session keys.
    #[error("is of nobody: the pairing cannot be read")]
    Unpaired,
    /// Another key made the signature.
    #[error("is not signed by its session key")]
    Unsigned,
    /// It was made elsewhere.
    #[error("is another end's, or of another line")]
    Misplaced,
    /// Its end has other secrets of the line.
    #[error("names other secrets than were sealed")]
    Secrets,
    /// One is missing, or there are two.
    #[error("does not follow the one before")]
    Unfollowed,
}

/// What does not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Found {
    /// The other end acknowledged these packets, and the recording does not have them.
    #[error("{space}s {first} to {last} of the {from} arrived and are not in the recording")]
    Missing {
        /// Who sent them.
        from: End,
        /// Where their numbers count.
        space: Space,
        /// The lowest number.
        first: u64,
        /// The highest number.
        last: u64,
    },
    /// A packet was recorded after the other end had acknowledged it.
    #[error("{space} {number} of the {from} was recorded after it had arrived")]
    Late {
        /// Who sent it.
        from: End,
        /// Where its number counts.
        space: Space,
        /// Its number.
        number: u64,
    },
    /// Two packets of one number that both authenticate have different contents.
    #[error("there are two {space}s {number} of the {from} with different contents")]
    Rewritten {
        /// Who sent them.
        from: End,
        /// Where their number counts.
        space: Space,
        /// Their number.
        number: u64,
    },
    /// One place of a stream was sent twice with different bytes, and both were acknowledged.
    #[error("stream {stream} of the {from} has different bytes at {offset}")]
    Overlap {
        /// Who sent it.
        from: End,
        /// The stream.
        stream: u64,
        /// Where they differ first.
        offset: u64,
    },
    /// A stream has two ends, or bytes behind its end.
    #[error("stream {stream} of the {from} has two ends")]
    FinalSize {
        /// Who sent it.
        from: End,
        /// The stream.
        stream: u64,
    },
    /// Later bytes of a stream arrived, and these never came.
    #[error("bytes {offset} to {end} of stream {stream} of the {from} are not in the recording")]
    Hole {
        /// Who sent it.
        from: End,
        /// The stream.
        stream: u64,
        /// The first byte that is not there.
        offset: u64,
        /// Behind the last.
        end: u64,
    },
    /// An authenticated packet is not made of frames.
    #[error("packet {number} of the {from} is malformed")]
    Malformed {
        /// Who sent it.
        from: End,
        /// Its number.
        number: u64,
    },
    /// The line's handshake took place, and its first message is not in the recording.
    #[error("the technician's first packet is not in the recording")]
    NoHello,
    /// Both ends sealed secrets, and these are not the ones that open the line.
    #[error("the {0} sealed other secrets than the line's")]
    WrongSecrets(End),
    /// Nothing on the line opens with what was sealed.
    #[error("none of the line's packets opens with the sealed secrets")]
    NothingOpens,
    /// An end states another content than the packets have.
    #[error("the {by} states other bytes up to {offset} of stream {stream} of the {from}")]
    Statement {
        /// Who states it.
        by: End,
        /// Whose stream.
        from: End,
        /// The stream.
        stream: u64,
        /// Up to where.
        offset: u64,
    },
    /// An end states another end of a stream than the packets have, or than it stated before.
    #[error(
        "the {by} states that stream {stream} of the {from} was {} at {offset}, and it was not",
        word(*.state)
    )]
    Ended {
        /// Who states it.
        by: End,
        /// Whose stream.
        from: End,
        /// The stream.
        stream: u64,
        /// How it is said to stand.
        state: State,
        /// With so many bytes.
        offset: u64,
    },
    /// An end states more datagrams delivered than passed the relay, fewer sent, or others.
    #[error("the {by} states {count} datagrams of the {from}, and those that passed were others")]
    Datagrams {
        /// Who states it.
        by: End,
        /// Who sent them.
        from: End,
        /// How many it states.
        count: u64,
    },
    /// A statement is none that its end can make there. Nothing in it is compared.
    #[error("a statement of the {by} {flaw}")]
    Flawed {
        /// Whose line it came over.
        by: End,
        /// Why not.
        flaw: StatementFlaw,
    },
    /// An end states that it heard a statement of the other end that the other end did not make.
    #[error(
        "the {by} states that it heard another statement {number} of the {from} than the {from} made"
    )]
    Heard {
        /// Who states it.
        by: End,
        /// Whose statement.
        from: End,
        /// Which.
        number: u64,
    },
    /// Bodies of files go over a line that is not in the recording, and the session's policy has them
    /// recorded.
    #[error(
        "the {from} has the files of stream {stream} go beside the recording, against the policy"
    )]
    Apart {
        /// Who says so.
        from: End,
        /// The transfer's stream.
        stream: u64,
    },
    /// More at once than any honest line has: the rest is not decoded.
    #[error("the {from} has more under way than a line can have: not all of it was decoded")]
    Limit {
        /// Whose.
        from: End,
    },
}

const fn word(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Finished => "finished",
        State::Reset => "reset",
        State::Stopped => "stopped",
    }
}

/// One finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// On which line.
    pub line: u16,
    /// When it first shows: microseconds since 1970-01-01 UTC, by the relay's clock.
    pub time_us: u64,
    /// What it is.
    pub what: Found,
    /// Whom it points at.
    pub party: Party,
}

impl Finding {
    /// Whether the recording is not sound for it. What anybody on the way could have made up is
    /// told and counts for nothing.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        self.party != Party::Nobody
    }
}

/// One line's findings, in the order in which they show.
#[derive(Debug)]
pub(crate) struct Findings {
    line: u16,
    kept: Vec<Finding>,
    /// Of those that are kept, how many are not grave.
    light: usize,
    total: u64,
}

impl Findings {
    pub(crate) const fn new(line: u16) -> Self {
        Self { line, kept: Vec::new(), light: 0, total: 0 }
    }

    /// A range of missing packets that goes on where the last one ended is the same finding. Where
    /// there is no more room, one that is grave takes the place of one that is not: otherwise whoever
    /// can have many of those made could hide it.
    pub(crate) fn add(&mut self, time_us: u64, what: Found, party: Party) {
        if let (Some(before), Found::Missing { from, space, first, last }) =
            (self.kept.last_mut(), what)
            && let Found::Missing { from: from_before, space: space_before, last: end, .. } =
                &mut before.what
            && (*from_before, *space_before, end.checked_add(1), before.party)
                == (from, space, Some(first), party)
        {
            *end = last;
            return;
        }
        self.total += 1;
        let finding = Finding { line: self.line, time_us, what, party };
        if self.kept.len() == MAX_FINDINGS {
            if !finding.is_grave() || self.light == 0 {
                return;
            }
            if let Some(at) = self.kept.iter().rposition(|one| !one.is_grave()) {
                self.kept.remove(at);
                self.light -= 1;
            }
        }
        self.light += usize::from(!finding.is_grave());
        self.kept.push(finding);
    }

    /// The end `from` closed the line because packets were acknowledged that it had not sent: then
    /// the missing ones are the other end's invention.
    pub(crate) fn never_sent(&mut self, from: End) {
        for finding in &mut self.kept {
            if matches!(finding.what, Found::Missing { from: sender, .. } if sender == from)
                && finding.party == Party::Node
            {
                finding.party = Party::End(from.other());
            }
        }
    }

    pub(crate) fn finish(self) -> (Vec<Finding>, u64) {
        (self.kept, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_count_for_nothing_do_not_hide_one_that_does() {
        let mut findings = Findings::new(0);
        let missing = |first, space| Found::Missing { from: End::Agent, space, first, last: first };
        for number in 0..2 * MAX_FINDINGS as u64 {
            findings.add(number, missing(2 * number, Space::Initial), Party::Nobody);
        }
        findings.add(9_000, missing(5, Space::Data), Party::Node);
        findings.add(9_001, missing(1, Space::Initial), Party::Nobody);
        findings.add(9_002, missing(7, Space::Data), Party::Node);
        let (kept, total) = findings.finish();
        assert_eq!((kept.len(), total), (MAX_FINDINGS, 2 * MAX_FINDINGS as u64 + 3));
        let grave: Vec<_> =
            kept.iter().filter(|one| one.is_grave()).map(|one| one.time_us).collect();
        assert_eq!(grave, [9_000, 9_002]);
    }

    #[test]
    fn where_all_are_grave_the_first_are_kept() {
        let mut findings = Findings::new(0);
        for time_us in 0..MAX_FINDINGS as u64 + 9 {
            findings.add(time_us, Found::NoHello, Party::Node);
        }
        let (kept, total) = findings.finish();
        assert_eq!((kept.len(), total), (MAX_FINDINGS, MAX_FINDINGS as u64 + 9));
        assert_eq!(kept[MAX_FINDINGS - 1].time_us, MAX_FINDINGS as u64 - 1);
    }
}
