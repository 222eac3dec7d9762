//! `deskside`: reads the command line, does what it says, and tells once what went wrong.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use deskside_client::cli::{self, Cli};
use deskside_client::failure::{OUTPUT_CLOSED, OutputClosed, exit_of, sentence_of};
use deskside_client::output::json_line;
use deskside_protocol::exit::Exit;
use serde_json::json;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    log_to_stderr();
    let json = cli.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(&error.into(), json),
    };
    let done = runtime.block_on(cli::run(cli));
    // A read of standard input may still be waiting in a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => tell(&error, json),
    }
}

/// Logs are for who asks for them (`RUST_LOG`), always on standard error.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Help and version are no errors; wrong usage is exit 2, and an object with `--json`.
fn usage(error: &clap::Error) -> ExitCode {
    let wrong = error.use_stderr();
    if wrong && std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json") {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        event(Exit::Usage, first);
    }
    match error.print() {
        Ok(()) if !wrong => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}

/// The one place where an error is printed.
fn tell(error: &anyhow::Error, json: bool) -> ExitCode {
    if error.is::<OutputClosed>() {
        return ExitCode::from(OUTPUT_CLOSED);
    }
    let (exit, sentence) = (exit_of(error), sentence_of(error));
    if json {
        event(exit, &sentence);
    }
    // With standard error closed there is nobody left to tell; the exit code still speaks.
    let _nobody_left = writeln!(std::io::stderr(), "error: {sentence}");
    exit.into()
}

fn event(exit: Exit, sentence: &str) {
    let event = json!({"event": "error", "exit": exit.code(), "error": sentence});
    let _nobody_left = writeln!(std::io::stdout(), "{}", json_line(&event));
}
