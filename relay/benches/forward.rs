//! What the switch and the recorder cost, as ratios to a bare receive and send of the same packets
//! in the same run; and what walking a recording costs, as a ratio to reading the same file.
//!
//! `cargo bench -p deskside-relay`; with `-- --test` one quick round.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "../../protocol/benches/support/clock.rs"]
#[allow(dead_code, reason = "it times single packets by itself")]
mod clock;
#[path = "../src/recorder/tests/session.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "it is the tests', which need more of it")]
mod session;

use std::io::{IoSliceMut, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskside_link::random::System;
use deskside_link::socket::Udp;
use deskside_protocol::label::Label;
use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::Kind;
use deskside_protocol::session::End;
use deskside_relay::metrics::Metrics;
use deskside_relay::recorder::{Recorder, Recording};
use deskside_relay::switch::{Attached, Intake, Line, Switch};
use quinn::udp::{BATCH_SIZE, RecvMeta, Transmit};

use clock::{is_measured, median};

/// Bytes of a packet, as quinn sends them to a peer whose path it knows.
const PACKET: usize = 1_452;
/// Packets of one segmented send: quinn's maximum.
const TRAIN: usize = 10;
/// Trains that lie in the socket when the relay wakes: what fits the default buffer of 208 KiB.
const TRAINS: usize = 8;
/// Rounds of so many trains.
const ROUNDS: usize = 2_000;
/// Single small packets, one after the other.
const PINGS: usize = 5_000;

/// Somebody who receives into buffers as large as quinn's.
struct Receiver {
    buffers: Vec<Vec<u8>>,
    meta: Vec<RecvMeta>,
}

impl Receiver {
    fn new() -> Self {
        let buffers = (0..BATCH_SIZE).map(|_| vec![0; 64 * 1_472]).collect();
        Self { buffers, meta: vec![RecvMeta::default(); BATCH_SIZE] }
    }

    /// Calls `poll` with the buffers.
    fn with<T>(&mut self, poll: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> T) -> T {
        let mut slices: Vec<_> = self.buffers.iter_mut().map(|it| IoSliceMut::new(it)).collect();
        poll(&mut slices, &mut self.meta)
    }

    /// Bytes that lie in the socket.
    fn drain(&mut self, port: &Udp) -> usize {
        let mut bytes = 0;
        loop {
            let received = self.with(|buffers, meta| port.try_recv(buffers, meta));
            let Ok(count) = received else { return bytes };
            bytes += self.meta.iter().take(count).map(|it| it.len).sum::<usize>();
        }
    }
}

/// One machine: a technician who sends, the relay, an agent who receives.
struct Bench {
    relay: Arc<Udp>,
    technician: Arc<Udp>,
    agent: Arc<Udp>,
    receiver: Receiver,
    relay_receiver: Receiver,
    label: Label,
}

fn port() -> Arc<Udp> {
    Arc::new(Udp::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port"))
}

impl Bench {
    fn new() -> Self {
        Self {
            relay: port(),
            technician: port(),
            agent: port(),
            receiver: Receiver::new(),
            relay_receiver: Receiver::new(),
            label: Label::random(&mut System::new()),
        }
    }

    fn train(&self, packets: usize, size: usize) -> Vec<u8> {
        let packet = [&[0x40][..], self.label.as_bytes(), &vec![7; size - 9]].concat();
        packet.repeat(packets)
    }

    fn send(&self, train: &[u8], size: usize) {
        let transmit = Transmit {
            destination: address(&self.relay),
            ecn: None,
            contents: train,
            segment_size: (train.len() > size).then_some(size),
            src_ip: None,
        };
        self.technician.try_send(&transmit).expect("sent");
    }

    /// What a forwarder does at the least.
    fn bare(&mut self) {
        let (relay, to) = (self.relay.clone(), address(&self.agent));
        self.relay_receiver.with(|buffers, meta| {
            while let Ok(count) = relay.try_recv(buffers, meta) {
                for (buffer, received) in buffers.iter().zip(meta.iter()).take(count) {
                    let contents = buffer.get(..received.len).unwrap_or_default();
                    let segment_size = (received.stride < received.len).then_some(received.stride);
                    let transmit = Transmit {
                        destination: to,
                        ecn: received.ecn,
                        contents,
                        segment_size,
                        src_ip: None,
                    };
                    relay.try_send(&transmit).expect("sent");
                }
            }
        });
    }

    /// Waits until so many bytes are with the agent.
    fn arrive(&mut self, bytes: usize) {
        let (mut came, began) = (0, Instant::now());
        while came < bytes {
            came += self.receiver.drain(&self.agent);
            assert!(began.elapsed() < Duration::from_secs(20), "{came} of {bytes} bytes came");
        }
    }

    /// Time that `relay` takes for `rounds` rounds of trains, until they are with the agent.
    fn time(
        &mut self,
        rounds: usize,
        (trains, packets, size): (usize, usize, usize),
        mut relay: impl FnMut(&mut Self),
    ) -> Vec<Duration> {
        let train = self.train(packets, size);
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            for _ in 0..trains {
                self.send(&train, size);
            }
            let began = Instant::now();
            relay(self);
            self.arrive(trains * train.len());
            times.push(began.elapsed());
        }
        times
    }
}

fn address(port: &Udp) -> SocketAddr {
    port.local_addr().expect("an address")
}

/// The line of the bench, recorded or not.
fn line(bench: &Bench, recording: Option<Arc<Recording>>) -> Arc<Line> {
    let agent = Attached { label: bench.label, address: Some(address(&bench.agent)) };
    let other = Label::random(&mut System::new());
    let technician = Attached { label: other, address: Some(address(&bench.technician)) };
    let line = Line::new(0, agent, technician, recording);
    line.open();
    line
}

async fn forwarding(rounds: usize, pings: usize, folder: &std::path::Path) {
    let mut bench = Bench::new();
    let metrics = Metrics::new();
    let recorder = Recorder::start(&bench.relay, &metrics).expect("threads");
    let switch = Switch::new(bench.relay.clone(), metrics);
    let mut intake = Intake::alone(switch.clone()).expect("an intake");
    let mut relay = |_: &mut Bench| while intake.turn().expect("received") {};
    let recording =
        recorder.create(&folder.join("bench.dsr"), Rule::Required).await.expect("a file");
    recording.append(Kind::Event, 0, Vec::new()).await.expect("written");
    for (name, rounds, shape) in [
        ("8 trains of 10 x 1,452 bytes", rounds, (TRAINS, TRAIN, PACKET)),
        ("1 packet of 64 bytes", pings, (1, 1, 64)),
    ] {
        println!("{name}, median of {rounds}, at the relay until they are with the agent:");
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        // Interleaved, so that a noisy neighbour slows all three alike.
        for _ in 0..10 {
            let [bare, plain, recorded] = &mut times;
            let each = rounds.div_ceil(10);
            bare.extend(bench.time(each, shape, Bench::bare));
            let mut connected = switch.connect(line(&bench, None));
            plain.extend(bench.time(each, shape, &mut relay));
            connected.disconnect();
            let mut connected = switch.connect(line(&bench, Some(recording.clone())));
            recorded.extend(bench.time(each, shape, &mut relay));
            connected.disconnect();
        }
        let [bare, plain, recorded] = times.map(median);
        for (name, time) in [("bare", bare), ("switch", plain), ("recorded", recorded)] {
            println!("  {name:<9} {:>8.1} us  {:.2} of bare", time * 1e6, time / bare);
        }
    }
}

/// What a walk costs, beside reading the same file from the page cache in pieces as large.
async fn walking(mebibytes: usize, folder: &std::path::Path) {
    let mut file = session::File::new().seal(0, End::Agent).seal(0, End::Technician);
    let batch = vec![7; 45 * PACKET];
    while file.bytes.len() < mebibytes << 20 {
        file = file.packets(End::Agent, 1_452, &batch);
    }
    let path = folder.join("walk.dsr");
    std::fs::write(&path, &file.bytes).expect("written");
    let bench = Bench::new();
    let recorder = Recorder::start(&bench.relay, &Metrics::new()).expect("threads");
    let (mut read, mut walked, mut hashed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        let mut from = std::fs::File::open(&path).expect("a file");
        let mut piece = vec![0; 8 << 20];
        while from.read(&mut piece).expect("read") > 0 {}
        read.push(began.elapsed());
        let began = Instant::now();
        std::hint::black_box(blake3::hash(&file.bytes));
        hashed.push(began.elapsed());
        let began = Instant::now();
        let resumed = recorder.resume(&path, Rule::Required).await.expect("it goes on");
        walked.push(began.elapsed());
        assert_eq!(resumed.recording.state(), file.state());
    }
    let (read, hashed, walked) = (median(read), median(hashed), median(walked));
    println!("a recording of {mebibytes} MiB, median of 5:");
    for (name, time) in [("read", read), ("BLAKE3", hashed), ("resume", walked)] {
        let speed = mebibytes as f64 * 1.048_576 / time;
        println!("  {name:<9} {speed:>8.0} MB/s  {:.2} of a plain read", time / read);
    }
}

fn main() {
    let (rounds, pings) = if is_measured() { (ROUNDS, PINGS) } else { (20, 20) };
    let folder = tempfile::tempdir().expect("a folder");
    // One thread, so that what the runtime does in between is the same for all.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(walking(if is_measured() { 512 } else { 4 }, folder.path()));
    runtime.block_on(forwarding(rounds, pings, folder.path()));
}
