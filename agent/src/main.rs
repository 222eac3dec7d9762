//! `deskside-agent`: reads the command line, prepares what a session needs, and maps the end to an
//! exit code.

use std::io::{IsTerminal as _, Write as _};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use deskside_agent::cli::{Cli, Other};
use deskside_agent::consent::{Asker, Keyboard, Terminal, Unattended};
use deskside_agent::desktop;
use deskside_agent::events::Show;
use deskside_agent::files::Files;
use deskside_agent::known::Known;
use deskside_agent::session::{self, Agent};
use deskside_agent::settings::{Environment, Settings};
use deskside_agent::wish;
use deskside_protocol::exit::Exit;
use deskside_protocol::text::visible;
use serde_json::json;
use tokio::task::JoinSet;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    let done = match &cli.other {
        Some(other) => print(other),
        None => run(&cli),
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

/// Prepares everything that a session needs, and runs it.
fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let environment = Environment::of_process();
    let settings = Settings::find(cli.relay.clone(), cli.folder.clone(), &environment)?;
    let known = Known::load(&settings.agent_folder)?;
    let screen = desktop::open(cli.screen, environment.display.as_deref())?;
    let show =
        if cli.json { Show::json(std::io::stdout()) } else { Show::people(std::io::stdout()) };
    let attended = cli.terminal || std::io::stdin().is_terminal();
    let keyboard = Arc::new(if attended {
        Keyboard::reading(std::io::stdin()).context("read the keyboard")?
    } else {
        Keyboard::none()
    });
    let (show, allow) = (Arc::new(show), cli.allow);
    let asker: Arc<dyn Asker> = if attended {
        let terminal = Terminal::new(keyboard.clone(), std::io::stderr());
        Arc::new(terminal.telling(show.clone()))
    } else {
        Arc::new(Unattended)
    };
    let files = Files::open(&settings.folder, show.clone()).context("open the folder for files")?;
    let agent = Agent { settings, known, files, screen, show: show.clone(), asker, allow };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let (wisher, wishes) = wish::wishes();
        let stop = wishes.stop();
        let mut typing = JoinSet::new();
        if attended {
            typing.spawn(wish::listen(keyboard, wisher, show));
        }
        // A task of its own: where it waits for a disk, the user can still insist.
        let mut tasks = JoinSet::new();
        tasks.spawn(session::run(agent, wishes));
        let mut session = pin!(async {
            let done = tasks.join_next().await.context("run the session")?;
            done.context("run the session")?
        });
        tokio::select! {
            done = &mut session => done,
            signal = stop_signal() => {
                signal?;
                // The session ends in order, unless the user insists.
                stop.cancel();
                tokio::select! {
                    done = session => done,
                    signal = stop_signal() => signal.map(|()| Exit::Done),
                }
            }
        }
    });
    // A question may still wait for a line of input in its own thread; nobody waits for it.
    runtime.shutdown_background();
    done
}

/// Ctrl-C, or a polite end from outside.
async fn stop_signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.context("listen for Ctrl-C"),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("listen for Ctrl-C")
}
