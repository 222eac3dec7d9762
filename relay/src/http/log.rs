//! The log of sessions for any reader of C2SP tlog-tiles: `GET /log/checkpoint`, `/log/tile/...`.
//!
//! On the address for whoever runs the relay, beside the numbers: when sessions were, how long, and
//! how they ended is nobody else's business, although the log names no person. Auditors get the same
//! tiles over their legs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use deskside_protocol::log::TilePath;

use crate::relay::Relay;

/// What never changes may be kept for a year.
const FOREVER: &str = "max-age=31536000, immutable";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

pub(super) fn routes(relay: Arc<Relay>) -> Router {
    Router::new()
        .route("/log/checkpoint", get(head))
        .route("/log/tile/{*path}", get(tile))
        .with_state(relay)
}

async fn head(State(relay): State<Arc<Relay>>) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-cache")];
    (headers, relay.book.log().head().encode())
}

async fn tile(State(relay): State<Arc<Relay>>, Path(path): Path<String>) -> Response {
    let Ok(path) = format!("tile/{path}").parse::<TilePath>() else { return missing() };
    let log = relay.book.log().clone();
    let read = tokio::task::spawn_blocking(move || log.tile(&path)).await;
    match read {
        Ok(Ok(Some(content))) => {
            let headers = [(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, FOREVER)];
            (headers, content).into_response()
        }
        Ok(Ok(None)) => missing(),
        Ok(Err(error)) => {
            tracing::error!(error = crate::chain(&error), "a tile of the log cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Err(_ending) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "the log has no such tile\n").into_response()
}
