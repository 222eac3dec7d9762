//! A pair of eyes between the ends and a relay: a UDP proxy that forwards everything and remembers
//! each packet of a line that passed, in either direction.
//!
//! An end is told a *door* of the tap as its relay's address. A door leads to one relay address,
//! which may be changed; behind it each end has a socket of its own towards the relay, as behind a
//! NAT, and that may be changed too, without a word to anybody.

mod spoof;
mod storm;
mod withhold;

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use deskside_link::socket::Port;
use deskside_protocol::label::{self, Label};
use quinn::udp::{RecvMeta, Transmit};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::process::PATIENCE;

/// Buffers of one receive, each as large as a coalesced batch can be.
const BUFFERS: usize = 8;
const BUFFER: usize = 64 * 1024;
/// Bytes of one segmented send: a UDP datagram's payload has room for no more.
const MAX_SEND: usize = 65_000;
/// Ends that one door serves, each of their sockets counted.
const MAX_CLIENTS: usize = 4096;
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

#[derive(Debug)]
struct Door {
    number: usize,
    port: Arc<Port>,
    address: SocketAddr,
    state: Mutex<State>,
    bulk: Arc<Bulk>,
    seen: Arc<Mutex<Vec<Seen>>>,
    last: spoof::Last,
    diversion: spoof::Diversion,
    bypass: spoof::Bypass,
    storm: storm::Storm,
    withhold: withhold::Withhold,
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

#[derive(Debug)]
struct State {
    relay: SocketAddr,
    clients: HashMap<SocketAddr, Client>,
}

/// An end's socket towards the relay, and the task that reads it.
#[derive(Debug)]
struct Client {
    port: Arc<Port>,
    reading: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reading.abort();
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

impl Door {
    fn open(
        number: usize,
        relay: SocketAddr,
        seen: Arc<Mutex<Vec<Seen>>>,
        bulk: Arc<Bulk>,
    ) -> io::Result<Arc<Self>> {
        let port = Arc::new(Port::bind((Ipv4Addr::LOCALHOST, 0).into())?);
        let address = port.local_addr()?;
        let state = Mutex::new(State { relay, clients: HashMap::new() });
        let (last, diversion, bypass, storm, withhold) = Default::default();
        let door = Arc::new(Self {
            number,
            port,
            address,
            state,
            bulk,
            seen,
            last,
            diversion,
            bypass,
            storm,
            withhold,
        });
        tokio::spawn(door.clone().serve());
        Ok(door)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what ends send, until the runtime ends.
    async fn serve(self: Arc<Self>) {
        let mut room = Room::new();
        loop {
            let count = room.receive(&self.port).await;
            for (received, bytes) in room.filled(count) {
                self.remember(Way::ToRelay, &received, bytes);
                let Ok((port, relay)) = self.towards(received.addr) else { continue };
                if self.diversion.takes(relay, &received, bytes)
                    || self.bypass.takes(&received, bytes)
                {
                    continue;
                }
                if let Some(late) = self.withhold.holds(bytes) {
                    let bytes = Bytes::copy_from_slice(bytes);
                    self.later(late, (port, relay), received, bytes);
                    continue;
                }
                self.send(&port, relay, &received, bytes).await;
            }
        }
    }

    /// The socket of this end towards the relay, made where there is none.
    fn towards(self: &Arc<Self>, client: SocketAddr) -> io::Result<(Arc<Port>, SocketAddr)> {
        let mut state = self.state();
        if let Some(known) = state.clients.get(&client) {
            return Ok((known.port.clone(), state.relay));
        }
        if state.clients.len() >= MAX_CLIENTS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let port = Arc::new(Port::bind((Ipv4Addr::LOCALHOST, 0).into())?);
        let reading = tokio::spawn(self.clone().back(port.clone(), client));
        state.clients.insert(client, Client { port: port.clone(), reading });
        Ok((port, state.relay))
    }

    /// Takes back to `client` what the relay sends.
    async fn back(self: Arc<Self>, port: Arc<Port>, client: SocketAddr) {
        let mut room = Room::new();
        loop {
            let count = room.receive(&port).await;
            for (received, bytes) in room.filled(count) {
                self.remember(Way::FromRelay, &received, bytes);
                if self.withhold.takes(bytes) {
                    continue;
                }
                if let Some(late) = self.withhold.holds(bytes) {
                    let (port, bytes) = (self.port.clone(), Bytes::copy_from_slice(bytes));
                    self.later(late, (port, client), received, bytes);
                    continue;
                }
                self.send(&self.port, client, &received, bytes).await;
            }
        }
    }

    /// Takes a batch on after a while.
    fn later(
        self: &Arc<Self>,
        late: Duration,
        (port, to): (Arc<Port>, SocketAddr),
        received: RecvMeta,
        bytes: Bytes,
    ) {
        let door = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            door.send(&port, to, &received, &bytes).await;
        });
    }

    /// Sends a batch on as it came, or what the storm leaves of it.
    async fn send(&self, port: &Arc<Port>, to: SocketAddr, received: &RecvMeta, bytes: &[u8]) {
        let Some(left) = self.storm.takes(received, bytes) else {
            return send(port, to, received, bytes).await;
        };
        for (received, packet) in left {
            send(port, to, &received, &packet).await;
        }
    }

    fn remember(&self, way: Way, received: &RecvMeta, bytes: &[u8]) {
        let door = self.number;
        self.last.keep(way, received, bytes);
        let packets = bytes.chunks(received.stride.max(1)).filter_map(|packet| {
            let label = label::of_datagram(packet)?;
            Some(Seen { at: 0, way, door, label, length: packet.len(), hash: hash(packet) })
        });
        let mut packets: Vec<_> = packets.collect();
        if way == Way::FromRelay {
            let bulk = packets.iter().map(|seen| seen.length).filter(|length| *length >= BULK);
            *self.bulk.locked() += bulk.sum::<usize>() as u64;
            self.bulk.more.notify_all();
        }
        let mut seen = locked(&self.seen);
        // Under the lock, so that they are in the order of their times.
        let at = now();
        packets.iter_mut().for_each(|packet| packet.at = at);
        if seen.len() < MAX_SEEN {
            seen.extend(packets);
        }
    }
}

/// Buffers for one receive.
struct Room {
    buffers: Vec<Vec<u8>>,
    meta: [RecvMeta; BUFFERS],
}

impl Room {
    fn new() -> Self {
        Self { buffers: vec![vec![0; BUFFER]; BUFFERS], meta: [RecvMeta::default(); BUFFERS] }
    }

    /// How many buffers hold something now. An error of the socket is nothing received.
    async fn receive(&mut self, port: &Port) -> usize {
        let Self { buffers, meta } = self;
        let received = poll_fn(|cx| {
            let mut slices: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            port.poll_recv(cx, &mut slices, meta)
        });
        received.await.unwrap_or(0)
    }

    fn filled(&self, count: usize) -> impl Iterator<Item = (RecvMeta, &[u8])> {
        let both = self.meta.iter().zip(&self.buffers).take(count);
        both.map(|(meta, buffer)| (*meta, buffer.get(..meta.len).unwrap_or_default()))
    }
}

/// Sends a batch on as it came. What the kernel refuses is lost, as on any network.
async fn send(port: &Arc<Port>, to: SocketAddr, received: &RecvMeta, bytes: &[u8]) {
    let stride = received.stride.max(1);
    let segments = port.max_transmit_segments().min(MAX_SEND / stride).max(1);
    for piece in bytes.chunks(segments * stride) {
        let transmit = Transmit {
            destination: to,
            ecn: received.ecn,
            contents: piece,
            segment_size: (piece.len() > stride).then_some(stride),
            src_ip: None,
        };
        let mut poller = port.clone().poller();
        while let Err(error) = port.try_send(&transmit) {
            let again = error.kind() == io::ErrorKind::WouldBlock
                && poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.is_ok();
            if !again {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

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
