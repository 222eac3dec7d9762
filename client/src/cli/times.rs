//! Times as they are typed.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

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

/// A day or a moment, in seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    pub(crate) begins: u64,
    pub(crate) ends: u64,
}

impl std::str::FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a time is a day, 2026-11-26, or a moment, 2026-11-26T14:05:00Z (UTC)";
        let seconds = |at: Timestamp| u64::try_from(at.as_second()).map_err(|_| WRONG);
        if let Ok(moment) = text.parse::<Timestamp>() {
            let at = seconds(moment)?;
            return Ok(Self { begins: at, ends: at });
        }
        // Of a longer text a date would take its part.
        let date: Date =
            Some(text).filter(|text| text.len() == 10).ok_or(WRONG)?.parse().map_err(|_| WRONG)?;
        let begin = |date: Date| date.to_zoned(TimeZone::UTC).map_err(|_| WRONG);
        let (begins, ends) = (begin(date)?, begin(date.tomorrow().map_err(|_| WRONG)?)?);
        Ok(Self { begins: seconds(begins.timestamp())?, ends: seconds(ends.timestamp())? })
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
    fn a_day_is_all_of_it_and_a_moment_is_one() {
        let midnight = 1_795_651_200;
        let day = When { begins: midnight, ends: midnight + 86_400 };
        assert_eq!("2026-11-26".parse(), Ok(day));
        let moment = When { begins: midnight, ends: midnight };
        assert_eq!("2026-11-26T00:00:00Z".parse(), Ok(moment));
        for wrong in
            ["", "noon", "26.11.2026", "2026-11-31", "2026-11-26T14:05", "1969-01-01", "90"]
        {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
