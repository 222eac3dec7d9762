//! What changes the lease without a question: the user's own acts, time, and a narrower policy.

use std::time::Duration;

use deskside_protocol::grant::GrantSet;

use super::ends::{Ends, Moment};
use super::{Gate, MAX_TIME};
use crate::events::{By, Event};

/// How often ends are looked at: the clock that is set, or goes on while the computer sleeps, wakes
/// nobody.
const LOOK: Duration = Duration::from_secs(1);
impl Gate {
    /// The user's own act: gives what the policy allows of `grants`, for the session or for `time`,
    /// [`MAX_TIME`] at most. Before the session's first question was answered it is nothing. Returns
    /// what is held of them now.
    pub fn give(&self, grants: GrantSet, time: Option<Duration>) -> GrantSet {
        let ends = time.map(|time| Ends::after(time, Moment::now()));
        let given = self.shared.locked(|lease| lease.give(grants, ends));
        if !given.is_empty() {
            self.keep();
            self.shared.announce();
            let (lease, ends_in) = (self.lease(), time.map(|time| time.min(MAX_TIME)));
            let event = Event::Granted { grants: given, lease, by: By::User, ends_in };
            self.shared.show.tell(&event);
        }
        given
    }

    /// Takes back each grant that reaches its end, as long as it is polled.
    pub async fn watch_ends(&self) {
        let mut changes = self.changes();
        loop {
            let now = Moment::now();
            let gone = self.shared.locked(|lease| lease.expire(now));
            if !gone.is_empty() {
                self.keep();
                self.announce_gone(gone);
            }
            match self.shared.locked(|lease| lease.next_end(now)) {
                Some(left) => tokio::select! {
                    () = tokio::time::sleep(left.min(LOOK)) => {}
                    _ = changes.changed() => {}
                },
                // The gate holds the other half.
                None => drop(changes.changed().await),
            }
        }
    }

    /// Takes grants back; everything that runs under them hears it at once. It is on the disk before
    /// anybody is told. Returns those that were there.
    pub fn revoke(&self, grants: GrantSet) -> GrantSet {
        let gone = self.shared.locked(|lease| lease.revoke(grants));
        self.keep();
        self.announce_gone(gone);
        gone
    }

    /// The organisation's policy allows only `policy` from now on. It takes back, and never gives: the
    /// session's own policy was the widest. It is on the disk before anybody is told.
    pub fn narrow(&self, policy: GrantSet) {
        let (lost, gone) = self.shared.locked(|lease| lease.narrow(policy));
        if !lost.is_empty() {
            self.keep();
            self.shared.show.tell(&Event::Narrowed { grants: lost });
            self.announce_gone(gone);
        }
    }

    /// Stops the session: takes everything back and answers every waiting and later request with a
    /// refusal. It is on the disk before anybody is told.
    pub fn stop(&self) {
        let gone = self.shared.locked(|lease| {
            lease.stop();
            lease.revoke(GrantSet::all())
        });
        self.keep();
        self.shared.stopped.cancel();
        self.announce_gone(gone);
    }

    fn announce_gone(&self, gone: GrantSet) {
        if !gone.is_empty() {
            self.shared.announce();
            self.shared.show.tell(&Event::Revoked { grants: gone });
        }
    }
}
