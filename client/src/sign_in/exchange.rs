//! The provider's token endpoint: a code becomes an ID token.

use deskside_protocol::exit::Exit;
use deskside_protocol::text::visible;
use deskside_signin::post;
use serde::Deserialize;

use super::blocking;
use crate::failure::Failure;

/// What a token endpoint says (RFC 6749 section 5).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    id_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Asks for a token.
pub(super) async fn ask(url: &str, fields: &[(&'static str, String)]) -> anyhow::Result<Said> {
    let (url, fields) = (url.to_owned(), fields.to_vec());
    let answer = blocking(move || {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&url, &fields)
    })
    .await?;
    serde_json::from_slice(&answer.body).map_err(|_| {
        let sentence = format!("the provider's answer cannot be read (status {})", answer.status);
        Failure::new(Exit::Other, sentence).into()
    })
}

impl Said {
    /// The token, or why there is none.
    pub(super) fn token(self) -> anyhow::Result<String> {
        match (self.error.as_deref(), self.id_token) {
            (None, Some(token)) => Ok(token),
            (None, None) => {
                let sentence = "the provider gave no ID token: is `openid` in the relay's scope?";
                Err(Failure::new(Exit::Refused, sentence).into())
            }
            (Some(error), _) => {
                Err(refused(error, self.error_description.as_deref().unwrap_or_default()))
            }
        }
    }
}

/// The provider said no.
pub(super) fn refused(error: &str, why: &str) -> anyhow::Error {
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    let sentence = visible(&format!("the provider refused the sign-in: {error}{why}")).into_owned();
    Failure::new(Exit::Refused, sentence).into()
}
