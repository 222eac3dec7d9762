//! What somebody does who can write any address on a packet: he has seen what passed, and sends as if
//! he were an end, or as if he were the relay.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::Context as _;
use bytes::Bytes;
use deskside_link::socket::Port;
use deskside_protocol::label;
use quinn::udp::{RecvMeta, Transmit};

use super::door::{Client, Door};
use super::{Tap, Way, locked};

/// The last packet of each sort.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<HashMap<(Way, bool), Bytes>>);

impl Last {
    pub(super) fn keep(&self, way: Way, received: &RecvMeta, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for packet in bytes.chunks(received.stride.max(1)) {
            let of_line = label::of_datagram(packet).is_some();
            kept.insert((way, of_line), Bytes::copy_from_slice(packet));
        }
    }

    fn get(&self, way: Way, of_line: bool) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(way, of_line)).cloned()
    }
}

/// Through whose socket the packets of legs go, where not through the end's own.
#[derive(Debug, Default)]
pub(super) struct Diversion(Mutex<Option<UdpSocket>>);

impl Diversion {
    /// Whether this went elsewhere.
    pub(super) fn takes(&self, relay: SocketAddr, received: &RecvMeta, bytes: &[u8]) -> bool {
        let diversion = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(socket) = diversion.as_ref().filter(|_| label::of_datagram(bytes).is_none())
        else {
            return false;
        };
        let packets = bytes.chunks(received.stride.max(1));
        // What cannot be sent is lost, as on any network.
        let _lost = packets.filter(|packet| socket.send_to(packet, relay).is_err()).count();
        true
    }
}

/// The door to whose ends the packets of lines go, past the relay.
#[derive(Debug, Default)]
pub(super) struct Bypass(Mutex<Weak<Door>>);

impl Bypass {
    /// Whether this went past the relay.
    pub(super) fn takes(&self, received: &RecvMeta, bytes: &[u8]) -> bool {
        let to = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(to) = to.filter(|_| label::of_datagram(bytes).is_some()) else { return false };
        for packet in bytes.chunks(received.stride.max(1)) {
            for (end, _, _) in to.mappings() {
                // What cannot be sent is lost, as on any network.
                let _lost = send(&to.port, end, packet).is_err();
            }
        }
        true
    }
}

impl Tap {
    /// From now on a line's packets from the ends behind one door go to those behind another, as if
    /// from their relay, which never hears of them. `None` ends that.
    ///
    /// # Errors
    /// Where there is no such door.
    pub fn bypass(&self, from: usize, to: Option<usize>) -> anyhow::Result<()> {
        let door = |number: usize| self.doors.get(number).context("a door of this number");
        let to = to.map(door).transpose()?.map(Arc::downgrade).unwrap_or_default();
        *door(from)?.bypass.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
        Ok(())
    }

    /// From now on what an end's leg sends comes from this socket and no longer from the end's own:
    /// somebody on the way is quicker, and keeps the answers. `None` ends that.
    ///
    /// # Errors
    /// Where there is no such door.
    pub fn divert(&self, number: usize, through: Option<UdpSocket>) -> anyhow::Result<()> {
        let door = self.doors.get(number).context("a door of this number")?;
        *door.diversion.0.lock().unwrap_or_else(PoisonError::into_inner) = through;
        Ok(())
    }

    /// The last packet that passed a door this way: a line's, or a leg's.
    ///
    /// # Errors
    /// Before there was one.
    pub fn last(&self, number: usize, way: Way, of_line: bool) -> anyhow::Result<Bytes> {
        let door = self.doors.get(number).context("a door of this number")?;
        door.last.get(way, of_line).context("a packet that passed")
    }

    /// How many packets of a line have left the relay through a door.
    #[must_use]
    pub fn left(&self, number: usize) -> usize {
        let seen = locked(&self.seen);
        seen.iter().filter(|seen| seen.door == number && seen.way == Way::FromRelay).count()
    }

    /// Sends a packet to the relay from the address of each end behind a door.
    ///
    /// # Errors
    /// What the system says.
    pub fn spoofs_end(&self, number: usize, packet: &[u8]) -> anyhow::Result<()> {
        let door = self.doors.get(number).context("a door of this number")?;
        for (_, port, relay) in door.mappings() {
            send(&port, relay, packet)?;
        }
        Ok(())
    }

    /// Sends a packet to each end behind a door from the address of its relay.
    ///
    /// # Errors
    /// What the system says.
    pub fn spoofs_relay(&self, number: usize, packet: &[u8]) -> anyhow::Result<()> {
        let door = self.doors.get(number).context("a door of this number")?;
        for (client, _, _) in door.mappings() {
            send(&door.port, client, packet)?;
        }
        Ok(())
    }
}

impl Door {
    fn mappings(&self) -> Vec<(SocketAddr, Arc<Port>, SocketAddr)> {
        let state = self.state();
        let of = |(end, client): (&SocketAddr, &Client)| (*end, client.port.clone(), state.relay);
        state.clients.iter().map(of).collect()
    }
}

fn send(port: &Port, destination: SocketAddr, contents: &[u8]) -> anyhow::Result<()> {
    let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
    port.try_send(&transmit).context("send a packet")
}
