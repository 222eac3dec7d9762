//! Pixels in memory, and packed as a PNG.

use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use thiserror::Error;

/// Bytes of one pixel: blue, green, red, and one that means nothing.
pub(super) const PIXEL: usize = 4;

/// A picture could not be packed.
#[derive(Debug, Error)]
#[error("the picture could not be packed as a PNG: {0}")]
pub struct PngError(String);

/// Part of the screen at one moment.
#[derive(Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    bgrx: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

impl Picture {
    /// A picture of rows without padding; `None` where the size does not fit the bytes.
    pub(super) fn new(width: u32, height: u32, bgrx: Vec<u8>) -> Option<Self> {
        let pixels = u64::from(width).checked_mul(u64::from(height))?;
        let bytes = usize::try_from(pixels).ok()?.checked_mul(PIXEL)?;
        (bytes == bgrx.len()).then_some(Self { width, height, bgrx })
    }

    /// Pixels across.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Blue, green, red and a meaningless byte for each pixel, row by row without padding.
    #[must_use]
    pub fn bgrx(&self) -> &[u8] {
        &self.bgrx
    }

    /// Red, green and blue for each pixel.
    #[must_use]
    pub fn to_rgb(&self) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(self.bgrx.len() / PIXEL * 3);
        for pixel in self.bgrx.as_chunks::<PIXEL>().0 {
            rgb.extend_from_slice(&[pixel[2], pixel[1], pixel[0]]);
        }
        rgb
    }

    /// The picture as an 8-bit RGB PNG, packed fast rather than small.
    ///
    /// # Errors
    /// [`PngError`].
    pub fn to_png(&self) -> Result<Vec<u8>, PngError> {
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
            .write_image(&self.to_rgb(), self.width, self.height, image::ExtendedColorType::Rgb8)
            .map_err(|error| PngError(error.to_string()))?;
        Ok(png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_holds_exactly_the_pixels() {
        let bytes = (0..3 * 2 * 4).collect();
        let picture = Picture::new(3, 2, bytes).unwrap();
        let png = picture.to_png().unwrap();
        let back = image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap();
        let rgb = back.into_rgb8();
        assert_eq!(rgb.dimensions(), (3, 2));
        assert_eq!(rgb.into_raw(), picture.to_rgb());
        assert_eq!(picture.to_rgb()[..6], [2, 1, 0, 6, 5, 4]);
    }

    #[test]
    fn a_size_that_does_not_fit_is_no_picture() {
        assert!(Picture::new(3, 2, vec![0; 23]).is_none());
        assert!(Picture::new(u32::MAX, u32::MAX, Vec::new()).is_none());
    }
}
