//! Sizes as people read them.

use std::fmt;

/// Bytes, shown in the decimal unit that leaves one to three digits before the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

const UNITS: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "PB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000, "GB"),
    (1_000_000, "MB"),
    (1_000, "kB"),
];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((unit, name)) = UNITS.iter().find(|(unit, _)| self.0 >= *unit) else {
            return write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" });
        };
        let (whole, tenth) = (self.0 / unit, self.0 % unit / (unit / 10));
        // The digit behind the point says something only beside a single one before it.
        if whole < 10 && tenth > 0 {
            write!(f, "{whole}.{tenth} {name}")
        } else {
            write!(f, "{whole} {name}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1 kB"),
            (1_234_567_890, "1.2 GB"),
            (300_000_000, "300 MB"),
            (12_900_000, "12 MB"),
            (u64::MAX, "18446 PB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
