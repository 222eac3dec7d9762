//! `deskside-agent`: reads the command line, starts what it says, and maps the end to an exit code.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use deskside_agent::cli::{Cli, Other};
use deskside_agent::{session, start};
use deskside_protocol::exit::Exit;
use deskside_protocol::text::visible;
use serde_json::json;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    let done = match &cli.other {
        Some(other) => print(other),
        None => start::run(&cli),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => tell(&error, cli.json),
    }
}

/// The one place where an error is printed.
fn tell(error: &anyhow::Error, json: bool) -> ExitCode {
    let exit = session::exit_of(error);
    let sentence = format!("{error:#}");
    let sentence = visible(&sentence);
    if json {
        let event = json!({"event": "error", "exit": exit.code(), "error": sentence});
        let _nobody_left = writeln!(std::io::stdout(), "{event}");
    }
    // With standard error closed there is nobody left to tell; the exit code still speaks.
    let _nobody_left = writeln!(std::io::stderr(), "error: {sentence}");
    exit.into()
}

fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn print(other: &Other) -> anyhow::Result<Exit> {
    let text = other.render().context("render")?;
    std::io::stdout().write_all(&text).context("print")?;
    Ok(Exit::Done)
}
