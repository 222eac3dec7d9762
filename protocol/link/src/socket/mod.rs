//! The one UDP socket of an end, shared by its leg and its lines.
//!
//! Each of them is a quinn endpoint with a view of the socket. Exactly one view reads the
//! socket at a time, since tokio keeps one waker; what it reads for another goes through that
//! one's bounded queue. A line takes the reading over from the leg while it lives, so that bulk
//! data takes the short way.
//!
//! A line's remote address is a virtual one. The socket maps it to the relay's address of the
//! moment, so that the line never learns where the relay is.

mod port;
mod runs;
mod sift;
mod view;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use deskside_protocol::label::Label;
use quinn::udp::RecvMeta;

pub use port::{Port, SOCKET_BUFFER};
pub use sift::sift;
pub(crate) use view::View;

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
    port: Arc<Port>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    relay: SocketAddr,
    /// The leg first, then the lines; the last one reads.
    views: Vec<Mailbox>,
}

#[derive(Debug)]
struct Mailbox {
    owner: Owner,
    queue: VecDeque<(RecvMeta, Vec<u8>)>,
    waker: Option<Waker>,
}

impl Mailbox {
    fn new(owner: Owner) -> Self {
        Self { owner, queue: VecDeque::new(), waker: None }
    }
}

impl Socket {
    /// Binds a socket that can reach `relay`.
    pub(crate) fn bind(relay: SocketAddr) -> io::Result<Arc<Self>> {
        let any: SocketAddr = match relay {
            SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let state = State { relay, views: Vec::new() };
        Ok(Arc::new(Self { port: Arc::new(Port::bind(any)?), state: Mutex::new(state) }))
    }

    /// The leg's view, or one for a line whose packets carry the label. The newest view reads.
    pub(crate) fn view(self: &Arc<Self>, owner: Owner) -> Arc<View> {
        let mut state = self.lock();
        state.wake_reader();
        state.views.push(Mailbox::new(owner));
        drop(state);
        Arc::new(View::new(self.clone(), owner))
    }

    fn remove(&self, owner: Owner) {
        let mut state = self.lock();
        state.views.retain(|mailbox| mailbox.owner != owner);
        state.wake_reader();
    }

    fn relay(&self) -> SocketAddr {
        self.lock().relay
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whoever reads now has to poll again: the reading changed hands.
    fn wake_reader(&mut self) {
        if let Some(waker) = self.views.last_mut().and_then(|reader| reader.waker.take()) {
            waker.wake();
        }
    }

    /// Puts a datagram into the queue of `owner`; the leg takes what nobody owns, since a stateless
    /// reset carries random bits where the label stands.
    fn deliver(&mut self, owner: Owner, meta: RecvMeta, datagram: &[u8]) {
        let known = self.views.iter().position(|mailbox| mailbox.owner == owner);
        let Some(mailbox) = self.views.get_mut(known.unwrap_or(0)) else { return };
        if mailbox.queue.len() < MAX_QUEUED {
            mailbox.queue.push_back((meta, datagram.to_vec()));
        }
        if let Some(waker) = mailbox.waker.take() {
            waker.wake();
        }
    }
}
