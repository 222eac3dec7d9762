//! The session's first question: put once, whatever happens to the line meanwhile. It is asked when
//! the technician's program has introduced itself, and each line's conversation waits for the answer.

use std::time::Duration;

use deskside_protocol::grant::GrantSet;
use deskside_protocol::wire::record::Reason;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::gate::{Gate, TurnedDown};

/// A line has this long to tell the technician of a no, before the session ends over it.
const TELLING: Duration = Duration::from_secs(3);

type Answered = Option<Result<(), TurnedDown>>;

#[derive(Debug)]
pub(super) struct Consent {
    gate: Gate,
    requested: GrantSet,
    introduced: CancellationToken,
    answered: watch::Sender<Answered>,
}

impl Consent {
    pub(super) fn new(gate: Gate, requested: GrantSet) -> Self {
        let answered = watch::Sender::new(None);
        Self { gate, requested, introduced: CancellationToken::new(), answered }
    }

    /// Asks once somebody has introduced himself; `admitted` is called after a yes. Ends only where
    /// the user turned the session down.
    pub(super) async fn ask(&self, admitted: impl FnOnce()) -> Reason {
        self.introduced.cancelled().await;
        let answer = self.gate.open(self.requested).await.map(drop);
        self.answered.send_replace(Some(answer));
        if answer.is_ok() {
            admitted();
            std::future::pending::<()>().await;
        }
        sleep(TELLING).await;
        Reason::UserRefused
    }

    /// For a technician who has introduced himself: the user's answer.
    pub(super) async fn answer(&self) -> Result<(), TurnedDown> {
        self.introduced.cancel();
        let mut answered = self.answered.subscribe();
        match answered.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => *answer,
            Ok(None) | Err(_) => Err(TurnedDown::Stopped),
        }
    }
}
