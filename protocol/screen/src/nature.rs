//! Whether what is left of a tile is a picture, or text and widgets.

use crate::Picture;
use crate::blocks::Grid;

/// Steps between neighbours in a picture are mostly small ones; text has none or large ones, and few
/// small ones where its edges are smoothed. So much in each colour is small.
const SMALL_STEP: u8 = 16;
/// Of a hundred pixels of a picture so many are a small step away from their left neighbour.
const SMOOTH_SHARE: usize = 20;
/// Colours that text and widgets have in a tile at the most, shades of smoothed edges included.
const FEW_COLOURS: usize = 96;
/// Places for colours that are being counted: four times as many.
const PLACES: usize = 512;

/// Whether these blocks of a tile are a picture, for which an approximation is good enough at first.
pub(crate) fn is_picture(picture: &Picture, grid: Grid, blocks: &[usize]) -> bool {
    let (mut smooth, mut pixels) = (0, 0);
    let mut colours = Colours::new();
    for block in blocks {
        for row in picture.rows(grid.block(*block)) {
            pixels += row.len();
            let neighbours = row.iter().zip(row.iter().skip(1));
            smooth += neighbours.filter(|(left, right)| is_small_step(**left, **right)).count();
            if !colours.are_many() {
                row.iter().for_each(|pixel| colours.see(*pixel));
            }
        }
    }
    smooth * 100 >= pixels * SMOOTH_SHARE && colours.are_many()
}

/// Another colour, but not much.
fn is_small_step(left: u32, right: u32) -> bool {
    let channels = left.to_le_bytes().into_iter().zip(right.to_le_bytes());
    let largest = channels.fold(0, |all, (left, right)| left.abs_diff(right).max(all));
    (1..=SMALL_STEP).contains(&largest)
}

/// Counts different colours up to a bound.
struct Colours {
    places: [u32; PLACES],
    count: usize,
    last: u32,
}

/// No pixel has it.
const NONE: u32 = u32::MAX;

impl Colours {
    const fn new() -> Self {
        Self { places: [NONE; PLACES], count: 0, last: NONE }
    }

    const fn are_many(&self) -> bool {
        self.count > FEW_COLOURS
    }

    fn see(&mut self, colour: u32) {
        if colour == self.last || self.are_many() {
            return;
        }
        self.last = colour;
        // Fibonacci hashing to 9 bits; the table is never more than a fifth full.
        let first = (colour.wrapping_mul(0x9e37_79b1) >> 23) as usize;
        for step in 0..PLACES {
            match self.places.get_mut((first + step) % PLACES) {
                Some(place) if *place == colour => return,
                Some(place) if *place == NONE => {
                    *place = colour;
                    self.count += 1;
                    return;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::Size;

    fn natured(pixel: impl Fn(usize, usize) -> u32) -> bool {
        let size = Size::new(64, 64).unwrap();
        let mut picture = Picture::new(size);
        for y in 0..64 {
            for (x, slot) in picture.row_mut(0, y, 64).iter_mut().enumerate() {
                *slot = pixel(x, y) & 0xff_ffff;
            }
        }
        let grid = Grid::new(size);
        is_picture(&picture, grid, &(0..16).collect::<Vec<_>>())
    }

    #[test]
    fn a_noisy_gradient_is_a_picture_and_text_is_not() {
        assert!(natured(|x, y| {
            let noise = ((x * 7 + y * 31) as u32).wrapping_mul(2_654_435_761) >> 29;
            (x as u32 * 3 + noise) << 16 | (y as u32 * 2 + noise) << 8 | 0x80
        }));
        assert!(!natured(|x, y| if (x / 3 + y / 5) % 4 == 0 { 0x20_2020 } else { 0xff_ffff }));
        assert!(!natured(|x, y| ((x * 3 + y) % 40 * 0x01_0101) as u32), "few colours");
        assert!(!natured(|x, y| ((x / 8) * 64 + y) as u32 * 77), "flat runs");
    }
}
