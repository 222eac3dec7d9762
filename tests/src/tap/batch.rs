//! Packets as the kernel hands them over, many at once, and as it takes them.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;

use deskside_link::socket::Port;
use quinn::udp::{RecvMeta, Transmit};

/// Buffers of one receive, each as large as a coalesced batch can be.
const BUFFERS: usize = 8;
const BUFFER: usize = 64 * 1024;
/// Bytes of one segmented send: a UDP datagram's payload has room for no more.
const MAX_SEND: usize = 65_000;

/// Buffers for one receive.
pub(super) struct Room {
    buffers: Vec<Vec<u8>>,
    meta: [RecvMeta; BUFFERS],
}

impl Room {
    pub(super) fn new() -> Self {
        Self { buffers: vec![vec![0; BUFFER]; BUFFERS], meta: [RecvMeta::default(); BUFFERS] }
    }

    /// How many buffers hold something now. An error of the socket is nothing received.
    pub(super) async fn receive(&mut self, port: &Port) -> usize {
        let Self { buffers, meta } = self;
        let received = poll_fn(|cx| {
            let mut slices: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            port.poll_recv(cx, &mut slices, meta)
        });
        received.await.unwrap_or(0)
    }

    pub(super) fn filled(&self, count: usize) -> impl Iterator<Item = (RecvMeta, &[u8])> {
        let both = self.meta.iter().zip(&self.buffers).take(count);
        both.map(|(meta, buffer)| (*meta, buffer.get(..meta.len).unwrap_or_default()))
    }
}

/// Sends a batch on as it came. What the kernel refuses is lost, as on any network.
pub(super) async fn send(port: &Arc<Port>, to: SocketAddr, received: &RecvMeta, bytes: &[u8]) {
    let stride = received.stride.max(1);
    let segments = port.max_transmit_segments().min(MAX_SEND / stride).max(1);
    for piece in bytes.chunks(segments * stride) {
        let transmit = Transmit {
            destination: to,
            ecn: received.ecn,
            contents: piece,
            segment_size: (piece.len() > stride).then_some(stride),
            src_ip: None,
        };
        let mut poller = port.clone().poller();
        while let Err(error) = port.try_send(&transmit) {
            let again = error.kind() == io::ErrorKind::WouldBlock
                && poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.is_ok();
            if !again {
                break;
            }
        }
    }
}
