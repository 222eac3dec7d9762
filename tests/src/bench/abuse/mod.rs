//! `bench abuse`: what honest users feel while strangers do their worst.
//!
//! First in quiet, then while 10,000 first packets of legs arrive from as many addresses again and
//! again, and 1,000 strangers with legs of their own open codes, guess nameplates and send garbage.
//! All of them are on this machine, so that the load of making it is part of what is felt; the relay
//! is a process of its own. Honest users stand for many addresses, so theirs is given no limits.

mod initials;
mod strangers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as Parse;
use deskside_protocol::close::CloseCode;
use deskside_protocol::policy::Recording;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Teller;
use super::figures::{Spread, rounded};
use super::ground::Ground;
use super::watch;
use crate::light::{agent_leg, pair, technician_leg};
use strangers::{Manner, Stranger, Tally};

/// p99 under abuse as a multiple of p99 in quiet that is wished for.
const GOAL: f64 = 2.0;
/// What the relay may take beyond what it has in quiet: 4,096 handshakes of 30 KiB, 1,000 legs of
/// 25 KiB, tables of 19 MB, in KiB.
const MOST_KIB: f64 = 4_096.0 * 30.0 + 1_000.0 * 25.0 + 19_000.0;
/// Strangers that dial at once while they come.
const ARRIVING: usize = 50;

/// How much is measured.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// First packets, each from an address of its own
    #[arg(long, default_value_t = 10_000)]
    half_open: usize,
    /// Of them in a second; the whole number comes again and again
    #[arg(long, default_value_t = 1_000)]
    rate: usize,
    /// Strangers with legs
    #[arg(long, default_value_t = 1_000)]
    strangers: usize,
    /// Honest pairings of each round
    #[arg(long, default_value_t = 600)]
    count: usize,
    /// Honest pairings that are under way at once
    #[arg(long, default_value_t = 4)]
    parallel: usize,
    /// Rounds of quiet and abuse
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// Where the relay's folder is made
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// Measures.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    ensure!(args.parallel > 0 && args.rate > 0, "that measures nothing");
    let ground = Ground::with(&args.folder, Recording::Off, &["--unlimited", "127.0.0.1"])?;
    let relay: SocketAddr = ground.relay.address().parse().context("read the relay's address")?;
    let packets = Arc::new(initials::make(args.half_open, relay)?);
    // Once for nothing: what the first pays is nobody's fault.
    honest(args, &ground).await?;
    let mut ratios = Vec::new();
    for _ in 0..args.reps {
        ratios.push(round(args, &ground, relay, packets.clone(), teller).await?);
    }
    let ratios = Spread::of(ratios).context("measure at all")?;
    let (median, least, most) = (ratios.p50(), ratios.at(0.0), ratios.at(1.0));
    let figure = json!({
        "figure": "abuse_ratios", "rounds": ratios.count(), "goal": GOAL,
        "median": rounded(median), "least": rounded(least), "most": rounded(most),
    });
    let text = format!(
        "abuse: p99 under abuse is {median:.2} times that in quiet in the median of {} rounds \
         ({least:.2} to {most:.2}; goal {GOAL:.0})",
        ratios.count(),
    );
    teller.say(&figure, &text);
    Ok(())
}

async fn round(
    args: &Args,
    ground: &Ground,
    relay: SocketAddr,
    packets: Arc<Vec<Vec<u8>>>,
    teller: Teller,
) -> anyhow::Result<f64> {
    let id = ground.relay.process.id();
    let quiet = honest(args, ground).await?;
    let before = watch::memory(id)?.rss;
    let (stop, tally) = (CancellationToken::new(), Arc::new(Tally::default()));
    let mut abuse = JoinSet::new();
    arrive(args, relay, &tally, &stop, &mut abuse).await;
    abuse.spawn(flood(packets, relay, args.rate, stop.clone()));
    let highest = abuse.spawn(highest(id, stop.clone()));
    let numbers_before = Numbers::of(ground)?;
    let abused = honest(args, ground).await?;
    let numbers = Numbers::of(ground)?.since(&numbers_before);
    stop.cancel();
    let mut most = before;
    while let Some(done) = abuse.join_next_with_id().await {
        let (task, done) = done.context("wait for a stranger")?;
        let found = done?;
        if task == highest.id() {
            most = found.max(most);
        }
    }
    let round = Round { quiet, abused, before, most, numbers };
    tell(&round, &tally, teller);
    Ok(round.ratio())
}

/// All strangers come, and are there when this returns or the relay keeps them out.
async fn arrive(
    args: &Args,
    relay: SocketAddr,
    tally: &Arc<Tally>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<f64>>,
) {
    for nth in 0..args.strangers {
        let stranger = Stranger {
            // A neighbourhood of its own for every eight.
            from: initials::address(0x20_0000 + nth / 8 * 256 + nth % 8 + 1),
            manner: Manner::ALL[nth % Manner::ALL.len()],
            relay,
            tally: tally.clone(),
        };
        let stop = stop.clone();
        tasks.spawn(async move { stranger.run(stop).await.map(|()| 0.0) });
        if nth % ARRIVING == ARRIVING - 1 {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// First packets, one after the other, all of them again and again.
async fn flood(
    packets: Arc<Vec<Vec<u8>>>,
    relay: SocketAddr,
    rate: usize,
    stop: CancellationToken,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut sent = 0;
    while !stop.is_cancelled() {
        // A batch every ten milliseconds.
        let due = began.elapsed().as_millis() as usize * rate / 1_000;
        while sent < due {
            let nth = sent % packets.len();
            initials::send(&packets[nth], initials::address(nth + 1), relay).await?;
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(0.0)
}

/// The most memory that the relay had.
async fn highest(id: u32, stop: CancellationToken) -> anyhow::Result<f64> {
    let mut most = 0.0_f64;
    while !stop.is_cancelled() {
        most = most.max(watch::memory(id)?.rss);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(most)
}

/// Honest pairings, each with a new leg of the agent: how long each took, in milliseconds.
async fn honest(args: &Args, ground: &Ground) -> anyhow::Result<Spread> {
    let mut workers = JoinSet::new();
    for _ in 0..args.parallel {
        let access = ground.access.clone();
        let count = args.count / args.parallel;
        workers.spawn(async move {
            let technician = technician_leg(&access).await?;
            let mut each = Vec::new();
            for _ in 0..count {
                let began = Instant::now();
                let agent = agent_leg(&access).await?;
                let met = pair(&access, &agent, &technician).await?;
                each.push(began.elapsed().as_secs_f64() * 1e3);
                met.end().await?;
                agent.close(CloseCode::Done).await;
            }
            technician.close(CloseCode::Done).await;
            anyhow::Ok(each)
        });
    }
    let mut each = Vec::new();
    while let Some(done) = workers.join_next().await {
        each.extend(done.context("wait for a worker")??);
    }
    Spread::of(each).context("pair at all")
}

/// What the relay counted.
struct Numbers {
    retries: f64,
    refused_legs: f64,
    limited: f64,
}

impl Numbers {
    fn of(ground: &Ground) -> anyhow::Result<Self> {
        let number = |name: &str| ground.relay.number(name);
        Ok(Self {
            retries: number("deskside_retries_total")?,
            refused_legs: number("deskside_refused_legs_total")?,
            limited: number("deskside_limited_total")?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            retries: self.retries - before.retries,
            refused_legs: self.refused_legs - before.refused_legs,
            limited: self.limited - before.limited,
        }
    }
}

struct Round {
    quiet: Spread,
    abused: Spread,
    /// KiB, resident.
    before: f64,
    most: f64,
    numbers: Numbers,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.abused.p99() / self.quiet.p99()
    }
}

fn tell(round: &Round, tally: &Tally, teller: Teller) {
    let Round { quiet, abused, before, most, numbers } = round;
    let ratio = round.ratio();
    let grown = most - before;
    let [tries, refused, legs] =
        [&tally.tries, &tally.refused, &tally.legs].map(|count| count.load(Ordering::Relaxed));
    let figure = json!({
        "figure": "abuse", "pairings": abused.count(), "goal": GOAL, "ratio": rounded(ratio),
        "quiet_ms_p50": rounded(quiet.p50()), "quiet_ms_p99": rounded(quiet.p99()),
        "abused_ms_p50": rounded(abused.p50()), "abused_ms_p99": rounded(abused.p99()),
        "ratio_p50": rounded(abused.p50() / quiet.p50()),
        "rss_before_kib": before, "rss_most_kib": most, "bound_kib": MOST_KIB,
        "bound_held": grown <= MOST_KIB, "strangers_legs": legs, "strangers_tries": tries,
        "strangers_refused": refused, "retries": numbers.retries,
        "refused_legs": numbers.refused_legs, "limited": numbers.limited,
    });
    let text = format!(
        "abuse: honest pairings take {:.0} ms p50, {:.0} ms p99 in quiet; {:.0} and {:.0} ms under \
         abuse: {ratio:.2} times at p99 (goal {GOAL:.0}); relay {:.0} MiB before, {:.0} MiB at most, \
         {} of {:.0} MiB more; strangers: {legs} legs, {tries} tries, {refused} of them refused; \
         relay: {} retries, {} legs refused, {} over a limit",
        quiet.p50(),
        quiet.p99(),
        abused.p50(),
        abused.p99(),
        before / 1024.0,
        most / 1024.0,
        if grown <= MOST_KIB { "within its bound" } else { "ABOVE ITS BOUND" },
        MOST_KIB / 1024.0,
        numbers.retries,
        numbers.refused_legs,
        numbers.limited,
    );
    teller.say(&figure, &text);
}
