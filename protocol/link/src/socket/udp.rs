//! A UDP socket with the offloads of the platform, and without a runtime: whoever holds it waits for
//! it by himself.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};

/// Kernel buffers in each direction, in bytes: 20 ms at 1.6 Gbit/s.
pub const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// A UDP socket that never blocks, with segmented sends and coalesced receives where there are such.
pub struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Udp {
    /// Binds a socket of the family of `address`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        socket.bind(&address.into())?;
        Self::new(socket.into())
    }

    /// Takes over a bound socket.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        // The kernel caps what it grants; a smaller buffer costs speed, not correctness.
        for set in [UdpSocketState::set_send_buffer_size, UdpSocketState::set_recv_buffer_size] {
            if let Err(error) = set(&state, (&socket).into(), SOCKET_BUFFER) {
                tracing::debug!(%error, "the kernel keeps its own buffer size");
            }
        }
        socket.set_nonblocking(true)?;
        Ok(Self { socket, state })
    }

    pub(super) fn into_parts(self) -> (UdpSocket, UdpSocketState) {
        (self.socket, self.state)
    }

    /// The bound address.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends one transmit, or says `WouldBlock`.
    ///
    /// # Errors
    /// The operating system's; nothing is swallowed.
    pub fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.try_send((&self.socket).into(), transmit)
    }

    /// Receives a batch, or says `WouldBlock`. Gives the number of buffers that were filled.
    ///
    /// # Errors
    /// The operating system's.
    pub fn try_recv(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.state.recv((&self.socket).into(), buffers, meta)
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
}

#[cfg(unix)]
impl std::os::fd::AsFd for Udp {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Udp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Udp").field("address", &self.local_addr().ok()).finish_non_exhaustive()
    }
}
