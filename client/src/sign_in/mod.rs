//! Enrolling by signing in at the organisation's OpenID provider, in the place of a token.
//!
//! The relay says which provider; the person signs in there with a browser; what the provider
//! gives back goes to the relay, which alone judges it. No password and no access token is kept.

mod exchange;
mod loopback;

use std::io::IsTerminal as _;

use data_encoding::BASE64URL_NOPAD;
use deskside_link::random::System;
use deskside_protocol::exit::Exit;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::random;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{SignIn, SignInAsk, SignInTerms};
use deskside_signin::{Provider, SALT, WebError, nonce};
use serde_json::json;

use crate::account::{Applicant, Member};
use crate::browser;
use crate::failure::{Failure, OrExit as _};
use crate::home::Home;
use crate::output::{Output, now};
use crate::relay::{self, Relay as _, request, unexpected};

/// Bytes of a state and of a verifier (RFC 7636 asks for 32 of the latter).
const RANDOM: usize = 32;

/// What a sign-in needs.
struct Visit<'a> {
    provider: &'a Provider,
    terms: &'a SignInTerms,
    nonce: String,
}

/// Signs in for the relay of `link`, or of the account of `home`, and enrols.
///
/// # Errors
/// Exit 3 where the relay or the provider refuses, 5 where nobody signs in at this relay, 6 where
/// one of them cannot be reached, 7 where the relay's answer does not fit.
pub async fn run(link: Option<&str>, home: &Home, output: &mut Output) -> anyhow::Result<()> {
    let applicant = Applicant::prepare(home, join_link(link, home)?)?;
    let mut leg = relay::dial(&applicant.join, &applicant.key).await?;
    let applicant = applicant.at(home, &leg)?;
    let asked = request(&mut leg, Kind::SignInAsk(SignInAsk {})).await;
    leg.bye().await;
    let Kind::SignInTerms(terms) = asked? else { return Err(unexpected()) };
    let issuer = terms.issuer.clone();
    let provider = blocking(move || Provider::discover(&issuer)).await?;
    let salt: [u8; SALT] = random::bytes(&mut System::new());
    let nonce = nonce(&applicant.join.organisation, &applicant.key.public(), &salt);
    let visit = Visit { provider: &provider, terms: &terms, nonce };
    let id_token = loopback::visit(&visit, output).await?;
    // A person takes minutes: the leg of before may be gone.
    let mut leg = relay::dial(&applicant.join, &applicant.key).await?;
    let salt = salt.to_vec().into();
    let said = SignIn { id_token, salt, recipient: applicant.recipient.clone() };
    let answer = request(&mut leg, Kind::SignIn(said)).await;
    leg.bye().await;
    let Kind::Enrolled(enrolled) = answer? else { return Err(unexpected()) };
    let member: Member = applicant.enrolled(home, enrolled, now())?;
    output.show(&member.event(), &member.text())
}

fn join_link(link: Option<&str>, home: &Home) -> anyhow::Result<JoinLink> {
    match link {
        Some(link) => link.parse().or_exit_as_is(Exit::Usage),
        None => match home.account()? {
            Some(account) => Ok(account.join),
            None => {
                let sentence = "which relay? write its join link behind --sign-in, as whoever runs it gives it out";
                Err(Failure::new(Exit::Usage, sentence).into())
            }
        },
    }
}

/// A word of 43 letters that nobody guesses.
fn word() -> String {
    BASE64URL_NOPAD.encode(&random::bytes::<RANDOM>(&mut System::new()))
}

/// Runs a fetch in a thread.
async fn blocking<T: Send + 'static>(
    fetch: impl FnOnce() -> Result<T, WebError> + Send + 'static,
) -> anyhow::Result<T> {
    let done = tokio::task::spawn_blocking(fetch).await?;
    done.or_exit_as_is(Exit::NoConnection)
}

/// Shows where to sign in, and opens it where a person sits before a screen.
fn show(url: &str, output: &mut Output) -> anyhow::Result<()> {
    let event = json!({"event": "sign_in", "url": url});
    output.show(&event, &format!("Sign in with your browser, at\n\n  {url}\n"))?;
    if !output.json() && std::io::stdout().is_terminal() {
        browser::open(url);
    }
    Ok(())
}
