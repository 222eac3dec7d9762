//! The one-time enrolment token: a join link and a secret, in one line of text.

use data_encoding::BASE64URL_NOPAD;
use prost::Message as _;
use thiserror::Error;
use zeroize::Zeroizing;

use super::link::JoinLink;
use crate::random::{self, Random};
use crate::wire::record;

/// Bytes of the secret.
pub const SECRET: usize = 16;
/// The longest token, in bytes.
pub const MAX_TOKEN: usize = 1024;

const PREFIX: &str = "dse1.";

/// A text that is not an enrolment token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("that is not an enrolment token, or it has a typing mistake: copy it again")]
pub struct NotAToken;

/// A join link and a secret that is good for one enrolment.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// The relay, and the organisation's key.
    pub join: JoinLink,
    /// What the relay knows the token by.
    pub secret: Zeroizing<[u8; SECRET]>,
}

impl EnrolmentToken {
    /// A new token for the relay behind `join`.
    pub fn generate(join: JoinLink, random: &mut dyn Random) -> Self {
        Self { join, secret: Zeroizing::new(random::bytes(random)) }
    }

    /// The text that is handed to the person.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let body = record::EnrolmentToken {
            join: self.join.to_string(),
            secret: self.secret.to_vec().into(),
        };
        let body = Zeroizing::new(body.encode_to_vec());
        Zeroizing::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&body)))
    }
}

impl std::str::FromStr for EnrolmentToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let text = text.trim();
        if text.len() > MAX_TOKEN {
            return Err(NotAToken);
        }
        let body = text.strip_prefix(PREFIX).ok_or(NotAToken)?;
        let body = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| NotAToken)?;
        let token = record::EnrolmentToken::decode(body.as_slice()).map_err(|_| NotAToken)?;
        let secret: [u8; SECRET] = token.secret.as_ref().try_into().map_err(|_| NotAToken)?;
        Ok(Self {
            join: token.join.parse().map_err(|_| NotAToken)?,
            secret: Zeroizing::new(secret),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;

    #[test]
    fn a_token_comes_back_and_a_cut_one_does_not() {
        let join = JoinLink {
            host: "relay.example".to_owned(),
            port: 7443,
            organisation: PublicKey::from_bytes([1; 32]),
            node: PublicKey::from_bytes([2; 32]),
            webpki: false,
        };
        let token = EnrolmentToken { join, secret: Zeroizing::new([7; SECRET]) };
        let text = token.to_text();
        assert!(text.parse::<EnrolmentToken>().is_ok_and(|back| back == token));
        for end in 0..text.len() {
            assert!(text[..end].parse::<EnrolmentToken>().is_err());
        }
    }
}
