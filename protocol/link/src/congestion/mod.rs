//! How much of a line may be on its way at once: what the path delivers in its least round trip, and a
//! quarter more, so that it is always full and hardly anything waits in it.
//!
//! QUIC's usual controls do not fit a line. Those that halve at each loss fall to 3 Mbit/s at 1 %
//! loss and 50 ms. The library's BBR takes the bandwidth from the time between two packets, which
//! jitter and packets that arrive in batches make arbitrarily short: on 20 Mbit/s it filled every
//! queue and lost a third of what it sent, and a key took 180 ms where it now takes one round trip.
//!
//! This one measures as BBR does (draft-cardwell-iccrg-bbr-congestion-control, without its phases):
//! each acknowledged packet says how much was delivered since it left, over one round trip and no
//! less. A path that carries more shows that by itself, a quarter more in each round trip. Losses
//! count only where they are more than chance makes.

mod delivery;
mod least;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;

use self::delivery::Delivery;
use self::least::Least;

/// Bytes on the way before anything was measured: as TCP begins, doubled.
const INITIAL: u64 = 24_000;
/// Packets that may be on the way at the least: fewer, and each loss is found by a timer.
const LEAST_PACKETS: u64 = 4;
/// What may be on the way, as a share of what the path delivers in its least round trip.
const FULL: f64 = 1.25;
/// The same in the round trip in which the queue is let run empty, so that the least one shows.
const DRAIN: f64 = 0.75;
/// How often that is.
const DRAIN_EVERY: Duration = Duration::from_secs(5);
/// Acknowledgements come in batches, and programs wait for a processor: what arrives meanwhile.
const BATCH: Duration = Duration::from_millis(3);
/// A round trip counts as so long at the least: on a short path it would end within one batch.
const ROUND: Duration = Duration::from_millis(20);
/// What may be on the way while the path's end was not seen yet, as a share of what was seen.
const BEGINNING: f64 = 2.9;
/// While it still grows by so much in a round trip, the path's end was not seen.
const GROWS: f64 = 1.25;
/// Round trips without such growth, after which it was.
const FLAT_ROUNDS: u32 = 3;
/// More of a round trip's packets lost than this was not chance: a queue is full somewhere.
const CHANCE: f64 = 0.08;
/// Such a round trip's bytes are cut to this share.
const CUT: f64 = 0.85;
/// The cut is given back by so much in each round trip without such losses.
const GIVE_BACK: f64 = 1.1;

/// Makes one for each line.
#[derive(Debug, Default)]
pub(crate) struct Factory;

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Control::new(now, current_mtu))
    }
}

/// What one line knows of its path.
#[derive(Debug, Clone)]
struct Control {
    packet: u64,
    delivery: Delivery,
    trip: Least,
    /// The path's end was not seen yet.
    begins: Option<Beginning>,
    round: Round,
    batch: Batch,
    /// After losses that were not chance.
    ceiling: Option<u64>,
    drained: Instant,
    window: u64,
}

/// What may be on the way doubles, until what arrives grows no more.
#[derive(Debug, Clone, Copy, Default)]
struct Beginning {
    best: f64,
    flat: u32,
}

/// A round trip: until a packet that left after its beginning is acknowledged.
#[derive(Debug, Clone, Copy)]
struct Round {
    began: Instant,
    acknowledged: u64,
    lost: u64,
    drains: bool,
    /// The program had less to send than might be sent.
    idle: bool,
}

/// What is acknowledged at once.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    bytes: u64,
    ends_round: bool,
}

impl Round {
    const fn at(began: Instant, drains: bool) -> Self {
        Self { began, acknowledged: 0, lost: 0, drains, idle: false }
    }

    fn loses(&self) -> bool {
        self.lost > of(self.acknowledged + self.lost, CHANCE)
    }
}

impl Control {
    fn new(now: Instant, mtu: u16) -> Self {
        Self {
            packet: mtu.into(),
            delivery: Delivery::default(),
            trip: Least::default(),
            begins: Some(Beginning::default()),
            round: Round::at(now, false),
            batch: Batch::default(),
            ceiling: None,
            drained: now,
            window: INITIAL,
        }
    }

    fn least_window(&self) -> u64 {
        LEAST_PACKETS * self.packet
    }

    /// What the path holds in `share` of its least round trip; `None` before that was measured.
    fn holds(&self, share: f64) -> Option<u64> {
        let time = self.trip.get()?.as_secs_f64() * share + BATCH.as_secs_f64();
        Some(of(1, self.delivery.rate()? * time) + self.packet)
    }

    fn acknowledged(&mut self, now: Instant, sent: Instant, bytes: u64, idle: bool) {
        self.trip.take(now.saturating_duration_since(sent), now);
        self.delivery.acknowledged(now, sent, bytes, self.trip.get(), idle);
        self.round.acknowledged += bytes;
        self.round.idle |= idle;
        self.batch.bytes += bytes;
        self.batch.ends_round |= sent >= self.round.began;
    }

    fn batch_ended(&mut self, now: Instant, in_flight: u64) {
        let batch = std::mem::take(&mut self.batch);
        self.delivery.corrected(in_flight);
        if batch.ends_round && now.saturating_duration_since(self.round.began) >= ROUND {
            self.round_ended(now);
        }
        self.set_window(batch.bytes);
    }

    fn round_ended(&mut self, now: Instant) {
        let round = self.round;
        self.delivery.round_ended();
        // One packet of a few says nothing.
        if round.loses() && round.lost > 2 * self.packet {
            self.begins = None;
            self.ceiling = Some(of(round.acknowledged.min(self.window), CUT));
        } else if let Some(ceiling) = self.ceiling {
            let ceiling = of(ceiling, GIVE_BACK) + self.packet;
            self.ceiling = self.holds(FULL).is_none_or(|holds| ceiling < holds).then_some(ceiling);
        }
        if !round.idle {
            self.begins = self.begins.and_then(|begins| begins.after(self.delivery.rate()));
        }
        let since = now.saturating_duration_since(self.drained);
        let drains = self.begins.is_none() && since > DRAIN_EVERY;
        if drains {
            self.drained = now;
        }
        self.round = Round::at(now, drains);
    }

    fn set_window(&mut self, acknowledged: u64) {
        let share = if self.round.drains { DRAIN } else { FULL };
        let window = match (self.begins, self.holds(share)) {
            (Some(_), _) if self.round.idle => self.window,
            (Some(_), Some(_)) => {
                let most = self.holds(BEGINNING).unwrap_or(INITIAL).max(INITIAL);
                (self.window + acknowledged).min(most)
            }
            (Some(_), None) => self.window + acknowledged,
            (None, holds) => holds.unwrap_or(self.window),
        };
        let ceiling = self.ceiling.unwrap_or(u64::MAX);
        self.window = window.min(ceiling).max(self.least_window());
    }
}

/// What a path carries of which so many bytes fill a `window`, in bytes a second; `trip` has the queue
/// in it that the window makes.
#[allow(clippy::cast_precision_loss, reason = "bytes that are on the way")]
pub(crate) fn rate(window: u64, trip: Duration) -> f64 {
    window as f64 / (trip + BATCH).as_secs_f64()
}

impl Beginning {
    /// After a round trip in which all was sent that might be; `None` once the path's end was seen.
    fn after(mut self, rate: Option<f64>) -> Option<Self> {
        let rate = rate.unwrap_or(0.0);
        if rate >= self.best * GROWS {
            self = Self { best: rate, flat: 0 };
        } else {
            self.flat += 1;
        }
        (self.flat < FLAT_ROUNDS).then_some(self)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a number of bytes, rounded down"
)]
fn of(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share) as u64
}

impl Controller for Control {
    fn on_sent(&mut self, now: Instant, bytes: u64, _last_packet_number: u64) {
        self.delivery.sent(now, bytes);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        _rtt: &RttEstimator,
    ) {
        self.acknowledged(now, sent, bytes, app_limited);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        _app_limited: bool,
        _largest_packet_num_acked: Option<u64>,
    ) {
        self.batch_ended(now, in_flight);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        _sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.round.lost += lost_bytes;
        self.delivery.lost(lost_bytes);
        if is_persistent_congestion {
            // The path is another one, or was away: it is measured anew.
            let packet = self.packet;
            *self = Self { packet, ..Self::new(now, 0) };
            self.window = self.least_window();
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.packet = new_mtu.into();
        self.window = self.window.max(self.least_window());
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        INITIAL
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
