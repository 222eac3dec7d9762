//! What a bad network does to a line's packets on either side of the relay.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use deskside_protocol::label;
use quinn::udp::RecvMeta;

use super::Tap;

/// Of so many packets one is lost: an end sends what is lost of them again.
const LOST: usize = 9;
/// Of so many packets one comes twice.
const TWICE: usize = 5;

/// Whether it storms, and how many packets passed since.
#[derive(Debug, Default)]
pub(super) struct Storm {
    blows: AtomicBool,
    passed: AtomicUsize,
}

impl Storm {
    /// The packets of a batch one by one, as they are left; `None` where it goes on as it came.
    pub(super) fn takes(
        &self,
        received: &RecvMeta,
        bytes: &[u8],
    ) -> Option<Vec<(RecvMeta, Bytes)>> {
        let blows = self.blows.load(Ordering::Relaxed) && label::of_datagram(bytes).is_some();
        blows.then(|| {
            let packets = bytes.chunks(received.stride.max(1)).flat_map(|packet| {
                let number = self.passed.fetch_add(1, Ordering::Relaxed);
                let alone = RecvMeta { len: packet.len(), stride: packet.len(), ..*received };
                std::iter::repeat_n((alone, Bytes::copy_from_slice(packet)), copies(number))
            });
            packets.collect()
        })
    }
}

const fn copies(number: usize) -> usize {
    if number % LOST == LOST - 1 {
        0
    } else if number % TWICE == TWICE - 1 {
        2
    } else {
        1
    }
}

impl Tap {
    /// From now on some of a line's packets through any door are lost, and some come twice.
    pub fn storm(&self) {
        for door in &self.doors {
            door.storm.blows.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lines_packets_are_lost_and_come_twice() {
        let storm = Storm::default();
        let batch = [0x80_u8 | 0x40; 100];
        let received = RecvMeta { len: 100, stride: 10, ..RecvMeta::default() };
        assert!(storm.takes(&received, &batch).is_none());
        storm.blows.store(true, Ordering::Relaxed);
        let left = storm.takes(&received, &batch).unwrap();
        assert_eq!(left.len(), 10 - 1 + 2);
        assert!(left.iter().all(|(meta, packet)| (meta.len, packet.len()) == (10, 10)));
        let leg = [0_u8; 100];
        assert!(storm.takes(&received, &leg).is_none());
    }
}
