//! Somebody who signed in gets a certificate for a short time, for the key of the leg. Signing in
//! again with the same key gives a later one, under the same serial.

use deskside_protocol::key::PublicKey;

use super::issue::{Wish, sign};
use super::{Enrolled, EnrolmentError, check_login, check_name};
use crate::node::Node;
use crate::roles::Roles;
use crate::rules;
use crate::store::{Renewal, StoreError};

/// Whom the provider named, and for which key.
#[derive(Debug, Clone)]
pub struct SignedIn<'a> {
    /// The long-term key, as the leg's TLS proved it.
    pub key: PublicKey,
    /// age recipient; looked at only for the role auditor.
    pub recipient: &'a str,
    /// Short name.
    pub login: String,
    /// As users will see it.
    pub name: String,
    /// What the groups are worth.
    pub roles: Roles,
    /// Issuer and subject.
    pub subject: String,
    /// How long the certificate is good, in seconds.
    pub seconds: u64,
}

/// Signs a certificate for somebody who signed in, all or nothing.
///
/// # Errors
/// [`EnrolmentError::Revoked`] where whoever runs the relay took this person back,
/// [`EnrolmentError::LoginTaken`] where the login is another person's, and what else can fail.
pub async fn sign_in(node: &Node, who: SignedIn<'_>, now: u64) -> Result<Enrolled, EnrolmentError> {
    check_login(&who.login)?;
    check_name(&who.name)?;
    let under_way = node.store().sign_in(who.key.as_bytes(), &who.login, &who.subject).await?;
    if under_way.revoked {
        return Err(EnrolmentError::Revoked);
    }
    if under_way.taken {
        return Err(EnrolmentError::LoginTaken(who.login));
    }
    if under_way.foreign_key {
        return Err(EnrolmentError::KeyTaken);
    }
    let held = under_way.policy.as_ref().ok_or(StoreError::Value("no policy"))?;
    let held = rules::decode(held)?;
    let authority = node.authority().key(&node.organisation())?;
    let wish = Wish {
        serial: under_way.serial,
        login: who.login,
        name: who.name,
        roles: who.roles,
        key: who.key,
        recipient: Some(who.recipient.to_owned()),
        seconds: who.seconds,
    };
    let issued = sign(&authority, &held, wish, now)?;
    let row = issued.row(now, Renewal::BySignIn, Some(who.subject));
    if !under_way.finish(&row, issued.renewed.as_ref()).await? {
        return Err(StoreError::Value("policy serial").into());
    }
    Ok(issued.enrolled)
}
