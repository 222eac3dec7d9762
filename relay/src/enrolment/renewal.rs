//! A certificate gets a later end: by the key that it is for, without anybody's doing, where the
//! authority is at hand.

use deskside_protocol::identity::certificate;
use deskside_protocol::wire::record::{Certificate, Signed};
use prost::Message as _;

use super::{CERTIFICATE_SECONDS, CLOCK_SLACK, Enrolled, EnrolmentError};
use crate::node::Node;
use crate::store::{Renewal, StoreError, Technician};

/// Gives `who`, whose leg proved the key, a certificate with a later end; the one in force where
/// more than half of its time is left, so that asking again costs no signature.
///
/// # Errors
/// [`EnrolmentError::Authority`] where it is away, [`EnrolmentError::NotRenewable`].
pub async fn renew(node: &Node, who: &Technician, now: u64) -> Result<Enrolled, EnrolmentError> {
    let policy = node.policy().await?;
    let left = who.expires_at.saturating_sub(now);
    if left > CERTIFICATE_SECONDS / 2 {
        let certificate = Signed::decode(who.certificate.as_slice())
            .map_err(|_| StoreError::Value("certificate"))?;
        return Ok(Enrolled { certificate, policy });
    }
    match who.renewal {
        Renewal::ByItself => {}
        Renewal::BySignIn | Renewal::Never => {
            return Err(EnrolmentError::NotRenewable(who.renewal));
        }
    }
    let authority = node.authority().key(&node.organisation())?;
    let held =
        Signed::decode(who.certificate.as_slice()).map_err(|_| StoreError::Value("certificate"))?;
    let held = certificate::open(&held, &node.organisation())
        .map_err(|_| StoreError::Value("certificate"))?;
    // Everything else stays as it was, the serial too: a revocation means all that bear it.
    let body = Certificate {
        not_before: now.saturating_sub(CLOCK_SLACK),
        not_after: now.saturating_add(CERTIFICATE_SECONDS),
        ..held
    };
    let signed = certificate::issue(&authority, &body);
    let (bytes, until) = (signed.encode_to_vec(), body.not_after);
    if !node.store().renew(who.serial, &bytes, until).await? {
        return Err(EnrolmentError::Revoked);
    }
    Ok(Enrolled { certificate: signed, policy })
}
