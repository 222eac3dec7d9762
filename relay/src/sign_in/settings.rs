//! What whoever runs the relay says about signing in, and whether it makes sense.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::roles::Roles;

/// A certificate by sign-in lasts this long where nothing else is said, in seconds: one working day.
pub const LIFETIME: u64 = 12 * 60 * 60;
/// And at most this long, in seconds: whoever leaves the organisation is out after a week.
pub const MAX_LIFETIME: u64 = 7 * 24 * 60 * 60;
/// Groups that can be worth something here.
pub const MAX_GROUPS: usize = 256;

/// Where people sign in, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// What is asked for; `openid` is among it.
    pub scope: String,
    /// The claim that holds a person's groups.
    pub groups_claim: String,
    /// The claim that holds a person's login.
    pub login_claim: String,
    /// The roles of each group.
    pub roles: BTreeMap<String, Roles>,
    /// Seconds of a certificate.
    pub lifetime: u64,
}

/// What makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The provider's address.
    #[error("sign-in: {0} is not an https address")]
    Issuer(String),
    /// No name there.
    #[error("sign-in: client-id is missing")]
    Client,
    /// Nobody could ever sign in, or too many groups.
    #[error(
        "sign-in: [sign-in.roles] names 1 to {MAX_GROUPS} groups, such as helpdesk = \"technician\""
    )]
    Roles,
    /// Not a day's work, and not for ever.
    #[error("sign-in: a lifetime is 1 m to 7 d")]
    Lifetime,
}

impl Settings {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn check(self) -> Result<Self, SettingsError> {
        if !deskside_signin::is_allowed(&self.issuer) {
            return Err(SettingsError::Issuer(self.issuer));
        }
        if self.client_id.is_empty() {
            return Err(SettingsError::Client);
        }
        if !(1..=MAX_GROUPS).contains(&self.roles.len()) {
            return Err(SettingsError::Roles);
        }
        if !(60..=MAX_LIFETIME).contains(&self.lifetime) {
            return Err(SettingsError::Lifetime);
        }
        Ok(self)
    }
}
