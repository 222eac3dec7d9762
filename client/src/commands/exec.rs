//! One command on the user's computer, as if it ran here: standard input goes there, output and
//! errors come back byte by byte and apart, and the exit code is passed on.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use data_encoding::BASE64;
use deskside_protocol::wire::message::{
    CommandExit, CommandInput, CommandMasked, CommandOutput, CommandStart, Message, command_exit,
    message::Kind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::masks::Argv;
use super::{answer, out_of_order};
use crate::control::{MessageReader, MessageWriter};
use crate::output::{json_line, written};

/// Bytes of standard input in one message.
const PIECE: usize = 32 * 1024;
/// The exit code of a command that ran out of its time, as `timeout` of coreutils has it.
const TIMED_OUT: u8 = 124;
/// The user's computer keeps the time-out; where it says nothing this much later, it is kept here.
const GRACE: Duration = Duration::from_secs(5);
/// Added to a signal's number, as shells do.
const SIGNAL: i32 = 128;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Its time was up.
    TimedOut,
}

impl Outcome {
    /// The exit code to pass on. A code that does not fit into a byte keeps its low one, and never
    /// turns into success by that.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        let byte = |number: i32| number.to_le_bytes().first().copied().unwrap_or(u8::MAX);
        match self {
            Self::Code(0) => 0,
            Self::Code(code) if byte(code) == 0 => u8::MAX,
            Self::Code(code) => byte(code),
            Self::Signal(signal) => byte(SIGNAL.saturating_add(signal)).max(1),
            Self::TimedOut => TIMED_OUT,
        }
    }

    /// As the last line of `--json`.
    #[must_use]
    pub fn event(self) -> Value {
        match self {
            Self::Code(code) => json!({"event": "exit", "code": code}),
            Self::Signal(signal) => json!({"event": "exit", "signal": signal}),
            Self::TimedOut => json!({"event": "exit", "timeout": true}),
        }
    }
}

impl TryFrom<CommandExit> for Outcome {
    type Error = anyhow::Error;

    fn try_from(exit: CommandExit) -> anyhow::Result<Self> {
        match exit.how {
            Some(command_exit::How::Code(code)) => Ok(Self::Code(code)),
            Some(command_exit::How::Signal(signal)) => Ok(Self::Signal(signal)),
            Some(command_exit::How::TimedOut(_)) => Ok(Self::TimedOut),
            None => Err(out_of_order()),
        }
    }
}

/// The three standard streams of the command, as they are here.
#[derive(Debug)]
pub struct Standard<I, O, E> {
    /// Goes to the command; `None` is an input that is empty.
    pub input: Option<I>,
    /// What the command prints; with `json` also its errors and its end, as objects.
    pub output: O,
    /// What the command prints as errors.
    pub errors: E,
    /// Whether `--json` was given.
    pub json: bool,
}

/// Runs `argv`, with what is masked of it, and passes everything on until it ends.
///
/// # Errors
/// The agent's refusal, a session that ended, or a local stream that broke.
pub async fn exec<R, W, I, O, E>(
    from: &mut MessageReader<R>,
    to: &mut MessageWriter<W>,
    argv: Argv,
    timeout: Option<Duration>,
    standard: Standard<I, O, E>,
) -> anyhow::Result<Outcome>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let timeout_ms =
        timeout.map_or(0, |timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    let Argv { shown, places, masked } = argv;
    let start = CommandStart { argv: shown, timeout_ms, masked: places };
    to.send(&Message { kind: Some(Kind::CommandStart(start)) }).await?;
    if !masked.is_empty() {
        let kind = Kind::CommandMasked(CommandMasked { arguments: masked });
        to.send(&Message { kind: Some(kind) }).await?;
    }
    let Standard { input, output, errors, json } = standard;
    let mut printer =
        Printer { output, errors, json, out_cut: Cut::default(), err_cut: Cut::default() };
    let mut feeding = std::pin::pin!(feed(to, input));
    let mut fed = false;
    let mut running = std::pin::pin!(follow(from, &mut printer));
    let mut late = std::pin::pin!(late(timeout));
    loop {
        tokio::select! {
            outcome = &mut running => return outcome,
            () = &mut late => return Ok(Outcome::TimedOut),
            // A command need not read its input to the end: a broken way there is no error as
            // long as the answer still comes.
            done = &mut feeding, if !fed => {
                fed = true;
                if let Err(error) = done {
                    tracing::debug!(%error, "standard input is not passed on any more");
                }
            }
        }
    }
}

/// Ends once a command with this time-out has to be over; never without one.
async fn late(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout.saturating_add(GRACE)).await,
        None => std::future::pending().await,
    }
}

/// Passes `input` on to its end.
async fn feed<W, I>(to: &mut MessageWriter<W>, input: Option<I>) -> anyhow::Result<()>
where
    W: AsyncWrite + Unpin,
    I: AsyncRead + Unpin,
{
    let mut piece = vec![0; PIECE];
    if let Some(mut input) = input {
        loop {
            let length = input.read(&mut piece).await.context("read standard input")?;
            if length == 0 {
                break;
            }
            let data = Bytes::copy_from_slice(piece.get(..length).unwrap_or_default());
            let kind = Kind::CommandInput(CommandInput { data, end: false });
            to.send(&Message { kind: Some(kind) }).await?;
        }
    }
    let kind = Kind::CommandInput(CommandInput { data: Bytes::new(), end: true });
    to.send(&Message { kind: Some(kind) }).await
}

/// Prints what arrives until the command ends.
async fn follow<R, O, E>(
    from: &mut MessageReader<R>,
    printer: &mut Printer<O, E>,
) -> anyhow::Result<Outcome>
where
    R: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    loop {
        let message = answer(from).await?;
        if let Kind::CommandOutput(piece) = message {
            printer.print(&piece).await?;
        } else if let Kind::CommandExit(exit) = message {
            let outcome = Outcome::try_from(exit)?;
            printer.finish(outcome).await?;
            return Ok(outcome);
        } else {
            return Err(out_of_order());
        }
    }
}

struct Printer<O, E> {
    output: O,
    errors: E,
    json: bool,
    out_cut: Cut,
    err_cut: Cut,
}

impl<O: AsyncWrite + Unpin, E: AsyncWrite + Unpin> Printer<O, E> {
    async fn print(&mut self, piece: &CommandOutput) -> anyhow::Result<()> {
        let (name, cut) = match piece.stderr {
            false => ("stdout", &mut self.out_cut),
            true => ("stderr", &mut self.err_cut),
        };
        if self.json {
            let whole = cut.push(&piece.data);
            return self.event(name, &whole).await;
        }
        match piece.stderr {
            false => write_now(&mut self.output, &piece.data).await,
            true => write_now(&mut self.errors, &piece.data).await,
        }
    }

    async fn finish(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        if !self.json {
            return Ok(());
        }
        let (out, err) = (std::mem::take(&mut self.out_cut), std::mem::take(&mut self.err_cut));
        self.event("stdout", &out.0).await?;
        self.event("stderr", &err.0).await?;
        write_now(&mut self.output, format!("{}\n", outcome.event()).as_bytes()).await
    }

    /// One line of `--json`. Bytes that are no text come in base64 beside what can be read.
    async fn event(&mut self, name: &str, data: &[u8]) -> anyhow::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let event = match std::str::from_utf8(data) {
            Ok(text) => json!({"event": name, "data": text}),
            Err(_) => json!({
                "event": name,
                "data": String::from_utf8_lossy(data),
                "base64": BASE64.encode(data),
            }),
        };
        write_now(&mut self.output, (json_line(&event) + "\n").as_bytes()).await
    }
}

async fn write_now(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> anyhow::Result<()> {
    written(to.write_all(bytes).await)?;
    written(to.flush().await)
}

/// A character whose bytes came in two pieces waits here for its rest: three bytes at most.
#[derive(Debug, Default)]
struct Cut(Vec<u8>);

impl Cut {
    /// What can be printed now, the earlier rest first.
    fn push(&mut self, data: &[u8]) -> Vec<u8> {
        let mut whole = std::mem::take(&mut self.0);
        whole.extend_from_slice(data);
        if let Err(error) = std::str::from_utf8(&whole)
            && error.error_len().is_none()
        {
            self.0 = whole.split_off(error.valid_up_to());
        }
        whole
    }
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
