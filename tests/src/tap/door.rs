//! A door of the tap: where ends think that their relay is. It remembers what passes, and lets those
//! beside it ([`spoof`], [`storm`], [`withhold`]) have their way with it.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use deskside_link::socket::Port;
use deskside_protocol::label;
use quinn::udp::RecvMeta;
use tokio::task::JoinHandle;

use super::batch::{Room, send};
use super::{BULK, Bulk, MAX_SEEN, Seen, Way, hash, locked, now, spoof, storm, withhold};

/// Ends that one door serves, each of their sockets counted.
const MAX_CLIENTS: usize = 4096;

#[derive(Debug)]
pub(super) struct Door {
    number: usize,
    pub(super) port: Arc<Port>,
    pub(super) address: SocketAddr,
    state: Mutex<State>,
    bulk: Arc<Bulk>,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(super) last: spoof::Last,
    pub(super) diversion: spoof::Diversion,
    pub(super) bypass: spoof::Bypass,
    pub(super) storm: storm::Storm,
    pub(super) withhold: withhold::Withhold,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) relay: SocketAddr,
    pub(super) clients: HashMap<SocketAddr, Client>,
}

/// An end's socket towards the relay, and the task that reads it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) port: Arc<Port>,
    reading: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Door {
    pub(super) fn open(
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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
