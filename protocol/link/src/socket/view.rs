//! One endpoint's view of the shared socket.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::{Owner, Socket, VIRTUAL, sift};

/// Receives that one poll may spend on other views' datagrams before it lets others run.
const MAX_FOREIGN_BATCHES: usize = 16;

/// What quinn takes for a socket: the leg's, or one line's.
pub(crate) struct View {
    socket: Arc<Socket>,
    owner: Owner,
}

impl View {
    pub(super) fn new(socket: Arc<Socket>, owner: Owner) -> Self {
        Self { socket, owner }
    }

    /// Takes what waits in our queue. `None`: nothing does, and we are woken when something comes.
    fn poll_queue(
        &self,
        cx: &Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Option<io::Result<usize>> {
        let mut mailboxes = self.socket.mailboxes();
        let own = mailboxes.iter_mut().find(|mailbox| mailbox.owner == self.owner);
        let Some(mailbox) = own else { return Some(Err(io::ErrorKind::NotConnected.into())) };
        let mut count = 0;
        let mut slots = buffers.iter_mut().zip(meta);
        while let Some((received, datagram)) = mailbox.queue.pop_front() {
            let Some((buffer, slot)) = slots.next() else {
                mailbox.queue.push_front((received, datagram));
                break;
            };
            // Every buffer of quinn's holds the largest datagram that a socket can receive.
            let length = datagram.len().min(buffer.len());
            let (Some(room), Some(whole)) = (buffer.get_mut(..length), datagram.get(..length))
            else {
                break;
            };
            room.copy_from_slice(whole);
            *slot = RecvMeta { addr: self.seen_from(received.addr), ..received };
            count += 1;
        }
        if count > 0 {
            return Some(Ok(count));
        }
        mailbox.waker = Some(cx.waker().clone());
        None
    }

    /// Reads the port, where that is ours to do.
    fn poll_port(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let reader = self.socket.reader();
        if *reader == self.owner {
            self.socket.port.poll_recv(cx, buffers, meta)
        } else {
            Poll::Pending
        }
    }

    /// Keeps our own datagrams in `buffers`, and hands the others on. Returns how many buffers
    /// still hold something; they are moved to the front.
    fn sort(&self, buffers: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta], count: usize) -> usize {
        let foreign = |label, received: &RecvMeta, bytes: &[u8]| {
            for datagram in bytes.chunks(received.stride.max(1)) {
                let single = RecvMeta { len: datagram.len(), stride: datagram.len(), ..*received };
                self.socket.deliver(label, single, datagram);
            }
        };
        let kept = sift(buffers, meta, count, |label| label == self.owner, foreign);
        for received in meta.iter_mut().take(kept) {
            received.addr = self.seen_from(received.addr);
        }
        kept
    }

    /// A line believes every packet to come from its virtual peer.
    fn seen_from(&self, address: SocketAddr) -> SocketAddr {
        if self.owner.is_some() { VIRTUAL } else { address }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.socket.remove(self.owner);
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for View {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.port.clone().poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let destination = match self.owner {
            Some(_) => self.socket.relay,
            None => transmit.destination,
        };
        self.socket.port.try_send(&Transmit {
            destination,
            ecn: transmit.ecn,
            contents: transmit.contents,
            segment_size: transmit.segment_size,
            src_ip: None,
        })
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        for _ in 0..MAX_FOREIGN_BATCHES {
            if let Some(done) = self.poll_queue(cx, buffers, meta) {
                return Poll::Ready(done);
            }
            let count = ready!(self.poll_port(cx, buffers, meta))?;
            let kept = self.sort(buffers, meta, count);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.owner {
            // Of the family of the virtual address, else quinn refuses to dial it.
            Some(_) => Ok((std::net::Ipv6Addr::UNSPECIFIED, 1).into()),
            None => self.socket.port.local_addr(),
        }
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.port.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.port.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.port.may_fragment()
    }
}
