//! A long session in the player: how soon there is a picture, how quickly it is read, how long a jump
//! takes. The recording is made here, an hour of office work or a video; the program is the shipped
//! one. It is asked as its page asks it, and then by the page itself in a real browser.

mod office;
mod page;
mod recording;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::Teller;
use super::figures::{Spread, rounded};
use super::watch::memory;
use crate::dice::Dice;
use crate::process::{Process, command};
use crate::programs::programs;
use crate::web;

/// How long anything may take; a figure beyond it is none.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// From one question to the next.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a session, and how often it is jumped to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Frames of the screen
    #[arg(long, default_value_t = 40_000)]
    frames: u64,
    /// Minutes that they are spread over
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Jumps to any time
    #[arg(long, default_value_t = 200)]
    seeks: u64,
    /// A video that plays all the time, instead of office work
    #[arg(long)]
    video: bool,
    /// Keep the recording there, or use the one that is there already, with its identity beside it
    #[arg(long, value_name = "FILE.dsr")]
    file: Option<PathBuf>,
}

pub(super) fn run(args: &Args, teller: Teller) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("make room for a recording")?;
    let file = args.file.clone().unwrap_or_else(|| folder.path().join("office.dsr"));
    if !file.exists() {
        let began = Instant::now();
        let (frames, made) = recording::write(&file, args.frames, args.minutes, args.video)?;
        let seconds = began.elapsed().as_secs_f64();
        teller.say(
            &json!({"figure": "recording", "frames": frames, "packets": made.packets,
                "megabytes": rounded(made.bytes as f64 / 1e6), "seconds": rounded(seconds)}),
            &format!(
                "made: {frames} frames in {} packets, {:.0} MB, in {seconds:.0} s",
                made.packets,
                made.bytes as f64 / 1e6
            ),
        );
    }
    let replay = Replay::start(&file, folder.path())?;
    replay.measure(args, teller)?;
    let replay = Replay::start(&file, folder.path())?;
    page::measure(&replay.url(), args.seeks, teller)?;
    replay.ask_to_end()
}

/// The program, and where its page is.
struct Replay {
    process: Process,
    began: Instant,
    address: String,
    path: String,
}

impl Replay {
    fn start(file: &Path, home: &Path) -> anyhow::Result<Self> {
        let identity = crate::forged::identity(file);
        let mut command = command(&programs()?.client);
        command.env("HOME", home).env("DESKSIDE_HOME", home);
        command.args(["--json", "audit", "replay", "--no-browser", "--identity"]);
        command.arg(identity).arg(file);
        let began = Instant::now();
        let mut process = Process::start("deskside audit replay", &mut command)?;
        let told = process.wait_for("replay")?;
        let url = told["url"].as_str().and_then(|url| url.strip_prefix("http://"));
        let (address, path) = url.and_then(|url| url.split_once('/')).context("read an address")?;
        let (address, path) = (address.to_owned(), format!("/{path}"));
        Ok(Self { process, began, address, path })
    }

    fn ask(&self, what: &str) -> anyhow::Result<Vec<u8>> {
        let answer = web::get(&self.address, &format!("{}{what}", self.path), &[])?;
        ensure!(answer.status == 200, "{what} was answered with {}", answer.status);
        Ok(answer.body)
    }

    fn json(&self, what: &str) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.ask(what)?).context("read an answer")
    }

    /// The head of a picture.
    fn film(&self, at: u64, whole: bool) -> anyhow::Result<(Value, usize)> {
        let whole = u8::from(whole);
        let bytes = self.ask(&format!("film?page=1&at={at}&whole={whole}"))?;
        let (length, rest) = bytes.split_first_chunk().context("read a picture")?;
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        let head = rest.get(..length).context("read a picture")?;
        Ok((serde_json::from_slice(head).context("read a picture")?, bytes.len()))
    }

    #[allow(clippy::disallowed_methods, reason = "it is asked as a page asks, at its own pace")]
    /// Asks until it is so, and says how long that took since the program was started.
    fn until(&self, mut so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<f64> {
        while !so()? {
            ensure!(self.began.elapsed() < PATIENCE, "it took too long");
            std::thread::sleep(PAUSE);
        }
        Ok(self.began.elapsed().as_secs_f64())
    }

    fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    fn measure(self, args: &Args, teller: Teller) -> anyhow::Result<()> {
        let length = self.json("title")?["length"].as_u64().context("read a length")?;
        let first = self.until(|| Ok(self.film(1_000_000, true)?.0["width"] != 0))?;
        teller.say(
            &json!({"figure": "first_picture", "seconds": rounded(first), "goal": 2}),
            &format!("first picture after {first:.2} s; goal 2"),
        );
        let whole = self.until(|| Ok(self.json("state?rows=0&seconds=0")?["whole"] == true))?;
        let verdict = self.json("state?rows=0&seconds=0")?;
        ensure!(verdict["failed"].is_null(), "it was not read: {}", verdict["failed"]);
        let times = length as f64 / 1e6 / whole;
        teller.say(
            &json!({"figure": "index", "seconds": rounded(whole), "times": rounded(times), "goal": 100}),
            &format!("all read after {whole:.1} s: {times:.0} times as fast as it happened; goal 100"),
        );
        let (mut dice, mut millis, mut broken) = (Dice(7), Vec::new(), 0);
        for _ in 0..args.seeks {
            let at = dice.below(length);
            let began = Instant::now();
            let (head, _) = self.film(at, true)?;
            millis.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(head["width"] != 0, "there is no picture at {at}");
            broken += u64::from(head["lost"] == true);
        }
        ensure!(broken == 0, "{broken} pictures could not be decoded");
        let seeks = Spread::of(millis).context("there were no jumps")?;
        let (p50, p99, most) = (seeks.p50(), seeks.p99(), seeks.at(1.0));
        let resident = memory(self.process.id())?.rss / 1024.0;
        teller.say(
            &json!({"figure": "seek", "count": seeks.count(), "p50_ms": rounded(p50),
                "p99_ms": rounded(p99), "max_ms": rounded(most), "goal_ms": 200,
                "resident_mib": rounded(resident)}),
            &format!(
                "{} jumps to any time, a whole picture each: {p50:.0} ms, p99 {p99:.0} ms, at most \
                 {most:.0} ms; goal 200. {resident:.0} MiB resident",
                seeks.count()
            ),
        );
        self.ask_to_end()
    }

    fn ask_to_end(mut self) -> anyhow::Result<()> {
        self.process.signal(rustix::process::Signal::INT)?;
        let code = self.process.end()?;
        ensure!(code == Some(0), "it ended with {code:?}");
        Ok(())
    }
}
