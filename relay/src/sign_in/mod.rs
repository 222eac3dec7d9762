//! Signing in instead of an invitation: an ID token of the organisation's OpenID provider becomes a
//! certificate for a short time, in the roles that the provider's groups are worth here.
//!
//! The technician's program gets the token from the provider and hands it over on its leg. Here it
//! is judged (`token`), and nothing of it is kept but whose it was.

mod keys;
mod settings;
mod token;

pub use settings::{LIFETIME, MAX_GROUPS, MAX_LIFETIME, Settings, SettingsError};

use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Refused, SignIn as Signal, SignInTerms};
use deskside_signin::{SALT, WebError, nonce};
use thiserror::Error;

use crate::enrolment::{self, Enrolled, EnrolmentError, SignedIn};
use crate::node::Node;
use keys::Keys;
use token::{Expected, MAX_TOKEN, TokenError};

/// Why somebody is not signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// Not set up here.
    #[error("nobody signs in at this relay: ask for an invitation, then deskside enroll TOKEN")]
    Off,
    /// The token.
    #[error("the sign-in does not count: {0}")]
    Token(#[from] TokenError),
    /// The provider cannot be asked for its keys.
    #[error("the relay cannot ask the provider for its keys: try again in a minute")]
    Provider(#[from] WebError),
    /// Signing and writing down.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
}

impl SignInError {
    /// What the end is told.
    pub(crate) fn refusal(&self) -> Refused {
        let code = match self {
            Self::Off => Code::NotFound,
            Self::Token(TokenError::Shape) => Code::BadRequest,
            Self::Token(_) => Code::NotPermitted,
            Self::Provider(_) => Code::Busy,
            Self::Enrolment(error) => return error.refusal(),
        };
        Refused { code: code as i32, text: self.to_string() }
    }
}

/// Where people sign in, and what that is worth.
#[derive(Debug)]
pub struct SignIn {
    settings: Settings,
    keys: Keys,
}

impl SignIn {
    /// As configured; the provider is asked when the first person comes.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let keys = Keys::of(&settings.issuer);
        Self { settings, keys }
    }

    /// What the technician's program has to know.
    #[must_use]
    pub fn terms(&self) -> SignInTerms {
        SignInTerms {
            issuer: self.settings.issuer.clone(),
            client_id: self.settings.client_id.clone(),
            scope: self.settings.scope.clone(),
        }
    }

    /// Trades a token for a certificate of the leg's `key`, at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn trade(
        &self,
        node: &Node,
        key: PublicKey,
        said: &Signal,
        now: u64,
    ) -> Result<Enrolled, SignInError> {
        let salt: [u8; SALT] = said.salt.as_ref().try_into().map_err(|_| TokenError::Shape)?;
        if said.id_token.len() > MAX_TOKEN {
            return Err(TokenError::Shape.into());
        }
        let head = token::head(&said.id_token)?;
        let keys = self.keys.with(head.key.as_deref()).await?;
        let expected = Expected {
            settings: &self.settings,
            nonce: nonce(&node.organisation(), &key, &salt),
            now,
        };
        let person = token::judge(&said.id_token, &head, &keys, &expected)?;
        let who = SignedIn {
            key,
            recipient: &said.recipient,
            login: person.login,
            name: person.name,
            roles: person.roles,
            subject: person.subject,
            seconds: self.settings.lifetime,
        };
        Ok(enrolment::sign_in(node, who, now).await?)
    }
}
