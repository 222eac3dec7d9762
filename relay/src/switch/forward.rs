//! Sends runs of packets on, as one segmented send each where the kernel can.

use std::io;
use std::net::SocketAddr;

use deskside_link::socket::Udp;
use quinn::udp::{EcnCodepoint, Transmit};

use crate::metrics::Metrics;

/// Segments of one send at the most (`UDP_MAX_SEGMENTS` of Linux).
const MAX_SEGMENTS: usize = 64;
/// Bytes of one send at the most: the payload of the largest UDP datagram over IPv4, 65,535 - 28.
const MAX_SEND: usize = 65_507;
/// Packets up to this size are segments without further ado: what quinn's path discovery finds, and
/// 28 bytes below Ethernet's 1,500. Of larger ones the first goes alone. A segment that is too large
/// for the network card makes the kernel say EINVAL, upon which quinn-udp gives segmentation up for
/// the whole socket; a packet alone gets EMSGSIZE, and so one hostile end slows nobody down.
const SAFE_STRIDE: usize = 1_452;

/// One run's way on: who sent it is known, what it is stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Onward {
    /// Bytes of each packet but the last.
    pub(crate) stride: usize,
    /// The address of the leg that it is for.
    pub(crate) to: SocketAddr,
    /// The congestion mark that it arrived with.
    pub(crate) ecn: Option<EcnCodepoint>,
}

impl Onward {
    /// Packets in so many bytes.
    pub(crate) const fn packets(&self, bytes: usize) -> u64 {
        let stride = if self.stride == 0 { 1 } else { self.stride };
        bytes.div_ceil(stride) as u64
    }

    /// Sends the run. A socket that is full or refuses is a loss, which QUIC handles.
    pub(crate) fn send(&self, port: &Udp, metrics: &Metrics, contents: &[u8]) {
        let send = |transmit: &Transmit<'_>| port.try_send(transmit);
        let sent = self.send_by(|| port.max_transmit_segments(), send, contents);
        metrics.forwarded(self.packets(sent), sent as u64);
        let lost = contents.len() - sent;
        if lost > 0 {
            metrics.dropped(self.packets(lost));
        }
    }

    /// Sends piece after piece until one is refused; gives the bytes that went out.
    fn send_by(
        &self,
        segments: impl Fn() -> usize,
        send: impl Fn(&Transmit<'_>) -> io::Result<()>,
        contents: &[u8],
    ) -> usize {
        let mut rest = contents;
        while !rest.is_empty() {
            let tried = rest.len() < contents.len() || self.stride <= SAFE_STRIDE;
            let size = self.piece(if tried { segments() } else { 1 }).min(rest.len());
            let (piece, behind) = rest.split_at(size);
            let sent = match send(&self.transmit(piece)) {
                Err(error) if piece.len() > self.stride && unsegmented(&error) => {
                    piece.chunks(self.stride.max(1)).try_for_each(|one| {
                        send(&self.transmit(one))?;
                        rest = rest.split_at(one.len()).1;
                        Ok(())
                    })
                }
                sent => sent,
            };
            if let Err(error) = sent {
                tracing::trace!(%error, "a run of packets was not sent");
                break;
            }
            rest = behind;
        }
        contents.len() - rest.len()
    }

    /// Bytes of one send: whole packets.
    fn piece(&self, segments: usize) -> usize {
        let stride = self.stride.max(1);
        stride * segments.min(MAX_SEGMENTS).min(MAX_SEND / stride).max(1)
    }

    fn transmit<'a>(&self, contents: &'a [u8]) -> Transmit<'a> {
        Transmit {
            destination: self.to,
            ecn: self.ecn,
            contents,
            segment_size: (self.stride < contents.len()).then_some(self.stride),
            src_ip: None,
        }
    }
}

/// The kernel's way to say that it cannot segment for this network card.
fn unsegmented(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let number = error.raw_os_error();
    [Errno::IO, Errno::INVAL].iter().any(|errno| number == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    fn onward(stride: usize) -> Onward {
        Onward { stride, to: ([127, 0, 0, 1], 9).into(), ecn: None }
    }

    /// What goes out: the contents and the segment size of each send.
    type Sent = RefCell<Vec<(usize, Option<usize>)>>;

    fn note(sent: &Sent, transmit: &Transmit<'_>) {
        sent.borrow_mut().push((transmit.contents.len(), transmit.segment_size));
    }

    #[test]
    fn a_run_is_one_send() {
        let sent = Sent::default();
        let send = |transmit: &Transmit<'_>| {
            note(&sent, transmit);
            Ok(())
        };
        assert_eq!(onward(1_200).send_by(|| 64, send, &[7; 3_000]), 3_000);
        assert_eq!(onward(1_200).send_by(|| 64, send, &[7; 900]), 900);
        assert_eq!(*sent.borrow(), [(3_000, Some(1_200)), (900, None)]);
    }

    #[test]
    fn a_send_stays_within_the_kernels_limits() {
        for (stride, length) in [(20, 4_000), (1_452, 90_000), (1_200, 65_535), (1, 200)] {
            let sent = Sent::default();
            let send = |transmit: &Transmit<'_>| {
                note(&sent, transmit);
                Ok(())
            };
            assert_eq!(onward(stride).send_by(|| 64, send, &vec![7; length]), length);
            let sent = sent.into_inner();
            let (_, whole) = sent.split_last().unwrap();
            assert!(whole.iter().all(|(size, _)| size % stride == 0), "{sent:?}");
            assert!(sent.iter().all(|(size, _)| *size <= MAX_SEND && *size <= 64 * stride));
        }
    }

    #[test]
    fn a_kernel_that_cannot_segment_gets_packet_by_packet() {
        for errno in [rustix::io::Errno::IO, rustix::io::Errno::INVAL] {
            let (sent, segments) = (Sent::default(), Cell::new(64));
            let send = |transmit: &Transmit<'_>| {
                if transmit.segment_size.is_some() {
                    segments.set(1);
                    return Err(errno.into());
                }
                note(&sent, transmit);
                Ok(())
            };
            assert_eq!(onward(100).send_by(|| segments.get(), send, &[7; 250]), 250);
            assert_eq!(onward(100).send_by(|| segments.get(), send, &[7; 150]), 150);
            let sizes = [100, 100, 50, 100, 50].map(|size| (size, None));
            assert_eq!(*sent.borrow(), sizes);
        }
    }

    #[test]
    fn of_large_packets_the_first_goes_alone() {
        let sent = Sent::default();
        let send = |transmit: &Transmit<'_>| {
            note(&sent, transmit);
            Ok(())
        };
        assert_eq!(onward(8_000).send_by(|| 64, send, &[7; 20_000]), 20_000);
        assert_eq!(*sent.borrow(), [(8_000, None), (12_000, Some(8_000))]);
        let too_large = |transmit: &Transmit<'_>| {
            assert_eq!(transmit.segment_size, None);
            Err(rustix::io::Errno::MSGSIZE.into())
        };
        assert_eq!(onward(8_000).send_by(|| 64, too_large, &[7; 20_000]), 0);
    }

    #[test]
    fn a_full_socket_is_a_loss_of_the_rest() {
        let sent = Sent::default();
        let send = |transmit: &Transmit<'_>| {
            if sent.borrow().len() == 2 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            note(&sent, transmit);
            Ok(())
        };
        assert_eq!(onward(100).send_by(|| 1, send, &[7; 450]), 200);
        let gone = |_: &Transmit<'_>| Err(rustix::io::Errno::NETUNREACH.into());
        assert_eq!(onward(100).send_by(|| 64, gone, &[7; 450]), 0);
    }
}
