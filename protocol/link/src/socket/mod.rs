//! The one UDP socket of an end, shared by its leg and its lines.
//!
//! Each of them is a quinn endpoint with a view of the socket. Exactly one view reads the
//! socket at a time, since tokio keeps one waker; what it reads for another goes through that
//! one's bounded queue. A line takes the reading over from the leg while it lives, so that bulk
//! data takes the short way.
//!
//! A line's remote address is a virtual one. The socket maps it to the relay's address of the
//! moment, so that the line never learns where the relay is, nor that it came back elsewhere. The
//! port under it can be exchanged too.

mod lines;
mod port;
mod runs;
mod sift;
mod udp;
mod view;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;

use deskside_protocol::label::Label;
use quinn::udp::{RecvMeta, Transmit};

pub use lines::Lines;
pub use port::Port;
pub use sift::sift;
pub use udp::{SOCKET_BUFFER, Udp};
pub(crate) use view::{View, canonical};

/// Datagrams that wait for a view which is not reading: legs talk little, and a line's own loss
/// recovery covers what is dropped while the reading changes hands.
const MAX_QUEUED: usize = 256;

/// Where every line believes its peer to be.
pub(crate) const VIRTUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 1);

/// Which view: the leg's, or a line's by its label.
pub(crate) type Owner = Option<Label>;

/// The shared socket.
#[derive(Debug)]
pub(crate) struct Socket {
    way: RwLock<Way>,
    /// The operating system refused to send or receive on the port: another one is due.
    broken: AtomicBool,
    /// Datagrams of lines, in both directions.
    traffic: Traffic,
    /// Whoever reads polls the port under this lock and nobody else polls it: a view that has just
    /// lost the reading would put its waker in the place of the new reader's, for good.
    reader: Mutex<Owner>,
    /// The leg first, then the lines.
    mailboxes: Mutex<Vec<Mailbox>>,
}

/// Which way packets take at the moment.
#[derive(Debug, Clone)]
struct Way {
    port: Arc<Port>,
    /// Where the lines' packets go.
    relay: SocketAddr,
}

/// How many datagrams lines have sent and received.
#[derive(Debug, Default)]
struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
}

/// The last datagram that a line sent, for [`Socket::resend`]. Shared by its mailbox and its view.
type Last = Arc<Mutex<Vec<u8>>>;

#[derive(Debug)]
struct Mailbox {
    owner: Owner,
    queue: VecDeque<(RecvMeta, Vec<u8>)>,
    waker: Option<Waker>,
    last: Last,
}

impl Mailbox {
    fn new(owner: Owner, last: Last) -> Self {
        Self { owner, queue: VecDeque::new(), waker: None, last }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Socket {
    /// Binds a socket that can reach `relay`.
    pub(crate) fn bind(relay: SocketAddr) -> io::Result<Arc<Self>> {
        let port = Arc::new(Port::bind(any(relay))?);
        Ok(Arc::new(Self {
            way: RwLock::new(Way { port, relay }),
            broken: AtomicBool::new(false),
            traffic: Traffic::default(),
            reader: Mutex::new(None),
            mailboxes: Mutex::default(),
        }))
    }

    /// The leg's view, or one for a line whose packets carry the label. The newest view reads.
    pub(crate) fn view(self: &Arc<Self>, owner: Owner) -> Arc<View> {
        let last = Last::default();
        self.mailboxes().push(Mailbox::new(owner, last.clone()));
        self.hand_over();
        Arc::new(View::new(self.clone(), owner, last))
    }

    /// Where the lines' packets go.
    pub(crate) fn relay(&self) -> SocketAddr {
        self.way().relay
    }

    /// Sends the lines' packets to `relay` from here on.
    pub(crate) fn aim(&self, relay: SocketAddr) {
        self.way.write().unwrap_or_else(PoisonError::into_inner).relay = relay;
    }

    /// Sees to a port that can send to `address`: another one where the one of the moment is broken
    /// or of the other family.
    pub(crate) fn reach(&self, address: SocketAddr) -> io::Result<()> {
        let bound = self.way().port.local_addr();
        let fits = bound.is_ok_and(|bound| bound.is_ipv4() == address.is_ipv4());
        if fits && !self.broken.load(Ordering::Relaxed) { Ok(()) } else { self.exchange(address) }
    }

    /// Takes a fresh port of the family of `address`. What waits in the old one is lost, which QUIC
    /// makes good.
    pub(crate) fn exchange(&self, address: SocketAddr) -> io::Result<()> {
        let port = Arc::new(Port::bind(any(address))?);
        // Nobody polls the old port while it goes, and the reader polls again to find the new one.
        let reader = self.reader();
        self.way.write().unwrap_or_else(PoisonError::into_inner).port = port;
        self.broken.store(false, Ordering::Relaxed);
        drop(reader);
        self.hand_over();
        Ok(())
    }

    /// Sends again what each line sent last. The other end acknowledges it as something new where
    /// it was lost, and a sender whose timer has backed off goes on at once.
    pub(crate) fn resend(&self) {
        let copies: Vec<Last> = {
            let mailboxes = self.mailboxes();
            let lines = mailboxes.iter().filter(|mailbox| mailbox.owner.is_some());
            lines.map(|mailbox| mailbox.last.clone()).collect()
        };
        let Way { port, relay } = self.way();
        for copy in copies {
            let contents = copy.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if contents.is_empty() {
                continue;
            }
            let transmit = Transmit {
                destination: relay,
                ecn: None,
                contents: &contents,
                segment_size: None,
                src_ip: None,
            };
            if let Err(error) = port.try_send(&transmit) {
                tracing::debug!(%error, "a line's last datagram was not sent again");
            }
        }
    }

    /// How many datagrams lines have sent and received so far.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        let Traffic { sent, received } = &self.traffic;
        (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed))
    }

    fn way(&self) -> Way {
        self.way.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The port gave an error. To QUIC that is loss: it sends again, by another port by then.
    fn failed(&self, error: &io::Error, doing: &str) {
        if !self.broken.swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, doing, "the UDP socket gives errors");
        }
    }

    fn remove(&self, owner: Owner) {
        self.mailboxes().retain(|mailbox| mailbox.owner != owner);
        self.hand_over();
    }

    /// The newest view reads from here on, and polls again to do so.
    fn hand_over(&self) {
        let mut reader = self.reader();
        if let Some(newest) = self.mailboxes().last_mut() {
            *reader = newest.owner;
            newest.wake();
        }
    }

    /// Puts a datagram into the queue of `owner`; the leg takes what nobody owns, since a stateless
    /// reset carries random bits where the label stands.
    fn deliver(&self, owner: Owner, meta: RecvMeta, datagram: &[u8]) {
        let mut mailboxes = self.mailboxes();
        let known = mailboxes.iter().position(|mailbox| mailbox.owner == owner);
        let Some(mailbox) = mailboxes.get_mut(known.unwrap_or(0)) else { return };
        if mailbox.queue.len() < MAX_QUEUED {
            mailbox.queue.push_back((meta, datagram.to_vec()));
        }
        mailbox.wake();
    }

    /// Taken before [`Self::mailboxes`] where both are needed.
    fn reader(&self) -> MutexGuard<'_, Owner> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mailboxes(&self) -> MutexGuard<'_, Vec<Mailbox>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Any port of the family of `address`.
fn any(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

#[cfg(test)]
mod tests;
