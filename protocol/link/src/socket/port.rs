//! One UDP socket as a task of the runtime waits for it.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn::UdpPoller;
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;

use super::Udp;

/// A UDP socket as quinn wants it.
pub struct Port {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
}

impl Port {
    /// Binds a socket of the family of `address`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let (socket, state) = Udp::bind(address)?.into_parts();
        Ok(Self { io: tokio::net::UdpSocket::from_std(socket)?, state })
    }

    /// The bound address.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// Sends one transmit, or says `WouldBlock`.
    ///
    /// # Errors
    /// The operating system's; nothing is swallowed.
    pub fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let send = || self.state.try_send((&self.io).into(), transmit);
        self.io.try_io(Interest::WRITABLE, send)
    }

    /// Receives a batch. One task at a time: tokio keeps one waker for this.
    pub fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let receive = || self.state.recv((&self.io).into(), buffers, meta);
            match self.io.try_io(Interest::READABLE, receive) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Segments of one send.
    #[must_use]
    pub fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Datagrams of one receive buffer.
    #[must_use]
    pub fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    /// Whether the network may fragment what we send.
    #[must_use]
    pub fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    /// A poller of its own for each task that waits to send.
    pub fn poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable { port: self, waiting: None })
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("address", &self.local_addr().ok()).finish_non_exhaustive()
    }
}

type Waiting = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// Waits until the socket can send. A future for each wait, since tokio's poll keeps one waker.
struct Writable {
    port: Arc<Port>,
    waiting: Option<Waiting>,
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let port = self.port.clone();
        let waiting =
            self.waiting.get_or_insert_with(|| Box::pin(async move { port.io.writable().await }));
        let result = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(result)
    }
}

impl fmt::Debug for Writable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writable")
    }
}
