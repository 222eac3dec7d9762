//! `bench idle`: what a session that does nothing costs the relay in memory.
//!
//! Two legs, both session streams open, paired; with `--lines` the line is made too, as far as the
//! machine carries that: a line is two more connections here and a route at the relay.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as Parse;
use deskside_link::{Leg, Line};
use deskside_protocol::policy::Recording;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::task::JoinSet;

use super::Teller;
use super::ends::{Met, agent_leg, pair, technician_leg};
use super::figures::rounded;
use super::ground::{Access, Ground};
use super::watch;

/// KiB for each session that are wished for, with 1,000 of them.
const GOAL: f64 = 50.0;
/// Files that this process needs beside the sockets of its legs.
const SPARE_FILES: u64 = 256;

/// How much is measured.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Sessions that are held at once, a round for each
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000")]
    sessions: Vec<usize>,
    /// Seconds that they are held before the relay's memory is read
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Pairings that are under way at once
    #[arg(long, default_value_t = 16)]
    parallel: usize,
    /// Make the lines too
    #[arg(long)]
    lines: bool,
    /// The relay records, which takes lines
    #[arg(long, requires = "lines")]
    recorded: bool,
    /// Where the relay's folder is made
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// A session that is held: nothing of it is looked at again.
struct Held {
    legs: [Leg; 2],
    _met: Met,
    _line: Option<(Line, Line)>,
}

/// One round for each number, each with a relay of its own.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let most = args.sessions.iter().copied().max().unwrap_or_default();
    raise_file_limit(2 * most as u64 + SPARE_FILES)?;
    for sessions in &args.sessions {
        round(args, *sessions, teller).await?;
    }
    Ok(())
}

/// Each leg has a socket of its own.
fn raise_file_limit(wanted: u64) -> anyhow::Result<()> {
    let held = getrlimit(Resource::Nofile);
    if held.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = held.maximum.map(|maximum| maximum.max(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    raised.with_context(|| format!("be allowed {wanted} open files: try fewer sessions, or root"))
}

async fn round(args: &Args, sessions: usize, teller: Teller) -> anyhow::Result<()> {
    let rule = if args.recorded { Recording::Required } else { Recording::Off };
    let ground = Ground::new(&args.folder, rule)?;
    let relay = ground.relay.process.id();
    // The first session pays for what all share.
    let _first = hold(&ground.access, args.lines).await?;
    let before = watch::memory(relay)?;
    let (cpu_before, began) = (ground.relay_cpu()?, Instant::now());
    let held = hold_many(args, &ground, sessions).await?;
    let (paired_in, cpu_paired) = (began.elapsed().as_secs_f64(), ground.relay_cpu()?);
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let (after, cpu_after) = (watch::memory(relay)?, ground.relay_cpu()?);
    let alive = alive(&held).await;
    ensure!(alive == 2 * sessions, "only {alive} of {} legs lived on", 2 * sessions);

    let each = |after: f64, before: f64| (after - before) / sessions as f64;
    let (rss, pss) = (each(after.rss, before.rss), each(after.pss, before.pss));
    let idle_cpu = (cpu_after - cpu_paired) / args.seconds as f64;
    let form = if args.lines { "two legs and their line" } else { "two legs" };
    let figure = json!({
        "figure": "idle", "sessions": sessions, "form": form, "recorded": args.recorded,
        "rss_kib_each": rounded(rss), "pss_kib_each": rounded(pss), "goal": GOAL,
        "ratio": rounded(pss / GOAL), "relay_rss_kib": after.rss,
        "paired_in": rounded(paired_in), "pairing_relay_cpu": rounded(cpu_paired - cpu_before),
        "idle_cpu_share": rounded(idle_cpu),
    });
    let text = format!(
        "idle: {sessions:>6} sessions ({form}): {rss:.1} KiB each by RSS, {pss:.1} by PSS, {:.2} \
         of the goal of {GOAL}; relay {:.0} MiB in all, {:.1} % of a processor while idle",
        pss / GOAL,
        after.rss / 1024.0,
        idle_cpu * 100.0,
    );
    teller.say(&figure, &text);
    Ok(())
}

async fn hold(access: &Access, lines: bool) -> anyhow::Result<Held> {
    let (agent, technician) = tokio::try_join!(agent_leg(access), technician_leg(access))?;
    let mut met = pair(access, &agent, &technician).await?;
    let line = if lines { Some(met.line(&agent, &technician).await?) } else { None };
    Ok(Held { legs: [agent, technician], _met: met, _line: line })
}

async fn hold_many(args: &Args, ground: &Ground, sessions: usize) -> anyhow::Result<Vec<Held>> {
    let taken = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..args.parallel {
        let (access, taken, lines) = (ground.access.clone(), taken.clone(), args.lines);
        workers.spawn(async move {
            let mut held = Vec::new();
            while taken.fetch_add(1, Ordering::Relaxed) < sessions {
                held.push(hold(&access, lines).await?);
            }
            anyhow::Ok(held)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = workers.join_next().await {
        all.extend(done.context("wait for a worker")??);
    }
    Ok(all)
}

/// How many legs are still there.
async fn alive(held: &[Held]) -> usize {
    let mut alive = 0;
    for leg in held.iter().flat_map(|held| &held.legs) {
        let lost = tokio::time::timeout(Duration::ZERO, leg.lost()).await;
        alive += usize::from(lost.is_err());
    }
    alive
}
