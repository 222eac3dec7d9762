//! First packets of legs that nobody goes on with: each is sound, and costs the relay what a real
//! one does, but there is nobody behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use quinn_proto::Endpoint;
use tokio::net::UdpSocket;

use super::strangers::{NAME, client};
use deskside_link::cid;

/// Packets, each of a connection of its own.
pub(super) fn make(count: usize, relay: SocketAddr) -> anyhow::Result<Vec<Vec<u8>>> {
    let config = client()?;
    let mut endpoint = Endpoint::new(Arc::new(cid::leg_endpoint(None)), None, true, None);
    let mut packets = Vec::with_capacity(count);
    for _ in 0..count {
        let now = Instant::now();
        let (_, mut connection) =
            endpoint.connect(now, config.clone(), relay, NAME).context("make a connection")?;
        let mut packet = Vec::new();
        let made = connection.poll_transmit(now, 1, &mut packet).context("make a packet")?;
        packet.truncate(made.size);
        packets.push(packet);
    }
    Ok(packets)
}

/// The nth address of loopback that nobody else here uses: 127.64.0.0/10.
pub(super) fn address(nth: usize) -> Ipv4Addr {
    let nth = u32::try_from(nth).unwrap_or(0) & 0x003f_ffff;
    Ipv4Addr::from_bits(0x7f40_0000 | nth)
}

/// Sends a packet from an address, and listens to no answer.
pub(super) async fn send(packet: &[u8], from: Ipv4Addr, relay: SocketAddr) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((from, 0)).await.context("bind a stranger's socket")?;
    socket.send_to(packet, relay).await.context("send a stranger's packet")?;
    Ok(())
}
