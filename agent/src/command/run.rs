//! The task of a running command: feeds it, reads it, ends it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::group::Group;
use super::{CHUNK, DRAIN_BYTES, DRAIN_TIME, Event, How};
use crate::gate::{Command, Permit};

/// Runs the command to its end. When this future is dropped, `group` kills what it holds.
pub(super) async fn run(
    mut group: Group,
    permit: Permit<Command>,
    time: Option<Duration>,
    input: mpsc::Receiver<Option<Bytes>>,
    events: mpsc::Sender<Event>,
) {
    let exited = CancellationToken::new();
    let mut readers = JoinSet::new();
    if let Some(pipe) = group.stdout() {
        readers.spawn(read(pipe, Event::Stdout, events.clone(), exited.clone()));
    }
    if let Some(pipe) = group.stderr() {
        readers.spawn(read(pipe, Event::Stderr, events.clone(), exited.clone()));
    }
    // Its own set: it ends with the command, not the other way round.
    let mut writer = JoinSet::new();
    if let Some(pipe) = group.stdin() {
        writer.spawn(feed(pipe, input));
    }

    let work = async {
        let ended = ended(&mut group, time).await;
        exited.cancel();
        while readers.join_next().await.is_some() {}
        ended
    };
    let how = tokio::select! {
        biased;
        () = permit.revoked() => None,
        how = work => Some(how),
    };
    if how.is_none() {
        group.kill();
        readers.abort_all();
    }
    // What fails here has left no process: the group was killed or had ended.
    let code = group.reap().await;
    let last = match how {
        None => How::Revoked,
        Some(Some(how)) => how,
        Some(None) => code,
    };
    if events.send(Event::Exited(last)).await.is_err() {
        tracing::trace!("nobody waits for the command's end");
    }
}

/// Waits for the end of the main process, or ends the group when its time is up. `None` where the
/// process itself says how it ended.
async fn ended(group: &mut Group, time: Option<Duration>) -> Option<How> {
    match time {
        None => group.exited().await,
        Some(time) => {
            if timeout(time, group.exited()).await.is_err() {
                group.end().await;
                return Some(How::TimedOut);
            }
        }
    }
    None
}

/// Reads one stream to its end; after the command's end for [`DRAIN_TIME`] of waiting and
/// [`DRAIN_BYTES`] at most. Time that the session takes to pass the output on does not count.
async fn read(
    mut pipe: impl AsyncRead + Unpin,
    event: fn(Bytes) -> Event,
    events: mpsc::Sender<Event>,
    exited: CancellationToken,
) {
    let mut buffer = BytesMut::new();
    let (mut time, mut left) = (DRAIN_TIME, DRAIN_BYTES);
    loop {
        buffer.reserve(CHUNK);
        let mut room = (&mut pipe).take(CHUNK as u64);
        let asked = Instant::now();
        let read = tokio::select! {
            biased;
            read = room.read_buf(&mut buffer) => read,
            () = over(&exited, time) => return,
        };
        match read {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "cannot read what the command prints");
                return;
            }
        }
        if exited.is_cancelled() {
            time = time.saturating_sub(asked.elapsed());
            left = left.saturating_sub(buffer.len());
        }
        if events.send(event(buffer.split().freeze())).await.is_err() || left == 0 {
            return;
        }
    }
}

async fn over(exited: &CancellationToken, time: Duration) {
    exited.cancelled().await;
    sleep(time).await;
}

/// Passes input on. Once the command takes no more, the rest is thrown away, so that whoever feeds
/// it does not wait for ever.
async fn feed(mut pipe: impl AsyncWrite + Unpin, mut input: mpsc::Receiver<Option<Bytes>>) {
    while let Some(Some(bytes)) = input.recv().await {
        if let Err(error) = pipe.write_all(&bytes).await {
            tracing::trace!(%error, "the command closed its input");
            break;
        }
    }
    drop(pipe);
    while input.recv().await.is_some() {}
}
