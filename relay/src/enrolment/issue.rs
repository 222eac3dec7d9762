//! One certificate: what it says, signed; and the policy anew where its holder is another auditor.

use data_encoding::HEXLOWER;
use deskside_protocol::identity::certificate;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::Policy;
use deskside_protocol::wire::record::{Certificate, Role, Signed};
use prost::Message as _;

use super::{CERTIFICATE_SECONDS, CLOCK_SLACK, Enrolled, EnrolmentError, check_login, check_name};
use crate::offline::Wanted;
use crate::policy;
use crate::roles::Roles;
use crate::store::{Renewal, StoredPolicy, Technician};

/// Who gets a certificate, for which key, for how long.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Of the certificate.
    pub serial: u64,
    /// Short name.
    pub login: String,
    /// As users see it.
    pub name: String,
    /// What the person may do.
    pub roles: Roles,
    /// The long-term key.
    pub key: PublicKey,
    /// age recipient that an auditor comes with; `None` for somebody who has a certificate already.
    pub recipient: Option<String>,
    /// Seconds from now.
    pub seconds: u64,
}

impl TryFrom<&Wanted> for Wish {
    type Error = EnrolmentError;

    fn try_from(wanted: &Wanted) -> Result<Self, EnrolmentError> {
        let key = HEXLOWER.decode(wanted.key.as_bytes()).map_err(|_| EnrolmentError::Key)?;
        Ok(Self {
            serial: wanted.serial,
            login: wanted.login.clone(),
            name: wanted.name.clone(),
            roles: wanted.roles.parse()?,
            key: PublicKey::try_from(key.as_slice()).map_err(|_| EnrolmentError::Key)?,
            recipient: (!wanted.renewal).then(|| wanted.recipient.clone()),
            seconds: wanted.valid_seconds.unwrap_or(CERTIFICATE_SECONDS),
        })
    }
}

/// What was signed.
#[derive(Debug, Clone)]
pub struct Issued {
    /// For the person.
    pub enrolled: Enrolled,
    /// The policy, where it was signed anew.
    pub renewed: Option<StoredPolicy>,
    body: Certificate,
    wish: Wish,
}

impl Issued {
    /// What recordings are sealed for from here on, where this is an auditor.
    fn recipient(&self) -> String {
        let auditor = self.wish.roles.contains(Role::Auditor);
        self.wish.recipient.clone().filter(|_| auditor).unwrap_or_default()
    }

    /// As it is written down.
    pub(super) fn row(&self, now: u64, renewal: Renewal, subject: Option<String>) -> Technician {
        Technician {
            serial: self.body.serial,
            login: self.body.login.clone(),
            name: self.body.name.clone(),
            roles: self.wish.roles.to_string(),
            public_key: *self.wish.key.as_bytes(),
            certificate: self.enrolled.certificate.encode_to_vec(),
            enrolled_at: now,
            expires_at: self.body.not_after,
            revoked_at: None,
            seen_at: None,
            renewal,
            subject,
            recipient: self.recipient(),
        }
    }
}

/// Signs it with the authority key; `held` is the policy in force. Needs nothing of the relay, so
/// that it can be done where only the key is.
///
/// # Errors
/// [`EnrolmentError`] for what no certificate can say.
pub fn sign(
    authority: &SigningKey,
    held: &Signed,
    wish: Wish,
    now: u64,
) -> Result<Issued, EnrolmentError> {
    check_login(&wish.login)?;
    check_name(&wish.name)?;
    let policy = Policy::open_at_any_time(held, &authority.public())?;
    let organisation = policy.organisation.clone();
    let next = match &wish.recipient {
        Some(recipient) if wish.roles.contains(Role::Auditor) => {
            policy::with_auditor(policy, recipient, now)?
        }
        _ => None,
    };
    let (policy, renewed) = match next {
        Some(next) => {
            let signed = next.sign(authority)?;
            let stored = StoredPolicy { serial: next.serial, signed: signed.encode_to_vec() };
            (signed, Some(stored))
        }
        None => (held.clone(), None),
    };
    let body = Certificate {
        login: wish.login.clone(),
        name: wish.name.clone(),
        organisation,
        public_key: wish.key.as_bytes().to_vec().into(),
        roles: wish.roles.to_wire(),
        not_before: now.saturating_sub(CLOCK_SLACK),
        not_after: now.saturating_add(wish.seconds),
        serial: wish.serial,
    };
    let certificate = certificate::issue(authority, &body);
    Ok(Issued { enrolled: Enrolled { certificate, policy }, renewed, body, wish })
}
