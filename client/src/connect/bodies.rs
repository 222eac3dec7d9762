//! Where the policy says `hash-only`, the bodies of files go over a line of their own beside the line
//! of the moment: asked for when the first transfer needs it, dialled, and made anew where it is
//! lost. The user's program waits for it.

use std::sync::Arc;
use std::time::Duration;

use deskside_link::attend::{FilesAsker, FilesGiven};
use deskside_link::line::{LineError, Plan, dial_files};
use deskside_link::{FilesLine, Line, Lines};
use tokio::task::JoinSet;

use super::opening::LineMaker;

/// Dials of one files line: each takes up to 15 s, so that the longest time for which a session
/// waits for anybody (300 s) is over by then.
const DIALS: usize = 20;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// The files line beside the line of the moment. It goes with this.
#[derive(Default)]
pub(super) struct Keeping(JoinSet<()>);

impl Keeping {
    /// Beside this line from here on, and beside no other.
    pub(super) fn beside(&mut self, line: Arc<Line>, maker: Maker) {
        self.0.abort_all();
        self.0.spawn(async move { maker.keep(&line).await });
    }
}

/// What makes files lines.
pub(super) struct Maker {
    pub(super) maker: Arc<LineMaker>,
    pub(super) asker: FilesAsker,
    pub(super) lines: Lines,
    /// Of the line beside which they are.
    pub(super) number: u16,
}

impl Maker {
    async fn keep(self, line: &Line) {
        let Some(bodies) = line.bodies() else { return };
        let mut after = 0;
        let keeping = async {
            loop {
                bodies.wanted().await;
                match self.make(&mut after).await {
                    Ok(files) => bodies.serve(files).await,
                    Err(error) => {
                        tracing::warn!(%error, "there is no connection for files");
                        bodies.refuse().await;
                    }
                }
            }
        };
        tokio::select! {
            () = keeping => {}
            _ = line.lost() => {}
        }
    }

    /// Another than the one with number `after`, which becomes its number.
    async fn make(&self, after: &mut u32) -> anyhow::Result<FilesLine> {
        let given = self.asker.ask(self.number, *after).await?;
        *after = given.number;
        Ok(self.dial(given).await?)
    }

    async fn dial(&self, given: FilesGiven) -> Result<FilesLine, LineError> {
        let FilesGiven { own, peer, .. } = given;
        let plan = Plan { own, peer, key: &self.maker.own, peer_key: self.maker.peer };
        let mut last = LineError::TimedOut;
        for _ in 0..DIALS {
            match dial_files(&self.lines, &plan).await {
                Ok(line) => return Ok(line),
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }
}
