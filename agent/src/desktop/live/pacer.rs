//! When a frame may start, and how large it may be: frames never queue. Under a narrow line the
//! picture gets coarser or slower, never older (invariant 5).
//!
//! A machine without I/O: it hears when frames were sent and shown, and the clock is an argument.
//!
//! What is on the way is kept below what the line carries in one round trip and a little: a frame
//! that waited behind others would be old when it is shown. How much the line carries is measured
//! by the frames themselves: a frame's bytes, divided by the time that it came later than it would
//! have come on a line without an end, or later than the one before it.

use std::collections::VecDeque;
use std::time::Duration;

/// Frames start as often as this: 60 a second. After a pause two may follow each other at once: the
/// first of what changes is often a line, and the rest of it should not wait for that.
pub(super) const INTERVAL: Duration = Duration::from_micros(16_000);
/// A frame should be carried in this time; where it cannot, it is cut.
const FRAME_TIME: f64 = 0.06;
/// What may wait in the line beyond a round trip.
const QUEUE_TIME: f64 = 0.03;
/// A picture should be carried in this time; where it cannot, it becomes coarser, and exact when it
/// rests. At 20 Mbit/s that is a photo of a whole screen at the second best quality.
const PICTURE_TIME: f64 = 0.05;
/// What goes first may be on the way beside that, in bytes: what is typed, on a line that is full.
const SMALL_ROOM: f64 = 1_500.0;
/// The first frame of a line that nothing is known of: what TCP would send at once.
const FIRST: f64 = 14_000.0;
/// The least that a frame may have, in bytes: a packet, so that something always moves.
const LEAST: f64 = 1_200.0;
/// Frames on the way at the most, whatever their size: a second's worth.
const MAX_ON_WAY: usize = 64;
/// A frame of fewer bytes says little about the line.
const TELLING: usize = 1_200;
/// A time below which a frame did not wait for the line, but for a processor.
const JITTER: f64 = 0.004;
/// Measurements that count.
const SAMPLES: usize = 8;
/// The least round trip is that of so much time, twice at the most.
const BASE_TIME: Duration = Duration::from_secs(15);
/// Bytes a second above which the line is no limit: a frame of 100 KiB in 2 ms.
const WIDE: f64 = 50e6;
/// Bytes of JPEG for each pixel by quality, as photos have them, and the qualities to choose from.
const QUALITIES: [(u8, f64); 4] = [(78, 0.07), (55, 0.045), (35, 0.03), (18, 0.018)];

/// Whether a frame may start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Start {
    /// Now, as large as this.
    Now(Budget),
    /// Not before.
    At(Duration),
    /// Not before one that is on the way was shown.
    WhenShown,
}

/// How large a frame may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    /// Bytes; `None` where the line is wide.
    pub(super) bytes: Option<usize>,
    rate: Option<f64>,
}

impl Budget {
    /// How good a picture of so many pixels may be, from 1 to 100.
    pub(super) fn quality(&self, pixels: usize) -> u8 {
        let [best, .., worst] = QUALITIES;
        let Some(rate) = self.rate else { return best.0 };
        let pixels = u32::try_from(pixels).map_or(f64::MAX, f64::from);
        let fits = |of: &&(u8, f64)| of.1 * pixels <= rate * PICTURE_TIME;
        QUALITIES.iter().find(fits).unwrap_or(&worst).0
    }
}

/// Decides for one viewer.
#[derive(Debug)]
pub(super) struct Pacer {
    on_way: VecDeque<OnWay>,
    bytes_on_way: usize,
    /// When as many frames had started as may, had they started as often as may be.
    due: Duration,
    /// When a frame was last shown whole.
    shown: Duration,
    base: Base,
    /// What the last frames measured, in bytes a second.
    samples: VecDeque<f64>,
    /// What QUIC thinks that the line carries, likewise.
    line: Option<f64>,
}

/// A frame that is on the way.
#[derive(Debug, Clone, Copy)]
struct OnWay {
    number: u64,
    bytes: usize,
    sent: Duration,
}

/// The least round trip of late.
#[derive(Debug, Default)]
struct Base {
    since: Duration,
    now: Option<f64>,
    before: Option<f64>,
}

impl Base {
    fn take(&mut self, trip: f64, now: Duration) {
        if now.saturating_sub(self.since) > BASE_TIME {
            self.since = now;
            self.before = self.now.take();
        }
        self.now = Some(self.now.map_or(trip, |least| least.min(trip)));
    }

    fn least(&self) -> Option<f64> {
        match (self.now, self.before) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        }
    }
}

impl Pacer {
    pub(super) fn new() -> Self {
        Self {
            on_way: VecDeque::new(),
            bytes_on_way: 0,
            due: Duration::ZERO,
            shown: Duration::ZERO,
            base: Base::default(),
            samples: VecDeque::new(),
            line: None,
        }
    }

    /// Whether a frame may start; one of what goes first where something is `small`.
    pub(super) fn start(&self, now: Duration, small: bool) -> Start {
        let rate = self.rate();
        let room = if small { SMALL_ROOM } else { 0.0 };
        if !self.on_way.is_empty() && !self.has_room(rate, room) {
            return Start::WhenShown;
        }
        let next = self.due.saturating_sub(INTERVAL);
        if next > now {
            return Start::At(next);
        }
        let bytes = match rate {
            Some(rate) => Some((rate * FRAME_TIME).max(LEAST)),
            None if self.samples.is_empty() => Some(FIRST),
            None => None,
        };
        Start::Now(Budget { bytes: bytes.map(whole), rate })
    }

    /// Whether all that was sent is shown.
    pub(super) fn is_calm(&self) -> bool {
        self.on_way.is_empty()
    }

    /// A frame begins to be made.
    pub(super) fn begun(&mut self, now: Duration) {
        self.due = self.due.max(now) + INTERVAL;
    }

    /// A frame of so many bytes, pieces included, begins to leave.
    pub(super) fn sent(&mut self, number: u64, bytes: usize, now: Duration) {
        self.bytes_on_way += bytes;
        self.on_way.push_back(OnWay { number, bytes, sent: now });
    }

    /// What QUIC sends at most, in bytes a second. Frames that were held up by one packet are shown at
    /// once and tell too much of themselves.
    pub(super) fn line(&mut self, rate: f64) {
        self.line = Some(rate);
    }

    /// The viewer shows this frame and all before it, pieces included; `trip` is a packet's round
    /// trip of the moment.
    pub(super) fn shown(&mut self, number: u64, trip: Duration, now: Duration) {
        self.base.take(trip.as_secs_f64(), now);
        while let Some(first) = self.on_way.pop_front_if(|first| first.number <= number) {
            self.bytes_on_way -= first.bytes;
            self.measure(first, now);
        }
    }

    /// Nothing of what is on the way will be shown: the viewer begins anew.
    pub(super) fn forget(&mut self) {
        self.on_way.clear();
        self.bytes_on_way = 0;
    }

    fn has_room(&self, rate: Option<f64>, more: f64) -> bool {
        let base = self.base.least().unwrap_or(0.0);
        // However small they are: the one that is being shown, the next, and those between.
        let frames = 2.0 + base / INTERVAL.as_secs_f64();
        let few = self.on_way.len() < MAX_ON_WAY && float(self.on_way.len()) < frames;
        let most = match rate {
            Some(rate) => rate * (base + QUEUE_TIME),
            // The next one only when the first has told something.
            None if self.samples.is_empty() => FIRST / 2.0,
            None => f64::MAX,
        };
        few && float(self.bytes_on_way) <= most + more
    }

    /// Bytes a second; `None` where nothing is known or the line is no limit.
    fn rate(&self) -> Option<f64> {
        let rate = match (self.measured(), self.line) {
            (Some(one), Some(other)) => one.min(other),
            (one, other) => one.or(other)?,
        };
        (rate < WIDE).then_some(rate)
    }

    fn measured(&self) -> Option<f64> {
        // A loss makes single frames late, and a burst of answers makes single ones early.
        let mut samples: Vec<f64> = self.samples.iter().copied().collect();
        samples.sort_by(|a, b| b.total_cmp(a));
        samples.get(samples.len() / 4).copied()
    }

    fn measure(&mut self, frame: OnWay, now: Duration) {
        let base = self.base.least().unwrap_or(0.0);
        let due = frame.sent.as_secs_f64() + base;
        let spent = now.as_secs_f64() - due.max(self.shown.as_secs_f64());
        self.shown = now;
        if frame.bytes < TELLING {
            return;
        }
        let sample = if spent > JITTER {
            float(frame.bytes) / spent
        } else {
            // Faster than can be told: the line is at least so wide, and may be wider.
            let least = float(frame.bytes) / JITTER;
            self.measured().map_or(WIDE, |rate| (rate * 1.5).max(least))
        };
        self.samples.push_back(sample);
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
    }
}

fn float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bound, rounded down")]
fn whole(number: f64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of `rate` bytes a second and `delay` one way, both ends of it at rest. Frames of
    /// `want` bytes, cut to the budget, are wanted all the time. Gives each frame's age when shown,
    /// and the bytes shown in all.
    struct Line {
        rate: f64,
        delay: f64,
    }

    impl Line {
        fn run(&self, seconds: f64, want: usize, pacer: &mut Pacer) -> (Vec<f64>, usize) {
            let (mut now, mut free, mut number) = (0.0, 0.0_f64, 0);
            let mut arrivals: VecDeque<(u64, f64, f64)> = VecDeque::new();
            let (mut ages, mut bytes) = (Vec::new(), 0);
            while now < seconds {
                while let Some((number, at, sent)) =
                    arrivals.pop_front_if(|(_, at, _)| *at + self.delay <= now)
                {
                    let trip = Duration::from_secs_f64(2.0 * self.delay);
                    pacer.shown(number, trip, Duration::from_secs_f64(at + self.delay));
                    ages.push(at - sent);
                }
                if let Start::Now(budget) = pacer.start(Duration::from_secs_f64(now), false) {
                    let size = budget.bytes.map_or(want, |most| most.min(want));
                    number += 1;
                    pacer.begun(Duration::from_secs_f64(now));
                    pacer.sent(number, size, Duration::from_secs_f64(now));
                    free = free.max(now) + float(size) / self.rate;
                    arrivals.push_back((number, free + self.delay, now));
                    bytes += size;
                }
                now += 0.001;
            }
            (ages, bytes)
        }
    }

    #[test]
    fn on_a_narrow_line_frames_are_cut_and_never_grow_old() {
        // 300 kbit/s, 150 ms there and back; frames of 15 kB would take 400 ms each.
        let mut pacer = Pacer::new();
        let line = Line { rate: 37_500.0, delay: 0.075 };
        let (ages, bytes) = line.run(20.0, 15_000, &mut pacer);
        let late = ages.iter().skip(8).copied().fold(0.0, f64::max);
        assert!(late < 0.3, "{late}");
        assert!(float(bytes) > 0.8 * 20.0 * line.rate, "{bytes}");
    }

    #[test]
    fn a_middling_line_carries_a_page_at_full_speed() {
        // 20 Mbit/s, 40 ms there and back, frames of 15 kB: 30 a second are 18 % of it.
        let mut pacer = Pacer::new();
        let line = Line { rate: 2_500_000.0, delay: 0.02 };
        let (ages, _) = line.run(10.0, 15_000, &mut pacer);
        assert!(ages.len() > 500, "{}", ages.len());
        assert!(ages.iter().all(|age| *age < 0.05));
    }

    #[test]
    fn a_wide_line_limits_nothing() {
        let mut pacer = Pacer::new();
        let line = Line { rate: 125e6, delay: 0.000_1 };
        let (ages, bytes) = line.run(5.0, 300_000, &mut pacer);
        // The first frame is small: nothing is known of the line then.
        let all = (ages.len() - 1) * 300_000 + whole(FIRST);
        assert!(ages.len() > 300 && bytes == all, "{} {bytes}", ages.len());
    }

    #[test]
    fn a_line_that_becomes_narrow_is_noticed_within_a_second() {
        let mut pacer = Pacer::new();
        Line { rate: 2_500_000.0, delay: 0.02 }.run(3.0, 15_000, &mut pacer);
        pacer.forget();
        // The clock of the second run starts at 0 again; what counts are the samples.
        pacer.due = Duration::ZERO;
        pacer.shown = Duration::ZERO;
        let (ages, _) = Line { rate: 37_500.0, delay: 0.02 }.run(10.0, 15_000, &mut pacer);
        let late = ages.iter().skip(ages.len() / 2).copied().fold(0.0, f64::max);
        assert!(late < 0.2, "{late}");
    }

    #[test]
    fn two_frames_follow_each_other_and_the_next_waits_for_its_time() {
        let mut pacer = Pacer::new();
        let now = Duration::from_secs(1);
        let least = Duration::from_millis(1);
        for number in 1..=2 {
            assert!(matches!(pacer.start(now, false), Start::Now(_)));
            pacer.begun(now);
            pacer.sent(number, 500, now);
            pacer.shown(number, least, now);
        }
        assert_eq!(pacer.start(now, false), Start::At(now + INTERVAL));
        let now = now + INTERVAL;
        assert!(matches!(pacer.start(now, false), Start::Now(_)));
        pacer.begun(now);
        assert_eq!(pacer.start(now, false), Start::At(now + INTERVAL));
    }

    #[test]
    fn nothing_starts_while_much_is_on_the_way() {
        let mut pacer = Pacer::new();
        let now = Duration::from_secs(1);
        for number in 1..=2 {
            pacer.begun(now);
            pacer.sent(number, 500, now);
        }
        assert_eq!(pacer.start(now + INTERVAL, false), Start::WhenShown);
        pacer.shown(2, Duration::from_millis(1), now + INTERVAL);
        assert!(pacer.is_calm());
        assert!(matches!(pacer.start(now + INTERVAL, false), Start::Now(_)));
    }

    #[test]
    fn pictures_get_coarser_before_they_take_long() {
        let at = |rate| Budget { bytes: None, rate };
        assert_eq!(at(None).quality(2_000_000), 78);
        assert_eq!(at(Some(2_500_000.0)).quality(1_700_000), 78);
        assert_eq!(at(Some(2_500_000.0)).quality(2_000_000), 55);
        assert_eq!(at(Some(300_000.0)).quality(2_000_000), 18);
        assert_eq!(at(Some(37_500.0)).quality(2_000_000), 18);
        assert_eq!(at(Some(37_500.0)).quality(60_000), 35);
        assert_eq!(at(Some(37_500.0)).quality(20_000), 78);
    }
}
