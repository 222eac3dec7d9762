//! The page and what it asks for, on a port of this computer alone.
//!
//! Anything on this computer can knock at the port, and so can any page in the browser: what is
//! served stands under a word that nobody guesses, and only for a request that names this very
//! address as its host. The page may load nothing from anywhere else, nothing of it is kept.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::stage::Stage;

/// A page that has not asked for anything in so long is gone: hidden ones ask once a minute.
const GONE: Duration = Duration::from_secs(150);
/// A page that said good-bye may come again: it was loaded anew.
const RELOADED: Duration = Duration::from_secs(10);

/// Nothing but our own style and script, pictures of ours, and our own answers.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                              img-src 'self'; connect-src 'self'; base-uri 'none'; \
                              form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");
const SCRIPTS: [(&str, &str); 6] = [
    ("player.js", include_str!("player.js")),
    ("screen.js", include_str!("screen.js")),
    ("track.js", include_str!("track.js")),
    ("list.js", include_str!("list.js")),
    ("qoi.js", include_str!("qoi.js")),
    ("words.js", include_str!("words.js")),
];

/// When the page is given up.
#[derive(Debug, Clone)]
struct Watched {
    stage: Arc<Stage>,
    address: SocketAddr,
    /// The path of the page, until it was given away.
    opens: Arc<Mutex<Option<String>>>,
    until: Arc<watch::Sender<Option<Instant>>>,
}

/// The page of `stage` under `/word/`, for a listener on `address`; `/once` leads there once. Ends the future beside it when a
/// page was there and has gone.
pub(super) fn routes(
    stage: Arc<Stage>,
    address: SocketAddr,
    (word, once): (&str, &str),
) -> (Router, impl Future<Output = ()> + Send + use<>) {
    let (until, waits) = watch::channel(None);
    let under = |path: &str| format!("/{word}/{path}");
    let opens = Arc::new(Mutex::new(Some(under(""))));
    let watched = Watched { stage, address, opens, until: Arc::new(until) };
    let routes = Router::new()
        .route(&format!("/{once}"), get(open))
        .route(&under(""), get(async || file("text/html; charset=utf-8", PAGE)))
        .route(&under("style.css"), get(async || file("text/css; charset=utf-8", STYLE)))
        .route(&under("icon.svg"), get(async || file("image/svg+xml", ICON)))
        .route(&under("{script}"), get(script))
        .route(&under("title"), get(title))
        .route(&under("state"), get(state))
        .route(&under("film"), get(film))
        .route(&under("search"), get(search))
        .route(&under("output/{number}"), get(output))
        .route(&under("picture/{number}"), get(picture))
        .route(&under("gone"), post(gone))
        .layer(middleware::from_fn_with_state(watched.clone(), guard))
        .with_state(watched);
    (routes, ended(waits))
}

/// Waits for the time that was set last.
async fn ended(mut waits: watch::Receiver<Option<Instant>>) {
    loop {
        let until = *waits.borrow_and_update();
        let over = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = waits.changed() => if changed.is_err() { return },
            () = over => return,
        }
    }
}

/// Only this very address, and the headers of every answer.
async fn guard(State(watched): State<Watched>, request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = host == Some(&watched.address.to_string());
    // Another page's request says so; a person's own has none or ours.
    let site = request.headers().get(HeaderName::from_static("sec-fetch-site"));
    let foreign = site.is_some_and(|site| site != "same-origin" && site != "none");
    let mut answer = if own && !foreign { next.run(request).await } else { missing() };
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
        answer = missing();
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn missing() -> Response<Body> {
    StatusCode::NOT_FOUND.into_response()
}

/// Leads the browser to the page: the first that asks.
async fn open(State(watched): State<Watched>, method: Method) -> Response<Body> {
    if method != Method::GET {
        return missing();
    }
    match watched.opens.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        None => {
            tracing::warn!(
                "the address that the browser was given was used twice: if no page has opened, \
                 somebody else on this computer was quicker, and sees the recording until Ctrl-C"
            );
            missing()
        }
    }
}

fn file(kind: &'static str, text: &'static str) -> Response<Body> {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn script(Path(name): Path<String>) -> Response<Body> {
    match SCRIPTS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => file("text/javascript; charset=utf-8", text),
        None => missing(),
    }
}

fn json(value: &Value) -> Response<Body> {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// Runs what reads the disk or decodes in a thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Response<Body>> {
    let done = tokio::task::spawn_blocking(work).await;
    let error: &dyn std::fmt::Display = match &done {
        Ok(Ok(_)) => &"",
        Ok(Err(error)) => error,
        Err(error) => error,
    };
    if !matches!(done, Ok(Ok(_))) {
        tracing::error!(%error, "the page cannot be answered");
    }
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

impl Watched {
    /// The page is there.
    fn seen(&self) {
        self.until.send_replace(Some(Instant::now() + GONE));
    }
}

async fn title(State(watched): State<Watched>) -> Response<Body> {
    watched.seen();
    json(&watched.stage.title())
}

/// What stands behind the question mark.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn of(RawQuery(query): RawQuery) -> Self {
        let query = query.unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// A number; 0 where there is none.
    fn number<T: std::str::FromStr + Default>(&self, name: &str) -> T {
        self.text(name).parse().unwrap_or_default()
    }
}

async fn state(State(watched): State<Watched>, query: RawQuery) -> Response<Body> {
    watched.seen();
    let asked = Asked::of(query);
    json(&watched.stage.state(asked.number("rows"), asked.number("seconds")))
}

async fn film(State(watched): State<Watched>, query: RawQuery) -> Response<Body> {
    watched.seen();
    let asked = Asked::of(query);
    let (page, at, whole) = (asked.number("page"), asked.number("at"), asked.text("whole") == "1");
    match blocking(move || watched.stage.see(page, at, whole)).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Err(answer) => answer,
    }
}

async fn search(State(watched): State<Watched>, query: RawQuery) -> Response<Body> {
    let words = Asked::of(query).text("words").trim().to_owned();
    match blocking(move || watched.stage.book.search(&words)).await {
        Ok(found) => json(&found),
        Err(answer) => answer,
    }
}

async fn output(
    State(watched): State<Watched>,
    Path(number): Path<u64>,
    query: RawQuery,
) -> Response<Body> {
    let from = Asked::of(query).number("from");
    match blocking(move || watched.stage.book.output(number, from)).await {
        Ok(told) => json(&told),
        Err(answer) => answer,
    }
}

async fn picture(State(watched): State<Watched>, Path(number): Path<u64>) -> Response<Body> {
    match blocking(move || watched.stage.book.picture(number)).await {
        Ok(Some(png)) => ([(header::CONTENT_TYPE, "image/png")], png).into_response(),
        Ok(None) => missing(),
        Err(answer) => answer,
    }
}

async fn gone(State(watched): State<Watched>) -> StatusCode {
    watched.until.send_replace(Some(Instant::now() + RELOADED));
    StatusCode::NO_CONTENT
}
