//! What a line carries beside streams in both directions: streams in one, for pieces that must not
//! wait for each other, and datagrams, for what is out of date when it is late.

use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::wire::message::Opening;
use prost::Message;
use quinn::{Connection, ConnectionError};

use crate::congestion;
use crate::line::{OPENING_TIMEOUT, prioritise};
use crate::stream::{Receiver, Sender, StreamError};

/// A line, for what has no answer. A clone is the same line; it keeps nothing of it alive but the
/// connection.
#[derive(Debug, Clone)]
pub struct Beside(Connection);

/// How a line does, as QUIC measures it at this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// The round trip, smoothed.
    pub rtt: Duration,
    /// Bytes that may be on the way at once.
    pub window: u64,
    /// Packets sent so far.
    pub sent: u64,
    /// Those of them that were lost.
    pub lost: u64,
    /// Bytes received so far, in UDP datagrams.
    pub received: u64,
}

impl Beside {
    /// Beside the streams of `connection`.
    #[must_use]
    pub const fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Opens a stream towards the other end only. Waits where that end allows no more of them.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn open<M: Message>(&self, channel: Channel) -> Result<Sender<M>, StreamError> {
        let lost = |error| StreamError::from(quinn::WriteError::ConnectionLost(error));
        let stream = self.0.open_uni().await.map_err(lost)?;
        prioritise(&stream, channel);
        let mut sender = Sender::<Opening>::new(stream, MAX_MESSAGE);
        sender.send(&Opening { channel: channel.to_wire() as i32 }).await?;
        Ok(sender.retyped())
    }

    /// Waits for the next such stream of the other end. Its channel is still to be read.
    ///
    /// # Errors
    /// [`ConnectionError`] once the line is gone.
    pub async fn accept(&self) -> Result<Unread, ConnectionError> {
        Ok(Unread(self.0.accept_uni().await?))
    }

    /// Sends a datagram, which may be lost; one that is too long for the path is lost at once.
    pub fn send(&self, datagram: Bytes) {
        if let Err(error) = self.0.send_datagram(datagram) {
            tracing::trace!(%error, "no datagram was sent");
        }
    }

    /// Waits for the next datagram that holds anything.
    ///
    /// # Errors
    /// [`ConnectionError`] once the line is gone.
    pub async fn datagram(&self) -> Result<Bytes, ConnectionError> {
        loop {
            let datagram = self.0.read_datagram().await?;
            if !datagram.is_empty() {
                return Ok(datagram);
            }
        }
    }

    /// How the line does.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let stats = self.0.stats();
        Quality {
            rtt: stats.path.rtt,
            window: stats.path.cwnd,
            sent: stats.path.sent_packets,
            lost: stats.path.lost_packets,
            received: stats.udp_rx.bytes,
        }
    }
}

impl Quality {
    /// Bytes a second that this end sends at most: what may be on the way, in a round trip.
    #[must_use]
    pub fn rate(&self) -> f64 {
        congestion::rate(self.window, self.rtt)
    }
}

/// A stream of the other end's whose channel was not read yet.
#[derive(Debug)]
pub struct Unread(quinn::RecvStream);

impl Unread {
    /// Reads the channel; `None` where the peer names none that this version knows, or is slow.
    pub async fn opened<M: Message + Default>(self) -> Option<(Channel, Receiver<M>)> {
        let mut receiver = Receiver::<Opening>::new(self.0, MAX_MESSAGE);
        let opening =
            tokio::time::timeout(OPENING_TIMEOUT, receiver.receive()).await.ok()?.ok()??;
        Some((Channel::from_wire(opening.channel)?, receiver.retyped()))
    }
}
