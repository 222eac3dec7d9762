//! How the connection does, in numbers and in words: which side is the limit.

use std::time::Duration;

/// What happened since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// Frames that were shown.
    pub frames: u32,
    /// Time in which a frame was on its way: between its first byte and its last.
    pub arriving: Duration,
    /// Time in which this computer decoded and drew.
    pub drawing: Duration,
}

/// Which side is the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing changes on the screen.
    Idle,
    /// Everything comes as soon as it can be seen.
    Nothing,
    /// The way between the computers.
    Line,
    /// This computer.
    Here,
    /// The user's computer.
    There,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The round trip.
    pub rtt: Duration,
    /// Bytes a second.
    pub rate: u64,
    /// Frames a second.
    pub frames: u32,
    /// Packets that were lost of a thousand that were sent.
    pub lost: u32,
    /// Which side is the limit.
    pub limit: Limit,
}

/// Frames a second that a person takes for motion.
const SMOOTH: u32 = 24;
/// Lost packets of a thousand that make a line bad.
const LOSSY: u32 = 20;
/// A round trip above this is felt in every key.
const SLOW: Duration = Duration::from_millis(150);

/// Who held things up in `over`.
#[must_use]
pub fn limit(flow: Flow, rtt: Duration, lost: u32, over: Duration) -> Limit {
    let half = |part: Duration| part * 2 >= over;
    if half(flow.drawing) {
        Limit::Here
    } else if half(flow.arriving) || lost >= LOSSY || (rtt >= SLOW && flow.frames > 0) {
        Limit::Line
    } else if flow.frames <= 1 {
        Limit::Idle
    } else if flow.frames >= SMOOTH {
        Limit::Nothing
    } else {
        Limit::There
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_busy_most_of_the_time_is_the_limit() {
        let (second, quick) = (Duration::from_secs(1), Duration::from_millis(20));
        let flow = |frames, arriving, drawing| Flow {
            frames,
            arriving: Duration::from_millis(arriving),
            drawing: Duration::from_millis(drawing),
        };
        for (flow, rtt, lost, expected) in [
            (flow(0, 0, 0), quick, 0, Limit::Idle),
            (flow(30, 100, 100), quick, 0, Limit::Nothing),
            (flow(12, 100, 100), quick, 0, Limit::There),
            (flow(12, 600, 100), quick, 0, Limit::Line),
            (flow(12, 100, 600), quick, 0, Limit::Here),
            (flow(30, 100, 100), quick, 25, Limit::Line),
            (flow(30, 100, 100), SLOW, 0, Limit::Line),
            (flow(0, 0, 0), SLOW, 0, Limit::Idle),
        ] {
            assert_eq!(limit(flow, rtt, lost, second), expected, "{flow:?} {rtt:?} {lost}");
        }
    }
}
