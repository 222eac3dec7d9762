//! `bench bare`: a process of `bench idle` that does nothing but hold QUIC connections with the
//! settings of legs, each with one open stream: what of a session's memory is the library's.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use deskside_link::transport;
use deskside_protocol::key::SigningKey;
use serde_json::json;
use zeroize::Zeroizing;

use super::{ends, watch};
use crate::process::{Process, command};

/// Both processes know it; what they say to each other is nothing.
const SEED: [u8; 32] = [7; 32];
/// Connections are made one behind the other, and each says so much.
const GREETING: &[u8] = b"here";
/// Connections of one session: a leg for each end.
const LEGS: u64 = 2;

/// Accepts whatever comes, for good: whoever started it ends it.
pub(super) async fn serve() -> anyhow::Result<()> {
    let config = ends::accepting(&key(), transport::leg_at_relay())?;
    let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{}", json!({"event": "listening", "address": endpoint.local_addr()?.to_string()}));
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let held = hold(incoming).await;
            if let Err(error) = held {
                eprintln!("{error:#}");
            }
        });
    }
    Ok(())
}

async fn hold(incoming: quinn::Incoming) -> anyhow::Result<()> {
    let connection = incoming.await?;
    let (_send, mut receive) = connection.accept_bi().await?;
    receive.read_exact(&mut [0; GREETING.len()]).await?;
    // Until the other end goes.
    let _rest = receive.read_chunk(1, true).await;
    Ok(())
}

/// KiB that two such connections cost a process, with so many pairs of them.
pub(super) async fn kib_each(sessions: u64, seconds: u64) -> anyhow::Result<f64> {
    let own = std::env::current_exe().context("find this program")?;
    let mut server = Process::start("bench bare", command(own).arg("bare"))?;
    let listening = server.wait_for("listening")?;
    let address = listening["address"].as_str().context("no address")?.parse()?;
    let mut endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    endpoint.set_default_client_config(ends::dialling(&key(), transport::leg_at_end())?);
    let _first = open(&endpoint, address, LEGS).await?;
    let before = watch::memory(server.id())?;
    let held = open(&endpoint, address, LEGS * sessions).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = watch::memory(server.id())?;
    drop(held);
    Ok((after.pss - before.pss) / sessions as f64)
}

type Held = Vec<(quinn::Connection, quinn::SendStream)>;

async fn open(endpoint: &quinn::Endpoint, to: SocketAddr, count: u64) -> anyhow::Result<Held> {
    let mut held = Vec::new();
    for _ in 0..count {
        let connection = endpoint.connect(to, "deskside")?.await?;
        let (mut send, _receive) = connection.open_bi().await?;
        send.write_all(GREETING).await?;
        held.push((connection, send));
    }
    Ok(held)
}

fn key() -> SigningKey {
    SigningKey::from_seed(Zeroizing::new(SEED))
}
