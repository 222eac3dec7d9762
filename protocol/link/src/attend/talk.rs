//! A session's stream on one leg. What is said waits in a bounded queue for a task of its own, so
//! that a relay that takes nothing holds up nothing here.

use deskside_protocol::wire::signal::{Signal, signal::Kind};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::leg::{self, LegError, Signals};
use crate::stream::{Receiver, Sender};

/// Signals on their way out: a seal, an end and a few signatures. A relay that lets more gather is
/// as good as gone.
const MAX_UNSENT: usize = 16;

pub(super) struct Talk {
    outbox: mpsc::Sender<Signal>,
    receiver: Receiver<Signal>,
    /// Aborts the task when dropped.
    _writer: JoinSet<()>,
}

impl Talk {
    pub(super) fn new(signals: Signals) -> Self {
        let Signals { sender, receiver, .. } = signals;
        let (outbox, unsent) = mpsc::channel(MAX_UNSENT);
        let mut writer = JoinSet::new();
        writer.spawn(write(sender, unsent));
        Self { outbox, receiver, _writer: writer }
    }

    /// Says something.
    ///
    /// # Errors
    /// [`LegError::Unexpected`] where the relay takes nothing any more.
    pub(super) fn say(&self, kind: Kind) -> Result<(), LegError> {
        let signal = Signal { kind: Some(kind) };
        self.outbox.try_send(signal).map_err(|_| LegError::Unexpected)
    }

    /// Says nothing, which has to be acknowledged nevertheless.
    pub(super) fn nudge(&self) {
        // Where something waits to be sent already that will do.
        if self.outbox.try_send(Signal { kind: None }).is_err() {
            tracing::trace!("the relay takes nothing");
        }
    }

    /// The next signal. Loses nothing when cancelled.
    pub(super) async fn hear(&mut self) -> Result<Kind, LegError> {
        tokio::select! {
            biased;
            said = leg::next_signal(&mut self.receiver) => said,
            () = self.outbox.closed() => Err(LegError::Unexpected),
        }
    }
}

/// The next signal of a stream that there may be.
pub(super) async fn hear(talk: Option<&mut Talk>) -> Result<Kind, LegError> {
    match talk {
        Some(talk) => talk.hear().await,
        None => std::future::pending().await,
    }
}

async fn write(mut sender: Sender<Signal>, mut unsent: mpsc::Receiver<Signal>) {
    while let Some(signal) = unsent.recv().await {
        if let Err(error) = sender.send(&signal).await {
            return tracing::debug!(%error, "the relay takes no more signals");
        }
    }
}
