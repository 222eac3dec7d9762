//! What a line carried, as far as the other end acknowledged it.

use bytes::Bytes;
use deskside_protocol::session::End;
use deskside_protocol::wire::record;

use crate::finding::Space;
use crate::keys::Suite;

/// Something that came through a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The line.
    pub line: u16,
    /// Who sent it.
    pub from: End,
    /// When it became readable at the relay, all that stands before it on its stream included:
    /// microseconds since 1970-01-01 UTC. Never falls on one stream and direction; events of
    /// different streams come in the order in which they were acknowledged.
    pub time_us: u64,
    /// What it is.
    pub what: What,
}

/// What came through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The first packet that the sealed secrets open: from here on the line is read.
    Opened(Suite),
    /// The next bytes of a stream.
    Data {
        /// The stream.
        stream: u64,
        /// Where they stand: the end of what came before.
        offset: u64,
        /// The bytes, never empty.
        bytes: Bytes,
    },
    /// A stream is whole.
    Finished {
        /// The stream.
        stream: u64,
        /// Its bytes in all.
        size: u64,
    },
    /// The sender gave a stream up.
    Reset {
        /// The stream.
        stream: u64,
        /// The code.
        code: u64,
        /// Bytes that it would have had, by the sender's word.
        size: u64,
        /// Bytes that came through before.
        delivered: u64,
    },
    /// The sender wants no more of a stream of the other end's.
    Stopped {
        /// The stream.
        stream: u64,
        /// The code.
        code: u64,
    },
    /// A datagram.
    Datagram(Bytes),
    /// The sender closed the line. Nothing acknowledges this.
    Closed(Closed),
    /// What the relay itself saw, by its own word; `from` is the end that it is about.
    Relay(record::Event),
}

/// A packet as it stands in the recording, once a key opened it: the first of its number. Whether the
/// other end acknowledged it shows later, see [`LineReport`](crate::LineReport).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The line.
    pub line: u16,
    /// Who sent it.
    pub from: End,
    /// When the relay recorded it: microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// Which keys it is under.
    pub space: Space,
    /// Its number there.
    pub number: u64,
    /// Whether it is one that the other end acknowledges: not where it only acknowledges or closes.
    pub elicits: bool,
    /// All of it, still sealed; of a datagram that holds several, this one.
    pub bytes: Bytes,
}

/// How a line was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// By the application, not by QUIC itself.
    pub application: bool,
    /// The code: of the application see [`deskside_protocol::close`].
    pub code: u64,
    /// The reason given.
    pub reason: Bytes,
}
