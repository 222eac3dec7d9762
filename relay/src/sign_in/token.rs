//! Whether an ID token counts (OpenID Connect Core 1.0, section 3.1.3.7), and whom it names.
//!
//! The signature is the library's matter. The claims are judged here, each strictly: what is missing
//! or of another type does not count.

use deskside_protocol::identity::certificate::MAX_NAME;
use deskside_protocol::text::visible;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::settings::Settings;
use crate::roles::Roles;

/// The longest token, in bytes: some providers put hundreds of groups into one.
pub(super) const MAX_TOKEN: usize = 32 * 1024;
/// The provider's clock may be this far from ours, in seconds.
const SKEW: u64 = 60;
/// A token is handed in this soon after it was made, in seconds: signing in and coming here is one
/// act, and an old token that somebody found is none.
const MAX_AGE: u64 = 10 * 60;
/// What signs tokens: public keys only, so that none of our own words could be a key.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a token does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not a token, or too long.
    #[error("that is no ID token")]
    Shape,
    /// Signed in a way that proves nothing here.
    #[error("it is signed in a way that is not accepted")]
    Algorithm,
    /// The provider has no such key.
    #[error("it is signed by a key that the provider does not have")]
    UnknownKey,
    /// The signature does not verify.
    #[error("its signature does not verify")]
    Signature,
    /// Of somebody else.
    #[error("it is another provider's")]
    Issuer,
    /// For somebody else.
    #[error("it was made for another program")]
    Audience,
    /// For another key.
    #[error("it was made for another computer's key")]
    Nonce,
    /// Not of this time.
    #[error("it is not of this time: sign in again, and check the clock of the relay")]
    Time,
    /// Nobody in particular.
    #[error("it has no usable {0}")]
    Missing(String),
    /// In no group that has a role.
    #[error("your groups there have no role here: ask whoever runs the relay")]
    NoRole,
}

/// What has to stand in it.
pub(super) struct Expected<'a> {
    pub(super) settings: &'a Settings,
    pub(super) nonce: String,
    /// Seconds since the epoch.
    pub(super) now: u64,
}

/// Whom a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) login: String,
    pub(super) name: String,
    pub(super) roles: Roles,
    /// Issuer and subject: the same for as long as the account lives there.
    pub(super) subject: String,
}

/// How a token says that it is signed. Nothing is verified yet.
#[derive(Debug)]
pub(super) struct Head {
    algorithm: Algorithm,
    /// Name of the key.
    pub(super) key: Option<String>,
}

pub(super) fn head(token: &str) -> Result<Head, TokenError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Shape)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(TokenError::Algorithm);
    }
    Ok(Head { algorithm: header.alg, key: header.kid })
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    iat: u64,
    nonce: Option<String>,
    azp: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Verifies a token with the provider's keys, and reads whom it names.
pub(super) fn judge(
    token: &str,
    head: &Head,
    keys: &JwkSet,
    expected: &Expected<'_>,
) -> Result<Person, TokenError> {
    let claims = verified(token, head, keys)?;
    let Expected { settings, nonce, now } = expected;
    if claims.iss != settings.issuer {
        return Err(TokenError::Issuer);
    }
    let client = &settings.client_id;
    let ours = match &claims.aud {
        Audience::One(only) => only == client,
        // One of several has to be named as the one that it was given to.
        Audience::Several(all) => {
            all.contains(client) && (all.len() == 1 || claims.azp.as_ref() == Some(client))
        }
    };
    if !ours || claims.azp.as_ref().is_some_and(|party| party != client) {
        return Err(TokenError::Audience);
    }
    if claims.nonce.as_ref() != Some(nonce) {
        return Err(TokenError::Nonce);
    }
    let recent = claims.iat.saturating_add(MAX_AGE) >= *now;
    let made = claims.iat <= now.saturating_add(SKEW);
    if claims.exp.saturating_add(SKEW) <= *now || !recent || !made {
        return Err(TokenError::Time);
    }
    person(claims, settings)
}

fn verified(token: &str, head: &Head, keys: &JwkSet) -> Result<Claims, TokenError> {
    let key = find(head, keys).ok_or(TokenError::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| TokenError::UnknownKey)?;
    let mut validation = Validation::new(head.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let verified = jsonwebtoken::decode::<Claims>(token, &key, &validation);
    let verified = verified.map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        if matches!(error.kind(), ErrorKind::Json(_)) {
            TokenError::Missing("claims".to_owned())
        } else if matches!(error.kind(), ErrorKind::InvalidAlgorithm) {
            TokenError::Algorithm
        } else {
            TokenError::Signature
        }
    })?;
    Ok(verified.claims)
}

/// The key that a token names; where it names none, the only one that there is.
fn find<'a>(head: &Head, keys: &'a JwkSet) -> Option<&'a Jwk> {
    match (&head.key, keys.keys.as_slice()) {
        (Some(name), _) => keys.find(name),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

fn person(claims: Claims, settings: &Settings) -> Result<Person, TokenError> {
    let text = |name: &str| {
        let value = if name == "sub" {
            Some(claims.sub.as_str())
        } else {
            claims.others.get(name).and_then(Value::as_str)
        };
        value.map(str::trim).filter(|text| !text.is_empty())
    };
    if claims.sub.is_empty() {
        return Err(TokenError::Missing("sub".to_owned()));
    }
    let missing = || TokenError::Missing(settings.login_claim.clone());
    let login = text(&settings.login_claim).ok_or_else(missing)?.to_ascii_lowercase();
    let name = text("name").unwrap_or(&login);
    // It stands before users as verified: nothing in it may hide or turn what stands beside it.
    let name = visible(name).chars().take(MAX_NAME / 4).collect();
    let roles = roles(&claims.others, settings).ok_or(TokenError::NoRole)?;
    let subject = format!("{} {}", claims.iss, claims.sub);
    Ok(Person { login, name, roles, subject })
}

/// What all the groups together are worth: a list of texts, or one text.
fn roles(claims: &Map<String, Value>, settings: &Settings) -> Option<Roles> {
    let groups = match claims.get(&settings.groups_claim)? {
        Value::Array(groups) => groups.iter().filter_map(Value::as_str).collect(),
        Value::String(group) => vec![group.as_str()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let known = groups.iter().filter_map(|group| settings.roles.get(*group));
    known.cloned().reduce(Roles::and)
}

#[cfg(test)]
mod tests;
