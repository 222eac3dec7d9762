//! `bench pairings`: how many pairings a relay does in a second, each from an agent that dials to a
//! session that is closed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args as Parse;
use deskside_protocol::close::CloseCode;
use deskside_protocol::policy::Recording;
use serde_json::json;
use tokio::task::JoinSet;

use super::Teller;
use super::figures::{Spread, rounded};
use super::ground::Ground;
use super::watch;
use crate::light::{agent_leg, pair, technician_leg};

/// Pairings per second that are wished for.
const GOAL: f64 = 800.0;

/// How much is measured.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Pairings of each round
    #[arg(long, default_value_t = 4000)]
    count: u64,
    /// A round ends after this many seconds in any case
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Pairings that are under way at once
    #[arg(long, default_value_t = 128)]
    parallel: u32,
    /// Rounds with each policy, one after the other
    #[arg(long, default_value_t = 2)]
    reps: u32,
    /// Where the relay's folder is made
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// One round's figures.
struct Round {
    pairings: u64,
    seconds: f64,
    relay_cpu: f64,
    own_cpu: f64,
    each: Spread,
}

/// Measures with recording off and required, one after the other.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let rules = [("off", Recording::Off), ("required", Recording::Required)];
    let mut grounds = Vec::new();
    for (name, rule) in rules {
        grounds.push((name, Ground::new(&args.folder, rule)?));
    }
    for _ in 0..args.reps {
        for (name, ground) in &grounds {
            let round = round(args, ground).await?;
            tell(&round, name, teller);
        }
    }
    Ok(())
}

async fn round(args: &Args, ground: &Ground) -> anyhow::Result<Round> {
    let left = Arc::new(AtomicU64::new(args.count));
    let mut legs = Vec::new();
    for _ in 0..args.parallel {
        legs.push(technician_leg(&ground.access).await?);
    }
    let own = std::process::id();
    let (relay_before, own_before) = (ground.relay_cpu()?, watch::cpu(own)?);
    let began = Instant::now();
    let until = began + Duration::from_secs(args.seconds);
    let mut workers = JoinSet::new();
    for technician in legs {
        let (access, left) = (ground.access.clone(), left.clone());
        workers.spawn(async move {
            let mut each = Vec::new();
            while Instant::now() < until && take(&left) {
                let began = Instant::now();
                let agent = agent_leg(&access).await?;
                pair(&access, &agent, &technician).await?.end().await?;
                agent.close(CloseCode::Done).await;
                each.push(began.elapsed().as_secs_f64() * 1e3);
            }
            technician.close(CloseCode::Done).await;
            anyhow::Ok(each)
        });
    }
    let mut each = Vec::new();
    while let Some(done) = workers.join_next().await {
        each.extend(done.context("wait for a worker")??);
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Round {
        pairings: each.len() as u64,
        seconds,
        relay_cpu: ground.relay_cpu()? - relay_before,
        own_cpu: watch::cpu(own)? - own_before,
        each: Spread::of(each).context("pair at all")?,
    })
}

/// Takes one of what is left.
fn take(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

fn tell(round: &Round, recording: &str, teller: Teller) {
    let rate = round.pairings as f64 / round.seconds;
    let thousand = |cpu: f64| cpu / round.pairings as f64 * 1000.0;
    let (relay, own) = (thousand(round.relay_cpu), thousand(round.own_cpu));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    // What the relay alone could do, if nobody else needed the processors.
    let limit = processors * 1000.0 / relay;
    let busy = (round.relay_cpu + round.own_cpu) / round.seconds;
    let figure = json!({
        "figure": "pairings", "recording": recording, "pairings": round.pairings,
        "per_second": rounded(rate), "goal": GOAL, "ratio": rounded(rate / GOAL),
        "relay_cpu_per_1000": rounded(relay), "load_cpu_per_1000": rounded(own),
        "relay_alone_per_second": rounded(limit), "processors": processors,
        "busy_processors": rounded(busy),
        "each_ms_p50": rounded(round.each.p50()), "each_ms_p99": rounded(round.each.p99()),
    });
    let text = format!(
        "pairings, recording {recording:<9} {:>6} in {:>5.1} s: {rate:>6.0}/s, {:.2} of the goal \
         of {GOAL}/s; relay {relay:.2} CPU s per 1,000, load {own:.2}; {busy:.1} of {processors} \
         processors busy; relay alone on all of them: {limit:.0}/s; one takes {:.0} ms p50, {:.0} \
         ms p99",
        round.pairings,
        round.seconds,
        rate / GOAL,
        round.each.p50(),
        round.each.p99(),
    );
    teller.say(&figure, &text);
}
