//! A pair of eyes between the ends and a relay: a UDP proxy that forwards everything and remembers
//! each packet of a line that passed, in either direction.
//!
//! An end is told a *door* of the tap as its relay's address. A door leads to one relay address,
//! which may be changed; behind it each end has a socket of its own towards the relay, as behind a
//! NAT, and that may be changed too, without a word to anybody.

mod batch;
mod door;
mod spoof;
mod storm;
mod withhold;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use deskside_protocol::label::Label;
use tokio::runtime::Runtime;

use crate::process::PATIENCE;
use door::Door;

/// Packets that are remembered: 1 GiB in 64 bytes each.
const MAX_SEEN: usize = 16 * 1024 * 1024;

/// A line's packet of at least so many bytes carries bulk data: acknowledgements are far shorter.
pub const BULK: usize = 1000;

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From an end.
    ToRelay,
    /// It left the relay.
    FromRelay,
}

/// What is kept of a packet.
pub type Hash = [u8; 16];

/// A line's packet that passed.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Microseconds since the epoch, by the clock that the relay reads too.
    pub at: u64,
    /// Which way.
    pub way: Way,
    /// Through which door.
    pub door: usize,
    /// Whom it is for.
    pub label: Label,
    /// Bytes.
    pub length: usize,
    /// The first half of its BLAKE3.
    pub hash: Hash,
}

/// What is kept of these bytes.
#[must_use]
pub fn hash(packet: &[u8]) -> Hash {
    let mut short = Hash::default();
    short.copy_from_slice(blake3::hash(packet).as_bytes().split_at(16).0);
    short
}

/// Microseconds since the epoch.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Tap {
    doors: Vec<Arc<Door>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    bulk: Arc<Bulk>,
    _runtime: Runtime,
}

/// Bytes of bulk data that left the relay, for whoever waits for them.
#[derive(Debug, Default)]
struct Bulk {
    passed: Mutex<u64>,
    more: Condvar,
}

impl Bulk {
    fn locked(&self) -> MutexGuard<'_, u64> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// A tap with so many doors, all of which lead to `relay`.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(doors: usize, relay: SocketAddr) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("start a runtime")?;
        let (seen, bulk) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Bulk::default()));
        let doors = {
            let _inside = runtime.enter();
            let open = |number| Door::open(number, relay, seen.clone(), bulk.clone());
            (0..doors).map(open).collect::<io::Result<Vec<_>>>().context("open a door")?
        };
        Ok(Self { doors, seen, bulk, _runtime: runtime })
    }

    /// A door's address.
    ///
    /// # Panics
    /// Where there is no such door.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test names its own doors")]
    pub fn door(&self, number: usize) -> SocketAddr {
        self.doors.get(number).expect("a door of this number").address
    }

    /// From now on a door leads to another address.
    pub fn lead(&self, number: usize, relay: SocketAddr) {
        if let Some(door) = self.doors.get(number) {
            door.state().relay = relay;
        }
    }

    /// What an end behind a door sends from now on comes from another port, and what is sent to the
    /// old one is lost: a NAT that forgot its mapping.
    pub fn forget_mappings(&self, number: usize) {
        if let Some(door) = self.doors.get(number) {
            door.state().clients.clear();
        }
    }

    /// Bytes of bulk data that left the relay so far, through any door.
    #[must_use]
    pub fn bulk(&self) -> u64 {
        *self.bulk.locked()
    }

    /// Waits until so much bulk data has left the relay.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn wait_for_bulk(&self, bytes: u64) -> anyhow::Result<()> {
        let waited = self
            .bulk
            .more
            .wait_timeout_while(self.bulk.locked(), PATIENCE, |passed| *passed < bytes);
        let (passed, late) = waited.unwrap_or_else(PoisonError::into_inner);
        ensure!(!late.timed_out(), "only {} of {bytes} bytes left the relay in time", *passed);
        Ok(())
    }

    /// Looks at what passed so far, in the order in which it came.
    pub fn look<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&locked(&self.seen))
    }
}

fn locked(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    fn received(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2000];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        (buffer[..length].to_vec(), from)
    }

    /// A short header, a label, the rest.
    fn packet(mark: u8) -> Vec<u8> {
        [&[0x40][..], &[0x80 | mark; 8], &[mark; 100]].concat()
    }

    #[test]
    fn everything_passes_and_a_lines_packets_are_remembered() {
        let (relay, end) = (socket(), socket());
        let tap = Tap::start(1, relay.local_addr().unwrap()).unwrap();
        end.send_to(&packet(1), tap.door(0)).unwrap();
        let (there, nat) = received(&relay);
        relay.send_to(&packet(2), nat).unwrap();
        relay.send_to(b"a leg's, whose first bit is 0", nat).unwrap();
        assert_eq!((there, received(&end).0), (packet(1), packet(2)));
        assert_eq!(received(&end), (b"a leg's, whose first bit is 0".to_vec(), tap.door(0)));
        let seen = tap.look(<[Seen]>::to_vec);
        let kept: Vec<_> = seen.iter().map(|seen| (seen.way, seen.hash, seen.length)).collect();
        let wanted = [(Way::ToRelay, packet(1)), (Way::FromRelay, packet(2))];
        assert_eq!(kept, wanted.map(|(way, packet)| (way, hash(&packet), packet.len())));
    }

    #[test]
    fn a_door_may_lead_elsewhere_and_a_mapping_be_forgotten() {
        let (relay, other, end) = (socket(), socket(), socket());
        let tap = Tap::start(1, relay.local_addr().unwrap()).unwrap();
        end.send_to(&packet(1), tap.door(0)).unwrap();
        let (_, before) = received(&relay);
        tap.forget_mappings(0);
        end.send_to(&packet(2), tap.door(0)).unwrap();
        let (_, after) = received(&relay);
        assert_ne!(before, after);
        relay.send_to(&packet(3), after).unwrap();
        assert_eq!(received(&end).0, packet(3));
        tap.lead(0, other.local_addr().unwrap());
        end.send_to(&packet(4), tap.door(0)).unwrap();
        assert_eq!(received(&other), (packet(4), after));
    }
}
