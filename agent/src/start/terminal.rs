//! One session, with questions in the terminal where there is one.

use std::io::IsTerminal as _;
use std::sync::Arc;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{agent, session, show};
use crate::cli::Cli;
use crate::consent::{Asker, Keyboard, Terminal, Unattended};
use crate::settings::Environment;
use crate::texts::Texts;
use crate::wish;

pub(super) fn run(cli: &Cli, environment: &Environment, texts: Arc<Texts>) -> anyhow::Result<Exit> {
    let attended = cli.terminal || std::io::stdin().is_terminal();
    let keyboard = Arc::new(if attended {
        Keyboard::reading(std::io::stdin()).context("read the keyboard")?
    } else {
        Keyboard::none()
    });
    let show = Arc::new(show(cli));
    let asker: Arc<dyn Asker> = if attended {
        let terminal = Terminal::new(keyboard.clone(), std::io::stderr(), texts);
        Arc::new(terminal.telling(show.clone()))
    } else {
        Arc::new(Unattended)
    };
    let agent = agent(cli, environment, None, (show.clone(), asker))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let (wisher, wishes) = wish::wishes();
        let mut typing = JoinSet::new();
        if attended {
            typing.spawn(wish::listen(keyboard, wisher, show));
        }
        session(agent, wishes, &CancellationToken::new()).await
    });
    // A question may still wait for a line of input in its own thread; nobody waits for it.
    runtime.shutdown_background();
    done
}
