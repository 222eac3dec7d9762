//! A part of a recording, by its times.

use jiff::Timestamp;

/// A time as it is typed: `2026-11-26T14:05:00Z`, or from the recording's beginning `90`, `1:30`,
/// `0:01:30.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Microseconds since 1970-01-01 UTC.
    Absolute(u64),
    /// Microseconds since the recording began.
    Since(u64),
}

impl Time {
    /// In microseconds since 1970-01-01 UTC, where the recording begins at `began_us`.
    #[must_use]
    pub const fn resolved(self, began_us: u64) -> u64 {
        match self {
            Self::Absolute(time_us) => time_us,
            Self::Since(since_us) => began_us.saturating_add(since_us),
        }
    }
}

impl std::str::FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "a time is 2026-11-26T14:05:00Z, or since the beginning 90 or 1:30 or 0:01:30";
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return u64::try_from(timestamp.as_microsecond())
                .map(Self::Absolute)
                .map_err(|_| WRONG);
        }
        since(text).map(Self::Since).ok_or(WRONG)
    }
}

/// `[[H:]M:]S[.fraction]` in microseconds; minutes and seconds behind another part are below 60.
fn since(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<u64> = whole.split(':').map(number).collect::<Option<_>>()?;
    if parts.len() > 3 || parts.iter().skip(1).any(|part| *part >= 60) {
        return None;
    }
    let seconds =
        parts.iter().try_fold(0_u64, |all, part| all.checked_mul(60)?.checked_add(*part))?;
    let digits = fraction.get(..fraction.len().min(6))?;
    let scale = 10_u64.pow(u32::try_from(6 - digits.len()).ok()?);
    seconds.checked_mul(1_000_000)?.checked_add(number(digits)? * scale)
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

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
    fn times_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("90", Some(Time::Since(90_000_000))),
            ("1:30", Some(Time::Since(90_000_000))),
            ("01:00:00.25", Some(Time::Since(3_600_250_000))),
            ("0.1234567", Some(Time::Since(123_456))),
            ("1970-01-01T00:00:01.5Z", Some(Time::Absolute(1_500_000))),
            ("1970-01-01T01:00:01+01:00", Some(Time::Absolute(1_000_000))),
            ("1969-01-01T00:00:00Z", None),
            ("1:60", None),
            ("1:2:3:4", None),
            ("", None),
            ("+5", None),
            ("5.", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }

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
