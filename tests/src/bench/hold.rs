//! `bench hold`: a process of `bench idle` that holds sessions until SIGTERM, and then says how
//! many of their legs still live.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args as Parse;
use deskside_link::{Leg, Line};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::light::Access;
use crate::light::{Met, agent_leg, pair, technician_leg};

/// Sessions after which whoever waits hears that it goes on.
const PROGRESS: usize = 250;
/// Pairings that are under way at once.
const PARALLEL: usize = 16;

/// Whose sessions, and how many.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// The technician's folder
    #[arg(long)]
    home: PathBuf,
    /// The ticket that all of them are about
    #[arg(long)]
    ticket: String,
    /// Sessions to hold
    #[arg(long)]
    sessions: usize,
    /// Make their lines too
    #[arg(long)]
    lines: bool,
}

/// A session that is held: nothing of it is looked at again.
struct Held {
    legs: [Leg; 2],
    _met: Met,
    _line: Option<(Line, Line)>,
}

/// Makes the sessions and holds them.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let held = hold_all(args).await?;
    println!("{}", json!({"event": "held", "sessions": held.len()}));
    terminated.recv().await;
    println!("{}", json!({"event": "alive", "legs": alive(&held).await}));
    Ok(())
}

async fn hold(access: &Access, lines: bool) -> anyhow::Result<Held> {
    let (agent, technician) = tokio::try_join!(agent_leg(access), technician_leg(access))?;
    let mut met = pair(access, &agent, &technician).await?;
    let line = if lines { Some(met.line(&agent, &technician).await?) } else { None };
    Ok(Held { legs: [agent, technician], _met: met, _line: line })
}

async fn hold_all(args: &Args) -> anyhow::Result<Vec<Held>> {
    let access = Arc::new(Access::read(&args.home, args.ticket.clone())?);
    let taken = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..PARALLEL {
        let (access, taken) = (access.clone(), taken.clone());
        let (sessions, lines) = (args.sessions, args.lines);
        workers.spawn(async move {
            let mut held = Vec::new();
            loop {
                let number = taken.fetch_add(1, Ordering::Relaxed);
                if number >= sessions {
                    break;
                }
                if number.is_multiple_of(PROGRESS) {
                    println!("{}", json!({"event": "holding", "sessions": number}));
                }
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
