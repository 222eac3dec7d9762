//! One line as the relay sees it: two labels, two addresses, and whether it may carry more than its
//! handshake yet.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use deskside_protocol::label::Label;
use deskside_protocol::recording::format::HANDSHAKE_BYTES;
use deskside_protocol::session::{End, Ends};
use tokio::sync::Notify;

use super::budget::Budget;
use crate::recorder::Recording;

/// Bytes that a line takes from addresses that are not the partner's: a second or two of a picture
/// while an address change is on its way through the leg.
const STRAY_BYTES: u64 = 1024 * 1024;

/// One end of a line.
#[derive(Debug)]
pub struct Attached {
    /// Packets for this end carry it.
    pub label: Label,
    /// The validated address of this end's leg; `None` while the end is away.
    pub address: Option<SocketAddr>,
}

/// A line between two legs.
#[derive(Debug)]
pub struct Line {
    number: u16,
    labels: Ends<Label>,
    places: Ends<RwLock<Option<SocketAddr>>>,
    strayed: Notify,
    recording: Option<Arc<Recording>>,
    open: AtomicBool,
    handshake: Budget,
    stray: Budget,
}

impl Line {
    /// A line that carries its handshake only until it is opened. Without a recording it is open at
    /// once: there is nothing to seal.
    #[must_use]
    pub fn new(
        number: u16,
        agent: Attached,
        technician: Attached,
        recording: Option<Arc<Recording>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            number,
            labels: Ends { agent: agent.label, technician: technician.label },
            places: Ends {
                agent: RwLock::new(agent.address),
                technician: RwLock::new(technician.address),
            },
            strayed: Notify::new(),
            open: AtomicBool::new(recording.is_none()),
            recording,
            handshake: Budget::new(HANDSHAKE_BYTES),
            stray: Budget::new(STRAY_BYTES),
        })
    }

    /// Both seals are on disk: everything may pass.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Its number in the recording.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Sends packets for `end` there from now on, and takes its packets from there. `None`: the end
    /// is away, and packets for it are dropped and counted.
    pub fn place(&self, end: End, address: Option<SocketAddr>) {
        *self.places.of(end).write().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Waits until packets came from an address that is not that of their end's leg: it may have
    /// moved. A hint at most, which anybody can cause.
    pub async fn strayed(&self) {
        self.strayed.notified().await;
    }

    pub(super) const fn label(&self, end: End) -> Label {
        *self.labels.of(end)
    }

    pub(super) const fn recording(&self) -> Option<&Arc<Recording>> {
        self.recording.as_ref()
    }

    /// Where packets for `end` go; nowhere while it is away.
    pub(super) fn address(&self, end: End) -> Option<SocketAddr> {
        *self.places.of(end).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `bytes` from `source`, sent by `from`, may pass.
    pub(super) fn admits(&self, from: End, source: SocketAddr, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let place = self.address(from);
        if place != Some(source) {
            if place.is_some() {
                self.strayed.notify_one();
            }
            if !self.stray.take(bytes) {
                return false;
            }
        }
        self.open.load(Ordering::Acquire) || self.handshake.take(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(byte: u8) -> Attached {
        Attached {
            label: Label::from_bytes(&[byte; 8]).unwrap(),
            address: Some(([127, 0, 0, byte], 1).into()),
        }
    }

    fn line() -> Arc<Line> {
        let line = Line::new(0, attached(0x80), attached(0x81), None);
        line.open.store(false, Ordering::Relaxed);
        line
    }

    #[test]
    fn before_the_seals_only_a_handshake_fits() {
        let (line, source) = (line(), attached(0x81).address.unwrap());
        let all = usize::try_from(HANDSHAKE_BYTES).unwrap();
        assert!(line.admits(End::Technician, source, all));
        assert!(!line.admits(End::Technician, source, 1));
        line.open();
        assert!(line.admits(End::Technician, source, 1));
    }

    #[test]
    fn a_stranger_has_a_small_budget() {
        let (line, stranger) = (line(), ([10, 0, 0, 1], 9).into());
        line.open();
        let all = usize::try_from(STRAY_BYTES).unwrap();
        assert!(line.admits(End::Technician, stranger, all));
        assert!(!line.admits(End::Technician, stranger, 1));
        assert!(line.admits(End::Technician, attached(0x81).address.unwrap(), 1));
    }
}
