//! What came of decoding: counts and findings, for whoever prints them.

use deskside_protocol::session::Ends;

use crate::event::Closed;
use crate::finding::Finding;
use crate::keys::Suite;
use crate::statement::Tally;
use crate::stretch::Stretch;

/// One direction of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Datagrams recorded.
    pub datagrams: u64,
    /// Packets opened, each once.
    pub packets: u64,
    /// Packets that were recorded again.
    pub repeated: u64,
    /// Packets that no key opens: damaged on the way, strangers', resets. They point at nobody.
    pub unopened: u64,
    /// Packets under secret keys that the recording has and the other end acknowledged.
    pub acknowledged: u64,
    /// Packets that were recorded and never acknowledged, though later ones were: lost between the
    /// relay and the other end, or recorded and not forwarded.
    pub lost: u64,
    /// Packets behind the last that was acknowledged: whether they arrived is unknown.
    pub tail: u64,
    /// The longest that a packet which asked for it waited for its acknowledgement, both as they were
    /// recorded, in microseconds: who is kept waiting behind the recorder shows here, by a relay or by
    /// the network behind it.
    pub slowest_us: u64,
    /// Numbers of packets that are neither recorded nor acknowledged: lost before the relay, left
    /// out by the sender (quinn does, now and then), or gone with a stretch that is missing in both
    /// directions; then a packet at its edge is found missing.
    pub unseen: u64,
    /// Bytes of streams that came through.
    pub bytes: u64,
    /// Datagrams that came through.
    pub messages: u64,
    /// Streams that had not ended.
    pub open: u64,
    /// Key updates.
    pub updates: u64,
}

impl Counted {
    /// Adds what was counted elsewhere.
    pub const fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.packets += other.packets;
        self.repeated += other.repeated;
        self.unopened += other.unopened;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.tail += other.tail;
        if other.slowest_us > self.slowest_us {
            self.slowest_us = other.slowest_us;
        }
        self.unseen += other.unseen;
        self.bytes += other.bytes;
        self.messages += other.messages;
        self.open += other.open;
        self.updates += other.updates;
    }
}

/// What came of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// Its number.
    pub line: u16,
    /// The suite under which its packets opened; `None` where none did.
    pub suite: Option<Suite>,
    /// Of its first and last datagram: microseconds since 1970-01-01 UTC.
    pub times_us: (u64, u64),
    /// By the end that sent.
    pub ends: Ends<Counted>,
    /// Numbers of packets under the traffic secrets that the other end acknowledged, from first to
    /// last, in order.
    pub acknowledged: Ends<Vec<(u64, u64)>>,
    /// Directions of streams that carried anything.
    pub halves: u64,
    /// What the ends stated of streams, compared.
    pub statements: Tally,
    /// The same, statement by statement.
    pub stretches: Vec<Stretch>,
    /// How the ends closed it; an end that only heard of it says nothing.
    pub closed: Ends<Option<Closed>>,
    /// What does not go together: the first [`MAX_FINDINGS`](crate::MAX_FINDINGS).
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub findings_total: u64,
}

/// What came of a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Line by line.
    pub lines: Vec<LineReport>,
    /// Datagrams of lines that had been followed by two others: not looked at.
    pub stale: u64,
    /// Blocks of packets that could not be taken apart.
    pub malformed: u64,
}

impl Report {
    /// All findings, line by line.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.lines.iter().flat_map(|line| &line.findings)
    }

    /// Whether nothing speaks against the recording.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.malformed == 0 && !self.findings().any(Finding::is_grave)
    }
}
