//! The technician's mouse in datagrams: each says where it is now, and the newest counts. Whoever
//! holds a permit for control at that moment follows it; without one it goes nowhere. A place that is
//! only shown needs that the user lets his screen be seen, and nobody is asked for it.

use bytes::Bytes;
use deskside_link::beside::Beside;
use deskside_protocol::act::{ActKey, DATAGRAMS, Verifier};
use deskside_protocol::channel::Channel;
use deskside_protocol::wire::message::{Act, PointerAt, message::Kind, pointer_at::Use};
use prost::Message as _;
use quinn::ConnectionError;
use tokio::sync::watch;

use crate::gate::{self, Gate};
use crate::laser::Laser;
pub(super) use crate::laser::Place;

/// Where the technician's mouse is, for all streams that may follow it.
#[derive(Debug)]
pub(super) struct Pointer {
    gate: Gate,
    laser: Laser,
    moves: watch::Sender<Place>,
    /// Counts datagrams that came to nothing: without a permit, late, or not the technician's.
    dropped: watch::Sender<u64>,
}

impl Pointer {
    /// Places are shown on `laser`.
    pub(super) fn new(gate: Gate, laser: Laser) -> Self {
        let (moves, dropped) = (watch::Sender::new((0, 0)), watch::Sender::new(0));
        Self { gate, laser, moves, dropped }
    }

    /// Every move from here on. Only whoever may control calls this, and only as long as he may.
    pub(super) fn follow(&self) -> watch::Receiver<Place> {
        self.moves.subscribe()
    }

    /// Waits until so many datagrams came to nothing.
    #[cfg(test)]
    pub(super) async fn until_dropped(&self, count: u64) {
        drop(self.dropped.subscribe().wait_for(|dropped| *dropped >= count).await);
    }

    fn hear(&self, verifier: &mut Verifier, datagram: &Bytes) {
        if !self.heard(verifier, datagram) {
            self.dropped.send_modify(|dropped| *dropped += 1);
            tracing::trace!("a datagram came to nothing");
        }
    }

    fn heard(&self, verifier: &mut Verifier, datagram: &Bytes) -> bool {
        let Ok(act) = Act::decode(datagram.clone()) else { return false };
        let Ok(message) = verifier.open_newer(&act) else { return false };
        let Some(Kind::PointerAt(at)) = message.kind else { return false };
        match at.r#use() {
            Use::Move => self.moved(&at),
            Use::Show => self.laser.show((at.x, at.y), || {
                self.gate.granted::<gate::View>("your screen, and points at it")
            }),
            Use::Hide => {
                self.laser.hide();
                true
            }
            Use::Unspecified => false,
        }
    }

    fn moved(&self, at: &PointerAt) -> bool {
        self.moves.send((at.x, at.y)).is_ok()
    }
}

/// Hears the datagrams of one line, until it is gone.
pub(super) async fn hear(beside: Beside, key: &ActKey, pointer: &Pointer) -> ConnectionError {
    let mut verifier = key.verifier(Channel::Pointer, DATAGRAMS);
    loop {
        match beside.datagram().await {
            Ok(datagram) => pointer.hear(&mut verifier, &datagram),
            Err(error) => return error,
        }
    }
}
