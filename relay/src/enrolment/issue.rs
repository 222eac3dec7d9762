//! One certificate: signed, as a row, and the policy anew where its holder is an auditor.

use deskside_protocol::identity::certificate;
use deskside_protocol::key::PublicKey;
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::wire::record::{Certificate, Role, Signed};
use prost::Message as _;

use super::{CLOCK_SLACK, Enrolled, EnrolmentError};
use crate::node::Node;
use crate::roles::Roles;
use crate::store::{Renewal, StoredPolicy, Technician};
use crate::{policy, rules};

/// Who gets a certificate, for which key, until when.
#[derive(Debug)]
pub(super) struct Issue<'a> {
    pub(super) serial: u64,
    pub(super) login: String,
    pub(super) name: String,
    pub(super) roles: Roles,
    pub(super) key: PublicKey,
    /// age recipient; looked at only for the role auditor.
    pub(super) recipient: &'a str,
    /// Seconds from now.
    pub(super) seconds: u64,
    pub(super) renewal: Renewal,
    /// Issuer and subject, where somebody signed in.
    pub(super) subject: Option<String>,
}

/// What was signed, and what has to be written down for it.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) row: Technician,
    pub(super) policy: Option<StoredPolicy>,
    pub(super) enrolled: Enrolled,
}

/// Signs it with the authority key; `held` is the policy in force.
pub(super) fn issue(
    node: &Node,
    held: &StoredPolicy,
    wish: Issue<'_>,
    now: u64,
) -> Result<Issued, EnrolmentError> {
    let authority = node.authority().key(&node.organisation())?;
    let signed_now = rules::decode(held)?;
    let policy = Policy::open_at_any_time(&signed_now, &node.organisation())?;
    let organisation = policy.organisation.clone();
    let renewed = if wish.roles.contains(Role::Auditor) {
        policy::with_auditor(policy, wish.recipient, now)?
    } else {
        None
    };
    let renewed =
        renewed.map(|policy| Ok::<_, PolicyError>((policy.serial, policy.sign(&authority)?)));
    let renewed = renewed.transpose()?;

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
    let signed = certificate::issue(&authority, &body);
    let row = Technician {
        serial: body.serial,
        login: wish.login,
        name: wish.name,
        roles: wish.roles.to_string(),
        public_key: *wish.key.as_bytes(),
        certificate: signed.encode_to_vec(),
        enrolled_at: now,
        expires_at: body.not_after,
        revoked_at: None,
        seen_at: None,
        renewal: wish.renewal,
        subject: wish.subject,
    };
    let stored = renewed
        .as_ref()
        .map(|(serial, signed)| StoredPolicy { serial: *serial, signed: signed.encode_to_vec() });
    let policy: Signed = renewed.map_or(signed_now, |(_, signed)| signed);
    let enrolled = Enrolled { certificate: signed, policy };
    Ok(Issued { row, policy: stored, enrolled })
}
