//! The relay's socket as quinn sees it: legs only. Lines are forwarded on the way.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deskside_link::socket::sift;
use deskside_protocol::label::Label;
use deskside_protocol::session::End;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::{Onward, Route, Switch};
use crate::clock;
use crate::recorder::{Batch, Recording};

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
        let bytes = meta.iter().take(count).map(|received| received.len).sum();
        let mut batches = Batches {
            now: self.0.began.elapsed(),
            time_us: clock::micros(),
            bytes,
            open: Vec::new(),
        };
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
        let stride = received.stride;
        let Some(Route { line, to: end }) = self.0.route(label) else {
            let packets = bytes.len().div_ceil(stride.max(1)) as u64;
            self.0.metrics.dropped(packets);
            return;
        };
        let from = other(end);
        let place = line
            .address(end)
            .filter(|_| line.admits(from, received.addr, bytes.len(), batches.now));
        let Some(to) = place else {
            let packets = bytes.len().div_ceil(stride.max(1)) as u64;
            match line.recording() {
                Some(recording) => recording.count_dropped(packets),
                None => self.0.metrics.dropped(packets),
            }
            return;
        };
        let onward = Onward { stride, to, ecn: received.ecn };
        match line.recording() {
            Some(recording) if !recording.is_over() => {
                batches.push(recording, line.number(), from, onward, bytes);
            }
            Some(recording) => {
                recording.count_unrecorded(onward.packets(bytes.len()));
                onward.send(&self.0.port, &self.0.metrics, bytes);
            }
            None => onward.send(&self.0.port, &self.0.metrics, bytes),
        }
    }
}

const fn other(end: End) -> End {
    match end {
        End::Agent => End::Technician,
        End::Technician => End::Agent,
    }
}

/// The blocks that one receive fills: one for each recorded line in it.
struct Batches {
    /// Since the switch began.
    now: Duration,
    time_us: u64,
    /// Bytes of this receive that no block has asked room for yet.
    bytes: usize,
    open: Vec<(Arc<Recording>, Batch)>,
}

impl Batches {
    fn push(
        &mut self,
        recording: &Arc<Recording>,
        line: u16,
        from: End,
        onward: Onward,
        bytes: &[u8],
    ) {
        let known = |(open, batch): &(Arc<Recording>, Batch)| {
            Arc::ptr_eq(open, recording) && batch.line() == line
        };
        let index = self.open.iter().position(known).unwrap_or_else(|| {
            // Bulk data fills a receive alone; others ask for no more than is left.
            let room = std::mem::take(&mut self.bytes).max(bytes.len());
            self.open.push((recording.clone(), Batch::new(line, self.time_us, room)));
            self.open.len() - 1
        });
        let Some((_, batch)) = self.open.get_mut(index) else { return };
        if let Err(error) = batch.push(from, onward, self.time_us, bytes) {
            // Full: what a receive holds at most is below the maximum of a block.
            tracing::debug!(%error, "a run does not fit its block");
            recording.count_dropped(onward.packets(bytes.len()));
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
