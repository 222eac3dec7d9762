//! A certificate gets a later end: by the key that it is for, without anybody's doing, where the
//! authority is at hand. Where it is away the wish waits for it.

use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::Signed;
use prost::Message as _;

use super::issue::{Wish, sign};
use super::{CERTIFICATE_SECONDS, Enrolled, EnrolmentError};
use crate::authority::AuthorityError;
use crate::node::Node;
use crate::store::{Renewal, StoreError, Technician};

/// Gives `who`, whose leg proved the key, a certificate with a later end; the one in force where
/// more than half of its time is left, so that asking again costs no signature, or where it is the
/// one that is `held` by the relay that is asked for: it may be under another authority key by now.
///
/// # Errors
/// [`EnrolmentError::Authority`] where it is away, [`EnrolmentError::NotRenewable`].
pub async fn renew(
    node: &Node,
    who: &Technician,
    held: bool,
    now: u64,
) -> Result<Enrolled, EnrolmentError> {
    let policy = node.policy().await?;
    let left = who.expires_at.saturating_sub(now);
    if held || left > CERTIFICATE_SECONDS / 2 {
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
    let authority = match node.authority().key(&node.organisation()) {
        Ok(authority) => authority,
        Err(AuthorityError::Away { .. }) => {
            node.store().ask_renewal(who, now).await?;
            return Err(EnrolmentError::Waiting);
        }
        Err(error) => return Err(error.into()),
    };
    // The serial stays as it was: a revocation means all that bear it.
    let wish = Wish {
        serial: who.serial,
        login: who.login.clone(),
        name: who.name.clone(),
        roles: who.roles.parse()?,
        key: PublicKey::from_bytes(who.public_key),
        recipient: None,
        seconds: CERTIFICATE_SECONDS,
    };
    let issued = sign(&authority, &policy, wish, now)?;
    let row = issued.row(who.enrolled_at, who.renewal, None);
    if !node.store().renew(row.serial, &row.certificate, row.expires_at).await? {
        return Err(EnrolmentError::Revoked);
    }
    node.store().forget_request(row.serial).await?;
    Ok(issued.enrolled)
}
