//! `deskside-agent`: reads the command line, prepares what a session needs, and maps the end to an
//! exit code.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use deskside_agent::cli::{Cli, Other};
use deskside_agent::consent::{Asker, Keyboard, Terminal, Unattended};
use deskside_agent::desktop;
use deskside_agent::events::Show;
use deskside_agent::known::Known;
use deskside_agent::settings::{Environment, Settings};
use deskside_protocol::exit::Exit;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    let done = match &cli.other {
        Some(other) => print(other),
        None => run(&cli),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("deskside-agent: {error:#}");
            exit_of(&error).into()
        }
    }
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

fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<deskside_agent::settings::SettingsError>() {
        Exit::Usage
    } else if error.is::<desktop::DesktopError>() {
        Exit::NotFound
    } else {
        Exit::Other
    }
}

/// Prepares everything that a session needs. The session itself is wired in here.
fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let environment = Environment::of_process();
    let settings = Settings::find(cli.relay.clone(), cli.folder.clone(), &environment)?;
    let _known = Known::load(&settings.agent_folder)?;
    let _screen = desktop::open(cli.screen, environment.display.as_deref())?;
    let _show =
        if cli.json { Show::json(std::io::stdout()) } else { Show::people(std::io::stdout()) };
    let attended = cli.terminal || std::io::stdin().is_terminal();
    let keyboard = Arc::new(if attended {
        Keyboard::reading(std::io::stdin()).context("read the keyboard")?
    } else {
        Keyboard::none()
    });
    let _asker: Arc<dyn Asker> = if attended {
        Arc::new(Terminal::new(Arc::clone(&keyboard), std::io::stderr()))
    } else {
        Arc::new(Unattended)
    };
    anyhow::bail!("this build has no session yet: the relay would be {}", settings.relay.origin())
}
