//! Opened packets that the other end has not acknowledged yet: what they carry counts only then.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Bytes that wait at most, in each direction: a line has at most 16 MiB on its way, and what was
/// lost of it waits for ever, so four times that.
pub(crate) const MAX_WAITING: usize = 64 * 1024 * 1024;
/// Packets that wait at most, in each direction: [`MAX_WAITING`] in packets of 256 bytes.
const MAX_PACKETS: usize = MAX_WAITING / 256;

/// A packet that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// When the relay recorded it: microseconds since 1970-01-01 UTC.
    pub(crate) time_us: u64,
    /// Its frames; empty where they carry nothing.
    pub(crate) payload: Bytes,
}

/// One direction's.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged {
    packets: BTreeMap<u64, Waiting>,
    bytes: usize,
    /// Packets that no longer have room.
    dropped: u64,
}

impl Unacknowledged {
    pub(crate) fn keep(&mut self, number: u64, waiting: Waiting) {
        self.bytes += waiting.payload.len();
        self.packets.insert(number, waiting);
        while self.bytes > MAX_WAITING || self.packets.len() > MAX_PACKETS {
            // The oldest were lost longest ago.
            let Some((_, oldest)) = self.packets.pop_first() else { return };
            self.bytes -= oldest.payload.len();
            self.dropped += 1;
        }
    }

    /// The lowest of these numbers that waits.
    pub(crate) fn take(&mut self, first: u64, last: u64) -> Option<Waiting> {
        let (number, _) = self.packets.range(first..=last).next()?;
        let number = *number;
        let waiting = self.packets.remove(&number)?;
        self.bytes -= waiting.payload.len();
        Some(waiting)
    }

    /// Packets that were never acknowledged: those up to `largest`, the largest that was, and those
    /// behind it.
    pub(crate) fn left(&self, largest: Option<u64>) -> (u64, u64) {
        let behind = largest.map_or(0, |largest| largest.saturating_add(1));
        let tail = self.packets.range(behind..).count();
        let lost = self.packets.len() - tail;
        (lost as u64 + self.dropped, tail as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way() {
        let mut waiting = Unacknowledged::default();
        let payload = Bytes::from(vec![0; MAX_WAITING / 4]);
        for number in 0..6 {
            waiting.keep(number, Waiting { time_us: number, payload: payload.clone() });
        }
        assert!(waiting.take(0, 1).is_none());
        assert_eq!(waiting.take(0, 3).map(|taken| taken.time_us), Some(2));
        assert_eq!(waiting.left(Some(4)), (2 + 2, 1));
        assert_eq!(waiting.bytes, 3 * payload.len());
    }
}
