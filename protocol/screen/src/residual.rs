//! Exact pixels of pictures: what a simple prediction leaves is small numbers, which zstd's Huffman
//! coding packs better than it packs pixels. A zstd frame of its own, since noise is of no use in the
//! dictionary of text.
//!
//! Three planes, each over all rectangles: green, red less green, blue less green, modulo 256. A
//! value is predicted by the median of the left one, the upper one, and left plus upper less upper
//! left (LOCO-I, ITU-T T.87); in the first row by the left one, in the first column by the upper one.

use bytes::Bytes;

use crate::{DecodeError, EncodeError, Picture, Rect};

/// zstd's fastest. Higher levels look for repeats, of which noise has none.
const LEVEL: i32 = 1;

/// One plane of a pixel.
type Plane = fn(u32) -> u8;

const PLANES: [Plane; 3] =
    [green, |it| red(it).wrapping_sub(green(it)), |it| blue(it).wrapping_sub(green(it))];

const fn red(pixel: u32) -> u8 {
    pixel.to_le_bytes()[2]
}

const fn green(pixel: u32) -> u8 {
    pixel.to_le_bytes()[1]
}

const fn blue(pixel: u32) -> u8 {
    pixel.to_le_bytes()[0]
}

/// Codes the rectangles of `picture`.
pub(crate) fn encode(picture: &Picture, rects: &[Rect]) -> Result<Bytes, EncodeError> {
    let mut residuals = Vec::with_capacity(3 * rects.iter().map(Rect::pixels).sum::<usize>());
    for plane in PLANES {
        for rect in rects {
            differences(picture, *rect, plane, &mut residuals);
        }
    }
    let packed = zstd::bulk::compress(&residuals, LEVEL).map_err(|_| EncodeError::Zstd)?;
    Ok(packed.into())
}

fn differences(picture: &Picture, rect: Rect, plane: Plane, out: &mut Vec<u8>) {
    let (mut above, mut line) = (Vec::new(), Vec::with_capacity(rect.width));
    for row in picture.rows(rect) {
        line.clear();
        line.extend(row.iter().map(|pixel| plane(*pixel)));
        let start = out.len();
        out.extend_from_slice(&line);
        for ((out, value), predicted) in
            out.iter_mut().skip(start).zip(&line).zip(Predictions::of(&line, &above))
        {
            *out = value.wrapping_sub(predicted);
        }
        std::mem::swap(&mut above, &mut line);
    }
}

/// What each value of a line is predicted to be, while the line is known.
struct Predictions<'a> {
    line: std::slice::Iter<'a, u8>,
    above: std::slice::Iter<'a, u8>,
    before: Option<(u8, u8)>,
    first: bool,
}

impl<'a> Predictions<'a> {
    fn of(line: &'a [u8], above: &'a [u8]) -> Self {
        Self { line: line.iter(), above: above.iter(), before: None, first: above.is_empty() }
    }
}

impl Iterator for Predictions<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let value = *self.line.next()?;
        let up = if self.first { 0 } else { *self.above.next()? };
        let predicted = predict(self.before, up, self.first);
        self.before = Some((value, up));
        Some(predicted)
    }
}

/// `before` is the left value and the one above that.
fn predict(before: Option<(u8, u8)>, up: u8, first: bool) -> u8 {
    match before {
        None => up,
        Some((left, _)) if first => left,
        Some((left, corner)) => {
            let (low, high) = (left.min(up), left.max(up));
            // Between low and high, as the median is, the sum is exact modulo 256.
            if corner >= high {
                low
            } else if corner <= low {
                high
            } else {
                left.wrapping_add(up).wrapping_sub(corner)
            }
        }
    }
}

/// What [`paint`] paints into these rectangles; nothing where there are none.
pub(crate) fn unpack(packed: &[u8], rects: &[Rect]) -> Result<Vec<u8>, DecodeError> {
    let pixels: usize = rects.iter().map(Rect::pixels).sum();
    match (pixels, packed) {
        (0, []) => return Ok(Vec::new()),
        (0, _) | (_, []) => return Err(DecodeError::Malformed),
        _ => {}
    }
    let residuals = zstd::bulk::decompress(packed, 3 * pixels).map_err(|_| DecodeError::Zstd)?;
    if residuals.len() == 3 * pixels { Ok(residuals) } else { Err(DecodeError::Malformed) }
}

/// Puts the rectangles into `picture`. They have to fit it, and to be those of the [`unpack`].
pub(crate) fn paint(residuals: &[u8], picture: &mut Picture, rects: &[Rect]) {
    let pixels = residuals.len() / PLANES.len();
    if pixels == 0 {
        return;
    }
    let mut planes = residuals.chunks(pixels);
    let mut next = || planes.next().unwrap_or_default();
    let (mut greens, mut reds, mut blues) = (next(), next(), next());
    for rect in rects {
        let mut lines = [Vec::new(), Vec::new(), Vec::new()];
        for y in rect.y..rect.y + rect.height {
            for (plane, line) in [&mut greens, &mut reds, &mut blues].into_iter().zip(&mut lines) {
                let Some((now, rest)) = plane.split_at_checked(rect.width) else { return };
                *plane = rest;
                restore(now, line);
            }
            let [green, red, blue] = &lines;
            let row = picture.row_mut(rect.x, y, rect.width);
            for (((pixel, green), red), blue) in row.iter_mut().zip(green).zip(red).zip(blue) {
                let (red, blue) = (red.wrapping_add(*green), blue.wrapping_add(*green));
                *pixel = u32::from_le_bytes([blue, *green, red, 0]);
            }
        }
    }
}

/// Makes the line above the next one.
fn restore(differences: &[u8], line: &mut Vec<u8>) {
    let first = line.is_empty();
    line.resize(differences.len(), 0);
    let mut before = None;
    for (slot, difference) in line.iter_mut().zip(differences) {
        let up = *slot;
        let value = predict(before, up, first).wrapping_add(*difference);
        before = Some((value, up));
        *slot = value;
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::Size;
    use proptest::prelude::*;

    fn picture(width: usize, height: usize, pixel: impl Fn(usize, usize) -> u32) -> Picture {
        let mut picture = Picture::new(Size::new(width, height).unwrap());
        for y in 0..height {
            for x in 0..width {
                picture.row_mut(x, y, 1)[0] = pixel(x, y) & 0xff_ffff;
            }
        }
        picture
    }

    #[test]
    fn a_gradient_is_almost_nothing() {
        let smooth = picture(200, 100, |x, y| ((x << 16) | (y << 8) | (x / 2 + y)) as u32);
        let rects = [smooth.size().rect()];
        let packed = encode(&smooth, &rects).unwrap();
        assert!(packed.len() < 2_000, "{}", packed.len());
        let mut back = Picture::new(smooth.size());
        paint(&unpack(&packed, &rects).unwrap(), &mut back, &rects);
        assert_eq!(back, smooth);
    }

    proptest! {
        #[test]
        fn pixels_come_back(seed in any::<u32>(), width in 1..40_usize, height in 1..30_usize) {
            let noise = picture(width, height, |x, y| {
                (seed ^ (x * 131 + y * 31) as u32).wrapping_mul(2_654_435_761)
            });
            let (left, top) = (width / 2, height / 3);
            let rects: Vec<_> = [
                Rect { x: 0, y: 0, width: left, height },
                Rect { x: left, y: top, width: width - left, height: height - top },
            ]
            .into_iter()
            .filter(|rect| rect.pixels() > 0)
            .collect();
            let packed = encode(&noise, &rects).unwrap();
            let mut back = Picture::new(noise.size());
            paint(&unpack(&packed, &rects).unwrap(), &mut back, &rects);
            for rect in &rects {
                prop_assert!(back.rows(*rect).eq(noise.rows(*rect)));
            }
            prop_assert!(unpack(&packed[..packed.len() - 1], &rects).is_err());
            prop_assert!(unpack(&packed, &rects[..1]).is_err() || rects.len() == 1);
            prop_assert!(unpack(&packed, &[]).is_err() && unpack(&[], &rects).is_err());
        }
    }
}
