//! Service: the QUIC connections of agents and technicians that end at this relay.
//!
//! Each leg is a task, and each of its streams is one below it. No phase of either is without a time
//! limit. The first signal of a stream says
//! what it is: an agent that opens a code, a technician that joins one, an end that comes back to its
//! session, or a single request.

mod admission;
mod agent;
mod attachments;
mod download;
mod entry;
mod log;
mod recordings;
mod request;
mod technician;
mod tls;

pub(crate) use tls::server;

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use deskside_link::socket::Udp;
use deskside_link::{cid, tls as link_tls};
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::signal::Kind;
use quinn::{Endpoint, Incoming, ServerConfig};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::entry::Entry;
use crate::archive;
use crate::hall::Hall;
use crate::limits::What;
use crate::recorder::Recorder;
use crate::relay::Relay;
use crate::retention;
use crate::service::Service;
use crate::session;
use crate::sessions::{MAX_BEGINNING, Sessions};
use crate::standing::{self, Standing};
use crate::switch::{Pump, Switch};
use crate::talk::{Caller, Talk};

/// Legs at once. Each takes some 25 KiB, so this is 1 GiB.
const MAX_LEGS: usize = 40_000;
/// Running sessions have this long to close when the relay ends.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves legs and lines on `socket` until `stop`, then lets running sessions close.
///
/// # Errors
/// The operating system's, and TLS settings that do not fit.
pub(crate) async fn serve(
    socket: UdpSocket,
    server: ServerConfig,
    relay: Arc<Relay>,
    stop: CancellationToken,
) -> io::Result<()> {
    let port = Arc::new(Udp::new(socket)?);
    let switch = Switch::new(port.clone(), relay.metrics.clone());
    let recorder = Recorder::start(&port, &relay.metrics)?;
    let pump = Pump::start(&switch)?;
    let socket = Arc::new(pump.socket());
    let runtime = Arc::new(quinn::TokioRuntime);
    let settings = cid::leg_endpoint(Some(relay.node.key()));
    let endpoint = Endpoint::new_with_abstract_socket(settings, Some(server), socket, runtime)?;
    let hall = Hall::new(relay.phases.code, relay.metrics.clone());
    let (begin, begun) = mpsc::channel(MAX_BEGINNING);
    let sessions = Sessions::new(begin, relay.metrics.clone());
    let (standing, policy) = (Standing::default(), watch::Sender::new(None));
    let service = Arc::new(Service {
        relay,
        switch,
        recorder,
        hall,
        sessions,
        standing,
        attachments: attachments::room(),
        policy,
        stop,
    });

    let (book, store) = (&service.relay.book, service.relay.node.store());
    book.settle(store).await.map_err(io::Error::other)?;
    // Before the first leg is accepted, so that no end that comes back is unknown.
    let rebuilds = session::unfinished(&service).await.map_err(io::Error::other)?;
    if rebuilds.is_empty() {
        service.relay.node.forget_former_keys();
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(session::keep(service.clone(), begun, rebuilds));
    tasks.spawn(expire(service.clone()));
    tasks.spawn(standing::keep(service.clone()));
    tasks.spawn(sweep(service.clone()));
    tasks.spawn(archive(service.clone()));
    accept(&endpoint, &service, &mut tasks).await;
    if tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        tracing::warn!("some sessions did not close in time");
    }
    endpoint.close(CloseCode::GoingAway.number().into(), b"");
    endpoint.wait_idle().await;
    tasks.shutdown().await;
    let service = Arc::into_inner(service);
    let service = service.ok_or_else(|| io::Error::other("a leg outlived the relay"))?;
    let end = move || {
        drop(pump);
        // Its threads finish what waits before the relay is gone.
        service.recorder.end();
    };
    tokio::task::spawn_blocking(end).await.map_err(io::Error::other)
}

async fn accept(endpoint: &Endpoint, service: &Arc<Service>, tasks: &mut JoinSet<()>) {
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            Some(_) = tasks.join_next() => {}
            incoming = endpoint.accept() => match incoming {
                Some(incoming) if tasks.len() > MAX_LEGS => {
                    service.relay.metrics.leg_refused();
                    incoming.refuse();
                }
                Some(incoming) => {
                    if let Some((incoming, entry)) = entry::judge(&service.relay, incoming) {
                        tasks.spawn(leg(service.clone(), incoming, entry));
                    }
                }
                None => return,
            },
        }
    }
}

/// Ends codes when their time has come.
async fn expire(service: Arc<Service>) {
    tokio::select! {
        () = service.stop.cancelled() => {}
        () = service.hall.expire() => {}
    }
}

/// Destroys the seals of recordings whose time is over.
async fn sweep(service: Arc<Service>) {
    retention::keep(&service.relay, service.stop.clone()).await;
}

/// Carries finished recordings into the archive.
async fn archive(service: Arc<Service>) {
    archive::keep(&service.relay, service.stop.clone()).await;
}

async fn leg(service: Arc<Service>, incoming: Incoming, entry: Entry) {
    let remote = incoming.remote_address();
    let phases = service.relay.phases;
    let connection = match tokio::time::timeout(phases.handshake, incoming).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%remote, %error, "a leg did not come about"),
        Err(_elapsed) => return tracing::debug!(%remote, "a leg took too long"),
    };
    if !entry.complete(&connection) {
        return;
    }
    let Some(key) = link_tls::peer_key(&connection) else {
        return connection.close(CloseCode::Misbehaved.number().into(), b"");
    };
    let caller = Caller { connection, key, address: remote.ip() };
    let mut streams = JoinSet::new();
    let mut patience = phases.first_stream;
    loop {
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(_) = streams.join_next() => {}
            opened = caller.connection.accept_bi() => match opened {
                Ok((send, receive)) => {
                    patience = phases.idle;
                    let talk = Talk::new(send, receive, caller.clone(), phases.answer);
                    streams.spawn(stream(service.clone(), talk));
                }
                Err(error) => {
                    tracing::trace!(%remote, %error, "a leg ended");
                    break;
                }
            },
            () = tokio::time::sleep(patience), if streams.is_empty() => {
                tracing::debug!(%remote, "a leg was good for nothing");
                caller.connection.close(CloseCode::TimedOut.number().into(), b"");
                break;
            }
        }
    }
    while streams.join_next().await.is_some() {}
}

/// An end that opens too many streams waits so long for each refusal, with four at a time.
const CALM: Duration = Duration::from_secs(1);

/// Greetings, then what the first signal says.
#[allow(clippy::wildcard_enum_match_arm, reason = "everything else is a request")]
async fn stream(service: Arc<Service>, mut talk: Talk) {
    if let Err(limited) = service.relay.admit(What::Stream, talk.doer()) {
        tokio::time::sleep(CALM).await;
        return talk.refuse(Code::Busy, &limited.to_string()).await;
    }
    let first = match talk.greet(&service.relay).await {
        Ok(first) => first,
        Err(gone) => return tracing::debug!(%gone, "a stream said nothing that is understood"),
    };
    let who = match admission::admit(&service, &talk, &first).await {
        Ok(who) => who,
        Err(refused) => return talk.refuse_with(refused).await,
    };
    match (first, who) {
        (Kind::Open(_), _) => agent::serve(&service, talk).await,
        (Kind::Reattach(reattach), _) => session::reattach(&service, talk, reattach).await,
        (Kind::Join(join), Some(who)) => technician::serve(&service, talk, who, join).await,
        (Kind::RecordingFetch(fetch), Some(who)) => {
            download::serve(&service, talk, who, fetch).await;
        }
        (Kind::TicketAttach(attach), Some(who)) => {
            attachments::take(&service, talk, who, attach).await;
        }
        (Kind::AttachmentFetch(fetch), Some(_)) => attachments::give(&service, talk, fetch).await,
        (request, who) => request::serve(&service, talk, who, request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_leg_is_small() {
        // Each session has two, beside what QUIC takes.
        assert!(size(leg) <= 2 * 1024, "{} bytes", size(leg));
    }
}
