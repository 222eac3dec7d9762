//! A TCP listener that a stranger cannot fill: connections are bounded, for all and for each
//! network, and one on which nothing moves is closed.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::limits::{Limits, Network};

/// Connections at once. A request and its answer take some 20 KiB: 10 MiB.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// Connections of one network at once: a browser opens six, and some people share an address.
pub(super) const MAX_OF_ONE: usize = 64;
/// A connection on which nothing moves for so long is closed; a slow download moves.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// After an error of the listener, most often too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// The address of whoever asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Connections of each network.
type Counts = Arc<Mutex<HashMap<Network, usize>>>;

/// The listener.
#[derive(Debug)]
pub(super) struct Bounded {
    listener: TcpListener,
    limits: Arc<Limits>,
    places: Arc<Semaphore>,
    counts: Counts,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, limits: Arc<Limits>) -> Self {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Self { listener, limits, places, counts: Counts::default() }
    }

    /// A place for one more of this network.
    fn place(&self, from: SocketAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let network = Network::near(from.ip());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_insert(0);
        if *count >= MAX_OF_ONE && self.limits.count(from.ip()) {
            return None;
        }
        *count += 1;
        Some(Place { network, counts: self.counts.clone(), _permit: permit })
    }
}

impl Listener for Bounded {
    type Io = Patient;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Patient, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = self.places.clone().acquire_owned().await else {
                std::future::pending().await
            };
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    if let Some(place) = self.place(from, permit) {
                        return (Patient::new(stream, place), from);
                    }
                    tracing::debug!(%from, "a network has too many HTTP connections");
                }
                Err(error) => {
                    tracing::debug!(%error, "an HTTP connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One of the places, until it is dropped.
#[derive(Debug)]
struct Place {
    network: Network,
    counts: Counts,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

/// A connection that has to move.
#[derive(Debug)]
pub(super) struct Patient {
    stream: TcpStream,
    until: Pin<Box<Sleep>>,
    _place: Place,
}

impl Patient {
    fn new(stream: TcpStream, place: Place) -> Self {
        Self { stream, until: Box::pin(tokio::time::sleep(PATIENCE)), _place: place }
    }

    /// What came of an attempt: movement gives it another while, standstill has an end.
    fn moved<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.until.as_mut().reset(Instant::now() + PATIENCE);
            return done;
        }
        match self.until.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.moved(cx, done)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(cx, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.moved(cx, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.moved(cx, done)
    }
}
