//! A part of a recording, by its times.

use crate::cli::Time;

/// From when to when, both included, in microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
}

impl Span {
    /// What was typed, of a recording of these times; without an end up to its own. `None` where
    /// nothing of it is in the recording.
    pub(crate) fn new(
        from: Option<Time>,
        to: Option<Time>,
        (began, ended): (u64, u64),
    ) -> Option<Self> {
        let from_us = from.map_or(began, |from| from.resolved(began)).max(began);
        let to_us = to.map_or(ended, |to| to.resolved(began)).min(ended);
        (from_us <= to_us).then_some(Self { from_us, to_us })
    }

    pub(crate) const fn has(self, time_us: u64) -> bool {
        self.from_us <= time_us && time_us <= self.to_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_part_of_the_recording() {
        let span = |from, to| Span::new(from, to, (100, 200));
        assert_eq!(span(None, None), Some(Span { from_us: 100, to_us: 200 }));
        assert_eq!(
            span(Some(Time::Since(20)), Some(Time::Absolute(900))),
            Some(Span { from_us: 120, to_us: 200 })
        );
        assert_eq!(span(Some(Time::Since(101)), None), None);
        let part = span(Some(Time::Absolute(150)), Some(Time::Since(60))).unwrap();
        assert_eq!([149, 150, 160, 161].map(|time| part.has(time)), [false, true, true, false]);
    }
}
