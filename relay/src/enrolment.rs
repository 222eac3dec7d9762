//! How a person gets a certificate: an invitation, good once, and a key of his own.
//!
//! Everything happens in one transaction: where the authority cannot sign, the invitation is still
//! good. An unknown, a used and an expired token get one and the same answer.

mod issue;
mod renewal;
mod sign_in;

pub use renewal::renew;
pub use sign_in::{SignedIn, sign_in};

use deskside_protocol::identity::certificate::MAX_NAME;
use deskside_protocol::key::PublicKey;
use deskside_protocol::policy::PolicyError;
use deskside_protocol::random::Random;
use deskside_protocol::text;
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::Refused;
use deskside_protocol::wire::signal::refused::Code;
use thiserror::Error;

use crate::authority::AuthorityError;
use crate::invitation::{self, Secret};
use crate::node::Node;
use crate::policy::AuditorError;
use crate::roles::{Roles, UnknownRole};
use crate::store::{Enrolling, NewInvitation, Renewal, StoreError};
use issue::{Issue, Issued};

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
            Self::Authority(_) => Code::AuthorityAway,
            Self::NotRenewable(_) | Self::Revoked => Code::NotPermitted,
            Self::Login | Self::Name | Self::LoginTaken(_) | Self::KeyTaken | Self::Auditor(_) => {
                Code::BadRequest
            }
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
    let under_way = node.store().enrol(&invitation::hash(request.secret), now).await?;
    let mut under_way = under_way.ok_or(EnrolmentError::Spent)?;
    let (login, name) = who(&mut under_way, request).await?;
    let roles: Roles = under_way.invitation.roles.parse()?;
    let held = under_way.policy.clone().ok_or(StoreError::Value("no policy"))?;
    let (seconds, renewal) = match under_way.invitation.valid_seconds {
        Some(seconds) => (seconds, Renewal::Never),
        None => (CERTIFICATE_SECONDS, Renewal::ByItself),
    };
    let wish = Issue {
        serial: under_way.serial,
        login,
        name,
        roles,
        key: request.key,
        recipient: request.recipient,
        seconds,
        renewal,
        subject: None,
    };
    let Issued { row, policy, enrolled } = issue::issue(node, &held, wish, now)?;
    if !under_way.finish(&row, policy.as_ref()).await? {
        return Err(StoreError::Value("policy serial").into());
    }
    Ok(enrolled)
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
