//! Small fetches over HTTPS, bounded in size and time. Plain HTTP only to this very machine, for
//! tests and for a provider behind a local proxy.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// The longest answer, in bytes: a provider's description has some 5 KiB, its keys some 10.
pub const MAX_BODY: u64 = 256 * 1024;
/// An answer takes this long at most, connecting included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum WebError {
    /// Neither HTTPS nor this machine.
    #[error("{0} is not an https address")]
    Insecure(String),
    /// Nobody answers, or not in time, or TLS does not verify.
    #[error("{url} does not answer")]
    Unreachable {
        /// What was asked for, without its parameters.
        url: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// Too long, or broken off.
    #[error("the answer of {0} cannot be read")]
    Unreadable(String),
    /// Answered with an error where none is of use.
    #[error("{url} answers with the error {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// Of HTTP.
        status: u16,
    },
    /// Not what an OpenID provider says.
    #[error("{url} is not the OpenID provider {issuer}: {why}")]
    NoProvider {
        /// What was asked for.
        url: String,
        /// Who should have answered.
        issuer: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// An answer that was read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// At most [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
}

/// Whether an address may be asked: HTTPS, or plain HTTP to this very machine.
#[must_use]
pub fn is_allowed(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare == "localhost",
    };
    // A name before the host would be sent as a password.
    let plain = !uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    plain && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && loopback))
}

/// Fetches an address. An error status is an error.
///
/// # Errors
/// [`WebError`].
pub fn get(url: &str) -> Result<Answer, WebError> {
    let agent = agent(url)?;
    let answer = read(url, agent.get(url).header("Accept", "application/json").call())?;
    match answer.status {
        200..=299 => Ok(answer),
        status => Err(WebError::Refused { url: url.to_owned(), status }),
    }
}

/// Posts a form. An error status is an answer: OAuth explains itself in the body.
///
/// # Errors
/// [`WebError`].
pub fn post(url: &str, fields: &[(&str, &str)]) -> Result<Answer, WebError> {
    let agent = agent(url)?;
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = agent
        .post(url)
        .header("Accept", "application/json")
        .header("Content-Type", "application/x-www-form-urlencoded");
    read(url, request.send(body))
}

fn agent(url: &str) -> Result<Agent, WebError> {
    if !is_allowed(url) {
        return Err(WebError::Insecure(url.to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = roots.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::new_with_certs(&roots))
        .build();
    // A redirect would lead to somebody whom nobody named.
    let settings = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    Ok(settings.into())
}

fn read(
    url: &str,
    answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, WebError> {
    let answered = answered
        .map_err(|error| WebError::Unreachable { url: url.to_owned(), source: Box::new(error) })?;
    let status = answered.status().as_u16();
    let mut body = Vec::new();
    let read = answered.into_body().into_reader().take(MAX_BODY + 1).read_to_end(&mut body);
    match read {
        Ok(length) if length as u64 <= MAX_BODY => Ok(Answer { status, body }),
        _ => Err(WebError::Unreadable(url.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for url in
            ["https://id.example/x", "http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost/"]
        {
            assert!(is_allowed(url), "{url}");
        }
        for url in [
            "http://id.example/",
            "http://localhost.example/",
            "ftp://127.0.0.1/",
            "file:///x",
            "http://127.0.0.1@id.example/",
            "https://a:b@id.example/",
            "",
            "https://",
            "127.0.0.1",
        ] {
            assert!(!is_allowed(url), "{url}");
            assert!(matches!(get(url), Err(WebError::Insecure(_))), "{url}");
        }
    }
}
