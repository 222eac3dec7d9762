//! `bench kills`: the shipped programs move files in both directions while the relay is killed by
//! SIGKILL, again and again, and comes back on the same port or on another one.
//!
//! A tap stands between each end and the relay. It sees what leaves the relay, which the relay
//! cannot know; in the end that is held against the recording.

mod judge;
mod plan;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as Parse;
use deskside_protocol::transcript::sha256;
use serde_json::json;

use self::judge::{Gap, gap};
use self::plan::{Kill, Transfer, plan};
use self::stage::Stage;
use super::Teller;
use super::figures::{Spread, rounded};
use crate::dice::Dice;
use crate::recorded::Recorded;
use crate::tap;

/// Milliseconds from "both registered" until bytes flow that are wished for.
const GOAL: f64 = 50.0;

/// How much is killed.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Deaths of the relay
    #[arg(long, default_value_t = 50)]
    count: u64,
    /// What sizes, directions and moments are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The largest file, in MiB
    #[arg(long, default_value_t = 64)]
    largest: u64,
    /// No transfer begins after so many seconds
    #[arg(long, default_value_t = 900)]
    seconds: u64,
    /// Where all folders are made
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
}

/// One death, in microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Death {
    killed: u64,
    ready: u64,
    elsewhere: bool,
}

/// Carries the plan out and judges.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let mut stage = tokio::task::block_in_place(|| Stage::new(&args.folder))?;
    let mut deaths = Vec::new();
    let done = carry_all_out(args, &mut stage, &mut deaths).await;
    // The tap has a runtime of its own, which must not end within another.
    tokio::task::block_in_place(|| judge(stage, &deaths, done?, args.seed, teller))
}

/// The whole plan. Gives how many files went, and how many of them came whole.
async fn carry_all_out(
    args: &Args,
    stage: &mut Stage,
    deaths: &mut Vec<Death>,
) -> anyhow::Result<(u64, u64)> {
    let began = Instant::now();
    let mut dice = Dice(args.seed);
    let (mut files, mut whole) = (0, 0);
    for transfer in plan(args.seed, args.count, args.largest * 1024 * 1024) {
        if began.elapsed() > Duration::from_secs(args.seconds) {
            break;
        }
        let same = carry_out(stage, &transfer, &mut dice, deaths).await;
        files += 1;
        whole += u64::from(same.with_context(|| format!("transfer {files}: {transfer:?}"))?);
    }
    ensure!(!deaths.is_empty(), "nothing was killed");
    Ok((files, whole))
}

/// One transfer with its kills. Says whether the file came whole.
async fn carry_out(
    stage: &mut Stage,
    transfer: &Transfer,
    dice: &mut Dice,
    deaths: &mut Vec<Death>,
) -> anyhow::Result<bool> {
    let (here, there) = (stage.path("file"), stage.files().join("file"));
    let (from, to) = if transfer.up { (&here, &there) } else { (&there, &here) };
    fs::write(from, dice.bytes(transfer.bytes)).context("write a file")?;
    match fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context("remove a file");
        }
        _ => {}
    }
    let here = here.to_str().context("name a file")?;
    let words = if transfer.up { [here, "agent:file"] } else { ["agent:file", here] };
    let begin = stage.tap.bulk();
    let mut copy = stage.alice.copying(&words)?;
    for kill in &transfer.kills {
        let passed = tokio::task::block_in_place(|| stage.tap.wait_for_bulk(begin + kill.at));
        passed.with_context(|| format!("cp: {:?} {}", copy.heard(), copy.words()))?;
        deaths.push(die(stage, *kill).await?);
    }
    let code = tokio::task::block_in_place(|| copy.end())?;
    ensure!(code == Some(0), "cp ended with {code:?}: {:?} {}", copy.heard(), copy.words());
    Ok(same(from, to)?)
}

fn same(from: &Path, to: &Path) -> std::io::Result<bool> {
    let (from, to) = (fs::read(from)?, fs::read(to)?);
    Ok(from.len() == to.len() && sha256(&from) == sha256(&to))
}

/// Kills the relay and starts it again; gives when bytes flow.
async fn die(stage: &mut Stage, kill: Kill) -> anyhow::Result<Death> {
    let killed = tap::now();
    tokio::task::block_in_place(|| stage.relay.kill())?;
    let gone = stage.tap.bulk();
    tokio::time::sleep(Duration::from_millis(kill.pause)).await;
    tokio::task::block_in_place(|| stage.restart(kill.elsewhere))?;
    let ready = tap::now();
    // More than what the ends send again by themselves: four times one batch.
    let flows = gone + 4 * 64 * 1024;
    let flowing = tokio::task::block_in_place(|| stage.tap.wait_for_bulk(flows));
    flowing.with_context(|| format!("see bytes flow after {kill:?}"))?;
    Ok(Death { killed, ready, elsewhere: kill.elsewhere })
}

fn judge(
    stage: Stage,
    deaths: &[Death],
    (files, whole): (u64, u64),
    seed: u64,
    teller: Teller,
) -> anyhow::Result<()> {
    let ended = stage.recording()?;
    let recorded = Recorded::read(&ended.recording)?;
    let left = ended.tap.look(|seen| recorded.left(seen));
    let mut gaps = Vec::new();
    for death in deaths {
        let gap = ended.tap.look(|seen| gap(&recorded, seen, death.killed, death.ready));
        gaps.push((gap.with_context(|| format!("judge {death:?}"))?, death.elsewhere));
    }
    for (port, wanted) in [("either", None), ("the same", Some(false)), ("another", Some(true))] {
        let of = gaps.iter().filter(|(_, elsewhere)| wanted.is_none_or(|wish| wish == *elsewhere));
        let of: Vec<Gap> = of.map(|(gap, _)| *gap).collect();
        tell(&of, port, teller);
    }
    let figure = json!({
        "figure": "kills", "seed": seed, "kills": deaths.len(), "files": files, "whole": whole,
        "packets_left_the_relay": left.packets, "not_in_the_recording": left.missing,
        "of_no_line": left.of_no_line, "verdict": ended.verdict, "recording_bytes": ended.recording.len(),
    });
    let text = format!(
        "kills: {} (seed {seed}), {whole} of {files} files whole; {} packets of the line \
         left the relay, {} of them not in the recording ({} bytes), which is {}; {} stateless \
         resets beside them",
        deaths.len(),
        left.packets,
        left.missing,
        ended.recording.len(),
        ended.verdict,
        left.of_no_line,
    );
    teller.say(&figure, &text);
    ensure!(whole == files, "{} files are not whole", files - whole);
    ensure!(left.missing == 0, "{} packets left the relay unrecorded", left.missing);
    Ok(())
}

fn tell(gaps: &[Gap], port: &str, teller: Teller) {
    let spread = |of: fn(&Gap) -> u64| Spread::of(gaps.iter().map(|gap| of(gap) as f64 / 1e3));
    let of = [spread(|gap| gap.registered), spread(|gap| gap.ready), spread(|gap| gap.killed)];
    let [Some(registered), Some(ready), Some(killed)] = of else { return };
    let (p50, p99) = (registered.p50(), registered.p99());
    let figure = json!({
        "figure": "gaps", "port": port, "kills": gaps.len(), "goal_ms": GOAL,
        "registered_ms_p50": rounded(p50), "registered_ms_p99": rounded(p99),
        "ratio_p50": rounded(p50 / GOAL), "ratio_p99": rounded(p99 / GOAL),
        "ready_ms_p50": rounded(ready.p50()), "ready_ms_p99": rounded(ready.p99()),
        "killed_ms_p50": rounded(killed.p50()), "killed_ms_p99": rounded(killed.p99()),
    });
    let text = format!(
        "gaps, {port:<8} port, {:>2} kills: {p50:>6.1} ms p50 {p99:>6.1} ms p99 from both \
         registered to new data, {:.2} and {:.2} of the goal of {GOAL} ms; {:.0} ms p50 {:.0} ms \
         p99 from its being ready, {:.0} and {:.0} from the SIGKILL",
        gaps.len(),
        p50 / GOAL,
        p99 / GOAL,
        ready.p50(),
        ready.p99(),
        killed.p50(),
        killed.p99(),
    );
    teller.say(&figure, &text);
}
