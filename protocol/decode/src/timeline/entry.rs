//! What a timeline is made of.

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::FrameError;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::record;
use thiserror::Error;

use crate::event::Closed;
use crate::keys::Suite;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// On which line.
    pub line: u16,
    /// Who said or did it.
    pub from: End,
    /// When the last byte of it was readable at the relay: microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// On which channel; `None` where it belongs to the line itself, or where that was not said.
    pub channel: Option<Channel>,
    /// On which stream; `None` for the line itself and for datagrams.
    pub stream: Option<u64>,
    /// What it is.
    pub item: Item,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// The line can be read from here on.
    LineOpened(Suite),
    /// The line was closed.
    LineClosed(Closed),
    /// What the relay itself saw, by its own word; `from` is the end that it is about.
    Relay(record::Event),
    /// A stream was opened for its channel.
    Opened,
    /// A message. One without a kind is of a newer version.
    Message(Box<Message>),
    /// A message of the technician's that only the agent could read.
    Masked {
        /// Bytes of its seal: 17 to 80 more than the message.
        bytes: usize,
    },
    /// Raw bytes that a message announced: the body of a file or a picture, frame by frame.
    Raw {
        /// Where they stand on their stream, in bytes from its start.
        at: u64,
        /// The bytes, never empty.
        bytes: Bytes,
    },
    /// From here on this direction of the stream, or this datagram, is not understood.
    Unreadable(Trouble),
    /// The end of this direction.
    Finished,
    /// This direction was given up.
    Reset {
        /// The code, see [`deskside_protocol::close`].
        code: u64,
    },
    /// The other direction is no longer wanted.
    Stopped {
        /// The code.
        code: u64,
    },
}

/// Why something cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Not made of messages.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message that is none.
    #[error("a message is malformed")]
    Malformed,
    /// A channel that this version does not know.
    #[error("channel {0} is not known")]
    Channel(i32),
    /// The stream was never opened for a channel.
    #[error("the stream was not opened for any channel")]
    Unopened,
    /// More at once than any honest session has.
    #[error("more is under way than is kept in memory")]
    TooMuch,
}
