//! One stream of signals with an end.

use std::net::IpAddr;
use std::time::Duration;

use deskside_link::leg::SIGNAL_VERSION;
use deskside_link::stream::{Receiver, Sender, StreamError};
use deskside_protocol::frame::MAX_SIGNAL;
use deskside_protocol::key::PublicKey;
use deskside_protocol::reattach::{EXPORTER, EXPORTER_LABEL};
use deskside_protocol::transcript::HASH;
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Refused, Renew, Signal, Welcome, signal::Kind};
use quinn::{Connection, RecvStream, SendStream};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::limits::Doer;
use crate::relay::Relay;
use crate::store::StoreError;
use crate::{chain, clock};

/// An end that does not read for this long, with its window full, is as good as gone. A leg that
/// is silent altogether is lost after ten seconds.
const HEARING: Duration = Duration::from_secs(10);

/// Why there is no next signal.
#[derive(Debug, Error)]
pub(crate) enum Gone {
    #[error("the end left")]
    Left,
    #[error("the stream was lost: {0}")]
    Lost(#[from] StreamError),
    #[error("the end took too long")]
    TimedOut,
    #[error("the end did not prove that the session is its own")]
    Unproven,
    #[error("the end said something that does not belong here")]
    Unexpected,
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

/// Who is at the other end of a leg.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) connection: Connection,
    pub(crate) key: PublicKey,
    /// Where its handshake was done from, which proved that address. What it says of itself later
    /// it may be borrowing.
    pub(crate) address: IpAddr,
}

/// Hashes of what the end was told last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    policy: [u8; HASH],
    revoked: [u8; HASH],
}

/// A stream that an end opened.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) caller: Caller,
    told: Told,
    /// An end that is expected to answer has this long.
    answer: Duration,
    sender: Sender<Signal>,
    receiver: Receiver<Signal>,
}

impl Talk {
    pub(crate) fn new(
        send: SendStream,
        receive: RecvStream,
        caller: Caller,
        answer: Duration,
    ) -> Self {
        let (sender, receiver) =
            (Sender::new(send, MAX_SIGNAL), Receiver::new(receive, MAX_SIGNAL));
        Self { caller, told: Told::default(), answer, sender, receiver }
    }

    /// Exchanges greetings and gives the first signal behind them.
    pub(crate) async fn greet(&mut self, relay: &Relay) -> Result<Kind, Gone> {
        let Kind::Hello(hello) = self.answer().await? else { return Err(Gone::Unexpected) };
        if hello.version != SIGNAL_VERSION {
            let text =
                "this program and the relay are of versions that do not fit: upgrade the older one";
            self.refuse(Code::Version, text).await;
            return Err(Gone::Unexpected);
        }
        let (told, policy, revocations) = rules(relay).await?;
        self.told = told;
        let welcome = Welcome {
            version: SIGNAL_VERSION,
            software: crate::SOFTWARE.to_owned(),
            relay_origin: relay.origin.clone(),
            policy: Some(policy),
            revocations: Some(revocations),
            time: clock::seconds(),
            nodes: relay.node.rotations().nodes.clone(),
            organisations: relay.node.rotations().organisations.clone(),
        };
        self.send(Kind::Welcome(welcome)).await?;
        self.answer().await
    }

    /// What the end has to be told where the policy, or who is revoked, is not what it knows any
    /// more.
    pub(crate) async fn outdated(&mut self, relay: &Relay) -> Result<Option<Renew>, Gone> {
        let (told, policy, revocations) = rules(relay).await?;
        if std::mem::replace(&mut self.told, told) == told {
            return Ok(None);
        }
        Ok(Some(Renew { policy: Some(policy), revocations: Some(revocations) }))
    }

    /// Whether the policy is another one than the end was told.
    pub(crate) async fn has_other_policy(&self, relay: &Relay) -> Result<bool, Gone> {
        Ok(relay.node.rules().policy().await?.hash != self.told.policy)
    }

    pub(crate) async fn send(&mut self, kind: Kind) -> Result<(), Gone> {
        Ok(self.sender.send(&Signal { kind: Some(kind) }).await?)
    }

    /// As [`Self::send`], to an end that is expected to read.
    pub(crate) async fn say(&mut self, kind: Kind) -> Result<(), Gone> {
        tokio::time::timeout(HEARING, self.send(kind)).await.map_err(|_| Gone::TimedOut)?
    }

    /// 32 bytes that only the two sides of this leg know, to bind a proof to it.
    pub(crate) fn exporter(&self) -> Option<Zeroizing<[u8; EXPORTER]>> {
        let mut out = Zeroizing::new([0; EXPORTER]);
        let exported =
            self.caller.connection.export_keying_material(&mut *out, EXPORTER_LABEL, b"");
        exported.is_ok().then_some(out)
    }

    /// The next signal that this version knows, whenever it comes. Loses nothing when cancelled.
    pub(crate) async fn receive(&mut self) -> Result<Kind, Gone> {
        loop {
            if let Some(kind) = self.hear().await? {
                return Ok(kind);
            }
        }
    }

    /// As [`Self::receive`]; `None` for a signal without a kind, or of a newer version's: the end
    /// has been heard.
    pub(crate) async fn hear(&mut self) -> Result<Option<Kind>, Gone> {
        let signal = self.receiver.receive().await?;
        signal.map(|signal| signal.kind).ok_or(Gone::Left)
    }

    /// The next signal, from an end that is expected to answer.
    pub(crate) async fn answer(&mut self) -> Result<Kind, Gone> {
        tokio::time::timeout(self.answer, self.receive()).await.map_err(|_| Gone::TimedOut)?
    }

    /// Who this is to limits: an address, until more is known.
    pub(crate) const fn doer(&self) -> Doer<'static> {
        Doer::at(self.caller.address)
    }

    /// Says no, with a reason, and that nothing more will come.
    pub(crate) async fn refuse(&mut self, code: Code, text: &str) {
        self.refuse_with(Refused { code: code as i32, text: text.to_owned() }).await;
    }

    pub(crate) async fn refuse_with(&mut self, refused: Refused) {
        self.say_last(Kind::Refused(refused)).await;
    }

    /// The last signal of this stream. An end that left meanwhile does not hear it.
    pub(crate) async fn say_last(&mut self, kind: Kind) {
        if let Err(gone) = self.say(kind).await {
            tracing::debug!(%gone, "a last word was not heard");
        }
        self.finish().await;
    }

    /// Nothing more will come. Waits until the end has what was sent, or is gone.
    pub(crate) async fn finish(&mut self) {
        self.sender.finish();
        match tokio::time::timeout(HEARING, self.sender.delivered()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::trace!(%error, "an end left before the last word"),
            Err(_elapsed) => tracing::debug!("an end does not take the last word"),
        }
    }

    /// Some of the raw bytes behind a signal that announced them, from an end that is expected to send
    /// them; `None` behind the last.
    pub(crate) async fn receive_raw(&mut self) -> Result<Option<bytes::Bytes>, Gone> {
        let piece = tokio::time::timeout(self.answer, self.receiver.receive_raw()).await;
        Ok(piece.map_err(|_| Gone::TimedOut)??)
    }

    /// Raw bytes behind a signal that announced them.
    pub(crate) async fn send_raw(&mut self, bytes: bytes::Bytes) -> Result<(), Gone> {
        Ok(self.sender.send_raw(bytes).await?)
    }
}

/// The rules of the moment, and their hashes.
async fn rules(relay: &Relay) -> Result<(Told, Signed, Signed), StoreError> {
    let in_force = relay.node.rules().policy().await?;
    let revoked = relay.node.revocations(clock::seconds()).await?;
    let told = Told { policy: in_force.hash, revoked: revoked.hash };
    Ok((told, in_force.signed.clone(), revoked.signed))
}

/// What an end is told of a fault of ours; the log has the rest.
pub(crate) fn trouble(error: &(dyn std::error::Error + 'static)) -> Refused {
    tracing::error!(error = chain(error), "a request failed");
    let text = "the relay has a fault of its own: tell whoever runs it to look at its log";
    Refused { code: Code::Trouble as i32, text: text.to_owned() }
}
