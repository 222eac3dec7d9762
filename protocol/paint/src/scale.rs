//! A picture in another size: each pixel is the mean of the area that it covers, so that a smaller
//! picture loses no line and a larger one stays crisp. Parts of it can be made anew by themselves, and
//! are the same then as in the whole.

use crate::painter::Target;
use crate::patch::Patch;

/// Parts of a mean: eight bits, as each channel has.
const WHOLE: usize = 256;

/// Makes pictures of one size from those of another.
#[derive(Debug, Default)]
pub struct Scaler {
    from: (usize, usize),
    to: (usize, usize),
    across: Vec<Span>,
    down: Vec<Span>,
    /// One row, of the means downwards.
    line: Vec<u32>,
}

/// What one pixel covers of a row, or of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    first: usize,
    /// Of each pixel from the first on, [`WHOLE`] in all.
    weights: Vec<u32>,
}

impl Scaler {
    /// From a picture of one size, in pixels, to another.
    #[must_use]
    pub fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        let (across, down) = (spans(from.0, to.0), spans(from.1, to.1));
        Self { from, to, across, down, line: Vec::new() }
    }

    /// The size that it makes.
    #[must_use]
    pub const fn to(&self) -> (usize, usize) {
        self.to
    }

    /// Whether it goes between these sizes.
    #[must_use]
    pub fn is(&self, from: (usize, usize), to: (usize, usize)) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// What has to be made anew where a part of the original has changed.
    #[must_use]
    pub fn touched(&self, part: Patch) -> Patch {
        let along = |first: usize, length: usize, from: usize, to: usize| {
            let start = first * to / from.max(1);
            (start, ((first + length) * to).div_ceil(from.max(1)).min(to).saturating_sub(start))
        };
        let (x, width) = along(part.x, part.width, self.from.0, self.to.0);
        let (y, height) = along(part.y, part.height, self.from.1, self.to.1);
        Patch { x, y, width, height }
    }

    /// Makes a part; the whole stands with its upper left corner at `corner` of the target.
    pub fn draw(
        &mut self,
        picture: &[u32],
        part: Patch,
        target: &mut Target<'_>,
        corner: (usize, usize),
    ) {
        let across = self.across.get(part.x..part.x + part.width).unwrap_or_default();
        let down = self.down.get(part.y..part.y + part.height).unwrap_or_default();
        let (Some(left), Some(right)) = (across.first(), across.last()) else { return };
        let (start, end) = (left.first, right.first + right.weights.len());
        for (y, span) in down.iter().enumerate() {
            let rows = span.weights.iter().enumerate().map(|(row, weight)| {
                let at = (span.first + row) * self.from.0;
                (picture.get(at + start..at + end).unwrap_or_default(), *weight)
            });
            self.line.clear();
            self.line.resize(end - start, 0);
            mean(&mut self.line, rows);
            let (x, y) = (corner.0 + part.x, corner.1 + part.y + y);
            let row = target.row(y, x, x + part.width);
            for (pixel, span) in row.iter_mut().zip(across) {
                let at = span.first - start;
                let covered = self.line.get(at..at + span.weights.len()).unwrap_or_default();
                *pixel = mixed(covered.iter().copied().zip(span.weights.iter().copied()));
            }
        }
    }
}

/// Exact in whole numbers: a pixel of the original is `to` long, one that is made is `from` long.
fn spans(from: usize, to: usize) -> Vec<Span> {
    let one = |at: usize| {
        let (start, end) = (at * from, (at + 1) * from);
        let (first, last) = (start / to, (end - 1) / to);
        // Rounded along the way, so that the parts are a whole.
        let until = |edge: usize| ((edge.clamp(start, end) - start) * WHOLE + from / 2) / from;
        let weight = |pixel: usize| until((pixel + 1) * to) - until(pixel * to);
        let weights = (first..=last).map(|pixel| u32::try_from(weight(pixel)).unwrap_or(0));
        Span { first, weights: weights.collect() }
    };
    if from == 0 { Vec::new() } else { (0..to).map(one).collect() }
}

/// The weighted mean of rows, into `line`.
fn mean<'a>(line: &mut [u32], mut rows: impl Iterator<Item = (&'a [u32], u32)> + Clone) {
    let single = rows.clone().nth(1).is_none();
    if let (true, Some((row, _))) = (single, rows.clone().next()) {
        line.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        return;
    }
    let Some(first) = rows.next() else { return };
    let Some(second) = rows.next() else { return };
    if rows.clone().next().is_none() {
        for ((to, a), b) in line.iter_mut().zip(first.0).zip(second.0) {
            *to = mixed([(*a, first.1), (*b, second.1)].into_iter());
        }
        return;
    }
    for (at, to) in line.iter_mut().enumerate() {
        let rows = [first, second].into_iter().chain(rows.clone());
        *to = mixed(rows.map(|(row, weight)| (row.get(at).copied().unwrap_or(0), weight)));
    }
}

/// The weighted mean of pixels; two channels at once have room for it.
fn mixed(pixels: impl Iterator<Item = (u32, u32)>) -> u32 {
    let (mut odd, mut even) = (0x0080_0080, 0x0000_0080);
    for (pixel, weight) in pixels {
        odd += (pixel & 0x00ff_00ff) * weight;
        even += ((pixel >> 8) & 0x0000_00ff) * weight;
    }
    ((odd >> 8) & 0x00ff_00ff) | (even & 0x0000_ff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(scaler: &mut Scaler, picture: &[u32], part: Patch, pixels: &mut [u32]) {
        let (width, _) = scaler.to();
        scaler.draw(picture, part, &mut Target::new(pixels, width), (0, 0));
    }

    fn scaled(picture: &[u32], from: (usize, usize), to: (usize, usize)) -> Vec<u32> {
        let mut pixels = vec![0; to.0 * to.1];
        let whole = Patch { x: 0, y: 0, width: to.0, height: to.1 };
        drawn(&mut Scaler::new(from, to), picture, whole, &mut pixels);
        pixels
    }

    fn noise(count: usize) -> Vec<u32> {
        let next = |seed: &mut u32| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(*seed >> 8)
        };
        std::iter::successors(Some(1_u32), |_| Some(0))
            .scan(7, |seed, _| next(seed))
            .take(count)
            .collect()
    }

    #[test]
    fn the_parts_of_every_mean_are_a_whole() {
        for (from, to) in [(1920, 1280), (7, 3), (3, 7), (1, 9), (9, 1), (1366, 1365), (5, 5)] {
            for (at, span) in spans(from, to).iter().enumerate() {
                assert_eq!(span.weights.iter().sum::<u32>(), 256, "{from} to {to} at {at}");
                assert!(span.first + span.weights.len() <= from);
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture_and_double_repeats_it() {
        let picture = noise(35);
        assert_eq!(scaled(&picture, (7, 5), (7, 5)), picture);
        let double = scaled(&picture, (7, 5), (14, 10));
        for (at, pixel) in double.iter().enumerate() {
            assert_eq!(*pixel, picture[at / 14 / 2 * 7 + at % 14 / 2]);
        }
    }

    #[test]
    fn half_the_size_is_the_mean_of_four_and_white_stays_white() {
        let picture = [0x0000_0000, 0x0000_00ff, 0x00ff_0000, 0x00ff_00ff];
        assert_eq!(scaled(&picture, (2, 2), (1, 1)), [0x0080_0080]);
        assert!(scaled(&[0x00ff_ffff; 77], (11, 7), (5, 3)).iter().all(|p| *p == 0x00ff_ffff));
    }

    #[test]
    fn a_part_that_is_made_anew_is_as_in_the_whole() {
        for (from, to) in [((40, 30), (23, 17)), ((20, 10), (33, 25))] {
            let mut picture = noise(from.0 * from.1);
            let mut scaler = Scaler::new(from, to);
            let mut pixels = scaled(&picture, from, to);
            let part = Patch { x: 5, y: 3, width: 6, height: 4 };
            for y in 3..7 {
                picture[y * from.0 + 5..y * from.0 + 11].fill(0x0012_3456);
            }
            let touched = scaler.touched(part);
            drawn(&mut scaler, &picture, touched, &mut pixels);
            assert_eq!(pixels, scaled(&picture, from, to));
        }
    }
}
