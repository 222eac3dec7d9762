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
    relay: SocketAddr,
    /// Whoever reads polls the port under this lock and nobody else polls it: a view that has just
    /// lost the reading would put its waker in the place of the new reader's, for good.
    reader: Mutex<Owner>,
    /// The leg first, then the lines.
    mailboxes: Mutex<Vec<Mailbox>>,
}

/// The shared socket as lines are made from it: [`crate::line::Listener::bind`] and
/// [`crate::line::dial`].
#[derive(Debug, Clone)]
pub struct Lines(Arc<Socket>);

impl Lines {
    pub(crate) const fn new(socket: Arc<Socket>) -> Self {
        Self(socket)
    }

    pub(crate) fn view(&self, own: Label) -> Arc<View> {
        self.0.view(Some(own))
    }
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

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Socket {
    /// Binds a socket that can reach `relay`.
    pub(crate) fn bind(relay: SocketAddr) -> io::Result<Arc<Self>> {
        let any: SocketAddr = match relay {
            SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let port = Arc::new(Port::bind(any)?);
        let (reader, mailboxes) = (Mutex::new(None), Mutex::default());
        Ok(Arc::new(Self { port, relay, reader, mailboxes }))
    }

    /// The leg's view, or one for a line whose packets carry the label. The newest view reads.
    pub(crate) fn view(self: &Arc<Self>, owner: Owner) -> Arc<View> {
        self.mailboxes().push(Mailbox::new(owner));
        self.hand_over();
        Arc::new(View::new(self.clone(), owner))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSliceMut;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use deskside_protocol::label::Label;
    use quinn::AsyncUdpSocket as _;

    /// One receive through a view; gives the first byte behind the label.
    async fn receive(view: &View) -> u8 {
        let mut buffer = [0; 2048];
        std::future::poll_fn(|cx| {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let mut meta = [RecvMeta::default()];
            view.poll_recv(cx, &mut slices, &mut meta)
        })
        .await
        .unwrap();
        buffer[9]
    }

    fn datagram(label: Label, mark: u8) -> Vec<u8> {
        [&[0x40][..], label.as_bytes(), &[mark; 20]].concat()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nothing_is_lost_while_the_reading_changes_hands() {
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = Socket::bind(peer.local_addr().unwrap()).unwrap();
        let port = socket.port.local_addr().unwrap().port();
        let leg = socket.view(None);
        let reading = tokio::spawn(async move {
            loop {
                receive(&leg).await;
            }
        });
        for round in 0..20_000_u32 {
            let label = Label::from_bytes(&(u64::MAX - u64::from(round)).to_be_bytes()).unwrap();
            let to = (Ipv4Addr::LOCALHOST, port);
            // Something for the leg, so that it polls just when the line comes.
            peer.send_to(&[0x40; 30], to).unwrap();
            let line = socket.view(Some(label));
            let waiting = tokio::spawn(async move { receive(&line).await });
            peer.send_to(&datagram(label, 7), to).unwrap();
            let received = tokio::time::timeout(Duration::from_secs(5), waiting).await;
            assert!(matches!(received, Ok(Ok(7))), "round {round}: {received:?}");
        }
        reading.abort();
    }
}
