//! One receive after the other: legs' packets are kept for their endpoint, lines' are written and
//! sent on in the same turn.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::time::Duration;

use deskside_link::socket::sift;
use deskside_protocol::label::Label;
use deskside_protocol::session::End;
use quinn::udp::RecvMeta;

use super::legs::Legs;
use super::watch::Watch;
use super::{Onward, Route, Side, Switch};
use crate::clock;
use crate::recorder::{Batch, Recording};

/// Buffers of one receive. With the blocks made of them they fit a second-level cache of 1 MiB.
const BUFFERS: usize = 8;
/// Bytes of each: the largest that the kernel coalesces.
const BUFFER: usize = 64 * 1024;

/// A side's buffers, and where what they receive goes.
pub struct Intake {
    switch: Arc<Switch>,
    legs: Arc<Legs>,
    watch: Arc<Watch>,
    side: Side,
    space: Vec<u8>,
    meta: [RecvMeta; BUFFERS],
    batches: Batches,
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Intake {
    pub(super) fn new(switch: Arc<Switch>, legs: Arc<Legs>, watch: Arc<Watch>, side: Side) -> Self {
        Self {
            switch,
            legs,
            watch,
            side,
            space: vec![0; BUFFERS * BUFFER],
            meta: [RecvMeta::default(); BUFFERS],
            batches: Batches::default(),
        }
    }

    /// One in the caller's thread, which nobody stands in for: for a benchmark. Legs' packets are
    /// lost.
    ///
    /// # Errors
    /// The operating system's.
    pub fn alone(switch: Arc<Switch>) -> io::Result<Self> {
        let watch = Arc::new(Watch::new(switch.clone()));
        Ok(Self::new(switch, Arc::new(Legs::new()?), watch, Side::One))
    }

    /// Receives once and sends on what came. `false`: nothing was there.
    ///
    /// # Errors
    /// The operating system's; the socket is of no more use.
    pub fn turn(&mut self) -> io::Result<bool> {
        let Self { switch, space, meta, batches, legs, .. } = self;
        let mut buffers: Vec<_> = space.chunks_mut(BUFFER).map(IoSliceMut::new).collect();
        let count = match switch.port.try_recv(&mut buffers, meta) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // Somewhere nobody listened, or a signal came.
            Err(error) if is_passing(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        let bytes = meta.iter().take(count).map(|received| received.len).sum();
        batches.begin(switch.began.elapsed(), bytes);
        let line = |label: Option<Label>, received: &RecvMeta, bytes: &[u8]| {
            if let Some(label) = label {
                switch.forward(label, received, bytes, batches);
            }
        };
        let kept = sift(&mut buffers, meta, count, |label| label.is_none(), line);
        for (buffer, received) in buffers.iter().zip(meta.iter()).take(kept) {
            legs.deliver(*received, buffer.get(..received.len).unwrap_or_default());
        }
        self.write();
        Ok(true)
    }

    /// Writes what is to be recorded, then sends it on: here, where the disk does not hold us up,
    /// and else by the recorder's queues.
    fn write(&mut self) {
        for (recording, mut batch) in self.batches.open.drain(..) {
            let passed = self.watch.writing(self.side, || recording.pass_now(&mut batch));
            if passed == Some(true) {
                self.batches.spare.push(batch);
            } else {
                recording.submit(batch);
            }
        }
        self.batches.spare.truncate(BUFFERS);
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted)
}

impl Switch {
    /// One run of a line's packets: sent on at once, or put into a block.
    fn forward(&self, label: Label, received: &RecvMeta, bytes: &[u8], batches: &mut Batches) {
        let stride = received.stride;
        let Some(Route { line, to: end }) = self.route(label) else {
            let packets = bytes.len().div_ceil(stride.max(1)) as u64;
            self.metrics.dropped(packets);
            return;
        };
        let from = end.other();
        let place = line
            .address(end)
            .filter(|_| line.admits(from, received.addr, bytes.len(), batches.now));
        let Some(to) = place else {
            let packets = bytes.len().div_ceil(stride.max(1)) as u64;
            match line.recording() {
                Some(recording) => recording.count_dropped(packets),
                None => self.metrics.dropped(packets),
            }
            return;
        };
        let onward = Onward { stride, to, ecn: received.ecn };
        match line.recording() {
            Some(recording) if !recording.is_over() => {
                batches.push(recording, line.number(), from, onward, bytes);
            }
            Some(recording) => {
                recording.count_unrecorded(onward.packets(bytes.len()));
                onward.send(&self.port, &self.metrics, bytes);
            }
            None => onward.send(&self.port, &self.metrics, bytes),
        }
    }
}

/// The blocks that one receive fills: one for each recorded line in it.
#[derive(Default)]
struct Batches {
    /// Since the switch began.
    now: Duration,
    time_us: u64,
    /// Bytes of this receive that no block has asked room for yet.
    bytes: usize,
    open: Vec<(Arc<Recording>, Batch)>,
    /// Blocks of earlier receives, for their memory: at most as many as there are buffers.
    spare: Vec<Batch>,
}

impl Batches {
    fn begin(&mut self, now: Duration, bytes: usize) {
        *self = Self {
            now,
            time_us: clock::micros(),
            bytes,
            open: std::mem::take(&mut self.open),
            spare: std::mem::take(&mut self.spare),
        };
    }

    fn push(
        &mut self,
        recording: &Arc<Recording>,
        line: u16,
        from: End,
        onward: Onward,
        bytes: &[u8],
    ) {
        let known = |(open, batch): &(Arc<Recording>, Batch)| {
            Arc::ptr_eq(open, recording) && batch.line() == line
        };
        let index = self.open.iter().position(known).unwrap_or_else(|| {
            let batch = self.block(line, bytes.len());
            self.open.push((recording.clone(), batch));
            self.open.len() - 1
        });
        let Some((_, batch)) = self.open.get_mut(index) else { return };
        if let Err(error) = batch.push(from, onward, self.time_us, bytes) {
            // Full: what a receive holds at most is below the maximum of a block.
            tracing::debug!(%error, "a run does not fit its block");
            recording.count_dropped(onward.packets(bytes.len()));
        }
    }

    /// An empty block with room for `bytes` at the least.
    fn block(&mut self, line: u16, bytes: usize) -> Batch {
        if let Some(mut spare) = self.spare.pop() {
            spare.begin(line, self.time_us);
            return spare;
        }
        // Bulk data fills a receive alone; others ask for no more than is left.
        let room = std::mem::take(&mut self.bytes).max(bytes);
        Batch::new(line, self.time_us, room)
    }
}
