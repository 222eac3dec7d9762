//! One thread of the recorder: completes blocks, writes them, and forwards what was written.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use deskside_link::socket::Port;
use deskside_protocol::recording::Packets;
use deskside_protocol::session::End;
use quinn::udp::{EcnCodepoint, Transmit};
use tokio::sync::mpsc;

use super::Recording;
use crate::metrics::Metrics;

/// What waits for a thread.
pub(super) enum Job {
    Packets(Arc<Recording>, Batch),
    /// A block of the relay's own, made and written by the closure.
    Append(Box<dyn FnOnce() + std::marker::Send>),
}

/// A block of packets in the making, and where each of its runs goes.
#[derive(Debug)]
pub(crate) struct Batch {
    block: Packets,
    sends: Vec<Send>,
}

/// One run's way on.
#[derive(Debug)]
pub(crate) struct Send {
    /// Where it stands in the block.
    pub(crate) range: Range<usize>,
    /// Bytes of each packet but the last.
    pub(crate) stride: usize,
    /// Who sent it.
    pub(crate) from: End,
    /// Whom it is for.
    pub(crate) to: SocketAddr,
    /// The congestion mark that it arrived with.
    pub(crate) ecn: Option<EcnCodepoint>,
}

impl Batch {
    pub(crate) const fn new(block: Packets) -> Self {
        Self { block, sends: Vec::new() }
    }

    pub(crate) const fn block(&mut self) -> &mut Packets {
        &mut self.block
    }

    pub(crate) fn push(&mut self, send: Send) {
        self.sends.push(send);
    }

    pub(super) fn bytes(&self) -> usize {
        self.block.block().len()
    }

    pub(super) fn packets(&self) -> u64 {
        self.sends.iter().map(Send::packets).sum()
    }
}

impl Send {
    pub(crate) fn packets(&self) -> u64 {
        self.range.len().div_ceil(self.stride.max(1)) as u64
    }
}

pub(super) struct Worker {
    pub(super) port: Arc<Port>,
    pub(super) metrics: Metrics,
}

impl Worker {
    /// Works until every sender is gone.
    pub(super) fn run(self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            match job {
                Job::Packets(recording, batch) => self.packets(&recording, batch),
                Job::Append(append) => append(),
            }
        }
    }

    /// Writes, then forwards. What was not written is not forwarded (invariant 4) as long as the
    /// session counts as recorded.
    fn packets(&self, recording: &Recording, mut batch: Batch) {
        recording.taken(batch.bytes());
        let recorded = match recording.write(|spool| spool.packets(&mut batch.block)) {
            Ok(()) => true,
            Err(_) if recording.is_over() => false,
            Err(_) => return recording.count_dropped(batch.packets()),
        };
        for send in &batch.sends {
            let contents = batch.block.block().get(send.range.clone()).unwrap_or_default();
            if recorded {
                recording.count(send.from, send.packets(), contents.len() as u64);
            } else {
                recording.count_unrecorded(send.packets());
            }
            forward(&self.port, &self.metrics, send, contents);
        }
    }
}

/// Sends one run on. A socket that is full or refuses is a loss, which QUIC handles.
pub(crate) fn forward(port: &Port, metrics: &Metrics, send: &Send, contents: &[u8]) {
    let transmit = Transmit {
        destination: send.to,
        ecn: send.ecn,
        contents,
        segment_size: (send.stride < contents.len()).then_some(send.stride),
        src_ip: None,
    };
    match port.try_send(&transmit) {
        Ok(()) => metrics.forwarded(send.packets(), contents.len() as u64),
        Err(error) => {
            metrics.dropped(send.packets());
            tracing::trace!(%error, "a run of packets was not sent");
        }
    }
}
