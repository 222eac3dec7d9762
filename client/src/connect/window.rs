//! What the window wants of its session, and what it is told.

use std::path::{Path, PathBuf};

use deskside_protocol::wire::message;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::commands;
use crate::control::open_sessions;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::now;
use crate::viewer::model::Order;
use crate::viewer::{Front, Seat, line};
use deskside_protocol::exit::Exit;

/// Pictures that are taken at once.
const MAX_SHOTS: usize = 4;

/// A session's window, where there is one.
pub(super) struct Window(Option<Open>);

struct Open {
    front: Front,
    orders: mpsc::Receiver<Order>,
    shots: JoinSet<anyhow::Result<PathBuf>>,
    _tasks: JoinSet<()>,
}

/// What the window wants, or what came of it.
pub(super) enum Wish {
    Order(Order),
    Shot(anyhow::Result<PathBuf>),
}

impl Window {
    /// At `seat`, on the lines of this session.
    pub(super) fn at(seat: Option<Seat>, lines: &Lines) -> Self {
        Self(seat.map(|Seat { front, wishes, clipboard }| {
            let (tasks, orders) = line::serve(&front, wishes, clipboard, lines);
            Open { front, orders, shots: JoinSet::new(), _tasks: tasks }
        }))
    }

    /// What it wants next. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Wish {
        let Some(Open { orders, shots, .. }) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            Some(order) = orders.recv() => Wish::Order(order),
            Some(shot) = shots.join_next() => Wish::Shot(shot.unwrap_or_else(|error| Err(error.into()))),
            else => std::future::pending().await,
        }
    }

    /// The window itself.
    pub(super) fn front(&self) -> Option<&Front> {
        self.0.as_ref().map(|open| &open.front)
    }

    /// Takes a picture of what is watched, as `deskside screenshot` does: the user's program gives it,
    /// and tells the user so.
    pub(super) fn shoot(&mut self, folder: PathBuf, session: String) {
        let Some(Open { front, shots, .. }) = &mut self.0 else { return };
        if shots.len() < MAX_SHOTS {
            let monitor = front.model().monitor;
            shots.spawn(async move { shot(&folder, &session, monitor).await });
        }
    }
}

async fn shot(folder: &Path, session: &str, monitor: u32) -> anyhow::Result<PathBuf> {
    let session = open_sessions(folder).await?.choose(Some(session))?;
    let mut channel = session.open(message::Channel::Screen).await?;
    let picture = commands::take(&mut channel.reader, &mut channel.writer, monitor).await?;
    let name = commands::default_name(&session.id, now());
    let saved = tokio::task::spawn_blocking(move || commands::save(&picture.png, None, &name));
    let saved = saved.await.map_err(|error| Failure::new(Exit::Other, error.to_string()))??;
    Ok(std::path::absolute(&saved).unwrap_or(saved))
}
