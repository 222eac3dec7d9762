//! What became of a session's packets, counted where it happens.

use std::sync::atomic::{AtomicU64, Ordering};

use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::record::Totals;

/// Counters that all threads share.
#[derive(Debug, Default)]
pub(super) struct Counts {
    packets: Ends<AtomicU64>,
    bytes: Ends<AtomicU64>,
    dropped: AtomicU64,
    unrecorded: AtomicU64,
}

impl Counts {
    pub(super) fn recorded(&self, from: End, packets: u64, bytes: u64) {
        self.packets.of(from).fetch_add(packets, Ordering::Relaxed);
        self.bytes.of(from).fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, packets: u64) {
        self.dropped.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn passed_unrecorded(&self, packets: u64) {
        self.unrecorded.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// What a closing says.
    pub(super) fn totals(&self) -> Totals {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            packets_from_agent: of(&self.packets.agent),
            bytes_from_agent: of(&self.bytes.agent),
            packets_from_technician: of(&self.packets.technician),
            bytes_from_technician: of(&self.bytes.technician),
            packets_dropped: of(&self.dropped),
        }
    }
}

impl From<Totals> for Counts {
    fn from(totals: Totals) -> Self {
        Self {
            packets: Ends {
                agent: totals.packets_from_agent.into(),
                technician: totals.packets_from_technician.into(),
            },
            bytes: Ends {
                agent: totals.bytes_from_agent.into(),
                technician: totals.bytes_from_technician.into(),
            },
            dropped: totals.packets_dropped.into(),
            unrecorded: AtomicU64::new(0),
        }
    }
}
