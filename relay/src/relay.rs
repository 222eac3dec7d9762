//! What a running relay is to all its rooms.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::archive::Archive;
use crate::limits::{Doer, Limited, Limits, Phases, What};
use crate::log::Book;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::sign_in::SignIn;

/// A certificate of a public authority for the legs, and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct PublicCertificate {
    /// Chain, the relay's own first.
    pub chain: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// One relay: identity, numbers, how it is reached.
pub struct Relay {
    /// Identity, store, desk, policy.
    pub node: Node,
    /// The log of sessions.
    pub book: Book,
    /// Where finished recordings are.
    pub archive: Archive,
    /// What is counted.
    pub metrics: Metrics,
    /// `host:port` of the join link: the origin that the pairing binds.
    pub origin: String,
    /// For legs that are verified by public authorities.
    pub certificate: Option<PublicCertificate>,
    /// Where people sign in, if they do.
    pub sign_in: Option<SignIn>,
    /// How long each phase of a leg may take.
    pub phases: Phases,
    /// How much one party may do.
    pub(crate) limits: Arc<Limits>,
    /// What the time of limits counts from.
    pub(crate) began: Instant,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Holds the node key.
        f.debug_struct("Relay").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Relay {
    /// The time as limits take it.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Counts one more of `what`.
    ///
    /// # Errors
    /// [`Limited`]: it was one too many, which is counted and logged here.
    pub(crate) fn admit(&self, what: What, doer: Doer<'_>) -> Result<(), Limited> {
        self.limits.admit(what, doer, self.now()).inspect_err(|limited| {
            self.metrics.limited();
            tracing::info!(address = %doer.address, technician = doer.technician, %limited, "a limit was reached");
        })
    }
}
