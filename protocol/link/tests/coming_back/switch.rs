//! The relay's socket, as small as it can be: legs go to quinn, a line's packets to the address of
//! the label's owner. It can fall silent, and it can vanish from one moment to the next.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use deskside_link::socket::{Port, sift};
use deskside_protocol::label::Label;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

#[derive(Debug)]
pub(crate) struct Switch {
    /// `None` once the relay was killed.
    port: Mutex<Option<Arc<Port>>>,
    address: SocketAddr,
    pub(crate) silent: AtomicBool,
    pub(crate) routes: Mutex<HashMap<Label, SocketAddr>>,
    /// Hashes of the lines' datagrams.
    seen: Mutex<HashSet<u64>>,
    /// Datagrams that came once more, to the byte: QUIC itself never does that.
    pub(crate) repeated: AtomicU64,
}

impl Switch {
    pub(crate) fn bind(address: SocketAddr) -> Arc<Self> {
        let port = Port::bind(address).unwrap();
        let address = port.local_addr().unwrap();
        Arc::new(Self {
            port: Mutex::new(Some(Arc::new(port))),
            address,
            silent: AtomicBool::new(false),
            routes: Mutex::default(),
            seen: Mutex::default(),
            repeated: AtomicU64::new(0),
        })
    }

    /// Nothing more leaves or arrives, and the port is free: no connection is closed by this.
    pub(crate) fn kill(&self) {
        let port = self.port.lock().unwrap().take().unwrap();
        // Whoever is just sending or receiving lets go of it in a moment.
        while Arc::strong_count(&port) > 1 {
            std::thread::yield_now();
        }
    }

    fn port(&self) -> Option<Arc<Port>> {
        self.port.lock().unwrap().clone()
    }

    fn forward(&self, label: Option<Label>, received: &RecvMeta, bytes: &[u8]) {
        let to = label.and_then(|label| self.routes.lock().unwrap().get(&label).copied());
        let Some(destination) = to else { return };
        for contents in bytes.chunks(received.stride) {
            self.count(contents);
            self.send(&Transmit {
                destination,
                ecn: received.ecn,
                contents,
                segment_size: None,
                src_ip: None,
            });
        }
    }

    fn count(&self, datagram: &[u8]) {
        let mut hasher = DefaultHasher::new();
        datagram.hash(&mut hasher);
        if !self.seen.lock().unwrap().insert(hasher.finish()) {
            self.repeated.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What cannot be sent is lost.
    fn send(&self, transmit: &Transmit<'_>) {
        if let Some(port) = self.port().filter(|_| !self.silent.load(Ordering::Relaxed)) {
            port.try_send(transmit).ok();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Switched(pub(crate) Arc<Switch>);

#[derive(Debug)]
struct Always;

impl UdpPoller for Always {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for Switched {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Always)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.send(transmit);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let Some(port) = self.0.port() else { return Poll::Pending };
            let count = ready!(port.poll_recv(cx, buffers, meta))?;
            if self.0.silent.load(Ordering::Relaxed) {
                continue;
            }
            let foreign =
                |label, received: &RecvMeta, bytes: &[u8]| self.0.forward(label, received, bytes);
            let kept = sift(buffers, meta, count, |label| label.is_none(), foreign);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.address)
    }

    fn may_fragment(&self) -> bool {
        false
    }

    fn max_receive_segments(&self) -> usize {
        self.0.port().map_or(1, |port| port.max_receive_segments())
    }
}
