//! Figures from whole processes: a real relay, and ends that are as light as they can be or the
//! shipped programs, as each question needs.
//!
//! Every figure is printed beside a peer or a limit that was measured in the same run, since the
//! machine is shared. Whatever is started here is ended here, by its own id.

mod abuse;
mod answers;
mod bare;
mod ends;
mod figures;
mod ground;
mod hold;
mod hop;
mod idle;
mod kills;
mod latency;
mod pairings;
mod replay;
mod session;
mod soak;
mod watch;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use serde_json::Value;

/// Measures Deskside on this computer, with a relay process of its own.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    /// Print one JSON object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Pairings per second, and what they cost the relay
    Pairings(pairings::Args),
    /// Memory of the relay for each idle session
    Idle(idle::Args),
    /// A 32-byte round trip: direct, through the relay, through the relay that records
    Latency(latency::Args),
    /// Files both ways while the relay is killed, and what a tap beside it saw
    Kills(kills::Args),
    /// Refusals of unknown, used and expired codes, beside each other
    Answers(answers::Args),
    /// Honest pairings while strangers do their worst
    Abuse(abuse::Args),
    /// The live screen for an hour: equal after each quiet second, and no memory that grows
    Soak(soak::Args),
    /// An hour of office work in the player: first picture, reading, jumps
    Replay(replay::Args),
    /// A process of `idle`
    #[command(hide = true)]
    Hold(hold::Args),
    /// Another process of `idle`
    #[command(hide = true)]
    Bare,
    /// Both ends of a session at a relay that runs already, for comparisons with other programs
    Session(session::Args),
}

/// Runs what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let teller = Teller { json: cli.json };
    let done = match cli.what {
        What::Pairings(args) => on_runtime(pairings::run(&args, teller)),
        What::Idle(args) => on_runtime(idle::run(&args, teller)),
        What::Latency(args) => on_runtime(latency::run(&args, teller)),
        What::Kills(args) => on_runtime(kills::run(&args, teller)),
        What::Answers(args) => on_runtime(answers::run(&args, teller)),
        What::Abuse(args) => on_runtime(abuse::run(&args, teller)),
        What::Soak(args) => on_runtime(soak::run(&args, teller)),
        What::Replay(args) => replay::run(&args, teller),
        What::Hold(args) => on_runtime(hold::run(&args)),
        What::Bare => on_runtime(bare::serve()),
        What::Session(args) => on_runtime(session::run(&args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("start a runtime")?.block_on(work)
}

/// Says each figure in one of two forms.
#[derive(Debug, Clone, Copy)]
struct Teller {
    json: bool,
}

impl Teller {
    #[allow(clippy::unused_self, reason = "the form is the teller's to choose")]
    fn say(self, figure: &Value, text: &str) {
        if self.json {
            println!("{figure}");
        } else {
            println!("{text}");
        }
    }
}
