//! Parts of a window: filled, copied, darkened, and small pictures with holes laid over them.

use crate::painter::{Target, over};
use egui::Color32;

/// A part of a window, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Columns left of it.
    pub x: usize,
    /// Rows above it.
    pub y: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Patch {
    /// What both have in common; `None` where that is nothing.
    #[must_use]
    pub fn within(self, other: Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = (self.x + self.width).min(other.x + other.width).checked_sub(x)?;
        let height = (self.y + self.height).min(other.y + other.height).checked_sub(y)?;
        (width > 0 && height > 0).then_some(Self { x, y, width, height })
    }

    /// The smallest that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self {
            x,
            y,
            width: (self.x + self.width).max(other.x + other.width) - x,
            height: (self.y + self.height).max(other.y + other.height) - y,
        }
    }
}

/// A small picture: premultiplied, `0xAARRGGBB`, row by row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Pixels in a row.
    pub width: usize,
    /// As many rows as are whole.
    pub pixels: Vec<u32>,
}

impl Target<'_> {
    /// Fills a part.
    pub fn fill(&mut self, patch: Patch, colour: u32) {
        for y in patch.y..patch.y + patch.height {
            self.row(y, patch.x, patch.x + patch.width).fill(colour);
        }
    }

    /// Copies into a part what stands at (`x`, `y`) of a picture whose rows are `across` wide.
    pub fn copy(&mut self, patch: Patch, picture: &[u32], across: usize, (x, y): (usize, usize)) {
        for row in 0..patch.height {
            let start = (y + row) * across + x;
            let from = picture.get(start..start + patch.width).unwrap_or_default();
            let to = self.row(patch.y + row, patch.x, patch.x + patch.width);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }

    /// Makes a part a third as bright.
    pub fn dim(&mut self, patch: Patch) {
        for y in patch.y..patch.y + patch.height {
            for pixel in self.row(y, patch.x, patch.x + patch.width) {
                // Each channel times 85 / 256: two channels at once have room for it.
                let odd = (((*pixel & 0x00ff_00ff) * 85) >> 8) & 0x00ff_00ff;
                let even = (((*pixel >> 8) & 0x0000_00ff) * 85) & 0x0000_ff00;
                *pixel = odd | even;
            }
        }
    }

    /// Lays a stamp with its upper left corner at (`x`, `y`), and changes nothing outside of `patch`.
    pub fn stamp(&mut self, stamp: &Stamp, (x, y): (i64, i64), patch: Patch) {
        let rows = stamp.pixels.chunks_exact(stamp.width.max(1));
        for (row, pixels) in rows.enumerate() {
            let Ok(down) = usize::try_from(y + i64::try_from(row).unwrap_or(i64::MAX / 2)) else {
                continue;
            };
            if !(patch.y..patch.y + patch.height).contains(&down) {
                continue;
            }
            for (column, above) in pixels.iter().enumerate() {
                let at = x + i64::try_from(column).unwrap_or(i64::MAX / 2);
                let Ok(at) = usize::try_from(at) else { continue };
                if !(patch.x..patch.x + patch.width).contains(&at) {
                    continue;
                }
                let [a, r, g, b] = above.to_be_bytes();
                for pixel in self.row(down, at, at + 1) {
                    *pixel = over(*pixel, Color32::from_rgba_premultiplied(r, g, b, a));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn patch(x: usize, y: usize, width: usize, height: usize) -> Patch {
        Patch { x, y, width, height }
    }

    #[test]
    fn parts_meet_and_join() {
        let (a, b) = (patch(0, 0, 4, 4), patch(3, 2, 5, 1));
        assert_eq!(a.within(b), Some(patch(3, 2, 1, 1)));
        assert_eq!(a.with(b), patch(0, 0, 8, 4));
        assert_eq!(a.within(patch(4, 0, 9, 9)), None);
        assert_eq!(a.within(patch(9, 9, 1, 1)), None);
    }

    #[test]
    fn a_part_is_copied_and_dimmed_and_nothing_else() {
        let mut pixels = vec![7; 16];
        let picture: Vec<u32> = (0..9).map(|n| n * 0x0003_0303).collect();
        let mut target = Target::new(&mut pixels, 4);
        target.copy(patch(1, 1, 2, 2), &picture, 3, (1, 0));
        target.dim(patch(2, 1, 1, 1));
        assert_eq!(pixels[4..8], [7, 0x0003_0303, 0x0001_0101, 7]);
        assert_eq!(pixels[8..12], [7, 0x000c_0c0c, 0x000f_0f0f, 7]);
        assert!(pixels[..4].iter().chain(&pixels[12..]).all(|pixel| *pixel == 7));
        let mut white = vec![0x00ff_ffff];
        Target::new(&mut white, 1).dim(patch(0, 0, 1, 1));
        assert_eq!(white, [0x0054_5454]);
    }

    #[test]
    fn a_stamp_is_cut_at_every_edge_and_blended() {
        let stamp = Stamp { width: 2, pixels: vec![0xff11_2233, 0, 0x8000_0000, 0xff44_5566] };
        let drawn = |at, within| {
            let mut pixels = vec![0x0080_8080; 9];
            Target::new(&mut pixels, 3).stamp(&stamp, at, within);
            pixels
        };
        let all = patch(0, 0, 3, 3);
        let whole = drawn((0, 0), all);
        assert_eq!(whole[..2], [0x0011_2233, 0x0080_8080]);
        assert_eq!(whole[3..5], [0x0040_4040, 0x0044_5566]);
        assert_eq!(drawn((-1, -1), all)[0], 0x0044_5566);
        assert_eq!(drawn((2, 2), all)[8], 0x0011_2233);
        assert_eq!(drawn((0, 0), patch(1, 1, 1, 1))[..4], [0x0080_8080; 4]);
    }
}
