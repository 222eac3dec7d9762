//! One line as the relay sees it: two labels, two addresses, and whether it may carry more than its
//! handshake yet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deskside_protocol::label::Label;
use deskside_protocol::recording::format::HANDSHAKE_BYTES;
use deskside_protocol::session::End;

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
    /// The validated address of this end's leg.
    pub address: SocketAddr,
}

/// A line between two legs.
#[derive(Debug)]
pub struct Line {
    number: u16,
    agent: Attached,
    technician: Attached,
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
            agent,
            technician,
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

    pub(super) fn label(&self, end: End) -> Label {
        self.end(end).label
    }

    pub(super) fn recording(&self) -> Option<&Arc<Recording>> {
        self.recording.as_ref()
    }

    /// Where packets for `end` go.
    pub(super) fn address(&self, end: End) -> SocketAddr {
        self.end(end).address
    }

    /// Whether `bytes` from `source`, sent by `from`, may pass.
    pub(super) fn admits(&self, from: End, source: SocketAddr, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let known = self.address(from) == source || self.stray.take(bytes);
        known && (self.open.load(Ordering::Acquire) || self.handshake.take(bytes))
    }

    const fn end(&self, end: End) -> &Attached {
        match end {
            End::Agent => &self.agent,
            End::Technician => &self.technician,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(byte: u8) -> Attached {
        Attached {
            label: Label::from_bytes(&[byte; 8]).unwrap(),
            address: ([127, 0, 0, byte], 1).into(),
        }
    }

    fn line() -> Arc<Line> {
        let line = Line::new(0, attached(0x80), attached(0x81), None);
        line.open.store(false, Ordering::Relaxed);
        line
    }

    #[test]
    fn before_the_seals_only_a_handshake_fits() {
        let (line, source) = (line(), attached(0x81).address);
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
        assert!(line.admits(End::Technician, attached(0x81).address, 1));
    }
}
