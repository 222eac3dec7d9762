//! `bench idle`: what a session that does nothing costs the relay in memory.
//!
//! Two legs, both session streams open, paired; with `--lines` the line is made too: two more
//! connections here, a route and a recording at the relay. Each leg has a socket of its own, as in
//! life, so the sessions are held by as many processes as the limit of open files asks for. Beside it
//! stands what two connections cost a process that does nothing but hold them (`bare`).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args as Parse;
use deskside_protocol::policy::Recording;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::json;

use super::Teller;
use super::figures::rounded;
use super::ground::Ground;
use super::{bare, watch};
use crate::process::{Process, command};

/// KiB for each session that are wished for, with 1,000 of them.
const GOAL: f64 = 50.0;
/// Files that a process needs beside the sockets of its legs.
const SPARE_FILES: u64 = 256;
/// Sessions of one process, whatever the limit: more processors hold more at once.
const MOST_HELD: u64 = 5000;

/// How much is measured.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Sessions that are held at once, a round for each
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000")]
    sessions: Vec<u64>,
    /// Seconds that they are held before the relay's memory is read
    #[arg(long, default_value_t = 10)]
    seconds: u64,
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

/// One round for each number, each with a relay of its own.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    for sessions in &args.sessions {
        round(args, *sessions, teller).await?;
    }
    Ok(())
}

async fn round(args: &Args, sessions: u64, teller: Teller) -> anyhow::Result<()> {
    let rule = if args.recorded { Recording::Required } else { Recording::Off };
    let ground = Ground::new(&args.folder, rule)?;
    let relay = ground.relay.process.id();
    // The first session pays for what all share.
    let _first = hold(args, &ground, 1)?;
    let before = watch::memory(relay)?;
    let mut held = Vec::new();
    let each_process = most_held()?;
    for begin in (0..sessions).step_by(usize::try_from(each_process)?) {
        held.push(hold(args, &ground, each_process.min(sessions - begin))?);
    }
    let paired = ground.relay_cpu()?;
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let (after, idle) = (watch::memory(relay)?, ground.relay_cpu()? - paired);
    let mut alive = 0;
    for process in &mut held {
        process.signal(Signal::TERM)?;
        alive += process.wait_for("alive")?["legs"].as_u64().unwrap_or_default();
    }
    ensure!(alive == 2 * sessions, "only {alive} of {} legs lived on", 2 * sessions);

    let each = |after: f64, before: f64| (after - before) / sessions as f64;
    let (rss, pss) = (each(after.rss, before.rss), each(after.pss, before.pss));
    let idle = idle / args.seconds as f64;
    let library = bare::kib_each(sessions, args.seconds).await?;
    let form = if args.lines { "two legs and their line" } else { "two legs" };
    let figure = json!({
        "figure": "idle", "sessions": sessions, "form": form, "recorded": args.recorded,
        "rss_kib_each": rounded(rss), "pss_kib_each": rounded(pss), "goal": GOAL,
        "bare_quinn_kib_each": rounded(library), "ratio": rounded(pss / GOAL), "relay_rss_kib": after.rss, "idle_cpu_share": rounded(idle),
    });
    let text = format!(
        "idle: {sessions:>6} sessions ({form}): {rss:.1} KiB each by RSS, {pss:.1} by PSS, {:.2} \
         of the goal of {GOAL}; two bare quinn connections: {library:.1} KiB; relay {:.0} MiB in all, {:.1} % of a processor while idle",
        pss / GOAL,
        after.rss / 1024.0,
        idle * 100.0,
    );
    teller.say(&figure, &text);
    Ok(())
}

/// Sessions that one process can hold, once its limit is as high as may be: its children have it.
fn most_held() -> anyhow::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("raise the limit of open files")?;
    let files = limit.maximum.unwrap_or(u64::MAX);
    Ok((files.saturating_sub(SPARE_FILES) / 2).clamp(1, MOST_HELD))
}

/// Starts a process that holds so many sessions, and waits until it does.
fn hold(args: &Args, ground: &Ground, sessions: u64) -> anyhow::Result<Process> {
    let own = std::env::current_exe().context("find this program")?;
    let mut holder = command(own);
    holder.arg("hold").arg("--home").arg(ground.home());
    holder.args(["--ticket", &ground.access.ticket, "--sessions", &sessions.to_string()]);
    if args.lines {
        holder.arg("--lines");
    }
    let mut holder = Process::start("bench hold", &mut holder)?;
    // It says now and then how far it is.
    while holder.event()?["event"] != "held" {}
    Ok(holder)
}
