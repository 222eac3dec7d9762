//! Percentiles and ratios: arithmetic only.

/// Values in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread(Vec<f64>);

impl Spread {
    /// `None` where there are no values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self(values))
    }

    /// The smallest value that at least this share of all values does not exceed (nearest rank).
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is from 1 to the number of values"
    )]
    pub(super) fn at(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let rank = rank.clamp(1, self.0.len());
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn p50(&self) -> f64 {
        self.at(0.50)
    }

    pub(super) fn p99(&self) -> f64 {
        self.at(0.99)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Rounded for a script: three digits behind the point.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let spread = Spread::of((1..=100).rev().map(f64::from)).unwrap();
        assert_eq!((spread.p50(), spread.p99(), spread.at(1.0)), (50.0, 99.0, 100.0));
        let few = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!((few.p50(), few.p99(), few.at(0.0), few.count()), (2.0, 3.0, 1.0, 3));
        assert_eq!(Spread::of([7.0]).unwrap().p50(), 7.0);
    }

    #[test]
    fn of_nothing_there_is_no_percentile() {
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn rounding_keeps_three_digits() {
        assert_eq!(rounded(1.23456), 1.235);
    }
}
