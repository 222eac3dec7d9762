//! For whoever runs the relay: numbers to look at, and what changes something behind a token.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use data_encoding::HEXLOWER;
use deskside_link::random::System;
use deskside_protocol::random;
use ring::digest;

use crate::relay::Relay;

/// The file with the token, in the data folder. Whoever may read it may act.
pub(crate) const TOKEN_FILE: &str = "admin.token";
/// Bytes of randomness in a token; it is written as hexadecimal digits.
const TOKEN_BYTES: usize = 32;

/// What a request has to bring: `Authorization: Bearer` and the text of the token file. Only its
/// SHA-256 is kept, so that comparing takes no time that would say something of the token.
#[derive(Clone)]
pub(crate) struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    fn of(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
        shown.is_some_and(|text| Self::of(text.trim()).0 == self.0)
    }
}

/// Reads the token of a data folder, or makes it where there is none: owner-only.
///
/// # Errors
/// What the file system says, or `InvalidData` where the file holds too little to be a secret.
pub(crate) fn token(data: &Path) -> io::Result<Token> {
    let path = data.join(TOKEN_FILE);
    match File::open(&path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(1024).read_to_string(&mut text)?;
            if text.trim().len() < TOKEN_BYTES {
                let text = format!("{} holds no token: remove it for a new one", path.display());
                return Err(io::Error::new(ErrorKind::InvalidData, text));
            }
            Ok(Token::of(text.trim()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes: [u8; TOKEN_BYTES] = random::bytes(&mut System::new());
            let text = HEXLOWER.encode(&bytes);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(format!("{text}\n").as_bytes())?;
            file.sync_all()?;
            Ok(Token::of(&text))
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, Clone)]
struct Office {
    relay: Arc<Relay>,
    token: Token,
}

/// `GET /metrics`, and `POST /technicians/LOGIN/unlock` with the token.
pub(super) fn routes(relay: Arc<Relay>, token: Token) -> Router {
    Router::new()
        .route("/metrics", get(numbers))
        .route("/technicians/{login}/unlock", post(unlock))
        .with_state(Office { relay, token })
}

async fn numbers(State(office): State<Office>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], office.relay.metrics.render())
}

async fn unlock(
    State(office): State<Office>,
    extract::Path(login): extract::Path<String>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    if !office.token.is_in(&headers) {
        let text = format!("this takes the token in {TOKEN_FILE} of the relay's folder\n");
        return (StatusCode::UNAUTHORIZED, text);
    }
    match office.relay.node.store().forgive(&login, None).await {
        Ok(Some(forgiven)) => {
            tracing::info!(login, forgiven, "locks were lifted");
            (StatusCode::OK, format!("{forgiven} failed codes are forgotten\n"))
        }
        Ok(None) => (StatusCode::NOT_FOUND, "nobody here has that login\n".to_owned()),
        Err(error) => {
            tracing::error!(error = crate::chain(&error), "locks could not be lifted");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
        }
    }
}
