//! What the legs' endpoint waits for: packets of theirs that came, and room to send.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use deskside_link::socket::SOCKET_BUFFER;
use quinn::udp::RecvMeta;
use tokio::sync::Notify;

/// Bytes of legs' packets that wait for the endpoint: as many as the kernel would keep for it.
const MAX_WAITING: usize = SOCKET_BUFFER;

/// The way between the thread that receives and the legs' endpoint.
#[derive(Debug)]
pub(super) struct Legs {
    inbox: Mutex<Inbox>,
    /// Somebody could not send.
    full: AtomicBool,
    freed: Notify,
    /// A byte through it ends the other thread's wait for the socket.
    nudge: UnixStream,
    nudged: UnixStream,
}

#[derive(Debug, Default)]
struct Inbox {
    /// Runs of datagrams of one stride.
    queue: VecDeque<(RecvMeta, Vec<u8>)>,
    bytes: usize,
    failed: Option<io::Error>,
    waker: Option<Waker>,
}

impl Legs {
    pub(super) fn new() -> io::Result<Self> {
        let (nudge, nudged) = UnixStream::pair()?;
        nudge.set_nonblocking(true)?;
        nudged.set_nonblocking(true)?;
        Ok(Self {
            inbox: Mutex::default(),
            full: AtomicBool::new(false),
            freed: Notify::new(),
            nudge,
            nudged,
        })
    }

    /// Keeps packets for the endpoint. What does not fit is lost, which QUIC makes good.
    pub(super) fn deliver(&self, received: RecvMeta, bytes: &[u8]) {
        let mut inbox = self.inbox();
        if inbox.bytes + bytes.len() <= MAX_WAITING {
            inbox.bytes += bytes.len();
            inbox.queue.push_back((received, bytes.to_vec()));
        }
        inbox.wake();
    }

    /// The socket cannot be received from any more.
    pub(super) fn fail(&self, error: io::Error) {
        let mut inbox = self.inbox();
        inbox.failed = Some(error);
        inbox.wake();
    }

    /// Takes what waits, as a socket would give it.
    pub(super) fn poll_recv(
        &self,
        cx: &Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = self.inbox();
        let mut count = 0;
        for (buffer, slot) in buffers.iter_mut().zip(meta) {
            let Some((received, run)) = inbox.queue.pop_front() else { break };
            inbox.bytes -= run.len();
            // Every buffer of quinn's holds the largest run that a socket can receive.
            let length = run.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..length), run.get(..length)) {
                to.copy_from_slice(from);
            }
            *slot = RecvMeta { len: length, ..received };
            count += 1;
        }
        if count > 0 {
            return Poll::Ready(Ok(count));
        }
        if let Some(error) = inbox.failed.take() {
            return Poll::Ready(Err(error));
        }
        inbox.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The socket took nothing more: [`Self::room`] waits until it does.
    pub(super) fn note_full(&self) {
        self.full.store(true, Ordering::Release);
        self.nudge();
    }

    /// Whether somebody waits for room.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// The socket takes something again.
    pub(super) fn note_room(&self) {
        self.full.store(false, Ordering::Release);
        self.freed.notify_waiters();
    }

    /// Waits until the socket has room.
    pub(super) async fn room(&self) {
        let freed = self.freed.notified();
        if self.is_full() {
            freed.await;
        }
    }

    /// Ends the wait for the socket.
    pub(super) fn nudge(&self) {
        match (&self.nudge).write(&[1]) {
            Ok(_) => {}
            // It is full of nudges.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => tracing::error!(%error, "the receiving thread cannot be woken"),
        }
    }

    /// What becomes readable by a nudge.
    pub(super) fn nudged(&self) -> BorrowedFd<'_> {
        self.nudged.as_fd()
    }

    /// Forgets the nudges so far.
    pub(super) fn heed(&self) -> io::Result<()> {
        match (&self.nudged).read(&mut [0; 64]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(len: usize) -> RecvMeta {
        RecvMeta { len, stride: len, ..RecvMeta::default() }
    }

    /// What one poll gives, in two buffers.
    fn poll(legs: &Legs) -> Poll<io::Result<Vec<Vec<u8>>>> {
        let mut space = vec![vec![0; 100]; 2];
        let mut meta = [RecvMeta::default(); 2];
        let mut slices: Vec<_> = space.iter_mut().map(|it| IoSliceMut::new(it)).collect();
        let cx = Context::from_waker(Waker::noop());
        legs.poll_recv(&cx, &mut slices, &mut meta).map_ok(|count| {
            let filled = space.iter().zip(&meta).take(count);
            filled.map(|(buffer, meta)| buffer[..meta.len].to_vec()).collect()
        })
    }

    #[test]
    fn what_came_is_given_in_order() {
        let legs = Legs::new().unwrap();
        assert!(poll(&legs).is_pending());
        for packet in [&b"one"[..], b"two", b"three"] {
            legs.deliver(received(packet.len()), packet);
        }
        let Poll::Ready(Ok(first)) = poll(&legs) else { panic!("nothing waits") };
        let Poll::Ready(Ok(second)) = poll(&legs) else { panic!("nothing waits") };
        assert_eq!([first, second].concat(), [&b"one"[..], b"two", b"three"]);
        assert!(poll(&legs).is_pending());
    }

    #[test]
    fn what_waits_is_bounded() {
        let legs = Legs::new().unwrap();
        let packet = [7; 1_200];
        for _ in 0..MAX_WAITING / 1_200 + 10 {
            legs.deliver(received(1_200), &packet);
        }
        assert!(legs.inbox().bytes <= MAX_WAITING);
        let kept = legs.inbox().queue.len();
        assert_eq!(kept, MAX_WAITING / 1_200);
    }

    #[test]
    fn a_failure_comes_after_what_was_received() {
        let legs = Legs::new().unwrap();
        legs.deliver(received(4), b"last");
        legs.fail(io::ErrorKind::NotConnected.into());
        assert!(matches!(poll(&legs), Poll::Ready(Ok(_))));
        assert!(matches!(poll(&legs), Poll::Ready(Err(_))));
    }

    #[tokio::test]
    async fn whoever_cannot_send_waits_until_there_is_room() {
        let legs = Legs::new().unwrap();
        legs.room().await;
        legs.note_full();
        let mut waiting = std::pin::pin!(legs.room());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        legs.note_room();
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
        legs.heed().unwrap();
    }
}
