//! The window's half of the line: pictures come, keys and places go, clipboards follow each other.
//! Each is a task of its own, on one line of the session after the other.

mod aside;
mod copying;
mod handing;
mod pieces;
mod watching;

use std::future::Future;

use deskside_link::Line;
use deskside_link::stream::StreamError;
use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::Refusal;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::copying::Copying;
use self::handing::Handing;
use self::watching::Seeing;
use super::clipboard::Clipboard;
use super::front::{Front, Wishes};
use super::model::Order;
use crate::failure::Failure;
use crate::lines::Lines;

/// Begins all of it, until the set is dropped. Gives back what is for the session itself.
pub(crate) fn serve(
    front: &Front,
    wishes: Wishes,
    clipboard: Clipboard,
    lines: &Lines,
) -> (JoinSet<()>, mpsc::Receiver<Order>) {
    let Wishes { orders, acts, copied } = wishes;
    let mut tasks = JoinSet::new();
    let (seeing, handing) = (Seeing(front.clone()), Handing { front: front.clone(), acts });
    tasks.spawn(through(seeing, front.clone(), lines.clone()));
    tasks.spawn(through(handing, front.clone(), lines.clone()));
    tasks.spawn(handing::point(front.clone(), lines.clone()));
    tasks.spawn(through(Copying { copied, clipboard }, front.clone(), lines.clone()));
    (tasks, orders)
}

/// How a stream came to its end.
enum Gone {
    /// With its line, or by the agent's hand.
    Lost,
    /// The agent says why.
    Refused(Failure),
}

impl From<&Refusal> for Gone {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused(Failure::from(refusal))
    }
}

impl From<StreamError> for Gone {
    fn from(error: StreamError) -> Self {
        tracing::debug!(%error, "a stream of the window ended");
        Self::Lost
    }
}

/// What is done on each line while the user allows it.
trait Work: Send {
    /// What the user has to allow.
    const NEEDS: Grant;

    /// Works on a line, as long as that goes.
    fn on(&mut self, line: &Line) -> impl Future<Output = Gone> + Send;
}

/// Works on each line until the session is over. A stream that the agent ends is opened again when
/// the user allows it anew.
async fn through<W: Work>(mut work: W, front: Front, mut lines: Lines) {
    let mut held = front.watch_held();
    while let Some(line) = lines.now().await {
        let mut seen = lines.clone();
        tokio::select! {
            () = while_held(&mut work, &front, &mut held, &line) => return,
            goes_on = seen.replaced(&line) => if !goes_on { return },
        }
    }
}

async fn while_held<W: Work>(
    work: &mut W,
    front: &Front,
    held: &mut watch::Receiver<GrantSet>,
    line: &Line,
) {
    loop {
        if held.wait_for(|held| held.contains(W::NEEDS)).await.is_err() {
            return;
        }
        if let Gone::Refused(why) = work.on(line).await {
            front.change(|model, now| model.refuse(&why.sentence, now));
        }
        // What is still held when a stream ends is tried again when that changes, or when the
        // technician chooses a monitor.
        let mut wanted = front.watch_wanted();
        let gone = tokio::select! {
            changed = held.changed() => changed.is_err(),
            chosen = wanted.changed() => chosen.is_err(),
        };
        if gone {
            return;
        }
    }
}
