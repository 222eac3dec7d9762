//! How a display lays its pixels out, and their way to BGRX.
//!
//! X11 core protocol, sections 1.6 ("pixmap formats") and 8 ("connection setup"): a depth has a
//! number of bits per pixel and a unit to which rows are padded; the root's visual names the masks
//! of red, green and blue; the server names its byte order.

use x11rb::protocol::xproto::{ImageOrder, Screen, Setup, VisualClass};

use crate::desktop::DesktopError;
use crate::desktop::picture::PIXEL;

/// One colour's place in a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mask {
    mask: u32,
    shift: u32,
    most: u32,
}

impl Mask {
    fn new(mask: u32) -> Result<Self, DesktopError> {
        if mask == 0 {
            return Err(DesktopError::Unsupported("no colour masks"));
        }
        let shift = mask.trailing_zeros();
        Ok(Self { mask, shift, most: mask >> shift })
    }

    /// The colour of `pixel`, scaled to 0..=255.
    fn of(self, pixel: u32) -> u8 {
        let value = u64::from((pixel & self.mask) >> self.shift);
        let most = u64::from(self.most);
        u8::try_from((value * 255 + most / 2) / most).unwrap_or(u8::MAX)
    }
}

/// How a display lays its pixels out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// 2, 3 or 4.
    bytes_per_pixel: usize,
    /// Rows are padded to a multiple of this many bytes.
    unit: usize,
    big_endian: bool,
    red: Mask,
    green: Mask,
    blue: Mask,
}

impl Layout {
    /// The layout of the root window of `screen`.
    pub(super) fn of(setup: &Setup, screen: &Screen) -> Result<Self, DesktopError> {
        let format = setup
            .pixmap_formats
            .iter()
            .find(|format| format.depth == screen.root_depth)
            .ok_or(DesktopError::Unsupported("no pixmap format for its depth"))?;
        let visual = screen
            .allowed_depths
            .iter()
            .flat_map(|depth| &depth.visuals)
            .find(|visual| visual.visual_id == screen.root_visual)
            .ok_or(DesktopError::Unsupported("no visual for its root"))?;
        if visual.class != VisualClass::TRUE_COLOR && visual.class != VisualClass::DIRECT_COLOR {
            return Err(DesktopError::Unsupported("it uses a palette"));
        }
        let masks = [visual.red_mask, visual.green_mask, visual.blue_mask];
        let big_endian = setup.image_byte_order == ImageOrder::MSB_FIRST;
        Self::new(format.bits_per_pixel, format.scanline_pad, big_endian, masks)
    }

    fn new(bits: u8, pad: u8, big_endian: bool, masks: [u32; 3]) -> Result<Self, DesktopError> {
        if !matches!(bits, 16 | 24 | 32) || !matches!(pad, 8 | 16 | 32 | 64) {
            return Err(DesktopError::Unsupported("an unusual number of bits in a pixel"));
        }
        let [red, green, blue] = masks;
        Ok(Self {
            bytes_per_pixel: usize::from(bits / 8),
            unit: usize::from(pad / 8),
            big_endian,
            red: Mask::new(red)?,
            green: Mask::new(green)?,
            blue: Mask::new(blue)?,
        })
    }

    /// Bytes of an image of this size.
    pub(super) fn bytes_of(&self, width: u32, height: u32) -> usize {
        self.row(width).saturating_mul(usize::try_from(height).unwrap_or(usize::MAX))
    }

    fn row(&self, width: u32) -> usize {
        let bytes = usize::try_from(width).unwrap_or(usize::MAX);
        bytes.saturating_mul(self.bytes_per_pixel).next_multiple_of(self.unit)
    }

    /// Whether the display's bytes already are BGRX.
    pub(super) fn is_bgrx(&self) -> bool {
        self.bytes_per_pixel == PIXEL
            && !self.big_endian
            && self.row(1) == PIXEL
            && [self.red.mask, self.green.mask, self.blue.mask] == [0xff_0000, 0xff00, 0xff]
    }

    /// The image `raw` as BGRX without padding.
    pub(super) fn to_bgrx(self, raw: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
        if self.is_bgrx() {
            return raw;
        }
        let used =
            usize::try_from(width).unwrap_or(usize::MAX).saturating_mul(self.bytes_per_pixel);
        let mut out = Vec::with_capacity(self.bytes_of(width, height));
        for row in raw.chunks_exact(self.row(width)) {
            for pixel in row[..used].chunks_exact(self.bytes_per_pixel) {
                let value = self.value(pixel);
                let colours = [self.blue.of(value), self.green.of(value), self.red.of(value), 0];
                out.extend_from_slice(&colours);
            }
        }
        out
    }

    fn value(self, pixel: &[u8]) -> u32 {
        let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        if self.big_endian { pixel.iter().fold(0, add) } else { pixel.iter().rev().fold(0, add) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RGB888: [u32; 3] = [0xff_0000, 0xff00, 0xff];
    const RGB565: [u32; 3] = [0xf800, 0x07e0, 0x001f];
    const RGB101010: [u32; 3] = [0x3ff0_0000, 0xf_fc00, 0x3ff];

    fn bgr(layout: Layout, raw: &[u8], width: u32) -> Vec<u8> {
        let bgrx = layout.to_bgrx(raw.to_vec(), width, 1);
        bgrx.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect()
    }

    #[test]
    fn every_layout_gives_the_same_colours() {
        // Bits, padding, whether the most significant byte is first, masks, two pixels.
        type Row = (u8, u8, bool, [u32; 3], &'static [u8]);
        let table: [Row; 6] = [
            (32, 32, false, RGB888, b"\x30\x20\x10\0\x60\x50\x40\xff"),
            (32, 32, true, RGB888, b"\0\x10\x20\x30\xff\x40\x50\x60"),
            (32, 32, false, [0xff, 0xff00, 0xff_0000], b"\x10\x20\x30\0\x40\x50\x60\0"),
            (32, 64, false, RGB888, b"\x30\x20\x10\0\x60\x50\x40\0"),
            (24, 32, false, RGB888, b"\x30\x20\x10\x60\x50\x40.."),
            (24, 32, true, RGB888, b"\x10\x20\x30\x40\x50\x60.."),
        ];
        for (bits, pad, big, masks, raw) in table {
            let layout = Layout::new(bits, pad, big, masks).unwrap();
            assert_eq!(layout.bytes_of(2, 1), raw.len());
            assert_eq!(bgr(layout, raw, 2), b"\x30\x20\x10\x60\x50\x40");
        }
    }

    #[test]
    fn narrow_and_wide_colours_are_scaled_to_the_ends() {
        let narrow = Layout::new(16, 32, false, RGB565).unwrap();
        assert_eq!(bgr(narrow, b"\xff\xff\0\0", 1), [255, 255, 255]);
        assert_eq!(bgr(narrow, b"\0\xf8..", 1), [0, 0, 255]);
        let wide = Layout::new(32, 32, false, RGB101010).unwrap();
        assert_eq!(bgr(wide, b"\xff\xff\xff\x3f", 1), [255, 255, 255]);
    }

    #[test]
    fn a_palette_is_refused() {
        assert!(Layout::new(8, 32, false, [0; 3]).is_err());
        assert!(Layout::new(32, 32, false, [0; 3]).is_err());
    }
}
