//! Two HTTP addresses. The public one is for people: the help page, the users' programs, and whether
//! the relay is well; it changes nothing. The other is for whoever runs the relay: numbers, the
//! log of sessions, and lifting a lock, which takes a token, since loopback alone is no credential.
//!
//! Plain HTTP: a proxy in front adds TLS.

mod admin;
mod help;
mod listener;
mod log;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use admin::{Token, token};
pub(crate) use help::Help;

use crate::relay::Relay;
use listener::{Bounded, Visitor};

/// Serves the help page, the programs and `/healthz` on a bound listener until `stop`.
///
/// # Errors
/// What the listener says.
pub(crate) async fn serve(
    listener: TcpListener,
    help: Help,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let relay = help.relay().clone();
    let routes = Router::new()
        .route("/healthz", get(health))
        .with_state(relay.clone())
        .merge(help::routes(help));
    run(listener, &relay, routes, stop).await
}

/// Serves numbers and `/healthz`, and lifts locks for whoever has the token, until `stop`.
///
/// # Errors
/// What the listener says.
pub(crate) async fn serve_admin(
    listener: TcpListener,
    relay: Arc<Relay>,
    token: Token,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/healthz", get(health))
        .with_state(relay.clone())
        .merge(admin::routes(relay.clone(), token))
        .merge(log::routes(relay.clone()));
    run(listener, &relay, routes, stop).await
}

async fn run(
    listener: TcpListener,
    relay: &Relay,
    routes: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let listener = Bounded::new(listener, relay.limits.clone());
    let service = routes.into_make_service_with_connect_info::<Visitor>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn health(State(relay): State<Arc<Relay>>) -> impl IntoResponse {
    match relay.node.store().ping().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => {
            tracing::error!(error = %crate::chain(&error), "unhealthy");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
        }
    }
}

#[cfg(test)]
mod tests;
