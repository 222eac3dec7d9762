//! The way in for a leg: may its handshake begin, must its address be validated first, is it one too
//! many.
//!
//! Somebody whose address is validated, by a Retry or by a whole handshake, is counted; of anybody
//! else nothing is, since he may use a stranger's address.

use std::net::IpAddr;
use std::sync::Arc;

use deskside_protocol::close::CloseCode;
use quinn::{Connection, Incoming};

use crate::limits::{Doer, Limited, Network, Verdict, What};
use crate::relay::Relay;

/// A handshake that may begin. It counts as under way until this is dropped.
pub(super) struct Entry {
    relay: Arc<Relay>,
    address: IpAddr,
    wide: Network,
    /// Whether the leg is counted already.
    counted: bool,
}

/// Judges an Initial. `None`: it was answered with a Retry or a refusal, or not at all.
pub(super) fn judge(relay: &Arc<Relay>, incoming: Incoming) -> Option<(Incoming, Entry)> {
    let (address, validated) =
        (incoming.remote_address().ip(), incoming.remote_address_validated());
    let (limits, now) = (&relay.limits, relay.now());
    let wide = Network::wide(address);
    let counts = limits.count(address);
    let verdict = {
        let mut handshakes = limits.handshakes();
        let verdict = handshakes.arrive(wide, validated, counts, now);
        relay.metrics.set_half_open(handshakes.open());
        verdict
    };
    match verdict {
        Verdict::Take => {}
        Verdict::Validate if limits.may_retry(now) => {
            relay.metrics.retried();
            if let Err(error) = incoming.retry() {
                // Validated by a token of ours, which `arrive` was told: not here.
                error.into_incoming().refuse();
            }
            return None;
        }
        Verdict::Validate => {
            relay.metrics.leg_refused();
            incoming.ignore();
            return None;
        }
        Verdict::Refuse => {
            relay.metrics.leg_refused();
            incoming.refuse();
            return None;
        }
    }
    let entry = Entry { relay: relay.clone(), address, wide, counted: validated };
    if validated && let Err(limited) = entry.count() {
        tracing::debug!(%address, %limited, "a leg was refused");
        incoming.refuse();
        return None;
    }
    Some((incoming, entry))
}

impl Entry {
    fn count(&self) -> Result<(), Limited> {
        let now = self.relay.now();
        let admitted = self.relay.limits.admit(What::Leg, Doer::at(self.address), now);
        admitted.inspect_err(|_| {
            self.relay.metrics.leg_refused();
            self.relay.limits.handshakes().suspect(self.wide, now);
        })
    }

    /// The handshake is done. `false`: the leg is one too many, and was told so.
    pub(super) fn complete(self, connection: &Connection) -> bool {
        if self.counted {
            return true;
        }
        let Err(limited) = self.count() else { return true };
        tracing::debug!(address = %self.address, %limited, "a leg was refused");
        connection.close(CloseCode::Busy.number().into(), limited.to_string().as_bytes());
        false
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut handshakes = self.relay.limits.handshakes();
        handshakes.end(self.wide);
        self.relay.metrics.set_half_open(handshakes.open());
    }
}
