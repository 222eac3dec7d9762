//! The node's list of certificates that no longer count.

use std::collections::BTreeSet;

use prost::Message as _;
use thiserror::Error;

use crate::key::{Context, PublicKey, SigningKey};
use crate::signed;
use crate::wire::record::{Revocations, Signed};

/// A list older than this is not looked at, in seconds: relays sign a fresh one for every stream.
pub const MAX_AGE: u64 = 24 * 60 * 60;
/// How far ahead of ours the relay's clock may be, in seconds.
pub const MAX_SKEW: u64 = 24 * 60 * 60;

/// Why a list does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RevocationsError {
    /// Not signed by the node.
    #[error("the list of revoked certificates is not signed by the relay")]
    Signature,
    /// Not a list.
    #[error("the list of revoked certificates is malformed")]
    Malformed,
    /// Not of this time.
    #[error("the list of revoked certificates is out of date: check the clock of this computer")]
    OutOfDate,
}

/// Serials of certificates that no longer count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    issued: u64,
    serials: BTreeSet<u64>,
}

impl RevocationList {
    /// A list issued at `issued` (seconds since the epoch).
    #[must_use]
    pub fn new(issued: u64, serials: impl IntoIterator<Item = u64>) -> Self {
        Self { issued, serials: serials.into_iter().collect() }
    }

    /// Signs the list with the node key.
    #[must_use]
    pub fn sign(&self, node: &SigningKey) -> Signed {
        let serials = self.serials.iter().copied().collect();
        let list = Revocations { issued: self.issued, serials };
        signed::sign_message(node, Context::Revocations, &list)
    }

    /// Verifies and reads a list at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`RevocationsError`].
    pub fn open(signed: &Signed, node: &PublicKey, now: u64) -> Result<Self, RevocationsError> {
        let body = signed::open(signed, node, Context::Revocations)
            .map_err(|_| RevocationsError::Signature)?;
        let list = Revocations::decode(body).map_err(|_| RevocationsError::Malformed)?;
        let recent = list.issued.saturating_add(MAX_AGE) >= now
            && list.issued <= now.saturating_add(MAX_SKEW);
        if recent {
            Ok(Self::new(list.issued, list.serials))
        } else {
            Err(RevocationsError::OutOfDate)
        }
    }

    /// Whether the certificate with this serial was revoked.
    #[must_use]
    pub fn contains(&self, serial: u64) -> bool {
        self.serials.contains(&serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn only_a_recent_list_of_this_node_counts() {
        let node = SigningKey::from_seed(Zeroizing::new([1; 32]));
        let list = RevocationList::new(1_000_000, [3, 4]);
        let signed = list.sign(&node);
        let open = |key, now| RevocationList::open(&signed, &key, now);
        assert_eq!(open(node.public(), 1_000_000), Ok(list));
        let late = open(node.public(), 1_000_001 + MAX_AGE);
        assert_eq!(late, Err(RevocationsError::OutOfDate));
        let early = open(node.public(), 999_999 - MAX_SKEW);
        assert_eq!(early, Err(RevocationsError::OutOfDate));
        let other = SigningKey::from_seed(Zeroizing::new([2; 32])).public();
        assert_eq!(open(other, 1_000_000), Err(RevocationsError::Signature));
    }
}
