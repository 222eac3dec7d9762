//! Pictures and rectangles, bounded.

use crate::blocks::BLOCK;
use crate::{DecodeError, EncodeError};

/// Pixels of a side at the most: what JPEG and X11 can say in 16 bits, halved.
pub const MAX_SIDE: usize = 32_767;
/// Pixels of a picture at the most: 8K UHD (7,680 x 4,320). Two of them are 265 MB.
pub const MAX_PIXELS: usize = 33_177_600;

/// What counts of a pixel: the fourth byte of BGRX is anything.
const COLOUR: u32 = 0x00ff_ffff;

/// Width and height that a picture can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    width: usize,
    height: usize,
}

impl Size {
    /// Checked.
    ///
    /// # Errors
    /// [`DecodeError::Size`].
    pub const fn new(width: usize, height: usize) -> Result<Self, DecodeError> {
        let fits = width > 0
            && height > 0
            && width <= MAX_SIDE
            && height <= MAX_SIDE
            && width * height <= MAX_PIXELS;
        if fits { Ok(Self { width, height }) } else { Err(DecodeError::Size { width, height }) }
    }

    /// Pixels in a row.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(self) -> usize {
        self.height
    }

    /// Pixels.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.width * self.height
    }

    /// All of it.
    #[must_use]
    pub const fn rect(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }
}

impl From<DecodeError> for EncodeError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Size { width, height } => Self::Size { width, height },
            DecodeError::Order { .. }
            | DecodeError::NotFresh
            | DecodeError::SizeChanged
            | DecodeError::Zstd
            | DecodeError::TooLarge
            | DecodeError::Malformed
            | DecodeError::Jpeg => Self::View,
        }
    }
}

/// A part of a picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Columns left of it.
    pub x: usize,
    /// Rows above it.
    pub y: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Rect {
    /// Whether it lies within `size` and is not empty.
    #[must_use]
    pub const fn fits(&self, size: Size) -> bool {
        self.width > 0
            && self.height > 0
            && self.width <= size.width
            && self.height <= size.height
            && self.x <= size.width - self.width
            && self.y <= size.height - self.height
    }

    /// Pixels.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.width * self.height
    }
}

/// Where the pixels of a display are read from, part by part: what is looked at is still in the
/// processor's cache then.
pub trait Source {
    /// The size of the whole.
    fn size(&self) -> Size;
    /// Copies a part that lies inside: BGRX, row by row without padding, into `to`, which has four
    /// bytes for each of its pixels.
    fn copy(&self, rect: Rect, to: &mut [u8]);
}

/// A display's memory: BGRX, four bytes a pixel, rows `stride` bytes apart.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    size: Size,
    stride: usize,
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// Checked.
    ///
    /// # Errors
    /// [`EncodeError::View`] where rows are missing.
    pub fn new(size: Size, stride: usize, bytes: &'a [u8]) -> Result<Self, EncodeError> {
        let row = size.width * 4;
        let all = stride.checked_mul(size.height - 1).and_then(|rows| rows.checked_add(row));
        match all {
            Some(all) if stride >= row && bytes.len() >= all => Ok(Self { size, stride, bytes }),
            _ => Err(EncodeError::View),
        }
    }

    /// Bytes of a part of one row.
    fn row(&self, x: usize, y: usize, width: usize) -> &'a [u8] {
        let start = y * self.stride + x * 4;
        self.bytes.get(start..start + width * 4).unwrap_or_default()
    }
}

impl Source for View<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn copy(&self, rect: Rect, to: &mut [u8]) {
        for (y, to) in (rect.y..).zip(to.chunks_exact_mut(rect.width * 4)) {
            let from = self.row(rect.x, y, rect.width);
            if from.len() == to.len() {
                to.copy_from_slice(from);
            }
        }
    }
}

/// Whether rows of one length are alike: blocks at a time, each without a branch for each pixel or a
/// call for each row.
fn alike(one: &[u32], other: &[u32]) -> bool {
    let ((one, rest), (other, other_rest)) = (one.as_chunks::<BLOCK>(), other.as_chunks::<BLOCK>());
    let same = |(one, other): (&[u32; BLOCK], &[u32; BLOCK])| {
        one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
    };
    one.iter().zip(other).all(same) && rest == other_rest
}

/// The colour of a pixel in BGRX.
pub(crate) const fn colour(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes) & COLOUR
}

/// A picture: one number a pixel, `0x00RRGGBB`.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    pixels: Vec<u32>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Picture {
    /// All black.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self { size, pixels: vec![0; size.pixels()] }
    }

    /// A copy of a display.
    #[must_use]
    pub fn of(view: &View<'_>) -> Self {
        let mut picture = Self::new(view.size);
        for y in 0..view.size.height {
            let row = Rect { x: 0, y, width: view.size.width, height: 1 };
            picture.take(view.row(0, y, row.width), row);
        }
        picture
    }

    /// Its size.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Row by row.
    #[must_use]
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// Of pixels, row by row; `None` where they are not as many as it has.
    pub(crate) fn from_pixels(size: Size, pixels: Vec<u32>) -> Option<Self> {
        (pixels.len() == size.pixels()).then_some(Self { size, pixels })
    }

    /// A part of one row; empty where that is outside.
    #[must_use]
    pub fn row(&self, x: usize, y: usize, width: usize) -> &[u32] {
        let start = y * self.size.width + x;
        self.pixels.get(start..start + width).unwrap_or_default()
    }

    pub(crate) fn row_mut(&mut self, x: usize, y: usize, width: usize) -> &mut [u32] {
        let start = y * self.size.width + x;
        self.pixels.get_mut(start..start + width).unwrap_or_default()
    }

    /// Copies a part of a row inside to where it fits as well; the two may overlap.
    pub(crate) fn copy_row(&mut self, from: (usize, usize), to: (usize, usize), width: usize) {
        let start = |(x, y): (usize, usize)| y * self.size.width + x;
        let (from, to) = (start(from), start(to));
        self.pixels.copy_within(from..from + width, to);
    }

    /// Makes all of it one colour.
    pub(crate) fn fill(&mut self, colour: u32) {
        self.pixels.fill(colour);
    }

    /// The rows of a part.
    pub(crate) fn rows(&self, rect: Rect) -> impl Iterator<Item = &[u32]> {
        (rect.y..rect.y + rect.height).map(move |y| self.row(rect.x, y, rect.width))
    }

    /// Takes a part of a display: BGRX, row by row.
    pub(crate) fn take(&mut self, bgrx: &[u8], rect: Rect) {
        for (y, from) in (rect.y..).zip(bgrx.chunks_exact(rect.width * 4)) {
            let to = self.row_mut(rect.x, y, rect.width);
            for (to, from) in to.iter_mut().zip(from.as_chunks::<4>().0) {
                *to = colour(*from);
            }
        }
    }

    /// Whether a part of a display differs from what stands here.
    pub(crate) fn differs(&self, bgrx: &[u8], rect: Rect) -> bool {
        self.rows(rect).zip(bgrx.chunks_exact(rect.width * 4)).any(|(old, new)| {
            // Without a branch for each pixel, so that it becomes vector code.
            let pixels = old.iter().zip(new.as_chunks::<4>().0);
            pixels.fold(0, |all, (old, new)| all | (old ^ colour(*new))) != 0
        })
    }

    /// Whether a part stands at (`x`, `y`) of another picture, inside it.
    pub(crate) fn stands_in(&self, other: &Self, part: Rect, x: usize, y: usize) -> bool {
        (0..part.height).all(|row| {
            let here = self.row(part.x, part.y + row, part.width);
            let there = other.row(x, y + row, part.width);
            alike(here, there)
        })
    }

    /// Takes the same part of another picture of the same size.
    pub(crate) fn copy(&mut self, from: &Self, rect: Rect) {
        for y in rect.y..rect.y + rect.height {
            let to = self.row_mut(rect.x, y, rect.width);
            for (to, from) in to.iter_mut().zip(from.row(rect.x, y, rect.width)) {
                *to = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded() {
        assert!(Size::new(1, 1).is_ok());
        assert!(Size::new(7_680, 4_320).is_ok());
        for (width, height) in [(0, 1), (1, 0), (32_768, 1), (7_680, 4_321)] {
            assert_eq!(Size::new(width, height), Err(DecodeError::Size { width, height }));
        }
    }

    #[test]
    fn a_view_has_all_its_rows_and_the_fourth_byte_is_nothing() {
        let size = Size::new(2, 2).unwrap();
        let bytes = [1, 2, 3, 255, 4, 5, 6, 0, 9, 9, 7, 8, 9, 1, 10, 11, 12, 2];
        assert_eq!(View::new(size, 10, &bytes[..17]).err(), Some(EncodeError::View));
        assert_eq!(View::new(size, 7, &bytes).err(), Some(EncodeError::View));
        let picture = Picture::of(&View::new(size, 10, &bytes).unwrap());
        assert_eq!(picture.pixels(), [0x03_0201, 0x06_0504, 0x09_0807, 0x0c_0b0a]);
    }

    #[test]
    fn a_rectangle_fits_or_not_without_overflow() {
        let size = Size::new(10, 5).unwrap();
        let rect = |x, y, width, height| Rect { x, y, width, height }.fits(size);
        assert!(rect(0, 0, 10, 5) && rect(9, 4, 1, 1));
        assert!(!rect(0, 0, 0, 1) && !rect(1, 0, 10, 1) && !rect(0, 5, 1, 1));
        assert!(!rect(usize::MAX, 0, 1, 1) && !rect(0, usize::MAX, 1, usize::MAX));
    }
}
