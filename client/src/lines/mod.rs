//! The line of the moment, for all that works on it: it can be replaced while a session lives.
//! What the technician says there goes through `Saying`; [`Away`] is for when it is silent.

mod away;
mod saying;

use std::sync::Arc;

use deskside_link::Line;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use tokio::sync::watch;

pub use self::away::Away;
pub(crate) use self::saying::Saying;
use crate::failure::Failure;

/// Whoever makes lines.
pub(crate) struct LinesOwner(watch::Sender<Option<Arc<Line>>>);

/// Whoever works on them. A clone sees the same line.
#[derive(Clone)]
pub(crate) struct Lines(watch::Receiver<Option<Arc<Line>>>);

impl LinesOwner {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(crate) fn lines(&self) -> Lines {
        Lines(self.0.subscribe())
    }

    /// From here on this is the line.
    pub(crate) fn set(&self, line: Arc<Line>) {
        self.0.send_replace(Some(line));
    }

    /// The line is no more, and another will come: what works on it ends.
    pub(crate) fn drop_line(&self) {
        if let Some(line) = self.0.send_replace(None) {
            line.close(CloseCode::Done);
        }
    }

    /// The session is over: no other line will come.
    pub(crate) async fn end(self) {
        // What is left standing there without its owner is the line of a session that is over.
        let line = self.0.borrow().clone();
        drop(self);
        if let Some(line) = line {
            line.close(CloseCode::SessionEnded);
            line.drained().await;
        }
    }
}

impl Lines {
    /// The line, as soon as there is one; `None` once the session is over.
    pub(crate) async fn now(&mut self) -> Option<Arc<Line>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Waits until `line` is the line no more, and says whether the session goes on.
    pub(crate) async fn replaced(&mut self, line: &Arc<Line>) -> bool {
        self.0.wait_for(|now| !is(now.as_ref(), line)).await.is_ok()
    }

    /// Why what worked on `line` was broken off. Waits until that is known.
    pub(crate) async fn why(&mut self, line: &Arc<Line>) -> Failure {
        let dead = tokio::select! {
            biased;
            _ = line.lost() => true,
            () = std::future::ready(()) => false,
        };
        let text = if !dead {
            "the user's computer broke this off"
        } else if self.replaced(line).await {
            "the user's program was restarted: run the command again"
        } else {
            "the session ended before this was done: see deskside connect for why"
        };
        Failure::new(Exit::EndedByPeer, text)
    }
}

fn is(now: Option<&Arc<Line>>, line: &Arc<Line>) -> bool {
    now.is_some_and(|now| Arc::ptr_eq(now, line))
}
