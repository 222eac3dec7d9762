//! What a transfer costs: from a file through both hashes, the queues of both sides and both hashes
//! again to a file that is flushed and renamed, beside a plain copy of the same file in the same
//! run. Nothing but memory lies between the two sides.
//!
//! `cargo bench -p deskside-files`; with `-- --test` (and under `cargo test --benches`) one quick
//! round.

#[path = "../../benches/support/clock.rs"]
#[allow(dead_code, reason = "it counts processor time, too")]
mod clock;

use std::fs::File;
use std::future::Future;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskside_files::{
    Announced, FileError, Hear, Landing, PIECE, PipeError, Source, Speak, TransferError, receive,
    send,
};
use deskside_protocol::wire::message::message::Kind;
use tokio::sync::mpsc;

use clock::is_measured;

/// Bytes of the file.
const BYTES: usize = 1 << 30;
/// Rounds; the median is printed.
const ROUNDS: usize = 5;
/// Frames on their way: about what a QUIC window holds at 100 Mbit/s and 50 ms.
const FRAMES: usize = 4;

enum Frame {
    Kind(Kind),
    Body(Bytes),
}

struct Mouth(Option<mpsc::Sender<Frame>>);
struct Ear(mpsc::Receiver<Frame>);

impl Mouth {
    async fn put(&self, frame: Frame) -> Result<(), PipeError> {
        let to = self.0.as_ref().ok_or_else(|| PipeError::new("finished"))?;
        to.send(frame).await.map_err(|_| PipeError::new("nobody hears"))
    }
}

impl Speak for Mouth {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        self.put(Frame::Kind(kind)).await
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        self.put(Frame::Body(bytes)).await
    }

    fn finish(&mut self) -> impl Future<Output = Result<(), PipeError>> + Send {
        self.0 = None;
        std::future::ready(Ok(()))
    }
}

impl Hear for Ear {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        match self.0.recv().await {
            Some(Frame::Kind(kind)) => Ok(Some(kind)),
            Some(Frame::Body(_)) => Err(PipeError::new("a body out of place")),
            None => Ok(None),
        }
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        match self.0.recv().await {
            Some(Frame::Body(bytes)) => Ok(Some(bytes)),
            Some(Frame::Kind(_)) => Err(PipeError::new("a message out of place")),
            None => Ok(None),
        }
    }
}

fn pipe() -> (Mouth, Ear) {
    let (to, from) = mpsc::channel(FRAMES);
    (Mouth(Some(to)), Ear(from))
}

/// One transfer of `from` into `into`.
async fn transfer(from: &Path, into: &Path) -> Result<(), TransferError> {
    let source = Source::local(&[from.to_owned()], false).await?;
    let landing = Landing::local(into, false).await?;
    let announced = Announced { files: source.files(), bytes: source.bytes(), resume: false };
    let ((mut speak, mut hear), (mut answer, mut answered)) = (pipe(), pipe());
    let (sent, received) = tokio::join!(
        send(source, false, &mut speak, &mut answered, &()),
        receive(landing, announced, &mut answer, &mut hear, &()),
    );
    assert!(sent?.is_whole() && received?.is_whole());
    Ok(())
}

/// The peer: the same pieces, read and written by one loop.
fn copy(from: &Path, to: &Path, flush: bool) -> std::io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => break,
            length => to.write_all(piece.get(..length).unwrap_or_default())?,
        }
    }
    if flush { to.sync_data() } else { Ok(()) }
}

/// Both hashes over the bytes of a file, as one side does.
fn hash(from: &Path) -> std::io::Result<()> {
    let mut from = File::open(from)?;
    let mut piece = vec![0; PIECE];
    let mut blake3 = blake3::Hasher::new();
    let mut sha256 = ring::digest::Context::new(&ring::digest::SHA256);
    loop {
        let length = from.read(&mut piece)?;
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            black_box((blake3.finalize(), sha256.finish()));
            return Ok(());
        }
        blake3.update(read);
        sha256.update(read);
    }
}

/// Processor time of this process so far, in all its threads.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

fn cost<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Cost, E> {
    let (start, before) = (Instant::now(), processor());
    work()?;
    let processor = processor().saturating_sub(before).as_secs_f64();
    Ok(Cost { wall: start.elapsed().as_secs_f64(), processor })
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = costs.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (rounds, bytes) = if is_measured() { (ROUNDS, BYTES) } else { (1, 4 * PIECE) };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (from, into) = (folder.path().join("from"), folder.path().join("into"));
    std::fs::create_dir(&into)?;
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    std::fs::write(&from, noise)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;

    let names = ["plain copy", "copy, flushed", "both hashes", "transfer"];
    let mut costs: [Vec<Cost>; 4] = Default::default();
    // Interleaved, so that a noisy neighbour slows all alike.
    for _ in 0..rounds {
        let (plain, landed) = (into.join("plain"), into.join("from"));
        costs[0].push(cost(|| copy(&from, &plain, false))?);
        std::fs::remove_file(&plain)?;
        costs[1].push(cost(|| copy(&from, &plain, true))?);
        std::fs::remove_file(&plain)?;
        costs[2].push(cost(|| hash(&from))?);
        costs[3].push(cost(|| runtime.block_on(transfer(&from, &into)))?);
        std::fs::remove_file(&landed).map_err(FileError::Thread)?;
    }
    if !is_measured() {
        println!("copy: one quick round, no figures");
        return Ok(());
    }
    let gib = f64::from(1 << 30) / 1e9 * 8.0;
    let peer = median(&costs[1], |cost| cost.wall);
    println!("{:<14} {:>8} {:>12} {:>16}", "", "Gbit/s", "CPU s/GiB", "of a flushed copy");
    for (name, costs) in names.iter().zip(&costs) {
        let (wall, processor) = (median(costs, |c| c.wall), median(costs, |c| c.processor));
        println!("{name:<14} {:>8.1} {processor:>12.2} {:>15.2}x", gib / wall, wall / peer);
    }
    Ok(())
}
