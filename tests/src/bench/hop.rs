//! The least that anything between two ends costs: a thread that hands each datagram on, with one
//! system call to receive and one to send, and looks at nothing.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

/// How long it takes at most to notice that nobody needs it any more.
const PATIENCE: Duration = Duration::from_millis(100);
/// The longest datagram.
const LONGEST: usize = 65_535;

/// Hands datagrams on between `answers` and whoever else sends to it, until it is dropped.
#[derive(Debug)]
pub(super) struct Hop {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hop {
    pub(super) fn to(answers: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("bind")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let address = socket.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = std::thread::spawn(move || hand_on(&socket, answers, &seen));
        Ok(Self { address, over, thread: Some(thread) })
    }

    /// Where to dial instead.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn hand_on(socket: &UdpSocket, answers: SocketAddr, over: &AtomicBool) {
    let mut buffer = vec![0; LONGEST];
    let mut asks = None;
    while !over.load(Ordering::Relaxed) {
        // Nothing came in time, or the other end is away: QUIC sends what matters again.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let to = if from == answers { asks } else { Some(answers) };
        if from != answers {
            asks = Some(from);
        }
        if let (Some(to), Some(datagram)) = (to, buffer.get(..length)) {
            let _lost = socket.send_to(datagram, to);
        }
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
