//! The authority's key stays where it is safe: what waits for its signature is written to a file,
//! carried to it, signed there, and carried back.
//!
//! Neither side trusts the file. Whoever signs sees each request in words; whoever takes the answer
//! in accepts what the organisation's key signed and somebody here asked for, and nothing else.

mod paper;
pub mod rotation;
mod rotation_paper;

pub use paper::{MAX_PAPER, NotAPaper, Requests, Signatures, Wanted};

use deskside_protocol::identity::certificate;
use deskside_protocol::identity::rotation::RotationError;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::wire::record::{Certificate, Role, Signed};
use prost::Message as _;
use thiserror::Error;

use crate::enrolment::{EnrolmentError, Wish, sign};
use crate::node::Node;
use crate::policy::ChangeError;
use crate::roles::Roles;
use crate::store::{Renewal, SigningRequest, StoreError, StoredPolicy, Technician};

/// Why nothing is signed or taken in.
#[derive(Debug, Error)]
pub enum OfflineError {
    /// The file.
    #[error(transparent)]
    Paper(#[from] NotAPaper),
    /// Of another organisation.
    #[error("this file belongs to another organisation")]
    Foreign,
    /// Signed by somebody else, or for something that nobody asked for.
    #[error("the certificate with serial {0} is not what was asked for here")]
    Unasked(u64),
    /// Somebody changed the policy since.
    #[error("the policy was changed since these requests were written: write them again")]
    Outdated,
    /// Somebody was enrolled, or a key changed, since.
    #[error("{0} changed since this was written for the new key: write it again")]
    Changed(&'static str),
    /// A change of the authority key that is not signed as it has to be.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// One of the requests.
    #[error("the request of {login}: {source}")]
    Request {
        /// Whose.
        login: String,
        /// What is wrong.
        source: Box<EnrolmentError>,
    },
    /// The policy in it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy in force.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everything that waits for a signature here.
///
/// # Errors
/// [`OfflineError::Store`].
pub async fn collect(node: &Node) -> Result<Requests, OfflineError> {
    let waiting = node.store().requests().await?;
    Ok(Requests {
        organisation: node.organisation(),
        policy: node.policy().await?,
        wanted: waiting.into_iter().map(Wanted::from).collect(),
    })
}

/// Signs all of it, on the machine that has the key. What is wrong with one request refuses all.
///
/// # Errors
/// [`OfflineError`].
pub fn sign_all(
    authority: &SigningKey,
    requests: &Requests,
    now: u64,
) -> Result<Signatures, OfflineError> {
    let organisation = authority.public();
    if requests.organisation != organisation {
        return Err(OfflineError::Foreign);
    }
    let mut held = requests.policy.clone();
    Policy::open_at_any_time(&held, &organisation)?;
    let (mut certificates, mut renewed) = (Vec::new(), None);
    for wanted in &requests.wanted {
        let refused = |source: EnrolmentError| OfflineError::Request {
            login: wanted.login.clone(),
            source: Box::new(source),
        };
        let signed = sign(authority, &held, Wish::try_from(wanted).map_err(refused)?, now);
        let signed = signed.map_err(refused)?;
        let signed = signed.enrolled;
        certificates.push((wanted.serial, signed.certificate));
        if signed.policy != held {
            held = signed.policy;
            renewed = Some(held.clone());
        }
    }
    Ok(Signatures { certificates, policy: renewed })
}

/// Takes in what was signed. Gives the logins, in order.
///
/// # Errors
/// [`OfflineError`]; then nothing has changed.
pub async fn import(
    node: &Node,
    signatures: &Signatures,
    now: u64,
) -> Result<Vec<String>, OfflineError> {
    let waiting = node.store().requests().await?;
    let mut rows = Vec::new();
    for (serial, signed) in &signatures.certificates {
        let request = waiting.iter().find(|request| request.serial == *serial);
        let request = request.ok_or(OfflineError::Unasked(*serial))?;
        rows.push(row(request, signed, &node.organisation(), now)?);
    }
    let stored = match &signatures.policy {
        Some(signed) => {
            let policy = Policy::open_at_any_time(signed, &node.organisation())?;
            Some(StoredPolicy { serial: policy.serial, signed: signed.encode_to_vec() })
        }
        None => None,
    };
    if !node.store().import(&rows, stored.as_ref(), now).await? {
        return Err(OfflineError::Outdated);
    }
    Ok(rows.into_iter().map(|row| row.login).collect())
}

/// The row of a certificate, where it says just what was asked for.
fn row(
    request: &SigningRequest,
    signed: &Signed,
    organisation: &PublicKey,
    now: u64,
) -> Result<Technician, OfflineError> {
    let unasked = || OfflineError::Unasked(request.serial);
    let body = certificate::open(signed, organisation).map_err(|_| unasked())?;
    let wish = Wish::try_from(&Wanted::from(request.clone())).map_err(|_| unasked())?;
    let asked = Certificate {
        login: wish.login,
        name: wish.name,
        public_key: wish.key.as_bytes().to_vec().into(),
        roles: wish.roles.to_wire(),
        serial: wish.serial,
        ..body.clone()
    };
    if body != asked {
        return Err(unasked());
    }
    Ok(Technician {
        serial: body.serial,
        login: body.login,
        name: body.name,
        roles: request.roles.clone(),
        public_key: request.public_key,
        certificate: signed.encode_to_vec(),
        enrolled_at: now,
        expires_at: body.not_after,
        revoked_at: None,
        seen_at: None,
        renewal: match request.valid_seconds {
            Some(_) => Renewal::Never,
            None => Renewal::ByItself,
        },
        subject: None,
        recipient: match request.roles.parse::<Roles>() {
            Ok(roles) if roles.contains(Role::Auditor) => request.recipient.clone(),
            Ok(_) | Err(_) => String::new(),
        },
    })
}

#[cfg(test)]
mod tests;
