//! Signing in on another device (RFC 8628): for a terminal without a browser.

use std::time::Duration;

use deskside_protocol::exit::Exit;
use deskside_signin::post;
use serde::Deserialize;

use super::exchange::{ask, refused};
use super::{Visit, blocking, show};
use crate::failure::Failure;
use crate::output::Output;

/// Between two questions where the provider says nothing of it, in seconds (RFC 8628 section 3.2).
const INTERVAL: u64 = 5;
/// The longest pause that a provider may ask for, in seconds.
const MAX_INTERVAL: u64 = 60;
/// A person has this long at most, in seconds, whatever the provider allows.
const MAX_WAIT: u64 = 15 * 60;

#[derive(Debug, Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

/// Shows address and code, and waits until the person has signed in.
pub(super) async fn visit(visit: &Visit<'_>, output: &mut Output) -> anyhow::Result<String> {
    let Some(url) = visit.provider.device_authorization_endpoint.clone() else {
        let sentence = "this provider has no sign-in on another device: run this where there is a browser, without --device";
        return Err(Failure::new(Exit::NotFound, sentence).into());
    };
    let client = visit.terms.client_id.clone();
    let fields = [
        ("client_id", client.clone()),
        ("scope", visit.terms.scope.clone()),
        ("nonce", visit.nonce.clone()),
    ];
    let answer = blocking(move || {
        post(&url, &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
    })
    .await?;
    let begun: Begun = serde_json::from_slice(&answer.body)
        .map_err(|_| refused("it does not begin one on another device", ""))?;
    show(&begun.verification_uri, Some(&begun.user_code), output)?;
    let wait = Duration::from_secs(begun.expires_in.min(MAX_WAIT));
    let polled = tokio::time::timeout(wait, poll(visit, begun, client)).await;
    polled.unwrap_or_else(|_late| Err(refused("the code has expired", "")))
}

async fn poll(visit: &Visit<'_>, begun: Begun, client: String) -> anyhow::Result<String> {
    let mut interval = begun.interval.unwrap_or(INTERVAL).clamp(1, MAX_INTERVAL);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code".to_owned()),
        ("device_code", begun.device_code),
        ("client_id", client),
    ];
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        let said = ask(&visit.provider.token_endpoint, &fields).await?;
        match said.error.as_deref() {
            Some("authorization_pending") => {}
            Some("slow_down") => interval = (interval + INTERVAL).min(MAX_INTERVAL),
            Some(_) | None => return said.token(),
        }
    }
}
