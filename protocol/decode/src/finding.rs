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
    /// The relay or an end, and the recording does not say which.
    #[error("the relay or an end")]
    Anybody,
    /// Nobody: a bad network, or whoever saw the line's packets, could have made it look like this.
    #[error("nobody")]
    Nobody,
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
    total: u64,
}

impl Findings {
    pub(crate) const fn new(line: u16) -> Self {
        Self { line, kept: Vec::new(), total: 0 }
    }

    /// A range of missing packets that goes on where the last one ended is the same finding.
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
        if self.kept.len() < MAX_FINDINGS {
            self.kept.push(Finding { line: self.line, time_us, what, party });
        }
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
