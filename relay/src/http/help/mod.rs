//! The page for the person on the phone: what this is, what will happen, and the program for the
//! computer in front of them.
//!
//! It works without scripts and asks nobody else for anything. Programs are files of a folder that
//! whoever runs the relay fills; each leaves together with the join link, in an archive beside it or
//! in its file name, so that nobody reads a link on the phone.

mod page;
mod parcel;
mod programs;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::policy::Recording;
use tokio::sync::Semaphore;

use super::listener::Visitor;
use crate::limits::{Doer, What};
use crate::relay::Relay;
use page::Page;
use programs::{Programs, System};
use words::Words;

/// Downloads at once. Each reads 64 KiB at a time.
const MAX_DOWNLOADS: usize = 64;
/// Nothing but our own style sheet, no frames, no forms, no scripts.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
                              form-action 'none'; frame-ancestors 'none'";

/// What the page needs.
#[derive(Debug, Clone)]
pub(crate) struct Help {
    relay: Arc<Relay>,
    join: JoinLink,
    programs: Arc<Programs>,
    downloads: Arc<Semaphore>,
}

impl Help {
    /// A page that hands out the programs of a folder, with this link.
    pub(crate) fn new(relay: Arc<Relay>, join: JoinLink, folder: Option<PathBuf>) -> Self {
        let programs = Arc::new(Programs::new(folder));
        Self { relay, join, programs, downloads: Arc::new(Semaphore::new(MAX_DOWNLOADS)) }
    }

    pub(super) const fn relay(&self) -> &Arc<Relay> {
        &self.relay
    }
}

/// `/help`, `/help/LANGUAGE`, `/help/program/NAME`.
pub(super) fn routes(help: Help) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/help")))
        .route("/help", get(by_preference))
        .route("/help/style.css", get(style))
        .route("/help/{language}", get(in_language))
        .route("/help/program/{name}", get(program))
        .layer(middleware::from_fn_with_state(help.clone(), admit))
        .with_state(help)
}

/// Limits, and the headers of every answer.
async fn admit(
    State(help): State<Help>,
    ConnectInfo(Visitor(from)): ConnectInfo<Visitor>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let mut answer = match help.relay.admit(What::Page, Doer::at(from.ip())) {
        Ok(()) => next.run(request).await,
        Err(limited) => (StatusCode::TOO_MANY_REQUESTS, format!("{limited}\n")).into_response(),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-language, user-agent"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn by_preference(State(help): State<Help>, headers: HeaderMap) -> Response<Body> {
    let words = words::preferred(text(&headers, header::ACCEPT_LANGUAGE));
    show(&help, words, &headers).await
}

async fn in_language(
    State(help): State<Help>,
    Path(language): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    match words::of(&language) {
        Some(words) => show(&help, words, &headers).await,
        None => (StatusCode::NOT_FOUND, "there is no such page: see /help\n").into_response(),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn show(help: &Help, words: &'static Words, headers: &HeaderMap) -> Response<Body> {
    let in_force = match help.relay.node.rules().policy().await {
        Ok(in_force) => in_force,
        Err(error) => {
            tracing::error!(error = crate::chain(&error), "the help page has no policy");
            let text = "the relay has a fault of its own: try again in a minute\n";
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
    };
    let programs = help.programs.list().await;
    let page = Page {
        words,
        organisation: &in_force.policy.organisation,
        recorded: in_force.policy.recording != Recording::Off,
        visitor: System::of_visitor(text(headers, header::USER_AGENT)),
        programs: &programs,
        join: &help.join,
    };
    let kind = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, words.language),
    ];
    (kind, page.to_html()).into_response()
}

async fn style() -> Response<Body> {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

async fn program(State(help): State<Help>, Path(name): Path<String>) -> Response<Body> {
    let Ok(turn) = help.downloads.clone().try_acquire_owned() else {
        let text = "busy, try again in a minute: many people are downloading just now\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let system = System::ALL.into_iter().find(|system| parcel::name(*system, &help.join).1 == name);
    let opened = match system {
        Some(system) => {
            help.programs.open(system).await.map(|file| file.map(|file| (system, file)))
        }
        None => Ok(None),
    };
    match opened {
        Ok(Some((system, (file, bytes)))) => parcel::answer(system, &help.join, file, bytes, turn),
        Ok(None) => {
            (StatusCode::NOT_FOUND, "there is no such program: see /help\n").into_response()
        }
        Err(error) => {
            tracing::error!(%error, name, "a program cannot be handed out");
            let text = "the relay has a fault of its own: try again in a minute\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
