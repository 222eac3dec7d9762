//! Starting: what a session needs is found, and it is run with a window or in the terminal.

mod terminal;
mod windowed;

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::link::JoinLink;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::Cli;
use crate::consent::Asker;
use crate::desktop::{self, Clipboard, Controls};
use crate::events::Show;
use crate::files::Files;
use crate::known::Known;
use crate::session::{self, Agent};
use crate::settings::{Environment, Settings, SettingsError};
use crate::texts::{Locale, Texts};
use crate::window;
use crate::wish::Wishes;

/// Runs the program as the command line says: with a window where there is a display, unless the
/// terminal was asked for or no window can be had.
///
/// # Errors
/// What stopped it; [`session::exit_of`] has the exit code.
pub fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let environment = Environment::of_process();
    let texts = Arc::new(Texts::of(Locale::of_process().language()));
    if !cli.terminal && has_display(&environment) {
        let (owned, surroundings) = (cli.clone(), environment.clone());
        let sessions = move |helm, orders| windowed::run(&owned, surroundings, helm, orders);
        match window::run(texts.clone(), sessions) {
            Ok(done) => return done,
            Err(error) => say_no_window(&error),
        }
    }
    terminal::run(cli, &environment, texts)
}

/// Whether windows can be shown at all. Without one, X11 is not even looked for.
const fn has_display(environment: &Environment) -> bool {
    cfg!(any(windows, target_os = "macos")) || environment.display.is_some()
}

fn say_no_window(error: &window::NoWindow) {
    let instead = if std::io::stdin().is_terminal() {
        "Questions are asked here instead."
    } else {
        "Nobody can be asked: what was not allowed beforehand is refused."
    };
    // With standard error closed there is nobody left to tell.
    let _nobody_left = writeln!(std::io::stderr(), "There is no window: {error}. {instead}");
}

/// Finds everything that a session needs.
fn agent(
    cli: &Cli,
    environment: &Environment,
    relay: Option<JoinLink>,
    (show, asker): (Arc<Show>, Arc<dyn Asker>),
) -> anyhow::Result<Agent> {
    let settings = settings(cli, environment, relay)?;
    let known = Known::load(&settings.agent_folder)?;
    let screen = desktop::open(cli.screen, environment.display.as_deref())?;
    let controls = desktop::controls(cli.screen, environment.display.as_deref());
    let clipboard = Clipboard::new(controls.as_ref().and_then(Controls::display));
    let files = Files::open(&settings.folder, show.clone()).context("open the folder for files")?;
    Ok(Agent { settings, known, files, screen, controls, clipboard, show, asker, allow: cli.allow })
}

/// What stands on the command line wins over what the user has pasted.
fn settings(
    cli: &Cli,
    environment: &Environment,
    relay: Option<JoinLink>,
) -> Result<Settings, SettingsError> {
    Settings::find(cli.relay.clone().or(relay), cli.folder.clone(), environment)
}

/// Where people or scripts are told what happens.
fn show(cli: &Cli) -> Show {
    if cli.json { Show::json(std::io::stdout()) } else { Show::people(std::io::stdout()) }
}

/// Runs one session, and ends it in order when the system asks for it; at once when it asks again.
async fn session(
    agent: Agent,
    wishes: Wishes,
    signalled: &CancellationToken,
) -> anyhow::Result<Exit> {
    let stop = wishes.stop();
    let controls = agent.controls.clone();
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
            signalled.cancel();
            // The session ends in order, unless the user insists.
            stop.cancel();
            tokio::select! {
                done = session => done,
                signal = stop_signal() => {
                    // Nobody waits for the session any more, and no key stays down behind it.
                    if let Some(controls) = controls {
                        controls.let_go();
                    }
                    signal.map(|()| Exit::Done)
                }
            }
        }
    }
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
