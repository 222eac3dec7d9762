//! A stream of a line before its channel is known, and what its halves have in common.

use std::time::Duration;

use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::statement::Way;
use deskside_protocol::wire::message::Opening;
use prost::Message;

use crate::ledger::Ledger;
use crate::line::Stream;
use crate::stream::{Receiver, Sender};

/// A stream that has not said its channel by then is dropped.
pub(crate) const OPENING_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream whose channel was not read yet.
#[derive(Debug)]
pub struct Unopened {
    sender: Sender<Opening>,
    receiver: Receiver<Opening>,
    ledger: Option<Ledger>,
}

impl Unopened {
    pub(crate) fn new(
        ledger: Option<&Ledger>,
        send: quinn::SendStream,
        receive: quinn::RecvStream,
    ) -> Self {
        let (sender, receiver) = halves(ledger, send, receive);
        Self { sender, receiver, ledger: ledger.cloned() }
    }

    /// Reads the channel; `None` where the peer names none that this version knows, or is slow.
    pub async fn opened<Out: Message, In: Message + Default>(self) -> Option<Stream<Out, In>> {
        let Self { sender, mut receiver, ledger } = self;
        let opening =
            tokio::time::timeout(OPENING_TIMEOUT, receiver.receive()).await.ok()?.ok()??;
        let channel = Channel::from_wire(opening.channel)?;
        sender.prioritise(channel);
        let id = sender.id();
        quieten(ledger.as_ref(), channel, id);
        Some(Stream { channel, id, sender: sender.retyped(), receiver: receiver.retyped() })
    }
}

/// Both halves, counted where there is a ledger.
pub(crate) fn halves<Out: Message, In: Message + Default>(
    ledger: Option<&Ledger>,
    send: quinn::SendStream,
    receive: quinn::RecvStream,
) -> (Sender<Out>, Receiver<In>) {
    let id = quinn::VarInt::from(send.id()).into_inner();
    let count = |way| ledger.map(|ledger| ledger.count(id, way));
    let (sent, delivered) = (count(Way::Sent), count(Way::Delivered));
    (Sender::counted(send, MAX_MESSAGE, sent), Receiver::counted(receive, MAX_MESSAGE, delivered))
}

/// The control stream carries the statements.
pub(crate) fn quieten(ledger: Option<&Ledger>, channel: Channel, id: u64) {
    if let Some(ledger) = ledger.filter(|_| channel == Channel::Control) {
        ledger.quiet(id);
    }
}

pub(crate) fn prioritise(stream: &quinn::SendStream, channel: Channel) {
    if stream.set_priority(channel.priority()).is_err() {
        tracing::trace!("a stream ended before it had its priority");
    }
}
