//! The provider's signing keys, fetched when a token names one that is not known yet, and not more
//! often than the provider and this relay can bear.

use std::sync::Arc;
use std::time::Duration;

use deskside_signin::{Provider, WebError, get};
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Keys are fetched anew after this time, so that one which the provider withdrew stops counting.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// A token that names an unknown key makes us fetch at most this often: anybody can write one.
const AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Keys {
    issuer: String,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<JwkSet>,
    fetched: Instant,
}

impl Keys {
    pub(super) fn of(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), held: Mutex::new(None) }
    }

    /// The provider's keys, with the one of this name among them where it has it. One fetch at a
    /// time; the others wait for it.
    pub(super) async fn with(&self, name: Option<&str>) -> Result<Arc<JwkSet>, WebError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref() {
            let age = held.fetched.elapsed();
            let known = name.is_none_or(|name| held.keys.find(name).is_some());
            if age < AGAIN || (known && age < FRESH) {
                return Ok(held.keys.clone());
            }
        }
        let issuer = self.issuer.clone();
        let fetched = tokio::task::spawn_blocking(move || fetch(&issuer)).await;
        let broken = |_| WebError::Unreadable(self.issuer.clone());
        let keys = Arc::new(fetched.map_err(broken)??);
        *held = Some(Held { keys: keys.clone(), fetched: Instant::now() });
        Ok(keys)
    }
}

fn fetch(issuer: &str) -> Result<JwkSet, WebError> {
    let provider = Provider::discover(issuer)?;
    let answer = get(&provider.jwks_uri)?;
    serde_json::from_slice(&answer.body).map_err(|_| WebError::NoProvider {
        url: provider.jwks_uri.clone(),
        issuer: issuer.to_owned(),
        why: "its keys cannot be read",
    })
}
