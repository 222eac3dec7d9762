//! What a running relay is to all its rooms.

use std::path::PathBuf;

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
#[allow(missing_debug_implementations, reason = "holds the node key")]
pub struct Relay {
    /// Identity, store, desk, policy.
    pub node: Node,
    /// What is counted.
    pub metrics: Metrics,
    /// `host:port` of the join link: the origin that the pairing binds.
    pub origin: String,
    /// For legs that are verified by public authorities.
    pub certificate: Option<PublicCertificate>,
    /// Where people sign in, if they do.
    pub sign_in: Option<SignIn>,
}
