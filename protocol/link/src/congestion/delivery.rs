//! How fast a path delivers (draft-cheng-iccrg-delivery-rate-estimation): what was acknowledged
//! between a packet's leaving and its acknowledgement, by the time that this took.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is the best of so many round trips in which all that might be sent was sent.
const ROUNDS: usize = 10;
/// Moments of sending that are remembered: one for each batch that is on its way.
const MAX_FLIGHTS: usize = 8_192;

#[derive(Debug, Clone, Default)]
pub(super) struct Delivery {
    /// Bytes, since the line began.
    delivered: u64,
    in_flight: u64,
    /// The last acknowledgement, and when what it acknowledged had left; where nothing was on its
    /// way, the first sending since.
    last: Option<(Instant, Instant)>,
    flights: VecDeque<Flight>,
    /// Bytes a second: the best of each round, the oldest first.
    rounds: VecDeque<f64>,
    best: f64,
}

/// What left at one moment, and what was known then.
#[derive(Debug, Clone, Copy)]
struct Flight {
    sent: Instant,
    delivered: u64,
    last: (Instant, Instant),
}

impl Delivery {
    pub(super) fn sent(&mut self, now: Instant, bytes: u64) {
        if self.in_flight == 0 {
            self.last = Some((now, now));
        }
        self.in_flight += bytes;
        let last = self.last.unwrap_or((now, now));
        if self.flights.back().is_none_or(|flight| flight.sent != now) {
            self.flights.push_back(Flight { sent: now, delivered: self.delivered, last });
        }
        if self.flights.len() > MAX_FLIGHTS {
            self.flights.pop_front();
        }
    }

    /// `idle`: the program had less to send than might be sent. What it sent says then at most that
    /// the path is faster than was thought.
    pub(super) fn acknowledged(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        least: Option<Duration>,
        idle: bool,
    ) {
        self.delivered += bytes;
        self.in_flight = self.in_flight.saturating_sub(bytes);
        while self.flights.pop_front_if(|flight| flight.sent < sent).is_some() {}
        let flight = self.flights.front().copied().filter(|flight| flight.sent == sent);
        self.last = Some((now, sent));
        let Some(flight) = flight else { return };
        let (arrived, left) = flight.last;
        let took = now.saturating_duration_since(arrived).max(sent.saturating_duration_since(left));
        // Shorter than any round trip: batches of acknowledgements, not the path.
        if took.is_zero() || least.is_some_and(|least| took < least) {
            return;
        }
        let rate = ratio(self.delivered - flight.delivered, took);
        if !idle || self.rate().is_none_or(|known| rate > known) {
            self.best = self.best.max(rate);
        }
    }

    pub(super) const fn lost(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// What QUIC counts as on its way: packets can be given up in silence.
    pub(super) const fn corrected(&mut self, in_flight: u64) {
        self.in_flight = in_flight;
    }

    pub(super) fn round_ended(&mut self) {
        if self.best > 0.0 {
            self.rounds.push_back(std::mem::take(&mut self.best));
        }
        if self.rounds.len() > ROUNDS {
            self.rounds.pop_front();
        }
    }

    /// Bytes a second; `None` before anything was measured.
    pub(super) fn rate(&self) -> Option<f64> {
        let best = self.rounds.iter().copied().fold(self.best, f64::max);
        (best > 0.0).then_some(best)
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes of one round trip")]
fn ratio(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64()
}
