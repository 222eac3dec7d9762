//! Signing in with the browser of this computer: authorization code with PKCE (RFC 7636), answered to
//! a port of this machine alone (RFC 8252 section 7.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use deskside_protocol::exit::Exit;
use deskside_protocol::transcript::sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::exchange::{ask, refused};
use super::{Visit, show, word};
use crate::failure::Failure;
use crate::output::Output;

/// A person has this long to sign in.
const WAIT: Duration = Duration::from_secs(10 * 60);
/// A browser says its request in this time.
const REQUEST: Duration = Duration::from_secs(5);
/// The longest request line that is read, in bytes.
const MAX_LINE: usize = 16 * 1024;
const PATH: &str = "/signed-in";

/// Shows the provider's address, and waits for the browser to come back with a code.
pub(super) async fn visit(visit: &Visit<'_>, output: &mut Output) -> anyhow::Result<String> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("wait for the browser")?;
    let port = door.local_addr().context("wait for the browser")?.port();
    let redirect = format!("http://127.0.0.1:{port}{PATH}");
    let (state, verifier) = (word(), word());
    show(&address(visit, &redirect, &state, &verifier), output)?;
    let back = tokio::time::timeout(WAIT, back(&door, &state)).await;
    let back = back.map_err(|_late| {
        Failure::new(Exit::Refused, "nobody signed in for ten minutes: try again")
    })??;
    let code = back.code(&visit.provider.issuer)?;
    let fields = [
        ("grant_type", "authorization_code".to_owned()),
        ("code", code),
        ("redirect_uri", redirect),
        ("client_id", visit.terms.client_id.clone()),
        ("code_verifier", verifier),
    ];
    ask(&visit.provider.token_endpoint, &fields).await?.token()
}

fn address(visit: &Visit<'_>, redirect: &str, state: &str, verifier: &str) -> String {
    let challenge = BASE64URL_NOPAD.encode(&sha256(verifier.as_bytes()));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &visit.terms.client_id)
        .append_pair("scope", &visit.terms.scope)
        .append_pair("redirect_uri", redirect)
        .append_pair("state", state)
        .append_pair("nonce", &visit.nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let endpoint = &visit.provider.authorization_endpoint;
    let join = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{join}{}", query.finish())
}

/// What the browser came back with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Back {
    code: Option<String>,
    error: Option<String>,
    why: String,
    issuer: Option<String>,
}

impl Back {
    fn code(self, issuer: &str) -> anyhow::Result<String> {
        if let Some(error) = self.error {
            return Err(refused(&error, &self.why));
        }
        // RFC 9207: an answer of another provider's is none.
        if self.issuer.is_some_and(|other| other != issuer) {
            return Err(refused("another provider answered", ""));
        }
        self.code.ok_or_else(|| refused("it gave no code", ""))
    }
}

/// Takes in browsers until one comes with our state. Who comes without it learns nothing, and is no
/// reason to stop: anything on this computer can knock at a port.
async fn back(door: &TcpListener, state: &str) -> anyhow::Result<Back> {
    loop {
        let (mut browser, _) = door.accept().await.context("wait for the browser")?;
        let line = tokio::time::timeout(REQUEST, request_line(&mut browser)).await;
        let back = line.ok().flatten().and_then(|line| read(&line, state));
        let page = if back.is_some() { DONE } else { NOTHING };
        let told = tokio::time::timeout(REQUEST, async {
            browser.write_all(page.as_bytes()).await?;
            browser.shutdown().await
        });
        if let Ok(Err(error)) = told.await {
            tracing::debug!(%error, "the browser did not wait");
        }
        if let Some(back) = back {
            return Ok(back);
        }
    }
}

const DONE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n\
<!doctype html><html lang=\"en\"><title>Deskside</title><body style=\"font: 1.2em sans-serif; margin: 3em\">\
<h1>You can close this window.</h1><p>Deskside goes on in your terminal.</p></body></html>";
const NOTHING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The first line of a request; the rest is of no interest.
async fn request_line(browser: &mut TcpStream) -> Option<String> {
    let mut line = Vec::new();
    let mut piece = [0; 1024];
    while line.len() < MAX_LINE {
        let length = browser.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        line.extend_from_slice(piece.get(..length)?);
        if let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") {
            line.truncate(end);
            return String::from_utf8(line).ok();
        }
    }
    None
}

/// What stands in a request line, where it has our state.
fn read(line: &str, expected: &str) -> Option<Back> {
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    let query = target.strip_prefix(PATH)?.strip_prefix('?')?;
    let (mut back, mut state) = (Back::default(), None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match name.as_ref() {
            "code" => back.code = Some(value),
            "error" => back.error = Some(value),
            "error_description" => back.why = value,
            "iss" => back.issuer = Some(value),
            "state" => state = Some(value),
            _ => {}
        }
    }
    (state.as_deref() == Some(expected)).then_some(back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use deskside_protocol::wire::signal::SignInTerms;
    use deskside_signin::Provider;

    #[test]
    fn only_the_answer_to_our_question_is_taken() {
        let good = read("GET /signed-in?code=a%2Fb&state=s HTTP/1.1", "s").unwrap();
        assert_eq!(good.code("https://id.example").unwrap(), "a/b");
        for line in [
            "GET /signed-in?code=a&state=other HTTP/1.1",
            "GET /signed-in?code=a HTTP/1.1",
            "GET /other?code=a&state=s HTTP/1.1",
            "GET /signed-in HTTP/1.1",
            "POST /signed-in?code=a&state=s HTTP/1.1",
            "",
        ] {
            assert_eq!(read(line, "s"), None, "{line}");
        }
        for query in ["state=s&error=access_denied", "state=s", "state=s&code=a&iss=https://evil"] {
            let back = read(&format!("GET /signed-in?{query} HTTP/1.1"), "s").unwrap();
            assert_eq!(exit_of(&back.code("https://id.example").unwrap_err()), Exit::Refused);
        }
    }

    #[test]
    fn the_address_holds_the_challenge_and_not_the_verifier() {
        let provider = Provider {
            issuer: "https://id.example".into(),
            authorization_endpoint: "https://id.example/auth?a=1".into(),
            token_endpoint: String::new(),
            jwks_uri: String::new(),
        };
        let terms = SignInTerms {
            issuer: provider.issuer.clone(),
            client_id: "desk side".into(),
            scope: "openid".into(),
        };
        let visit = Visit { provider: &provider, terms: &terms, nonce: "n".into() };
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let url = address(&visit, "http://127.0.0.1:1/signed-in", "s", verifier);
        assert!(
            url.starts_with("https://id.example/auth?a=1&response_type=code&client_id=desk+side")
        );
        assert!(url.contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        assert!(!url.contains(verifier));
    }

    #[tokio::test]
    async fn strangers_at_the_door_do_not_disturb() {
        let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = door.local_addr().unwrap();
        let say = async |text: &str| {
            let mut browser = TcpStream::connect(address).await.unwrap();
            browser.write_all(text.as_bytes()).await.unwrap();
            let mut page = String::new();
            browser.read_to_string(&mut page).await.unwrap();
            page
        };
        let visitors = async {
            assert!(say("GET /favicon.ico HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 404"));
            drop(TcpStream::connect(address).await.unwrap());
            let done = say("GET /signed-in?code=c&state=s HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert!(done.contains("You can close this window"), "{done}");
        };
        let (back, ()) = tokio::join!(back(&door, "s"), visitors);
        assert_eq!(back.unwrap().code.as_deref(), Some("c"));
    }
}
