//! One at a time: whoever carries a recording over or changes it has it to himself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

type Id = [u8; 16];

/// The recordings that somebody has.
#[derive(Debug, Default)]
pub(super) struct Claims {
    taken: Mutex<HashSet<Id>>,
    given_back: Notify,
}

/// A recording that nobody else touches until this and whatever was cloned of it is dropped. Work that
/// goes on when nobody waits for it any more, as on a thread for files, takes a clone along.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    #[cfg_attr(not(test), allow(dead_code, reason = "held, and never looked at"))]
    taken: Arc<Taken>,
}

#[derive(Debug)]
struct Taken {
    claims: Arc<Claims>,
    session: Id,
}

impl Claims {
    /// `None` where somebody has it.
    pub(super) fn try_claim(self: &Arc<Self>, session: Id) -> Option<Claim> {
        let taken = || Arc::new(Taken { claims: self.clone(), session });
        self.taken().insert(session).then(|| Claim { taken: taken() })
    }

    /// Waits for whoever has it.
    pub(super) async fn claim(self: &Arc<Self>, session: Id) -> Claim {
        loop {
            let given_back = self.given_back.notified();
            if let Some(claim) = self.try_claim(session) {
                return claim;
            }
            given_back.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<Id>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Claim {
    /// How many have it.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.claims.taken().remove(&self.session);
        self.claims.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first() {
        let claims = Arc::new(Claims::default());
        let first = claims.try_claim([1; 16]).unwrap();
        assert!(claims.try_claim([1; 16]).is_none());
        let _other = claims.try_claim([2; 16]).unwrap();
        let (waited, ()) = tokio::join!(claims.claim([1; 16]), async { drop(first) });
        assert!(claims.try_claim([1; 16]).is_none());
        drop(waited);
        assert!(claims.try_claim([1; 16]).is_some());
    }
}
