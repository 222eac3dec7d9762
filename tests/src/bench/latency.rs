//! `bench latency`: a message of 32 bytes goes there and back on one stream.
//!
//! Four ways in turn, in the same process and the same seconds: two QUIC endpoints with the line's
//! own settings on loopback, the same through a bare hop (the least that anything in between costs
//! here), the line through a relay that only forwards, the line through a relay that records. Both
//! ends are in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use clap::Args as Parse;
use deskside_link::random::System;
use deskside_link::stream::{Receiver, Sender};
use deskside_link::{Leg, Line, transport};
use deskside_protocol::channel::Channel;
use deskside_protocol::frame::MAX_MESSAGE;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::message::Chunk;
use serde_json::json;
use tokio::task::JoinSet;

use super::Teller;
use super::ends;
use super::figures::{Spread, rounded};
use super::ground::Ground;
use super::hop::Hop;
use crate::light::{Met, agent_leg, pair, technician_leg};

/// Microseconds over the direct way that are wished for, while the relay records.
const GOAL: f64 = 50.0;
/// Bytes of a message behind its length and its two bytes of protobuf: 32 on the stream.
const PAYLOAD: [u8; 26] = [7; 26];
/// What a paced round waits between two messages.
const PACE: Duration = Duration::from_millis(2);
/// Round trips before anything is counted.
const WARM: usize = 50;

/// How much is measured.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Turns; each has every way once, paced and back to back
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Round trips of each way in a turn: paced
    #[arg(long, default_value_t = 300)]
    paced: usize,
    /// Round trips of each way in a turn: back to back
    #[arg(long, default_value_t = 2000)]
    quick: usize,
    /// Where the relays' folders are made
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// One way there and back, and what keeps it open.
struct Way {
    name: &'static str,
    sender: Sender<Chunk>,
    receiver: Receiver<Chunk>,
    paced: Vec<f64>,
    quick: Vec<f64>,
    /// Dropped when the measuring is over.
    _keeps: Keeps,
}

/// Two ends and their relay.
type Relayed = (Ground, [Leg; 2], Met, Arc<Line>, Line);

/// Two endpoints, their connection, and what may be between them.
type Straight = ([quinn::Endpoint; 2], [quinn::Connection; 2], Option<Hop>);

enum Keeps {
    Direct { _all: Box<Straight> },
    Relayed { _all: Box<Relayed> },
}

/// Measures the four ways in turn.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let mut echoes = JoinSet::new();
    let mut ways = [
        direct("direct", false, &mut echoes).await?,
        direct("bare hop", true, &mut echoes).await?,
        Box::pin(relayed("relay", Recording::Off, args, &mut echoes)).await?,
        Box::pin(relayed("relay, recording", Recording::Required, args, &mut echoes)).await?,
    ];
    for _ in 0..args.turns {
        for way in &mut ways {
            let paced = way.trips(args.paced, Some(PACE)).await?;
            way.paced.extend(paced);
            let quick = way.trips(args.quick, None).await?;
            way.quick.extend(quick);
        }
    }
    tell(&ways, teller)
}

impl Way {
    fn new(
        name: &'static str,
        sender: Sender<Chunk>,
        receiver: Receiver<Chunk>,
        keeps: Keeps,
    ) -> Self {
        Self { name, sender, receiver, paced: Vec::new(), quick: Vec::new(), _keeps: keeps }
    }

    /// Microseconds of each round trip.
    async fn trips(&mut self, count: usize, pace: Option<Duration>) -> anyhow::Result<Vec<f64>> {
        let message = Chunk { data: Bytes::from_static(&PAYLOAD) };
        let mut all = Vec::with_capacity(count);
        for number in 0..WARM + count {
            if let Some(pace) = pace {
                tokio::time::sleep(pace).await;
            }
            let began = Instant::now();
            self.sender.send(&message).await?;
            let back = self.receiver.receive().await?;
            let took = began.elapsed();
            ensure!(back.as_ref() == Some(&message), "something else came back");
            if number >= WARM {
                all.push(took.as_secs_f64() * 1e6);
            }
        }
        Ok(all)
    }
}

/// Sends back whatever comes.
async fn echo(mut sender: Sender<Chunk>, mut receiver: Receiver<Chunk>) {
    while let Ok(Some(message)) = receiver.receive().await {
        if sender.send(&message).await.is_err() {
            return;
        }
    }
}

async fn direct(name: &'static str, hop: bool, echoes: &mut JoinSet<()>) -> anyhow::Result<Way> {
    let key = SigningKey::generate(&mut System::new());
    let server = ends::accepting(&key, transport::line())?;
    let client = ends::dialling(&key, transport::line())?;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let answers = quinn::Endpoint::server(server, any).context("bind")?;
    let asks = quinn::Endpoint::client(any).context("bind")?;
    let mut address = answers.local_addr()?;
    let hop = if hop { Some(Hop::to(address)?) } else { None };
    if let Some(hop) = &hop {
        address = hop.address();
    }
    let connecting = asks.connect_with(client, address, "deskside")?;
    let incoming = async { answers.accept().await.context("accept")?.await.context("accept") };
    let (there, here) = tokio::try_join!(incoming, async { Ok(connecting.await?) })?;

    let (send, receive) = here.open_bi().await?;
    let (mut sender, receiver) = framed(send, receive);
    // A stream is there for the other end when something comes on it.
    sender.send(&Chunk::default()).await?;
    let (send, receive) = there.accept_bi().await?;
    let (sender_there, mut receiver_there) = framed(send, receive);
    receiver_there.receive().await?;
    echoes.spawn(echo(sender_there, receiver_there));
    let keeps = Keeps::Direct { _all: Box::new(([answers, asks], [there, here], hop)) };
    Ok(Way::new(name, sender, receiver, keeps))
}

fn framed(send: quinn::SendStream, receive: quinn::RecvStream) -> (Sender<Chunk>, Receiver<Chunk>) {
    (Sender::new(send, MAX_MESSAGE), Receiver::new(receive, MAX_MESSAGE))
}

async fn relayed(
    name: &'static str,
    rule: Recording,
    args: &Args,
    echoes: &mut JoinSet<()>,
) -> anyhow::Result<Way> {
    let ground = Ground::new(&args.folder, rule)?;
    let access = &ground.access;
    let (agent, technician) = tokio::try_join!(agent_leg(access), technician_leg(access))?;
    let mut met = pair(access, &agent, &technician).await?;
    let (there, here) = met.line(&agent, &technician).await?;
    let there = Arc::new(there);
    let opened = here.open::<Chunk, Chunk>(Channel::Control).await?;
    let stream = there.accept().await?.opened::<Chunk, Chunk>().await;
    let Some(stream) = stream else { bail!("the stream was not opened") };
    echoes.spawn(echo(stream.sender, stream.receiver));
    let all = Box::new((ground, [agent, technician], met, there, here));
    let keeps = Keeps::Relayed { _all: all };
    Ok(Way::new(name, opened.sender, opened.receiver, keeps))
}

fn tell(ways: &[Way], teller: Teller) -> anyhow::Result<()> {
    type Of = fn(&Way) -> &Vec<f64>;
    let forms: [(&str, Of); 2] =
        [("paced 2 ms", |way| &way.paced), ("back to back", |way| &way.quick)];
    for (form, of) in forms {
        let mut base = None;
        for way in ways {
            let spread = Spread::of(of(way).iter().copied()).context("measure anything")?;
            let base = base.get_or_insert_with(|| spread.clone());
            let (p50, p99) = (spread.p50(), spread.p99());
            let (more, more99) = (p50 - base.p50(), p99 - base.p99());
            let figure = json!({
                "figure": "latency", "way": way.name, "form": form, "trips": spread.count(),
                "p50_us": rounded(p50), "p99_us": rounded(p99),
                "over_direct_p50_us": rounded(more), "over_direct_p99_us": rounded(more99),
                "goal_p50_us": GOAL, "ratio_to_direct": rounded(p50 / base.p50()),
            });
            let text = format!(
                "latency, {form:<12} {:<17} {p50:>6.0} us p50 {p99:>6.0} us p99, over direct \
                 {more:>+5.0} us p50 {more99:>+5.0} us p99 ({:.2} times; goal {GOAL:+} us p50)",
                way.name,
                p50 / base.p50(),
            );
            teller.say(&figure, &text);
        }
    }
    Ok(())
}
