//! Sessions beside a window, one after the other as the user wants: a join link is asked for where
//! there is none, and what went wrong can be tried again. With `--json` a script is in charge: then
//! the program ends with its first session, as without a window.

use std::sync::Arc;

use deskside_protocol::exit::Exit;
use deskside_protocol::identity::link::JoinLink;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{agent, session, settings, show, stop_signal};
use crate::cli::Cli;
use crate::consent::{Asker, Asking, Question};
use crate::events::{Event, Show};
use crate::settings::{Environment, SettingsError};
use crate::window::{Front, Helm, Order};
use crate::wish;

/// Asks in the window, and tells scripts of each question.
struct Telling {
    front: Front,
    show: Arc<Show>,
}

impl Asker for Telling {
    fn ask<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a> {
        self.show.tell(&Event::Question { question });
        self.front.ask(question)
    }
}

/// What the user wants after a session.
enum Then {
    Again,
    Close,
}

pub(super) fn run(
    cli: &Cli,
    environment: Environment,
    helm: Helm,
    orders: mpsc::Receiver<Order>,
) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = CancellationToken::new();
    let mut sessions = Sessions { cli, environment, helm, orders, relay: None, stop };
    let done = runtime.block_on(sessions.run());
    // A disk may still be waited for; nobody waits for it.
    runtime.shutdown_background();
    done
}

struct Sessions<'a> {
    cli: &'a Cli,
    environment: Environment,
    helm: Helm,
    orders: mpsc::Receiver<Order>,
    /// What the user has pasted.
    relay: Option<JoinLink>,
    /// The system wants the program to end.
    stop: CancellationToken,
}

impl Sessions<'_> {
    async fn run(&mut self) -> anyhow::Result<Exit> {
        loop {
            if !self.find_relay().await? {
                return Ok(Exit::Done);
            }
            let done = self.one().await;
            if let Err(error) = &done {
                let why = format!("{error:#}");
                self.helm.front().change(|model, _| model.failed(&why));
            }
            let closing = self.helm.front().model().is_closing();
            if self.cli.json || closing || self.stop.is_cancelled() {
                return done;
            }
            match self.then().await? {
                Then::Again => self.helm.front().change(|model, _| model.restart()),
                Then::Close => return done,
            }
        }
    }

    /// Asks for a join link where none is known. `false` where the user closes the window instead.
    async fn find_relay(&mut self) -> anyhow::Result<bool> {
        let found = settings(self.cli, &self.environment, self.relay.clone());
        if self.cli.json || !matches!(found, Err(SettingsError::NoRelay { .. })) {
            // Whatever else is wrong is said as the session's own fault.
            return Ok(true);
        }
        self.helm.front().change(|model, _| model.want_join());
        loop {
            match self.order().await? {
                Some(Order::Join(link)) => {
                    self.relay = Some(link);
                    return Ok(true);
                }
                Some(Order::Close) | None => return Ok(false),
                Some(Order::Again | Order::Answer(..) | Order::Wish(_)) => {}
            }
        }
    }

    async fn one(&self) -> anyhow::Result<Exit> {
        let front = self.helm.front().clone();
        let show = Arc::new(show(self.cli).with(Arc::new(front.clone())));
        let asker = Arc::new(Telling { front, show: show.clone() });
        let agent = agent(self.cli, &self.environment, self.relay.clone(), (show, asker))?;
        let (wisher, wishes) = wish::wishes();
        self.helm.steer(Some(wisher));
        if self.helm.front().model().is_closing() {
            // The window was closed before there was anybody to tell.
            return Ok(Exit::Done);
        }
        let done = Box::pin(session(agent, wishes, &self.stop)).await;
        self.helm.steer(None);
        done
    }

    async fn then(&mut self) -> anyhow::Result<Then> {
        loop {
            match self.order().await? {
                Some(Order::Again) => return Ok(Then::Again),
                Some(Order::Close) | None => return Ok(Then::Close),
                Some(Order::Join(_) | Order::Answer(..) | Order::Wish(_)) => {}
            }
        }
    }

    /// The next order; `None` where the system wants the program to end.
    async fn order(&mut self) -> anyhow::Result<Option<Order>> {
        tokio::select! {
            order = self.orders.recv() => Ok(order),
            signal = stop_signal() => signal.map(|()| None),
        }
    }
}
