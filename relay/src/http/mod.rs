//! The HTTP address: is the relay well, and what does it count. Nothing here takes a password or
//! changes anything; it listens on loopback unless told otherwise.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::store::Store;

#[derive(Debug, Clone)]
struct Rooms {
    store: Store,
    metrics: Metrics,
}

/// Serves `/healthz` and `/metrics` on a bound listener until `stop`.
///
/// # Errors
/// What the listener says.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(numbers))
        .with_state(Rooms { store, metrics });
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn health(State(rooms): State<Rooms>) -> impl IntoResponse {
    match rooms.store.ping().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => {
            tracing::error!(error = %crate::chain(&error), "unhealthy");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
        }
    }
}

async fn numbers(State(rooms): State<Rooms>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], rooms.metrics.render())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_follows_the_database_and_it_ends_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, store.clone(), Metrics::new(), stop.clone()));
        assert!(fetch(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(fetch(address, "/metrics").await.contains("deskside_open_codes 0"));
        assert!(fetch(address, "/elsewhere").await.starts_with("HTTP/1.1 404"));
        store.close().await;
        let answer = fetch(address, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("the database does not answer"), "{answer}");
        stop.cancel();
        task.await.unwrap().unwrap();
    }
}
