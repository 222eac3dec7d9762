//! A process that was started here: its lines of JSON as they come, its last words, its end.
//!
//! Three threads serve each one: one reads standard output, one standard error, one waits for the
//! end without reaping it, so that an id that is signalled here is always still our own child's.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process, prlimit, waitid,
};
use serde_json::Value;

use crate::memory::{self, Found, Needle};

/// How long anything here waits for an event. It passes within a second on a machine at rest; two
/// cores that also build can take many.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of one process that may wait to be read. Programs write tens.
const MAX_LINES: usize = 4096;
/// Bytes of standard error that are kept, the last ones.
const MAX_WORDS: usize = 64 * 1024;

/// An environment with nothing of the caller's but the way to programs, so that no test depends on
/// who runs it.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    for name in ["PATH", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The same command, in a network namespace where one is named. Takes root.
#[must_use]
pub fn within(netns: Option<&str>, plain: Command) -> Command {
    let Some(netns) = netns else { return plain };
    behind(&["ip", "netns", "exec", netns], &plain)
}

/// The same command, started by another program that becomes it.
#[must_use]
pub fn behind(words: &[&str], plain: &Command) -> Command {
    let (first, rest) = words.split_first().unwrap_or((&"env", &[]));
    let mut wrapped = command(first);
    wrapped.args(rest).arg(plain.get_program()).args(plain.get_args());
    wrapped.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped
}

/// The same command, whose disk can be filled later: [`Process::fill_disk`].
///
/// A file that may not grow is a signal to its writer (setrlimit(2), `RLIMIT_FSIZE`), unless the
/// signal is ignored, which is inherited: then it is an error, as on a full disk.
#[must_use]
pub fn full_disk_is_an_error(plain: &Command) -> Command {
    behind(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""], plain)
}

/// A child that does not outlive its handle.
#[derive(Debug)]
struct Owned {
    name: String,
    child: Child,
    ended: Receiver<()>,
    silent: Receiver<()>,
    words: Arc<Words>,
    reaped: bool,
}

impl Owned {
    fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("start {name}"))?;
        let words = Arc::<Words>::default();
        let (hold, silent) = sync_channel(0);
        if let Some(stderr) = child.stderr.take() {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                keep_last(stderr, &words);
                drop(hold);
            });
        }
        let (tell, ended) = sync_channel(1);
        let id = pid(&child)?;
        thread::spawn(move || {
            let ended = waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            // A child that was reaped has ended too; and nobody may be waiting any more.
            let _told = ended.is_err() || tell.send(()).is_ok();
        });
        Ok(Self { name: name.to_owned(), child, ended, silent, words, reaped: false })
    }

    fn words(&self) -> String {
        as_text(&self.words.locked())
    }

    /// The exit code; `None` after a signal.
    fn wait(&mut self, until: Instant) -> anyhow::Result<Option<i32>> {
        let left = until.saturating_duration_since(Instant::now());
        if !self.reaped && self.ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            bail!("{} did not end in time; it said:\n{}", self.name, self.words());
        }
        // Its last words may still be on their way, unless a child of its own holds the pipe.
        let left = until.saturating_duration_since(Instant::now());
        let _all_heard = self.silent.recv_timeout(left);
        self.reaped = true;
        let status = self.child.wait().with_context(|| format!("wait for {}", self.name))?;
        Ok(status.code())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if !self.reaped {
            // Not reaped, so the id is still this child's, ended or not.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn pid(child: &Child) -> anyhow::Result<Pid> {
    let id = i32::try_from(child.id()).context("read a process id")?;
    Pid::from_raw(id).context("read a process id")
}

/// What a process wrote to standard error, and whoever waits for more of it.
#[derive(Debug, Default)]
struct Words {
    text: Mutex<Vec<u8>>,
    more: Condvar,
}

impl Words {
    fn locked(&self) -> MutexGuard<'_, Vec<u8>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn as_text(words: &[u8]) -> String {
    String::from_utf8_lossy(words).trim_end().to_owned()
}

fn keep_last(mut from: impl Read, words: &Words) {
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let mut text = words.locked();
        text.extend_from_slice(piece.get(..length).unwrap_or_default());
        let over = text.len().saturating_sub(MAX_WORDS);
        text.drain(..over);
        words.more.notify_all();
    }
}

/// A process that goes on, and says what happens in lines of JSON.
#[derive(Debug)]
pub struct Process {
    owned: Owned,
    lines: Receiver<String>,
    heard: Vec<Value>,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let mut owned = Owned::start(name, command)?;
        let (tell, lines) = sync_channel(MAX_LINES);
        let stdout = owned.child.stdout.take().context("take standard output")?;
        thread::spawn(move || pass_on(stdout, &tell));
        let stdin = owned.child.stdin.take();
        Ok(Self { owned, lines, heard: Vec::new(), stdin })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.owned.child.id()
    }

    /// Its next event.
    ///
    /// # Errors
    /// Where none comes in time, or the process ended: with its own words.
    pub fn event(&mut self) -> anyhow::Result<Value> {
        self.next_until(Instant::now() + PATIENCE)?.with_context(|| self.account("said no more"))
    }

    /// The next line before its output ends.
    fn next_until(&mut self, until: Instant) -> anyhow::Result<Option<Value>> {
        let left = until.saturating_duration_since(Instant::now());
        let line = match self.lines.recv_timeout(left) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!(self.account("said nothing in time")),
        };
        let event: Value = serde_json::from_str(&line)
            .with_context(|| format!("{} printed no JSON: {line}", self.owned.name))?;
        self.heard.push(event.clone());
        Ok(Some(event))
    }

    /// Waits for the event of this name; others before it are kept in [`Process::heard`].
    ///
    /// # Errors
    /// As for [`Process::event`].
    pub fn wait_for(&mut self, name: &str) -> anyhow::Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.next_until(until).with_context(|| format!("wait for {name:?}"))? {
                Some(event) if event["event"] == name => return Ok(event),
                Some(_) => {}
                None => bail!(self.account(&format!("ended without {name:?}"))),
            }
        }
    }

    /// The event of this name, where it has come already.
    pub fn has(&mut self, name: &str) -> Option<Value> {
        while let Ok(line) = self.lines.try_recv() {
            // What is no JSON was never an event; whoever waits for one is told so.
            let event: Value = serde_json::from_str(&line).ok()?;
            self.heard.push(event.clone());
            if event["event"] == name {
                return Some(event);
            }
        }
        None
    }

    /// Types a line at its standard input, which has to be a pipe.
    ///
    /// # Errors
    /// Where it is none, or is read no more.
    pub fn types(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("type where nobody reads")?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).context("type a line")
    }

    /// All events that were read so far.
    #[must_use]
    pub fn heard(&self) -> &[Value] {
        &self.heard
    }

    /// Waits for its end, and gives the exit code; `None` after a signal.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub fn end(&mut self) -> anyhow::Result<Option<i32>> {
        let until = Instant::now() + PATIENCE;
        while self.next_until(until)?.is_some() {}
        self.owned.wait(until)
    }

    /// Sends a signal to it and to nobody else.
    ///
    /// # Errors
    /// What the system says.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let sent = kill_process(pid(&self.owned.child)?, signal);
        sent.with_context(|| format!("signal {}", self.owned.name))
    }

    /// From now on none of its files may grow past `bytes`: as if its disk were full. For a command
    /// of [`full_disk_is_an_error`].
    ///
    /// # Errors
    /// What the system says.
    pub fn fill_disk(&self, bytes: u64) -> anyhow::Result<()> {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        prlimit(Some(pid(&self.owned.child)?), Resource::Fsize, limit)
            .context("limit the size of files")?;
        Ok(())
    }

    /// Searches its whole memory, while it stands still.
    ///
    /// # Errors
    /// Where any of it cannot be read.
    pub fn memory(&self, needles: &[Needle]) -> anyhow::Result<Found> {
        let id = pid(&self.owned.child)?;
        self.signal(Signal::STOP)?;
        let stopped = waitid(WaitId::Pid(id), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT);
        let found = stopped
            .context("wait until it stands still")
            .and_then(|_| memory::process(self.id(), needles));
        self.signal(Signal::CONT)?;
        found.with_context(|| format!("search the memory of {}", self.owned.name))
    }

    /// Waits until it has written this to standard error so many times.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn wait_for_words(&self, wanted: &str, times: usize) -> anyhow::Result<()> {
        let few = |text: &mut Vec<u8>| as_text(text).matches(wanted).count() < times;
        let words = &self.owned.words;
        let waited = words.more.wait_timeout_while(words.locked(), PATIENCE, few);
        let (text, late) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(text);
        if late.timed_out() {
            bail!(self.account(&format!("did not write {wanted:?} {times} times in time")));
        }
        Ok(())
    }

    /// Bytes of memory that it has.
    ///
    /// # Errors
    /// What the system says.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let text = std::fs::read_to_string(path).context("read a process's memory")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.context("read a process's memory")? * 1024)
    }

    /// What it wrote to standard error, the last of it.
    #[must_use]
    pub fn words(&self) -> String {
        self.owned.words()
    }

    /// What it did, and all that it said.
    fn account(&self, what: &str) -> String {
        let mut text = format!("{} {what}", self.owned.name);
        for event in &self.heard {
            text.push_str(&format!("\n  {event}"));
        }
        let words = self.words();
        if !words.is_empty() {
            text.push_str(&format!("\nits standard error:\n{words}"));
        }
        text
    }
}

fn pass_on(stdout: impl Read, tell: &SyncSender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if tell.send(line).is_err() {
            return;
        }
    }
}

/// A command that ran to its end.
#[derive(Debug, Clone)]
pub struct Ran {
    /// As it was started, for failure messages.
    pub name: String,
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output, byte by byte.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as lines of JSON.
    ///
    /// # Errors
    /// Where a line is none.
    pub fn events(&self) -> anyhow::Result<Vec<Value>> {
        let text = std::str::from_utf8(&self.stdout).context("read standard output")?;
        let parse = |line| {
            serde_json::from_str(line).with_context(|| format!("{} printed {line}", self.name))
        };
        text.lines().map(parse).collect()
    }

    /// The one event of a command that succeeded: its last.
    ///
    /// # Errors
    /// Its own words, where it failed.
    pub fn done(&self) -> anyhow::Result<Value> {
        if self.code != Some(0) {
            bail!("{self}");
        }
        self.events()?.pop().with_context(|| format!("{} printed nothing", self.name))
    }

    /// The sentence of a command that failed, as `--json` has it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let last = self.events().ok().and_then(|mut events| events.pop()).unwrap_or_default();
        last["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let said = String::from_utf8_lossy(&self.stdout);
        write!(f, "{} ended with {code}\n{}\n{}", self.name, said.trim_end(), self.stderr)
    }
}

/// Runs a command to its end, with `input` at its standard input.
///
/// # Errors
/// What the system says, or where it does not end in time. A failing command is no error here.
pub fn run(name: &str, command: &mut Command, input: Option<&[u8]>) -> anyhow::Result<Ran> {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut owned = Owned::start(name, command)?;
    let stdout = owned.child.stdout.take().context("take standard output")?;
    let reading = thread::spawn(move || {
        let mut whole = Vec::new();
        BufReader::new(stdout).read_to_end(&mut whole).map(|_| whole)
    });
    if let (Some(input), Some(mut stdin)) = (input, owned.child.stdin.take()) {
        let input = input.to_vec();
        // A command need not read its input to the end.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let code = owned.wait(Instant::now() + PATIENCE)?;
    let stdout = reading.join().map_err(|_| anyhow::anyhow!("a reader broke down"))?;
    let stdout = stdout.context("read standard output")?;
    Ok(Ran { name: name.to_owned(), code, stdout, stderr: owned.words() })
}
