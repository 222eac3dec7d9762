//! What a line carries beside streams in both directions: streams in one, for pieces that must not
//! wait for each other, and datagrams, for what is out of date when it is late.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::statement::Way;
use deskside_protocol::wire::message::Opening;
use prost::Message;
use quinn::{Connection, ConnectionError};

use crate::congestion;
use crate::ledger::Ledger;
use crate::opening::{OPENING_TIMEOUT, prioritise};
use crate::stream::{Receiver, Sender, StreamError};

/// A line, for what has no answer. A clone is the same line; it keeps nothing of it alive but the
/// connection.
#[derive(Debug, Clone)]
pub struct Beside {
    connection: Connection,
    ledger: Option<Ledger>,
}

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
        Self { connection, ledger: None }
    }

    /// As [`Beside::new`], counted where there is a ledger.
    pub(crate) const fn counted(connection: Connection, ledger: Option<Ledger>) -> Self {
        Self { connection, ledger }
    }

    /// Opens a stream towards the other end only. Waits where that end allows no more of them.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn open<M: Message>(&self, channel: Channel) -> Result<Sender<M>, StreamError> {
        let lost = |error| StreamError::from(quinn::WriteError::ConnectionLost(error));
        let stream = self.connection.open_uni().await.map_err(lost)?;
        prioritise(&stream, channel);
        let id = quinn::VarInt::from(stream.id()).into_inner();
        let count = self.ledger.as_ref().map(|ledger| ledger.count(id, Way::Sent));
        let mut sender = Sender::<Opening>::counted(stream, MAX_MESSAGE, count);
        sender.send(&Opening { channel: channel.to_wire() as i32 }).await?;
        Ok(sender.retyped())
    }

    /// Waits for the next such stream of the other end. Its channel is still to be read.
    ///
    /// # Errors
    /// [`ConnectionError`] once the line is gone.
    pub async fn accept(&self) -> Result<Unread, ConnectionError> {
        let stream = self.connection.accept_uni().await?;
        let id = quinn::VarInt::from(stream.id()).into_inner();
        let count = self.ledger.as_ref().map(|ledger| ledger.count(id, Way::Delivered));
        Ok(Unread(Receiver::counted(stream, MAX_MESSAGE, count)))
    }

    /// Sends a datagram, which may be lost; one that is too long for the path is lost at once.
    pub fn send(&self, datagram: Bytes) {
        let sent = match &self.ledger {
            None => self.connection.send_datagram(datagram),
            Some(ledger) => counted(&self.connection, ledger, datagram),
        };
        if let Err(error) = sent {
            tracing::trace!(%error, "no datagram was sent");
        }
    }

    /// Waits for the next datagram that holds anything.
    ///
    /// # Errors
    /// [`ConnectionError`] once the line is gone.
    pub async fn datagram(&self) -> Result<Bytes, ConnectionError> {
        loop {
            let datagram = match &self.ledger {
                None => self.connection.read_datagram().await?,
                Some(ledger) => read(&self.connection, ledger).await?,
            };
            if !datagram.is_empty() {
                return Ok(datagram);
            }
        }
    }

    /// How the line does.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let stats = self.connection.stats();
        Quality {
            rtt: stats.path.rtt,
            window: stats.path.cwnd,
            sent: stats.path.sent_packets,
            lost: stats.path.lost_packets,
            received: stats.udp_rx.bytes,
        }
    }
}

/// Sends a datagram and counts it. Behind the last statement none is sent.
fn counted(
    connection: &Connection,
    ledger: &Ledger,
    datagram: Bytes,
) -> Result<(), quinn::SendDatagramError> {
    let mut state = ledger.lock();
    if state.is_closed() {
        return Ok(());
    }
    let empty = datagram.is_empty();
    connection.send_datagram(datagram.clone())?;
    if !empty {
        state.datagram(Way::Sent, &datagram);
        ledger.look(&state);
    }
    Ok(())
}

/// Reads a datagram and counts it. Behind the last statement none is read. Loses nothing when
/// cancelled.
async fn read(connection: &Connection, ledger: &Ledger) -> Result<Bytes, ConnectionError> {
    let mut reading = pin!(connection.read_datagram());
    let read = poll_fn(|cx| {
        let mut state = ledger.lock();
        if state.is_closed() {
            return Poll::Ready(None);
        }
        let read = ready!(reading.as_mut().poll(cx));
        if let Ok(datagram) = &read
            && !datagram.is_empty()
        {
            state.datagram(Way::Delivered, datagram);
            ledger.look(&state);
        }
        Poll::Ready(Some(read))
    });
    match read.await {
        Some(read) => read,
        None => Err(ledger.closed().await),
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
pub struct Unread(Receiver<Opening>);

impl Unread {
    /// Reads the channel; `None` where the peer names none that this version knows, or is slow.
    pub async fn opened<M: Message + Default>(self) -> Option<(Channel, Receiver<M>)> {
        let mut receiver = self.0;
        let opening =
            tokio::time::timeout(OPENING_TIMEOUT, receiver.receive()).await.ok()?.ok()??;
        Some((Channel::from_wire(opening.channel)?, receiver.retyped()))
    }
}
