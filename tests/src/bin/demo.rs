//! `cargo demo`: the main job with the three shipped programs, step by step, as a person would like
//! to read it; with `--json` one object a line.
//!
//! Everything that it leaves behind lies in a fresh folder under `target/demo`: the picture, the
//! recording, and the folders of relay, technician and user.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use deskside_tests::agent::{Agent, Wish};
use deskside_tests::dice::Dice;
use deskside_tests::process::{PATIENCE, Ran};
use deskside_tests::programs;
use deskside_tests::relay::Relay;
use deskside_tests::technician::{Session, Technician};
use serde_json::{Value, json};

/// Runs the main job of Deskside on this computer, with its three programs as separate processes.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Cli {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let started = Instant::now();
    let mut story = Story { json: cli.json, step: 0 };
    match run(&mut story) {
        Ok(folder) => story.done(&folder, started.elapsed()),
        Err(error) => story.failed(&error),
    }
}

/// Tells what happens, in one of two forms.
struct Story {
    json: bool,
    step: u32,
}

/// What a step found out: for scripts, and for people as aligned lines.
#[derive(Default)]
struct Facts(Vec<(&'static str, Value)>);

impl Facts {
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }
}

impl Story {
    /// Does one step and tells it.
    fn step<T>(
        &mut self,
        title: &'static str,
        work: impl FnOnce() -> anyhow::Result<(T, Facts)>,
    ) -> anyhow::Result<T> {
        self.step += 1;
        if !self.json {
            self.print(format_args!("{:>3}  {title:<52}", self.step))?;
        }
        let started = Instant::now();
        match work() {
            Ok((value, facts)) => {
                self.told(title, started.elapsed(), &facts)?;
                Ok(value)
            }
            Err(error) => {
                if !self.json {
                    self.print(format_args!("failed\n"))?;
                }
                Err(error.context(title))
            }
        }
    }

    fn told(&self, title: &str, took: Duration, facts: &Facts) -> io::Result<()> {
        if self.json {
            let mut object = json!({"event": "step", "step": self.step, "name": title, "seconds": seconds(took)});
            for (name, value) in &facts.0 {
                object[*name] = value.clone();
            }
            return self.print(format_args!("{object}\n"));
        }
        self.print(format_args!("{:>7.1} s\n", took.as_secs_f64()))?;
        for (name, value) in &facts.0 {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.print(format_args!(
                "       {name:<12} {}\n",
                value.replace('\n', "\n                    ")
            ))?;
        }
        Ok(())
    }

    fn print(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_fmt(text).and_then(|()| out.flush())
    }

    fn done(&self, folder: &Path, took: Duration) -> ExitCode {
        let told = if self.json {
            let object = json!({
                "event": "done", "ok": true, "folder": folder, "seconds": seconds(took),
            });
            self.print(format_args!("{object}\n"))
        } else {
            self.print(format_args!(
                "\n  All of it worked, in {:.1} s. Results: {}\n",
                took.as_secs_f64(),
                folder.display()
            ))
        };
        if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn failed(&self, error: &anyhow::Error) -> ExitCode {
        if self.json {
            let object = json!({"event": "done", "ok": false, "step": self.step, "error": format!("{error:#}")});
            // Where standard output is closed the exit code still speaks.
            let _nobody_left = self.print(format_args!("{object}\n"));
        }
        eprintln!("\n  Step {} failed.\n\n{error:#}", self.step);
        ExitCode::FAILURE
    }
}

/// Milliseconds are enough for a person and a script.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Whom and what the demo goes on with after the pairing.
struct Meeting {
    agent: Agent,
    session: Session,
    ticket: String,
}

fn run(story: &mut Story) -> anyhow::Result<PathBuf> {
    if !story.json {
        story.print(format_args!(
            "\nDeskside: a person gets help, and an auditor can prove it.\n\n"
        ))?;
    }
    let folder = story.step("Build the three programs", build)?;
    let mut relay = story.step("Start a relay", || {
        let relay = Relay::start_lasting(&folder.join("relay"))?;
        let facts = Facts::default().with("address", relay.address());
        Ok((relay, facts))
    })?;
    let alice = story.step("Alice enrols as technician and auditor", || enrol(&folder, &relay))?;
    let meeting = meet(story, &folder, &relay, &alice)?;
    let Meeting { mut agent, mut session, ticket } = meeting;
    story.step("Take a picture of Bob's screen", || picture(&folder, &alice))?;
    story.step("Run a command on Bob's computer", || {
        let said = session.exec(&["uname", "-sr"], b"")?;
        ensure!(said.code == Some(0), "{said}");
        let said = String::from_utf8_lossy(&said.stdout).trim_end().to_owned();
        Ok(((), Facts::default().with("uname -sr", said)))
    })?;
    story.step("Send Bob a file", || send(&folder, &alice, &agent))?;
    story.step("Fetch one, and kill the relay in the middle", || {
        fetch(&folder, &mut relay, &alice, &agent, &mut session)
    })?;
    let id = session.id().to_owned();
    story.step("Alice ends the session", || {
        session.end("The picture and the command were as expected.")?;
        let ended = agent.wait_for("ended")?;
        let code = agent.process.end()?;
        ensure!(code == Some(0), "the agent ended with {code:?}: {}", agent.process.words());
        Ok(((), Facts::default().with("reason", ended["reason"].clone())))
    })?;
    story.step("Read the ticket, which has the signed note", || noted(&alice, &ticket))?;
    prove(story, &folder, &alice, &id)?;
    story.step("Stop the relay", || Ok((relay.stop()?, Facts::default())))?;
    Ok(folder)
}

/// Builds the programs, with cargo's own words to a person, and makes the folder for results.
fn build() -> anyhow::Result<(PathBuf, Facts)> {
    let built = programs::programs_telling(Stdio::inherit())?;
    let beside = built.client.parent().and_then(Path::parent).context("find the target folder")?;
    let folder = fresh(&beside.join("demo"))?;
    Ok((folder.clone(), Facts::default().with("results", folder.display().to_string())))
}

/// The first folder `run-N` that is not there yet, made.
fn fresh(under: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(under).with_context(|| format!("make {}", under.display()))?;
    for number in 1..100_000 {
        let folder = under.join(format!("run-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("make {}", folder.display())),
        }
    }
    anyhow::bail!("{} is full of old runs: remove some", under.display())
}

fn enrol(folder: &Path, relay: &Relay) -> anyhow::Result<(Technician, Facts)> {
    let alice = Technician::new(&folder.join("alice"));
    let words = ["enroll", "-", "--login", "alice", "--name", "Alice Ng"];
    let enrolled = alice.typing(&words, relay.token()?)?.done()?;
    let roles = enrolled["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let roles = roles.collect::<Vec<_>>().join(", ");
    Ok((alice, Facts::default().with("roles", roles)))
}

fn meet(
    story: &mut Story,
    folder: &Path,
    relay: &Relay,
    alice: &Technician,
) -> anyhow::Result<Meeting> {
    let ticket = story.step("Alice opens a ticket for Bob", || {
        let ticket = alice.ticket("The printer prints blank pages")?;
        Ok((ticket.clone(), Facts::default().with("ticket", ticket)))
    })?;
    let (mut agent, code) = story.step("Bob starts his program and reads the code", || {
        let (wish, screen) = screen();
        let mut agent = Agent::start(&folder.join("bob"), relay.join(), &wish)?;
        let code = agent.code()?;
        let shown = format!("{} {} {}", part(&code, 0), part(&code, 4), part(&code, 8));
        let facts = Facts::default().with("code", shown).with("screen", screen);
        Ok(((agent, code), facts))
    })?;
    story.step("Alice types it, and both prove who they are", || {
        let session = alice.connect(&code, &ticket)?;
        let paired = agent.wait_for("paired")?;
        ensure!(paired["verified"] == true, "the technician was not verified: {paired}");
        let facts = Facts::default()
            .with("session", session.id())
            .with("Bob sees", format!("{}, verified", text(&paired["technician"])))
            .with("Alice sees", text(&session.opened()["device"]["system"]));
        Ok((Meeting { agent, session, ticket }, facts))
    })
}

/// The real display where there is one, else a made-up one.
fn screen() -> (Wish<'static>, &'static str) {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(display) = variable("DISPLAY") else {
        return (Wish::default(), "synthetic: this machine has no display");
    };
    let authority = variable("XAUTHORITY").or_else(|| {
        let own = PathBuf::from(variable("HOME")?).join(".Xauthority");
        own.exists().then(|| own.display().to_string())
    });
    let mut environment = vec![("DISPLAY", display)];
    environment.extend(authority.map(|file| ("XAUTHORITY", file)));
    (
        Wish { screen: "x11", display: environment, ..Wish::default() },
        "the real one of this machine",
    )
}

fn part(code: &str, from: usize) -> &str {
    code.get(from..from + 4).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn picture(folder: &Path, alice: &Technician) -> anyhow::Result<((), Facts)> {
    let file = folder.join("screen.png");
    let shot = alice.run(&["screenshot", "-o", &file.display().to_string()])?.done()?;
    let decoded = image::open(&file).context("read the picture")?;
    let size = format!("{} x {} pixels", decoded.width(), decoded.height());
    ensure!(shot["width"] == decoded.width(), "the picture has another size than {shot}");
    Ok(((), Facts::default().with("picture", file.display().to_string()).with("size", size)))
}

/// Bytes of the file that goes to Bob.
const SENT: u64 = 16 * 1024 * 1024;
/// Bytes of the file that comes from him: a second or so on a slow machine, without the disturbance.
const FETCHED: u64 = 64 * 1024 * 1024;
/// How often a file that grows is looked at.
const LOOK: Duration = Duration::from_millis(2);

fn send(folder: &Path, alice: &Technician, agent: &Agent) -> anyhow::Result<((), Facts)> {
    let file = folder.join("for-bob.bin");
    fs::write(&file, Dice(1).bytes(SENT)).context("write a file")?;
    let name = file.to_str().context("name a file")?;
    let copied = alice.run(&["cp", name, "agent:"])?.done()?;
    same(&file, &agent.file("for-bob.bin"))?;
    Ok(((), speed(Facts::default(), SENT, &copied)))
}

/// The relay dies by SIGKILL when half of the file is there, and is started again.
fn fetch(
    folder: &Path,
    relay: &mut Relay,
    alice: &Technician,
    agent: &Agent,
    session: &mut Session,
) -> anyhow::Result<((), Facts)> {
    let (there, here) = (agent.file("from-bob.bin"), folder.join("from-bob.bin"));
    fs::write(&there, Dice(2).bytes(FETCHED)).context("write a file")?;
    let mut copy = alice.copying(&["agent:from-bob.bin", here.to_str().context("name a file")?])?;
    let held = grown(&folder.join(".from-bob.bin.deskside-part"), FETCHED / 2)?;
    relay.kill()?;
    let dead = Instant::now();
    relay.restart()?;
    let again = dead.elapsed();
    let copied = copy.wait_for("copied")?;
    let code = copy.end()?;
    ensure!(code == Some(0), "cp ended with {code:?}: {}", copy.words());
    same(&there, &here)?;
    session.process.wait_for("gap")?;
    let back = session.process.wait_for("back")?;
    let facts = Facts::default()
        .with("killed", format!("by SIGKILL, with {} MB of {} here", held / MB, FETCHED / MB))
        .with("relay away", format!("{} s", seconds(again)))
        .with("gap", format!("{} s, as Alice saw it", back["seconds"]));
    Ok(((), speed(facts, FETCHED, &copied)))
}

const MB: u64 = 1_000_000;

fn speed(facts: Facts, bytes: u64, copied: &Value) -> Facts {
    let took = copied["seconds"].as_f64().unwrap_or_default();
    facts.with("file", format!("{} MB in {took} s, the same byte by byte", bytes / MB))
}

/// Waits until a file has so many bytes, and gives how many it has.
fn grown(file: &Path, bytes: u64) -> anyhow::Result<u64> {
    let until = Instant::now() + PATIENCE;
    loop {
        let length = fs::metadata(file).map_or(0, |file| file.len());
        if length >= bytes {
            return Ok(length);
        }
        ensure!(Instant::now() < until, "{} does not grow", file.display());
        std::thread::park_timeout(LOOK);
    }
}

fn same(one: &Path, other: &Path) -> anyhow::Result<()> {
    let equal = fs::read(one).context("read a file")? == fs::read(other).context("read a file")?;
    ensure!(equal, "{} is not {}", other.display(), one.display());
    Ok(())
}

fn noted(alice: &Technician, ticket: &str) -> anyhow::Result<((), Facts)> {
    let shown = alice.shown(ticket)?;
    let notes = shown["notes"].as_array();
    let note = notes.into_iter().flatten().find(|note| note["signed"] == true);
    let note = note.with_context(|| format!("the ticket has no signed note: {shown}"))?;
    Ok(((), Facts::default().with("note", text(&note["text"]))))
}

/// What an auditor does: fetch with a reason, verify without a key, verify with it.
fn prove(
    story: &mut Story,
    folder: &Path,
    alice: &Technician,
    session: &str,
) -> anyhow::Result<()> {
    let file = folder.join("session.dsr").display().to_string();
    story.step("Fetch the recording, with a reason", || {
        let words = ["audit", "fetch", session, "-o", &file, "--reason", "the demo"];
        let fetched = alice.run(&words)?.done()?;
        let facts = Facts::default().with("recording", file.as_str());
        Ok(((), facts.with("bytes", fetched["bytes"].clone())))
    })?;
    story.step("Verify it: chain, signatures, close, and what both ends stated", || {
        judged(&alice.run(&["audit", "verify", &file])?)
    })?;
    story.step("Open both seals with the auditor's key", || {
        let identity = alice.identity().display().to_string();
        let verified = alice.run(&["audit", "verify", &file, "--identity", &identity])?;
        let verdict = verified.events()?.pop().context("find a verdict")?;
        let equal = verdict["seals"]["equal"].as_array().is_some_and(|lines| !lines.is_empty());
        ensure!(equal, "the seals do not hold the same secrets: {verdict}");
        judged(&verified)
    })
}

fn judged(verified: &Ran) -> anyhow::Result<((), Facts)> {
    let verdict = verified.events()?.pop().context("find a verdict")?;
    // Everything is signed by all three; that the relay died in between is part of the truth, and that
    // nothing is missing for it.
    let whole = verdict["verdict"] == "verified" && !verdict["recovered"].is_null();
    ensure!(whole, "{verdict}");
    let sentences = verdict["explanation"].as_array().into_iter().flatten();
    let sentences = sentences.filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    Ok(((), Facts::default().with("verdict", text(&verdict["verdict"])).with("because", sentences)))
}
