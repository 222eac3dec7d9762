//! How long an end's statements were on their way to the recorder: from the moment that the end wrote
//! under its signature to the one that the relay wrote down. A relay that holds packets back before it
//! records them, or tells other times than it saw, moves the two apart.
//!
//! The two clocks need not agree, so it is how far the longest is from the shortest that tells. And a
//! network that breaks holds back as well: this is told, and blames nobody.

use serde_json::{Value, json};

/// The shortest way and the longest, in microseconds by two clocks; nothing before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lag(Option<(i64, i64)>);

impl Lag {
    /// A statement of this moment by the end's clock was recorded at that one by the relay's.
    pub(super) fn take(&mut self, stated_us: u64, recorded_us: u64) {
        let signed = |time| i64::try_from(time).unwrap_or(i64::MAX);
        let lag = signed(recorded_us).saturating_sub(signed(stated_us));
        let (least, most) = self.0.unwrap_or((lag, lag));
        self.0 = Some((least.min(lag), most.max(lag)));
    }

    /// How much longer than the quickest the slowest took, in microseconds: whatever the clocks say.
    pub(super) fn spread_us(self) -> u64 {
        self.0.map_or(0, |(least, most)| most.abs_diff(least))
    }

    /// For people; nothing where nothing was stated.
    pub(super) fn words(self, end: &str) -> Option<String> {
        let slower = self.0.map(|_| self.spread_us() / 1_000)?;
        Some(format!("the slowest of the {end} took {slower} ms longer than its quickest"))
    }

    /// For `--json`.
    pub(super) fn event(self) -> Value {
        match self.0 {
            Some((least, most)) => json!({"least": least / 1_000, "most": most / 1_000}),
            None => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_and_the_longest_are_known_whatever_the_clocks_say() {
        let mut lag = Lag::default();
        assert_eq!((lag.event(), lag.words("agent")), (Value::Null, None));
        // The end's clock is ahead.
        lag.take(5_000_000, 4_020_000);
        lag.take(6_000_000, 8_500_000);
        lag.take(9_000_000, 8_030_000);
        assert_eq!(lag.event(), json!({"least": -980, "most": 2_500}));
        let words = "the slowest of the agent took 3480 ms longer than its quickest";
        assert_eq!((lag.words("agent").as_deref(), lag.spread_us()), (Some(words), 3_480_000));
        lag.take(0, u64::MAX);
        lag.take(u64::MAX, 0);
        assert_eq!(lag.event()["least"], -(i64::MAX / 1_000));
        assert_eq!(lag.spread_us(), u64::MAX - 1);
    }
}
