//! The rules of the moment: policy, revoked certificates and people, as every stream needs them.
//!
//! They are read from the database once and kept until it changes. A change by this process counts
//! at once; one by a command beside it within 20 ms.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskside_protocol::identity::revocations::RevocationList;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::Policy;
use deskside_protocol::transcript::{HASH, policy_hash, sha256};
use deskside_protocol::wire::record::Signed;
use prost::Message as _;
use tokio::sync::{Mutex, MutexGuard};

use crate::store::{Store, StoreError, StoredPolicy, Technician};

/// A command beside this process waits at most this long for its change to count.
const LAG: Duration = Duration::from_millis(20);
/// People that are kept in memory: each takes some 600 bytes.
const MAX_PEOPLE: usize = 1024;

/// The policy in force.
#[derive(Debug)]
pub struct InForce {
    /// As the authority signed it.
    pub signed: Signed,
    /// Its place in a pairing.
    pub hash: [u8; HASH],
    /// What it says.
    pub policy: Policy,
}

/// The certificates that no longer count.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// As the node signed it.
    pub signed: Signed,
    /// Of the serials alone: the same for as long as nobody else is revoked.
    pub hash: [u8; HASH],
    /// The second that it was signed for.
    second: u64,
}

/// What was read, and of which state of the database.
#[derive(Debug)]
struct Read {
    own_changes: u64,
    version: i64,
    checked: Instant,
    policy: Option<Arc<InForce>>,
    revocations: Option<Revoked>,
    people: HashMap<[u8; 32], Technician>,
}

/// The rules in memory.
#[derive(Debug)]
pub struct Rules {
    store: Store,
    organisation: PublicKey,
    read: Mutex<Option<Read>>,
}

impl Rules {
    /// The rules of `organisation` in `store`, not read yet.
    #[must_use]
    pub fn new(store: Store, organisation: PublicKey) -> Self {
        Self { store, organisation, read: Mutex::new(None) }
    }

    /// The policy in force.
    ///
    /// # Errors
    /// [`StoreError`], also where what is stored was not signed by the organisation.
    pub async fn policy(&self) -> Result<Arc<InForce>, StoreError> {
        let mut guard = self.read.lock().await;
        let read = self.fresh(&mut guard).await?;
        if let Some(policy) = &read.policy {
            return Ok(policy.clone());
        }
        let held = self.store.policy().await?.ok_or(StoreError::Value("no policy"))?;
        let signed = decode(&held)?;
        let policy = Policy::open_at_any_time(&signed, &self.organisation)
            .map_err(|_| StoreError::Value("policy"))?;
        let policy = Arc::new(InForce { hash: policy_hash(&signed), signed, policy });
        read.policy = Some(policy.clone());
        Ok(policy)
    }

    /// The certificates that no longer count, signed for the second `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revocations(&self, key: &SigningKey, now: u64) -> Result<Revoked, StoreError> {
        let mut guard = self.read.lock().await;
        let read = self.fresh(&mut guard).await?;
        match &read.revocations {
            Some(revoked) if revoked.second == now => Ok(revoked.clone()),
            _ => {
                let serials = self.store.revoked(now).await?;
                let bytes: Vec<u8> =
                    serials.iter().flat_map(|serial| serial.to_be_bytes()).collect();
                let signed = RevocationList::new(now, serials).sign(key);
                let revoked = Revoked { signed, hash: sha256(&bytes), second: now };
                read.revocations = Some(revoked.clone());
                Ok(revoked)
            }
        }
    }

    /// Whom a key belongs to, revoked or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn person(&self, key: &PublicKey) -> Result<Option<Technician>, StoreError> {
        let mut guard = self.read.lock().await;
        let read = self.fresh(&mut guard).await?;
        if let Some(known) = read.people.get(key.as_bytes()) {
            return Ok(Some(known.clone()));
        }
        let Some(person) = self.store.technician(key.as_bytes()).await? else { return Ok(None) };
        if read.people.len() >= MAX_PEOPLE {
            read.people.clear();
        }
        read.people.insert(*key.as_bytes(), person.clone());
        Ok(Some(person))
    }

    /// What was read, emptied where the database has changed since.
    async fn fresh<'a>(
        &self,
        guard: &'a mut MutexGuard<'_, Option<Read>>,
    ) -> Result<&'a mut Read, StoreError> {
        let own_changes = self.store.own_changes();
        let recent = |read: &Read| read.own_changes == own_changes && read.checked.elapsed() < LAG;
        if !guard.as_ref().is_some_and(recent) {
            let version = self.store.version().await?;
            let same = |read: &Read| read.own_changes == own_changes && read.version == version;
            let kept =
                guard.take().filter(same).map(|read| Read { checked: Instant::now(), ..read });
            let nothing = Read {
                own_changes,
                version,
                checked: Instant::now(),
                policy: None,
                revocations: None,
                people: HashMap::new(),
            };
            **guard = Some(kept.unwrap_or(nothing));
        }
        guard.as_mut().ok_or(StoreError::Value("rules"))
    }
}

/// The stored policy as it goes over the wire.
pub(crate) fn decode(held: &StoredPolicy) -> Result<Signed, StoreError> {
    Signed::decode(held.signed.as_slice()).map_err(|_| StoreError::Value("policy"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_link::random::System;

    use crate::node::{Node, Places};
    use crate::policy;

    const NOW: u64 = 1_795_305_600;

    #[tokio::test]
    async fn a_change_counts_at_once_here_and_soon_from_beside() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::under(folder.path().join("relay"));
        let (node, _) =
            Node::start(places.clone(), "Example", NOW, &mut System::new()).await.unwrap();
        let beside = Node::open(places).await.unwrap();
        let first = node.rules().policy().await.unwrap();
        assert!(Arc::ptr_eq(&first, &node.rules().policy().await.unwrap()));

        let held = policy::current(&node).await.unwrap();
        policy::set(&node, held.clone(), NOW).await.unwrap();
        assert_eq!(node.rules().policy().await.unwrap().policy.serial, 2);
        policy::set(&beside, Policy { serial: 2, ..held }, NOW).await.unwrap();
        let newest = async {
            while node.rules().policy().await.unwrap().policy.serial < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), newest).await.unwrap();
    }

    #[tokio::test]
    async fn revocations_are_signed_for_each_second() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::under(folder.path().join("relay"));
        let (node, _) = Node::start(places, "Example", NOW, &mut System::new()).await.unwrap();
        let first = node.revocations(NOW).await.unwrap();
        assert_eq!(node.revocations(NOW).await.unwrap().signed, first.signed);
        let next = node.revocations(NOW + 1).await.unwrap();
        assert_ne!(next.signed, first.signed);
        assert_eq!(next.hash, first.hash, "nobody else was revoked");
    }
}
