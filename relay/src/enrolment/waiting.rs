//! A token whose certificate is signed elsewhere: it waits, and is fetched with the same token and
//! the same key.

use deskside_protocol::wire::record::Signed;
use prost::Message as _;

use super::{Enrolled, EnrolmentError, Request};
use crate::invitation;
use crate::node::Node;
use crate::offline::{self, OfflineError};
use crate::store::{SigningRequest, StoreError};

/// What waits for this token, where something does: the certificate, or the word that it is not
/// signed yet. With the authority at hand it is signed now.
pub(super) async fn fetch(
    node: &Node,
    request: Request<'_>,
    now: u64,
) -> Result<Option<Enrolled>, EnrolmentError> {
    let hash = invitation::hash(request.secret);
    let Some(mut waiting) = node.store().request_of(&hash).await? else { return Ok(None) };
    if waiting.public_key != *request.key.as_bytes() {
        return Err(EnrolmentError::Spent);
    }
    if waiting.certificate.is_none() {
        waiting = signed_here(node, &hash, now).await?;
    }
    let signed = waiting.certificate.ok_or(EnrolmentError::Waiting)?;
    let certificate =
        Signed::decode(signed.as_slice()).map_err(|_| StoreError::Value("certificate"))?;
    node.store().forget_request(waiting.serial).await?;
    Ok(Some(Enrolled { certificate, policy: node.policy().await? }))
}

async fn signed_here(
    node: &Node,
    hash: &[u8; 32],
    now: u64,
) -> Result<SigningRequest, EnrolmentError> {
    let authority =
        node.authority().key(&node.organisation()).map_err(|_| EnrolmentError::Waiting)?;
    let broken = |error: OfflineError| match error {
        OfflineError::Store(error) => error.into(),
        OfflineError::Request { source, .. } => *source,
        OfflineError::Paper(_)
        | OfflineError::Foreign
        | OfflineError::Unasked(_)
        | OfflineError::Outdated
        | OfflineError::Changed(_)
        | OfflineError::Rotation(_)
        | OfflineError::Policy(_)
        | OfflineError::Change(_) => {
            tracing::error!(error = crate::chain(&error), "a waiting request cannot be signed");
            EnrolmentError::Waiting
        }
    };
    let all = offline::collect(node).await.map_err(broken)?;
    let signatures = offline::sign_all(&authority, &all, now).map_err(broken)?;
    offline::import(node, &signatures, now).await.map_err(broken)?;
    node.store().request_of(hash).await?.ok_or(EnrolmentError::Spent)
}
