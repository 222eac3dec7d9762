//! The relay's socket as quinn sees it: legs only. Lines are forwarded on the way.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use deskside_link::socket::sift;
use deskside_protocol::label::Label;
use deskside_protocol::recording::Packets;
use deskside_protocol::session::End;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::{Route, Switch};
use crate::clock;
use crate::recorder::{Batch, Recording, Send};

/// Receives without a leg's packet that one poll may make before it lets others run.
const MAX_LINE_BATCHES: usize = 16;

/// What quinn takes for its socket.
pub struct Switched(Arc<Switch>);

impl Switched {
    /// The socket of `switch`.
    #[must_use]
    pub const fn new(switch: Arc<Switch>) -> Self {
        Self(switch)
    }

    /// Forwards lines and keeps legs. Returns how many buffers still hold something.
    fn dispatch(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
        count: usize,
    ) -> usize {
        let mut batches = Batches { time_us: clock::micros(), open: Vec::new() };
        let kept = sift(
            buffers,
            meta,
            count,
            |label| label.is_none(),
            |label, received, bytes| {
                if let Some(label) = label {
                    self.forward(label, received, bytes, &mut batches);
                }
            },
        );
        for (recording, batch) in batches.open {
            recording.submit(batch);
        }
        kept
    }

    fn forward(&self, label: Label, received: &RecvMeta, bytes: &[u8], batches: &mut Batches) {
        let packets = bytes.len().div_ceil(received.stride.max(1)) as u64;
        let Some(Route { line, to }) = self.0.route(label) else {
            self.0.metrics.dropped(packets);
            return;
        };
        let from = other(to);
        let to = line.address(to).filter(|_| line.admits(from, received.addr, bytes.len()));
        let Some(to) = to else {
            match line.recording() {
                Some(recording) => recording.count_dropped(packets),
                None => self.0.metrics.dropped(packets),
            }
            return;
        };
        let send =
            Send { range: 0..bytes.len(), stride: received.stride, from, to, ecn: received.ecn };
        match line.recording() {
            Some(recording) if !recording.is_over() => {
                batches.push(recording, line.number(), send, bytes);
            }
            Some(recording) => {
                recording.count_unrecorded(packets);
                crate::recorder::forward(&self.0.port, &self.0.metrics, &send, bytes);
            }
            None => crate::recorder::forward(&self.0.port, &self.0.metrics, &send, bytes),
        }
    }
}

const fn other(end: End) -> End {
    match end {
        End::Agent => End::Technician,
        End::Technician => End::Agent,
    }
}

/// The blocks that one receive fills: one for each recorded session in it.
struct Batches {
    time_us: u64,
    open: Vec<(Arc<Recording>, Batch)>,
}

impl Batches {
    fn push(&mut self, recording: &Arc<Recording>, line: u16, mut send: Send, bytes: &[u8]) {
        let known = self.open.iter().position(|(open, _)| Arc::ptr_eq(open, recording));
        let index = known.unwrap_or_else(|| {
            let block = Packets::new(line, self.time_us, bytes.len());
            self.open.push((recording.clone(), Batch::new(block)));
            self.open.len() - 1
        });
        let Some((_, batch)) = self.open.get_mut(index) else { return };
        let stride = u16::try_from(send.stride).unwrap_or(u16::MAX);
        match batch.block().run(send.from, stride, self.time_us, bytes) {
            Ok(range) => {
                send.range = range;
                batch.push(send);
            }
            // Full: what a receive holds at most is below the maximum of a block.
            Err(error) => {
                tracing::debug!(%error, "a run does not fit its block");
                recording.count_dropped(bytes.len().div_ceil(send.stride.max(1)) as u64);
            }
        }
    }
}

impl fmt::Debug for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Switched")
    }
}

impl AsyncUdpSocket for Switched {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.0.port.clone().poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.port.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        for _ in 0..MAX_LINE_BATCHES {
            let count = ready!(self.0.port.poll_recv(cx, buffers, meta))?;
            let kept = self.dispatch(buffers, meta, count);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.port.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.port.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.0.port.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.0.port.may_fragment()
    }
}
