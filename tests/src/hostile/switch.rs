//! The liar's socket: legs go to quinn, a line's packets to whom the liar pleases.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use deskside_link::socket::{Port, sift};
use deskside_protocol::label::{self, Label};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::mpsc;

/// Packets of lines that are kept: those of a short session.
const MAX_PASSED: usize = 16 * 1024;

/// What is done with a line's packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tricks {
    /// Each goes back to whoever sent it, too.
    pub(super) mirror: bool,
    /// Each goes to a third, too.
    pub(super) third: Option<SocketAddr>,
}

#[derive(Debug)]
pub(super) struct Switch {
    port: Arc<Port>,
    routes: Mutex<HashMap<Label, SocketAddr>>,
    plugs: Mutex<HashMap<Label, mpsc::Sender<Bytes>>>,
    tricks: Mutex<Tricks>,
    passed: Mutex<Vec<Bytes>>,
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Switch {
    pub(super) fn new(port: Port) -> Arc<Self> {
        Arc::new(Self {
            port: Arc::new(port),
            routes: Mutex::default(),
            plugs: Mutex::default(),
            tricks: Mutex::default(),
            passed: Mutex::default(),
        })
    }

    /// Packets with this label go there.
    pub(super) fn route(&self, label: Label, to: SocketAddr) {
        locked(&self.routes).insert(label, to);
    }

    /// Packets with this label are taken here.
    pub(super) fn plug(&self, label: Label, taken: mpsc::Sender<Bytes>) {
        locked(&self.plugs).insert(label, taken);
    }

    pub(super) fn play(&self, tricks: Tricks) {
        *locked(&self.tricks) = tricks;
    }

    /// The lines' packets so far.
    pub(super) fn passed(&self) -> Vec<Bytes> {
        locked(&self.passed).clone()
    }

    /// A packet of a line, from wherever it comes, to the owner of its label.
    pub(super) fn deliver(&self, packet: &[u8]) {
        let Some(label) = label::of_datagram(packet) else { return };
        let plug = locked(&self.plugs).get(&label).cloned();
        if let Some(plug) = plug {
            // A full queue is a loss, as on any network.
            let _lost = plug.try_send(Bytes::copy_from_slice(packet)).is_err();
            return;
        }
        let to = locked(&self.routes).get(&label).copied();
        if let Some(to) = to {
            self.send(to, packet);
        }
    }

    fn forward(&self, received: &RecvMeta, bytes: &[u8]) {
        let tricks = *locked(&self.tricks);
        for packet in bytes.chunks(received.stride.max(1)) {
            let mut passed = locked(&self.passed);
            if passed.len() < MAX_PASSED {
                passed.push(Bytes::copy_from_slice(packet));
            }
            drop(passed);
            if tricks.mirror {
                self.send(received.addr, packet);
            }
            if let Some(third) = tricks.third {
                self.send(third, packet);
            }
            self.deliver(packet);
        }
    }

    /// What cannot be sent is lost.
    fn send(&self, destination: SocketAddr, contents: &[u8]) {
        let ecn = None;
        let transmit = Transmit { destination, ecn, contents, segment_size: None, src_ip: None };
        let _lost = self.port.try_send(&transmit).is_err();
    }
}

/// The switch as quinn's socket of legs.
#[derive(Debug)]
pub(super) struct Switched(pub(super) Arc<Switch>);

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
        loop {
            let count = ready!(self.0.port.poll_recv(cx, buffers, meta))?;
            let foreign = |_, received: &RecvMeta, bytes: &[u8]| self.0.forward(received, bytes);
            let kept = sift(buffers, meta, count, |label| label.is_none(), foreign);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.port.local_addr()
    }

    fn may_fragment(&self) -> bool {
        false
    }

    fn max_receive_segments(&self) -> usize {
        self.0.port.max_receive_segments()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.port.max_transmit_segments()
    }
}
