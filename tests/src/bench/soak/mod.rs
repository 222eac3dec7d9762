//! `bench soak`: a technician watches a screen on which windows come, move, scroll and go, whose size
//! changes and which has one monitor or two. After each quiet second the technician's window shows
//! what the screen shows, pixel for pixel, and neither program's memory grows.

mod glass;
mod scene;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args as Parse;
use deskside_protocol::policy::Recording;
use serde_json::json;

use self::glass::Glass;
use self::scene::Scene;
use super::Teller;
use super::figures::Spread;
use super::ground::Ground;
use super::watch;
use crate::agent::{Agent, Wish};
use crate::display::Display;

/// The user's screen at its largest; it is made smaller and large again.
const LARGEST: (u16, u16) = (1_280, 960);
/// The technician's, on which the window has room for that.
const TECHNICIAN: (u16, u16) = (1_600, 1_200);
/// The technician's window is there by then, and has said what it says at first.
const BEGINNING: Duration = Duration::from_secs(30);
/// Something happens for so long, and then nothing for a second.
const BUSY: Duration = Duration::from_millis(1_500);
const QUIET: Duration = Duration::from_secs(1);
/// A step of what happens.
const STEP: Duration = Duration::from_millis(30);
/// How often the two screens are compared while it is quiet.
const LOOK: Duration = Duration::from_millis(50);
/// How much more memory a program may have in the last sixth of the time than in the first, in KiB.
const GROWTH: f64 = 24.0 * 1024.0;

/// How long, and with which luck.
#[derive(Debug, Parse)]
pub(super) struct Args {
    /// Minutes that it lasts
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// What the windows do
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the relay's folder is made, and pictures of what differed
    #[arg(long, default_value = "/tmp")]
    folder: PathBuf,
}

/// Watches, round after round.
pub(super) async fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let ground = Ground::new(&args.folder, Recording::Required)?;
    let user = Display::start(LARGEST.0, LARGEST.1)?;
    let desk = Display::start(TECHNICIAN.0, TECHNICIAN.1)?;
    let display = vec![("DISPLAY", user.name().to_owned())];
    let wish = Wish { allow: "view,control", screen: "x11", display, ..Wish::default() };
    let folder = ground.home().with_file_name("agent");
    let mut agent = Agent::start(&folder, ground.relay.join(), &wish)?;
    let code = agent.code()?;
    let alice = ground.technician();
    let connect = alice.connecting_at(desk.name(), &code, &alice.ticket("A soak")?)?;
    let session = alice.held(connect)?;
    let mut scene = Scene::on(user.name(), args.seed)?;
    let mut glass = Glass::between(user.name(), desk.name())?;
    begins(&mut glass).await?;
    let programs = [agent.process.id(), session.process.id()];
    let (begun, mut rounds) = (Instant::now(), Vec::new());
    let mut memory: Vec<[f64; 2]> = Vec::new();
    while begun.elapsed() < Duration::from_secs(args.minutes * 60) {
        let busy = Instant::now();
        while busy.elapsed() < BUSY {
            scene.step()?;
            tokio::time::sleep(STEP).await;
        }
        scene.finish()?;
        match settled(&mut glass).await {
            Ok(after) => rounds.push(after),
            Err(error) => {
                glass.save(&args.folder)?;
                let (round, seconds) = (rounds.len(), begun.elapsed().as_secs());
                let last = scene.last();
                return Err(error).context(format!(
                    "round {round}, {seconds} s, last {last}; see soak-*.png in {}",
                    args.folder.display()
                ));
            }
        }
        let [agent, viewer] = programs;
        memory.push([watch::memory(agent)?.rss, watch::memory(viewer)?.rss]);
    }
    let report =
        Report::of(&rounds, &memory, scene.counts()).context("soak for a minute at least")?;
    teller.say(&report.json(), &report.text());
    session.end("soaked")?;
    report.judge()
}

/// Waits until the window is there, and shows the screen and nothing over it.
async fn begins(glass: &mut Glass) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < BEGINNING {
        // There may be no window yet.
        if let Ok(None) = glass.differs() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("the window did not show the screen within {} s", BEGINNING.as_secs())
}

/// Waits until both show the same. Gives how long that took, in seconds; an error after a second.
async fn settled(glass: &mut Glass) -> anyhow::Result<f64> {
    let quiet = Instant::now();
    loop {
        let differs = glass.differs()?;
        let waited = quiet.elapsed();
        let Some(place) = differs else {
            // The rest of the second passes too, so that every round begins at rest.
            tokio::time::sleep(QUIET.saturating_sub(waited)).await;
            ensure!(glass.differs()?.is_none(), "it changed again while nothing happened");
            return Ok(waited.as_secs_f64());
        };
        if waited > QUIET {
            bail!("a second after the last change the window differs, first at {place:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What came of it.
struct Report {
    rounds: usize,
    settled: (f64, f64),
    /// Of agent and viewer: after the first sixth, and at the end.
    memory: [(f64, f64); 2],
    counts: String,
}

impl Report {
    /// `None` where there was no time for a round.
    fn of(rounds: &[f64], memory: &[[f64; 2]], counts: String) -> Option<Self> {
        let times = Spread::of(rounds.iter().copied())?;
        let part = (memory.len() / 6).max(1);
        let most = |some: &[[f64; 2]], program: fn(&[f64; 2]) -> f64| {
            some.iter().map(program).fold(0.0, f64::max)
        };
        let of = |program| {
            (most(&memory[..part], program), most(&memory[memory.len() - part..], program))
        };
        let settled = (times.p50(), times.at(1.0));
        Some(Self {
            rounds: rounds.len(),
            settled,
            memory: [of(|it| it[0]), of(|it| it[1])],
            counts,
        })
    }

    fn json(&self) -> serde_json::Value {
        let [agent, viewer] = self.memory;
        json!({
            "event": "soak", "rounds": self.rounds, "what": self.counts,
            "equal_after_s_p50": self.settled.0, "equal_after_s_most": self.settled.1,
            "agent_kib": [agent.0, agent.1], "viewer_kib": [viewer.0, viewer.1],
        })
    }

    fn text(&self) -> String {
        let [agent, viewer] = self.memory;
        format!(
            "soak      {} rounds ({}): equal each time, {:.2} s p50 and {:.2} s at most after the last change\n\
             memory    agent {:.0} KiB in the first sixth, {:.0} in the last; viewer {:.0} and {:.0}",
            self.rounds,
            self.counts,
            self.settled.0,
            self.settled.1,
            agent.0,
            agent.1,
            viewer.0,
            viewer.1
        )
    }

    fn judge(&self) -> anyhow::Result<()> {
        for ((before, after), name) in self.memory.into_iter().zip(["agent", "viewer"]) {
            ensure!(after < before + GROWTH, "the {name} grew from {before:.0} to {after:.0} KiB");
        }
        Ok(())
    }
}
