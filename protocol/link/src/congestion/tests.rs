//! A path in virtual time: packets wait in a queue of bounded length, some are lost, acknowledgements
//! come in batches.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of a test"
)]

use std::collections::VecDeque;

use super::*;

const PACKET: u64 = 1_200;

#[derive(Clone, Copy)]
struct Path {
    /// Bytes a second.
    rate: f64,
    /// One way.
    delay: Duration,
    /// Bytes that may wait.
    queue: f64,
    /// Of so many packets one is lost by chance; 0: none.
    lossy: u64,
    /// Acknowledgements wait until so many packets have come.
    batch: usize,
}

/// What became of it.
#[derive(Debug, Default)]
struct Seen {
    sent: u64,
    arrived: u64,
    overflowed: u64,
    /// The longest that a packet waited in the queue in the second half.
    waited: f64,
}

struct Flying {
    sent: Instant,
    at: Instant,
}

struct Run {
    control: Control,
    now: Instant,
    free: Instant,
    flying: VecDeque<Flying>,
    lost: VecDeque<Instant>,
    in_flight: u64,
    number: u64,
}

impl Run {
    fn new(start: Instant) -> Self {
        let control = Control::new(start, PACKET as u16);
        let (flying, lost) = (VecDeque::new(), VecDeque::new());
        Self { control, now: start, free: start, flying, lost, in_flight: 0, number: 0 }
    }

    /// `wants` says how many bytes there are to send after so much time.
    fn along(&mut self, path: Path, time: Duration, wants: impl Fn(Duration) -> u64) -> Seen {
        const STEP: Duration = Duration::from_micros(100);
        let (begin, mut seen, mut credit) = (self.now, Seen::default(), 0.0);
        while self.now - begin < time {
            self.now += STEP;
            // As QUIC paces: a quarter faster than the window in a round trip, ten packets at once.
            let trip = 2.0 * path.delay.as_secs_f64() + self.waits();
            let pace = 1.25 * self.control.window as f64 / trip;
            credit = (credit + pace * STEP.as_secs_f64()).min(10.0 * PACKET as f64);
            let wanted = wants(self.now - begin);
            let mut blocked = true;
            while credit >= PACKET as f64 && self.in_flight + PACKET <= self.control.window {
                if seen.sent + PACKET > wanted {
                    blocked = false;
                    break;
                }
                credit -= PACKET as f64;
                self.send(path, &mut seen);
                if self.now - begin > time / 2 {
                    seen.waited = seen.waited.max(self.waits());
                }
            }
            self.hear(path, !blocked, &mut seen);
        }
        seen
    }

    fn waits(&self) -> f64 {
        self.free.saturating_duration_since(self.now).as_secs_f64()
    }

    fn send(&mut self, path: Path, seen: &mut Seen) {
        self.number += 1;
        seen.sent += PACKET;
        self.in_flight += PACKET;
        self.control.on_sent(self.now, PACKET, self.number);
        let full = self.waits() * path.rate > path.queue;
        seen.overflowed += u64::from(full);
        if full || (path.lossy > 0 && (self.number * 7_919).is_multiple_of(path.lossy)) {
            self.lost.push_back(self.now);
            return;
        }
        let takes = Duration::from_secs_f64(PACKET as f64 / path.rate);
        self.free = self.free.max(self.now) + takes;
        self.flying.push_back(Flying { sent: self.now, at: self.free + path.delay * 2 });
    }

    /// Acknowledgements of what came, and losses of what left a round trip before that.
    fn hear(&mut self, path: Path, idle: bool, seen: &mut Seen) {
        let here = self.flying.iter().take_while(|packet| packet.at <= self.now).count();
        let last =
            self.flying.front().is_some_and(|it| self.now - it.at > Duration::from_millis(25));
        if here == 0 || (here < path.batch && !last) {
            return;
        }
        let mut newest = None;
        for packet in self.flying.drain(..here) {
            self.in_flight -= PACKET;
            seen.arrived += PACKET;
            newest = Some(packet.sent);
            self.control.acknowledged(self.now, packet.sent, PACKET, idle);
        }
        self.control.batch_ended(self.now, self.in_flight);
        while let Some(sent) = self.lost.pop_front_if(|sent| newest.is_some_and(|it| *sent < it)) {
            self.in_flight -= PACKET;
            self.control.on_congestion_event(self.now, sent, false, PACKET);
        }
    }
}

fn always(_: Duration) -> u64 {
    u64::MAX
}

fn milliseconds(of: u64) -> Duration {
    Duration::from_millis(of)
}

/// The share of the path that was used, in the whole time.
fn used(seen: &Seen, path: Path, time: Duration) -> f64 {
    seen.arrived as f64 / (path.rate * time.as_secs_f64())
}

const TWENTY: Path =
    Path { rate: 2.5e6, delay: Duration::from_millis(20), queue: 250e3, lossy: 200, batch: 2 };

#[test]
fn a_path_is_full_and_its_queue_is_not() {
    let time = Duration::from_secs(20);
    let seen = Run::new(Instant::now()).along(TWENTY, time, always);
    assert!(used(&seen, TWENTY, time) > 0.9, "{seen:?}");
    assert!(seen.waited < 0.025 && seen.overflowed == 0, "{seen:?}");
}

#[test]
fn acknowledgements_in_batches_make_a_path_no_faster() {
    let time = Duration::from_secs(20);
    let path = Path { batch: 16, ..TWENTY };
    let seen = Run::new(Instant::now()).along(path, time, always);
    assert!(used(&seen, path, time) > 0.85, "{seen:?}");
    assert!(seen.waited < 0.035 && seen.overflowed == 0, "{seen:?}");
}

#[test]
fn one_in_a_hundred_lost_costs_little() {
    let path = Path { rate: 12.5e6, delay: milliseconds(25), queue: 1.25e6, lossy: 100, batch: 2 };
    let time = Duration::from_secs(10);
    let seen = Run::new(Instant::now()).along(path, time, always);
    assert!(used(&seen, path, time) > 0.85, "{seen:?}");
    assert!(seen.waited < 0.03, "{seen:?}");
}

#[test]
fn a_narrow_path_is_not_flooded() {
    let path = Path { rate: 37.5e3, delay: milliseconds(75), queue: 32e3, lossy: 100, batch: 2 };
    let time = Duration::from_secs(20);
    let seen = Run::new(Instant::now()).along(path, time, always);
    assert!(used(&seen, path, time) > 0.85, "{seen:?}");
    assert!(seen.waited < 0.2 && seen.overflowed == 0, "{seen:?}");
}

#[test]
fn a_small_queue_that_overflows_is_noticed() {
    let path = Path { queue: 20e3, lossy: 0, ..TWENTY };
    let time = Duration::from_secs(20);
    let seen = Run::new(Instant::now()).along(path, time, always);
    assert!(used(&seen, path, time) > 0.8, "{seen:?}");
    assert!((seen.overflowed * PACKET) as f64 <= 0.05 * seen.sent as f64, "{seen:?}");
}

#[test]
fn a_path_that_becomes_narrow_is_noticed_and_one_that_becomes_wide_too() {
    let time = Duration::from_secs(10);
    let mut run = Run::new(Instant::now());
    run.along(TWENTY, time, always);
    let narrow = Path { rate: 0.5e6, ..TWENTY };
    let seen = run.along(narrow, time, always);
    assert!(used(&seen, narrow, time) > 0.85 && seen.waited < 0.1, "{seen:?}");
    let seen = run.along(TWENTY, time, always);
    assert!(used(&seen, TWENTY, time) > 0.75, "{seen:?}");
}

#[test]
fn who_sends_little_forgets_nothing() {
    let mut run = Run::new(Instant::now());
    run.along(TWENTY, Duration::from_secs(5), always);
    let window = run.control.window;
    // Typing: 10 packets a second for 30 seconds.
    run.along(TWENTY, Duration::from_secs(30), |time| {
        (time.as_secs_f64() * 10.0 * PACKET as f64) as u64
    });
    assert!(run.control.window * 10 > window * 8, "{} of {window}", run.control.window);
    // And then a picture, which is there in its time and two round trips.
    let seen = run.along(TWENTY, milliseconds(140), |_| 125_000);
    assert!(seen.arrived >= 124_800, "{seen:?}");
}
