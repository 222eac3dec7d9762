//! A line comes about: it is dialled through the relay with the confirmed key, its secrets are
//! sealed for the auditors, and the relay's receipt allows data to flow. So for the first line of a
//! session, and for each that replaces one.

use std::time::Duration;

use deskside_link::attend::{AttendError, Given, Sealer};
use deskside_link::line::{self, LineError, Plan};
use deskside_link::{Line, Lines};
use deskside_protocol::exit::Exit;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::{FileBodies, Policy, Recording};
use deskside_protocol::session::End;

use crate::failure::{Failure, OrExit as _};

/// Between two tries to reach an agent whose program starts just now.
const PAUSE: Duration = Duration::from_millis(500);

/// What all lines of a session have in common.
pub(super) struct LineMaker {
    pub(super) own: SigningKey,
    pub(super) peer: PublicKey,
    pub(super) policy: Policy,
}

impl LineMaker {
    /// Dials the agent on the line that the relay gave, and seals its secrets.
    pub(super) async fn make(
        &self,
        lines: &Lines,
        given: Given,
        sealer: &Sealer,
    ) -> anyhow::Result<Line> {
        if !given.recorded {
            self.unrecorded()?;
        }
        let line = self.dial(lines, given).await.or_exit_as_is(Exit::NoConnection)?;
        let line = match self.policy.file_bodies {
            FileBodies::Recorded => line,
            FileBodies::HashOnly => line.hash_only(),
        };
        if given.recorded {
            let log = line.secrets().to_key_log(given.session, given.line, End::Technician);
            let age =
                deskside_sealing::seal(&log, &self.policy.auditors).or_exit_as_is(Exit::Refused)?;
            match sealer.seal(given.line, age).await {
                Err(AttendError::Unrecorded) => self.unrecorded()?,
                sealed => {
                    sealed.or_exit_as_is(Exit::NoConnection)?;
                    return Ok(line.counted());
                }
            }
        }
        Ok(line)
    }

    /// Whether data may flow although the relay records nothing.
    ///
    /// # Errors
    /// Exit 3 where the policy requires a recording: whatever the relay says, then it does not.
    pub(super) fn unrecorded(&self) -> anyhow::Result<()> {
        if self.policy.recording == Recording::Required {
            let text = "the policy requires a recording, and the relay makes none";
            return Err(Failure::new(Exit::Refused, text).into());
        }
        Ok(())
    }

    /// The first line has one try: nobody has allowed anything yet. A later one is tried until
    /// whoever waits for it gives up.
    async fn dial(&self, lines: &Lines, given: Given) -> Result<Line, LineError> {
        let plan = Plan { own: given.own, peer: given.peer, key: &self.own, peer_key: self.peer };
        loop {
            match line::dial(lines, &plan).await {
                Err(error) if given.line > 0 => {
                    tracing::debug!(%error, line = given.line, "no line yet");
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }
}
