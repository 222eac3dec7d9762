//! How the policy changes: by its authority's signature, and never backwards.

use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::wire::record::Signed;
use jiff::Timestamp;
use prost::Message as _;
use thiserror::Error;

use crate::authority::AuthorityError;
use crate::enrolment::{self, EnrolmentError};
use crate::node::Node;
use crate::recipient::{self, NotARecipient};
use crate::store::{StoreError, StoredPolicy};

/// Why the policy stays as it is.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// Written before the one in force.
    #[error(
        "this policy has serial {serial}, and serial {held} is in force: somebody changed it since. \
         Start again from `deskside-relay policy show`"
    )]
    Older {
        /// Of the file.
        serial: u64,
        /// In force.
        held: u64,
    },
    /// Would be over before it began.
    #[error("this policy ended on {0}: give it a later end")]
    Ended(Timestamp),
    /// One of its auditors is none.
    #[error("the auditor {recipient:?} in this policy: {source}")]
    Auditor {
        /// As written.
        recipient: String,
        /// What is wrong.
        source: NotARecipient,
    },
    /// Unreadable.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The authority cannot sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The auditor to add.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The policy in force, opened.
///
/// # Errors
/// [`ChangeError`].
pub async fn current(node: &Node) -> Result<Policy, ChangeError> {
    Ok(Policy::open_at_any_time(&node.policy().await?, &node.organisation())?)
}

/// Puts a written policy in force. A copy of the one in force (the same serial) gets the next
/// serial by itself; a lower serial is refused, since somebody changed the policy meanwhile.
///
/// # Errors
/// [`ChangeError`].
pub async fn set(node: &Node, wished: Policy, now: u64) -> Result<Policy, ChangeError> {
    let held = current(node).await?.serial;
    if wished.serial < held {
        return Err(ChangeError::Older { serial: wished.serial, held });
    }
    let serial = wished.serial.max(held.saturating_add(1));
    let wished = Policy { serial, issued: timestamp(now)?, ..wished };
    put(node, wished, now).await
}

/// Adds an auditor. Unchanged where the policy names him already.
///
/// # Errors
/// [`ChangeError`].
pub async fn add_auditor(node: &Node, recipient: &str, now: u64) -> Result<Policy, ChangeError> {
    let held = current(node).await?;
    match enrolment::with_auditor(held.clone(), recipient, now)? {
        Some(next) => put(node, next, now).await,
        None => Ok(held),
    }
}

/// The policy that follows `held`: the next serial, issued now.
///
/// # Errors
/// [`PolicyError::Malformed`] for a time that no calendar has.
pub fn successor(held: Policy, now: u64) -> Result<Policy, PolicyError> {
    Ok(Policy { serial: held.serial.saturating_add(1), issued: timestamp(now)?, ..held })
}

async fn put(node: &Node, policy: Policy, now: u64) -> Result<Policy, ChangeError> {
    if policy.ends <= policy.issued {
        return Err(ChangeError::Ended(policy.ends));
    }
    for recipient in &policy.auditors {
        recipient::check(recipient)
            .map_err(|source| ChangeError::Auditor { recipient: recipient.clone(), source })?;
    }
    let authority = node.authority().key(&node.organisation())?;
    let signed: Signed = policy.sign(&authority)?;
    let stored = StoredPolicy { serial: policy.serial, signed: signed.encode_to_vec() };
    if !node.store().set_policy(&stored, now).await? {
        let held = current(node).await?.serial;
        return Err(ChangeError::Older { serial: policy.serial, held });
    }
    Ok(policy)
}

fn timestamp(now: u64) -> Result<Timestamp, PolicyError> {
    let seconds = i64::try_from(now).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_err(|error| PolicyError::Malformed(error.to_string()))
}
