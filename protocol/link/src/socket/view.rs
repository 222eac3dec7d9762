//! One endpoint's view of the shared socket.
//!
//! A port that gives errors must not end what is on it: to QUIC its errors are loss. quinn would
//! drop a connection for good whose socket fails, and a network that is away for a minute fails.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::{Last, Owner, Port, Socket, VIRTUAL, sift};
use crate::transport::{LEG_PACKET, LINE_PACKET};

/// Receives that one poll may spend on other views' datagrams before it lets others run.
const MAX_FOREIGN_BATCHES: usize = 16;

/// What a port may receive at once, in bytes: the longest coalesced batch, and any one datagram. Every
/// view has buffers for it, since whoever reads the port reads for all.
const COALESCED: usize = 64 * 1024;

/// What quinn takes for a socket: the leg's, or one line's.
pub(crate) struct View {
    socket: Arc<Socket>,
    owner: Owner,
    last: Last,
}

impl View {
    pub(super) fn new(socket: Arc<Socket>, owner: Owner, last: Last) -> Self {
        Self { socket, owner, last }
    }

    /// Counts a line's traffic, and keeps what it sent last.
    fn sent(&self, transmit: &Transmit<'_>) {
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        let mut datagrams = 0;
        let mut newest = transmit.contents;
        for datagram in transmit.contents.chunks(size) {
            datagrams += 1;
            newest = datagram;
        }
        self.socket.traffic.sent.fetch_add(datagrams, Ordering::Relaxed);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.extend_from_slice(newest);
    }

    fn received(&self, buffers: usize) {
        if self.owner.is_some() {
            let buffers = u64::try_from(buffers).unwrap_or(u64::MAX);
            self.socket.traffic.received.fetch_add(buffers, Ordering::Relaxed);
        }
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
            self.received(count);
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
        if *reader != self.owner {
            return Poll::Pending;
        }
        match self.socket.way().port.poll_recv(cx, buffers, meta) {
            // Somewhere nobody listened: some systems say so here. quinn asks again.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                Poll::Ready(Err(error))
            }
            // Whoever exchanges the port wakes us.
            Poll::Ready(Err(error)) => {
                self.socket.failed(&error, "receiving");
                Poll::Pending
            }
            done @ (Poll::Ready(Ok(_)) | Poll::Pending) => done,
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
        self.received(kept);
        for received in meta.iter_mut().take(kept) {
            received.addr = self.seen_from(received.addr);
        }
        kept
    }

    /// A line believes every packet to come from its virtual peer. A leg's endpoint speaks IPv6
    /// always, since the port's family may change under it: IPv4 is mapped (RFC 4291 section
    /// 2.5.5.2).
    fn seen_from(&self, address: SocketAddr) -> SocketAddr {
        match (self.owner, address) {
            (Some(_), _) => VIRTUAL,
            (None, SocketAddr::V4(v4)) => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
            (None, v6) => v6,
        }
    }

    fn destination(&self, wished: SocketAddr, relay: SocketAddr) -> SocketAddr {
        match self.owner {
            Some(_) => relay,
            None => canonical(wished),
        }
    }
}

/// An IPv4 address as such again.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        // Keeps the scope of a link-local one.
        IpAddr::V6(_) => address,
        v4 => (v4, address.port()).into(),
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
        Box::pin(Writable { socket: self.socket.clone(), waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let way = self.socket.way();
        let sent = way.port.try_send(&Transmit {
            destination: self.destination(transmit.destination, way.relay),
            ecn: transmit.ecn,
            contents: transmit.contents,
            segment_size: transmit.segment_size,
            src_ip: None,
        });
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(error) if too_large(&error) => tracing::trace!("a datagram is over the MTU"),
            Err(error) => self.socket.failed(&error, "sending"),
            Ok(()) => {}
        }
        if self.owner.is_some() {
            self.sent(transmit);
        }
        Ok(())
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
            Some(_) => Ok((Ipv6Addr::UNSPECIFIED, 1).into()),
            None => {
                let bound = self.socket.way().port.local_addr()?;
                Ok((Ipv6Addr::UNSPECIFIED, bound.port()).into())
            }
        }
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.way().port.max_transmit_segments()
    }

    /// quinn makes each of its buffers so many of its own largest packets long.
    fn max_receive_segments(&self) -> usize {
        let packet = if self.owner.is_some() { LINE_PACKET } else { LEG_PACKET };
        COALESCED.div_ceil(packet.into())
    }

    fn may_fragment(&self) -> bool {
        self.socket.way().port.may_fragment()
    }
}

/// The kernel knows that the path takes no datagram of this size: quinn probes for that.
fn too_large(error: &io::Error) -> bool {
    const EMSGSIZE: i32 = 90;
    cfg!(target_os = "linux") && error.raw_os_error() == Some(EMSGSIZE)
}

type Waiting = Pin<Box<dyn UdpPoller>>;

/// Waits until the port of the moment can send.
struct Writable {
    socket: Arc<Socket>,
    waiting: Option<(Arc<Port>, Waiting)>,
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let port = self.socket.way().port;
        self.waiting.take_if(|(waited, _)| !Arc::ptr_eq(waited, &port));
        let (_, waiting) = self.waiting.get_or_insert_with(|| (port.clone(), port.poller()));
        if let Err(error) = ready!(waiting.as_mut().poll_writable(cx)) {
            self.socket.failed(&error, "waiting to send");
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Writable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writable")
    }
}
