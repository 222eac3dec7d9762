//! How a person gets a certificate: an invitation, good once, and a key of his own.
//!
//! Everything happens in one transaction. Where the authority is away the invitation waits for it,
//! bound to the key that came. An unknown, a used and an expired token get one and the same answer.

mod issue;
mod renewal;
mod sign_in;
mod waiting;

pub use issue::{Issued, Wish, sign};
pub use renewal::renew;
pub use sign_in::{SignedIn, sign_in};

use deskside_protocol::identity::certificate::MAX_NAME;
use deskside_protocol::key::PublicKey;
use deskside_protocol::policy::PolicyError;
use deskside_protocol::random::Random;
use deskside_protocol::text;
use deskside_protocol::wire::record::{Role, Signed};
use deskside_protocol::wire::signal::Refused;
use deskside_protocol::wire::signal::refused::Code;
use thiserror::Error;

use crate::authority::AuthorityError;
use crate::invitation::{self, Secret};
use crate::node::Node;
use crate::policy::AuditorError;
use crate::roles::{Roles, UnknownRole};
use crate::store::{Enrolling, NewInvitation, Renewal, SigningRequest, StoreError};
use crate::{recipient, rules};

/// A certificate is good for one year, in seconds.
pub const CERTIFICATE_SECONDS: u64 = 365 * 24 * 60 * 60;
/// A certificate begins this long before it is signed, for ends whose clock is behind, in seconds.
pub const CLOCK_SLACK: u64 = 24 * 60 * 60;
/// The longest login, in bytes.
pub const MAX_LOGIN: usize = 64;

/// Why somebody is not enrolled.
#[derive(Debug, Error)]
pub enum EnrolmentError {
    /// Unknown, used or expired.
    #[error("this enrolment token was used, has expired or was never given out: ask for another")]
    Spent,
    /// The authority cannot sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Not a login.
    #[error("a login has 1 to 64 of the characters a-z, 0-9, '.', '-' and '_'")]
    Login,
    /// Not a name.
    #[error("a name has 1 to 128 bytes and no control characters")]
    Name,
    /// Somebody else's.
    #[error("the login {0} is taken")]
    LoginTaken(String),
    /// This key has its certificate.
    #[error("this computer's key is enrolled already")]
    KeyTaken,
    /// Its time is fixed, or somebody has to sign in again.
    #[error("{}", not_renewable(*.0))]
    NotRenewable(Renewal),
    /// The authority's key is away, and what it should sign is written down.
    #[error(
        "the organisation's authority key is not at the relay. Your request waits there: once \
         whoever keeps the key has signed it, do the same again"
    )]
    Waiting,
    /// Not a key.
    #[error("a key has 64 hexadecimal digits")]
    Key,
    /// Meanwhile.
    #[error("your enrolment was revoked: ask whoever runs the relay")]
    Revoked,
    /// The recipient that came with it, or did not.
    #[error(transparent)]
    Auditor(#[from] AuditorError),
    /// The policy in force cannot be read or signed.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The roles of the invitation cannot be read.
    #[error(transparent)]
    Role(#[from] UnknownRole),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EnrolmentError {
    /// What the end is told.
    #[must_use]
    pub fn refusal(&self) -> Refused {
        let code = match self {
            Self::Spent => Code::TokenSpent,
            Self::Authority(_) | Self::Waiting => Code::AuthorityAway,
            Self::NotRenewable(_) | Self::Revoked => Code::NotPermitted,
            Self::Login
            | Self::Name
            | Self::Key
            | Self::LoginTaken(_)
            | Self::KeyTaken
            | Self::Auditor(_) => Code::BadRequest,
            Self::Policy(_) | Self::Role(_) | Self::Store(_) => Code::Trouble,
        };
        Refused { code: code as i32, text: self.to_string() }
    }
}

const fn not_renewable(renewal: Renewal) -> &'static str {
    match renewal {
        Renewal::BySignIn => {
            "your certificate is renewed by signing in: run deskside enroll --sign-in"
        }
        Renewal::ByItself | Renewal::Never => {
            "your certificate is for a fixed time: ask whoever runs the relay for another invitation"
        }
    }
}

/// What whoever enrols says. The key is the one that the leg's TLS proved, never one that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The secret of the token.
    pub secret: &'a [u8],
    /// The long-term key.
    pub key: PublicKey,
    /// age recipient; looked at only where the invitation has the role auditor.
    pub recipient: &'a str,
    /// For an invitation without a login.
    pub login: &'a str,
    /// For an invitation without a name.
    pub name: &'a str,
}

/// What whoever enrolled gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// The certificate.
    pub certificate: Signed,
    /// The policy, with the new auditor where there is one.
    pub policy: Signed,
}

/// Spends an invitation for a certificate, all or nothing.
///
/// # Errors
/// [`EnrolmentError`]; the invitation is as good as before unless it is [`EnrolmentError::Spent`].
pub async fn redeem(
    node: &Node,
    request: Request<'_>,
    now: u64,
) -> Result<Enrolled, EnrolmentError> {
    if let Some(enrolled) = waiting::fetch(node, request, now).await? {
        return Ok(enrolled);
    }
    let hash = invitation::hash(request.secret);
    let mut under_way = node.store().enrol(&hash, now).await?.ok_or(EnrolmentError::Spent)?;
    let (login, name) = who(&mut under_way, request).await?;
    let held = under_way.policy.as_ref().ok_or(StoreError::Value("no policy"))?;
    let held = rules::decode(held)?;
    let (seconds, renewal) = match under_way.invitation.valid_seconds {
        Some(seconds) => (seconds, Renewal::Never),
        None => (CERTIFICATE_SECONDS, Renewal::ByItself),
    };
    let roles: Roles = under_way.invitation.roles.parse()?;
    if roles.contains(Role::Auditor) {
        // Nothing waits for a signature that cannot be given.
        recipient::check(request.recipient).map_err(|error| match request.recipient {
            "" => AuditorError::Missing,
            _ => AuditorError::Recipient(error),
        })?;
    }
    let wish = Wish {
        serial: under_way.serial,
        login,
        name,
        roles,
        key: request.key,
        recipient: Some(request.recipient.to_owned()),
        seconds,
    };
    let authority = match node.authority().key(&node.organisation()) {
        Ok(authority) => authority,
        Err(AuthorityError::Away { .. }) => return wait(under_way, hash, wish, now).await,
        Err(error) => return Err(error.into()),
    };
    let issued = sign(&authority, &held, wish, now)?;
    let row = issued.row(now, renewal, None);
    if !under_way.finish(&row, issued.renewed.as_ref()).await? {
        return Err(StoreError::Value("policy serial").into());
    }
    Ok(issued.enrolled)
}

/// The authority's key is away: what it should sign is written down until it has.
async fn wait(
    under_way: Enrolling,
    hash: [u8; 32],
    wish: Wish,
    now: u64,
) -> Result<Enrolled, EnrolmentError> {
    let request = SigningRequest {
        serial: wish.serial,
        invitation: Some(hash),
        login: wish.login,
        name: wish.name,
        roles: wish.roles.to_string(),
        public_key: *wish.key.as_bytes(),
        recipient: wish.recipient.unwrap_or_default(),
        valid_seconds: under_way.invitation.valid_seconds,
        asked_at: now,
        certificate: None,
    };
    under_way.wait(&request).await?;
    Err(EnrolmentError::Waiting)
}

/// Login and name: the invitation's, or else those that were wished for.
async fn who(
    under_way: &mut Enrolling,
    request: Request<'_>,
) -> Result<(String, String), EnrolmentError> {
    let invited = under_way.invitation.clone();
    let (login, name) = if invited.login.is_empty() {
        let login = request.login.trim().to_owned();
        if under_way.login_taken(&login).await? {
            return Err(EnrolmentError::LoginTaken(login));
        }
        (login, request.name.trim().to_owned())
    } else {
        (invited.login, invited.name)
    };
    check_login(&login)?;
    check_name(&name)?;
    if under_way.key_taken(request.key.as_bytes()).await? {
        return Err(EnrolmentError::KeyTaken);
    }
    Ok((login, name))
}

/// Writes an invitation down and gives the secret for the token. `valid_seconds` is for a
/// certificate that ends then and is not renewed.
///
/// # Errors
/// [`EnrolmentError`].
pub async fn invite(
    node: &Node,
    login: &str,
    name: &str,
    roles: &Roles,
    valid_seconds: Option<u64>,
    now: u64,
    random: &mut (dyn Random + Send),
) -> Result<Secret, EnrolmentError> {
    check_login(login)?;
    check_name(name)?;
    let (secret, invitation) = invitation::new(login, name, roles, now, random);
    let invitation = NewInvitation { valid_seconds, ..invitation };
    node.store().invite(&invitation).await?;
    Ok(secret)
}

fn check_login(login: &str) -> Result<(), EnrolmentError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let fits = (1..=MAX_LOGIN).contains(&login.len()) && login.chars().all(allowed);
    if fits { Ok(()) } else { Err(EnrolmentError::Login) }
}

/// A name stands before users as "verified": nothing in it may hide or turn what stands beside it.
fn check_name(name: &str) -> Result<(), EnrolmentError> {
    let fits =
        (1..=MAX_NAME).contains(&name.len()) && name.trim() == name && text::visible(name) == name;
    if fits { Ok(()) } else { Err(EnrolmentError::Name) }
}

#[cfg(test)]
mod tests;
