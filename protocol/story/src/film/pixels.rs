//! Pixels as a page draws them: red, green, blue, opaque.

use deskside_screen::{Picture, Rect};

use super::Cursor;

/// Adds a part of a picture to `to`, row by row, four bytes a pixel; what lies outside is left out.
pub fn rgba(picture: &Picture, rect: Rect, to: &mut Vec<u8>) {
    to.reserve(rect.pixels() * 4);
    for y in rect.y..rect.y + rect.height {
        let row = picture.row(rect.x, y, rect.width);
        let start = to.len();
        // Room for a whole row at once: a vector that grows byte by byte takes four times as long.
        to.resize(start + row.len() * 4, 0);
        let (_, drawn) = to.split_at_mut(start);
        for (pixel, drawn) in row.iter().zip(drawn.as_chunks_mut::<4>().0) {
            let [blue, green, red, _] = pixel.to_le_bytes();
            *drawn = [red, green, blue, u8::MAX];
        }
    }
}

impl Cursor {
    /// How it looks, its alpha not multiplied into the colours: four bytes a pixel; empty where that
    /// is not known.
    #[must_use]
    pub fn rgba(&self) -> Vec<u8> {
        let bgra = self.shape().map(|shape| shape.bgra.as_ref()).unwrap_or_default();
        let straight = |[blue, green, red, alpha]: &[u8; 4]| {
            let by = |colour: u8| {
                let scaled = (u32::from(colour) * 255).checked_div(u32::from(*alpha));
                u8::try_from(scaled.unwrap_or_default().min(255)).unwrap_or(u8::MAX)
            };
            [by(*red), by(*green), by(*blue), *alpha]
        };
        bgra.as_chunks::<4>().0.iter().flat_map(straight).collect()
    }
}
