//! A canvas that keeps one size, onto which the screen is drawn: smaller pictures stand in its middle.

use deskside_protocol::wire::message::CursorShape;
use deskside_screen::{Picture, Rect};
use deskside_story::{Film, rgba};

/// Bytes of a pixel.
pub(super) const PIXEL: usize = 4;

/// Pixels: red, green, blue, opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) rgba: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let mut canvas = Self { width, height, rgba: Vec::new() };
        canvas.clear();
        canvas
    }

    fn clear(&mut self) {
        self.rgba.clear();
        self.rgba.extend([0, 0, 0, u8::MAX].repeat(self.width * self.height));
    }

    /// Draws what the film shows now.
    pub(super) fn draw(&mut self, film: &Film, cursor: bool) {
        let Some(picture) = film.picture() else { return self.clear() };
        let (width, height) = (picture.size().width(), picture.size().height());
        let (left, top) =
            (self.width.saturating_sub(width) / 2, self.height.saturating_sub(height) / 2);
        if (width, height) == (self.width, self.height) {
            self.rgba.clear();
            rgba(picture, picture.size().rect(), &mut self.rgba);
        } else {
            self.clear();
            self.inset(picture, (left, top));
        }
        if cursor
            && let Some(shape) = film.cursor().shape()
            && let Some((x, y)) = film.pointed()
        {
            let corner = (x - i64::from(shape.hot_x), y - i64::from(shape.hot_y));
            self.stamp(shape, corner, (left, top), (width, height));
        }
    }

    /// Shows that what is seen is how it was.
    pub(super) fn dim(&mut self) {
        let dim = |pixel: &mut [u8; PIXEL]| pixel.iter_mut().take(3).for_each(|part| *part /= 2);
        self.rgba.as_chunks_mut().0.iter_mut().for_each(dim);
    }

    /// Whether nothing is to be seen on it.
    pub(super) fn is_dark(&self) -> bool {
        self.rgba
            .as_chunks::<PIXEL>()
            .0
            .iter()
            .all(|[red, green, blue, _]| *red | *green | *blue == 0)
    }

    /// A picture that is smaller, row by row; what is larger is cut.
    fn inset(&mut self, picture: &Picture, (left, top): (usize, usize)) {
        let width = picture.size().width().min(self.width);
        let mut row = Vec::with_capacity(width * PIXEL);
        for y in 0..picture.size().height().min(self.height) {
            row.clear();
            rgba(picture, Rect { x: 0, y, width, height: 1 }, &mut row);
            let at = ((top + y) * self.width + left) * PIXEL;
            if let Some(place) = self.rgba.get_mut(at..at + row.len()) {
                place.copy_from_slice(&row);
            }
        }
    }

    /// The pointer, whose colours are multiplied by its alpha already, as far as it is in the picture.
    fn stamp(
        &mut self,
        shape: &CursorShape,
        corner: (i64, i64),
        (left, top): (usize, usize),
        (width, height): (usize, usize),
    ) {
        let columns = usize::try_from(shape.width).unwrap_or_default().max(1);
        for (at, pixel) in shape.bgra.as_chunks::<PIXEL>().0.iter().enumerate() {
            let place = |corner: i64, at: usize, limit: usize| {
                let place = usize::try_from(corner.checked_add_unsigned(at as u64)?).ok()?;
                (place < limit).then_some(place)
            };
            let (Some(x), Some(y)) =
                (place(corner.0, at % columns, width), place(corner.1, at / columns, height))
            else {
                continue;
            };
            let at = ((top + y) * self.width + left + x) * PIXEL;
            let Some(under) = self.rgba.get_mut(at..at + 3) else { continue };
            let [blue, green, red, alpha] = *pixel;
            for (under, over) in under.iter_mut().zip([red, green, blue]) {
                let through = u16::from(*under) * u16::from(u8::MAX - alpha) / u16::from(u8::MAX);
                *under = u8::try_from(through + u16::from(over)).unwrap_or(u8::MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use deskside_screen::{Size, View};

    use super::*;

    #[test]
    fn a_smaller_picture_stands_in_the_middle_and_a_larger_one_is_cut() {
        let size = Size::new(2, 1).unwrap();
        let view = View::new(size, 8, &[1, 2, 3, 0, 4, 5, 6, 0]).unwrap();
        let mut canvas = Canvas::new(4, 3);
        assert!(canvas.is_dark());
        canvas.inset(&Picture::of(&view), (1, 1));
        let lit: Vec<_> = canvas.rgba.chunks(4).map(|pixel| pixel[0]).collect();
        assert_eq!(lit, [0, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0, 0]);
        assert_eq!(canvas.rgba[20..24], [3, 2, 1, 255]);
        let mut narrow = Canvas::new(1, 1);
        narrow.inset(&Picture::of(&view), (0, 0));
        assert_eq!(narrow.rgba, [3, 2, 1, 255]);
        canvas.dim();
        assert_eq!(canvas.rgba[20..24], [1, 1, 0, 255]);
    }

    #[test]
    fn a_pointer_lies_over_the_picture_and_is_cut_at_its_edge() {
        let mut canvas = Canvas::new(3, 2);
        let bgra: Vec<u8> = [[0, 0, 200, 255], [50, 0, 0, 127]].concat();
        let shape =
            CursorShape { width: 2, height: 1, bgra: bgra.into(), ..CursorShape::default() };
        canvas.rgba.fill(100);
        canvas.stamp(&shape, (1, 0), (0, 1), (3, 1));
        canvas.stamp(&shape, (-1, -1), (0, 0), (3, 2));
        assert_eq!(canvas.rgba[..12], [100; 12]);
        assert_eq!(canvas.rgba[12..16], [100; 4]);
        assert_eq!(canvas.rgba[16..20], [200, 0, 0, 100]);
        assert_eq!(canvas.rgba[20..23], [50, 50, 100]);
    }
}
