//! The last statements of both ends, before the line is closed: whoever ends the session asks the
//! conversation for them, and waits no longer than the protocol says.

use deskside_protocol::statement::LAST_WAIT;
use tokio::sync::watch;
use tokio::time::timeout;

/// Between a session's end and the conversation on its line.
pub(super) struct Parting {
    wanted: watch::Sender<bool>,
    /// Whether there is a conversation that has yet to part.
    talking: watch::Sender<bool>,
}

/// A conversation's hold on the parting: where it is dropped nobody waits for it.
pub(super) struct Talking<'a>(&'a Parting);

impl Parting {
    pub(super) fn new() -> Self {
        Self { wanted: watch::Sender::new(false), talking: watch::Sender::new(false) }
    }

    pub(super) fn talking(&self) -> Talking<'_> {
        self.talking.send_replace(true);
        Talking(self)
    }

    /// Waits until both ends have said their last, while `serving` goes on; or until it is clear that
    /// they will not. Gives how serving ended, where it did.
    pub(super) async fn part<T>(&self, serving: impl Future<Output = T>) -> Option<T> {
        self.wanted.send_replace(true);
        let mut talking = self.talking.subscribe();
        let parted = async {
            tokio::select! {
                biased;
                served = serving => Some(served),
                _ = talking.wait_for(|talking| !talking) => None,
            }
        };
        timeout(2 * LAST_WAIT, parted).await.unwrap_or_else(|_slow| {
            tracing::debug!("the line took no last statement");
            None
        })
    }
}

impl Talking<'_> {
    /// Waits until the session is being ended here.
    pub(super) async fn wanted(&self) {
        if self.0.wanted.subscribe().wait_for(|wanted| *wanted).await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Talking<'_> {
    fn drop(&mut self) {
        self.0.talking.send_replace(false);
    }
}
