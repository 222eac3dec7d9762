//! Which pixels a triangle covers: exactly, in whole numbers of 1/256 pixel.

use crate::painter::Clip;

/// Parts of a pixel: 8 bits, as graphics hardware has them.
const PARTS: i64 = 256;
/// The centre of a pixel.
const CENTRE: i64 = PARTS / 2;
/// Corners farther out than this many pixels are left out: twice the longest side that X11 names.
const FARTHEST: f32 = 131_072.0;

/// A side: its value at a point is 0 on the line and positive inside, `x` and `y` in parts.
#[derive(Debug, Clone, Copy)]
struct Side {
    /// Change of the value with each part to the right.
    across: i64,
    /// With each part down.
    down: i64,
    at_origin: i64,
}

impl Side {
    fn between(from: (i64, i64), to: (i64, i64)) -> Self {
        let (across, down) = (from.1 - to.1, to.0 - from.0);
        // The top-left rule: a pixel on a right or lower side belongs to the neighbour.
        let owns = across > 0 || (across == 0 && down > 0);
        let at_origin = -(across * from.0 + down * from.1) - i64::from(!owns);
        Self { across, down, at_origin }
    }

    /// The pixels of a row that are inside, cut to `from..to`.
    fn within(self, y: i64, from: i64, to: i64) -> (i64, i64) {
        // Of the centre of pixel 0 of the row.
        let value = self.at_origin + self.across * CENTRE + self.down * (y * PARTS + CENTRE);
        let step = self.across * PARTS;
        match step {
            0 if value < 0 => (from, from),
            0 => (from, to),
            1.. => (from.max(-value.div_euclid(step)), to),
            _ => (from, to.min(value.div_euclid(-step) + 1)),
        }
    }
}

/// Three corners, in whichever order.
#[derive(Debug)]
pub(crate) struct Triangle {
    sides: [Side; 3],
    top: i64,
    bottom: i64,
    corners: [(f32, f32); 3],
    /// Twice the area in square pixels, signed by the order of the corners.
    area: f32,
}

impl Triangle {
    /// `None` for one without an area.
    pub(crate) fn new(corners: [(f32, f32); 3]) -> Option<Self> {
        let far = |(x, y): &(f32, f32)| !(x.abs() < FARTHEST && y.abs() < FARTHEST);
        if corners.iter().any(far) {
            return None;
        }
        let [a, b, c] = corners.map(|(x, y)| (parts(x), parts(y)));
        let doubled = (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
        let (b, c) = match doubled {
            0 => return None,
            1.. => (b, c),
            _ => (c, b),
        };
        let ys = [a.1, b.1, c.1];
        let (top, bottom) = (ys.iter().min()?, ys.iter().max()?);
        let [(ax, ay), (bx, by), (cx, cy)] = corners;
        Some(Self {
            sides: [Side::between(a, b), Side::between(b, c), Side::between(c, a)],
            top: top.div_euclid(PARTS),
            bottom: bottom.div_euclid(PARTS) + 1,
            area: (bx - ax) * (cy - ay) - (by - ay) * (cx - ax),
            corners,
        })
    }

    /// Calls `draw` with each row that is covered: y, the first pixel, the one behind the last.
    pub(crate) fn rows(&self, clip: Clip, mut draw: impl FnMut(usize, usize, usize)) {
        let whole = |pixels: usize| i64::try_from(pixels).unwrap_or(i64::MAX);
        let (left, right) = (whole(clip.left), whole(clip.right));
        for y in self.top.max(whole(clip.top))..self.bottom.min(whole(clip.bottom)) {
            let (mut from, mut to) = (left, right);
            for side in self.sides {
                (from, to) = side.within(y, from, to);
            }
            if let (true, Ok(y), Ok(from), Ok(to)) =
                (from < to, usize::try_from(y), usize::try_from(from), usize::try_from(to))
            {
                draw(y, from, to);
            }
        }
    }

    /// What the corners have, at the centre of a pixel, and its change with each pixel to the right.
    #[allow(clippy::cast_precision_loss, reason = "a place in a window is exact in a float")]
    pub(crate) fn shaded<const N: usize>(
        &self,
        shades: &[[f32; N]; 3],
        x: usize,
        y: usize,
    ) -> ([f32; N], [f32; N]) {
        let [(ax, ay), (bx, by), (cx, cy)] = self.corners;
        let (x, y) = (x as f32 + 0.5 - ax, y as f32 + 0.5 - ay);
        // How much of b and c is in the point, and in each pixel to the right.
        let of_b = (x * (cy - ay) - y * (cx - ax)) / self.area;
        let of_c = (y * (bx - ax) - x * (by - ay)) / self.area;
        let (more_b, more_c) = ((cy - ay) / self.area, -(by - ay) / self.area);
        let [a, b, c] = shades;
        let mix = |of_b: f32, of_c: f32, i: usize| (b[i] - a[i]) * of_b + (c[i] - a[i]) * of_c;
        let at = std::array::from_fn(|i| a[i] + mix(of_b, of_c, i));
        (at, std::array::from_fn(|i| mix(more_b, more_c, i)))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "bounded by FARTHEST")]
fn parts(place: f32) -> i64 {
    (f64::from(place) * 256.0).round() as i64
}
