//! `deskside`: reads the command line, does what it says, and tells once what went wrong. Windows need
//! the program's first thread; what is done runs on another then.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use deskside_client::cli::{self, Cli};
use deskside_client::failure::{OUTPUT_CLOSED, OutputClosed, exit_of, sentence_of};
use deskside_client::output::json_line;
use deskside_client::viewer::model::HostKey;
use deskside_client::viewer::{Ground, Seat};
use deskside_protocol::exit::Exit;
use serde_json::json;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    log_to_stderr();
    let json = cli.json;
    let done = match ground(&cli) {
        Some((ground, key)) => ground.run(key, move |seat| run(cli, Some(seat))),
        None => run(cli, None),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => tell(&error, json),
    }
}

fn run(cli: Cli, seat: Option<Seat>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(cli::run(cli, seat));
    // A read of standard input may still be waiting in a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    done
}

/// Where the viewer's window can be, if the command has one and there is a display.
fn ground(cli: &Cli) -> Option<(Ground, HostKey)> {
    let window = cli.window().filter(|window| !window.headless)?;
    let display = std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty());
    if !display && cfg!(not(any(windows, target_os = "macos"))) {
        return None;
    }
    match Ground::new() {
        Ok(ground) => Some((ground, window.host_key)),
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            let _nobody_left = writeln!(std::io::stderr(), "There is no viewer window: {error}.");
            None
        }
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
