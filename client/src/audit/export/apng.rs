//! The screen as a moving PNG, which browsers show and which needs no other program. Each picture
//! holds what is another than in the one before.

use std::io::Write;

use deskside_protocol::exit::Exit;
use png::{BlendOp, ColorType, DisposeOp, Encoder};

use super::canvas::{Canvas, PIXEL};
use super::film::none;
use super::screen::{self, Sight};
use crate::audit::Tape;
use crate::failure::Failure;

/// Pictures at the most: an hour of some typing, or ten minutes of a film on the screen.
const MAX_PICTURES: u32 = 20_000;
/// The longest time that a picture can stand there: what fits into 16 bits of milliseconds.
const LONGEST_MS: u64 = u16::MAX as u64;

/// A part of the canvas: column and row, width and height.
type Part = ((usize, usize), (usize, usize));

/// Writes what `sight` shows. Gives how many pictures it has.
///
/// # Errors
/// Exit 5 where there is none, 1 where there are more than fit; what the disk says, or the recording.
pub(super) fn write(tape: &Tape, sight: Sight, out: &mut dyn Write) -> anyhow::Result<u32> {
    let (width, height) = screen::size(tape, sight.span)?.ok_or_else(none)?;
    let mut canvas = Canvas::new(width, height);
    // How many there are stands before the first.
    let mut count = 0;
    let mut roll = Roll::new(counting(&mut count));
    screen::each(tape, sight, &mut canvas, |time_us, canvas| roll.show(time_us, canvas))?;
    roll.finish(sight.span.to_us)?;
    let mut encoder = Encoder::new(out, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(ColorType::Rgb);
    encoder.set_animated(count, 1)?;
    encoder.set_dispose_op(DisposeOp::None)?;
    encoder.set_blend_op(BlendOp::Source)?;
    let mut writer = encoder.write_header()?;
    let mut roll = Roll::new(|((x, y), (width, height)): Part, shown_ms: u16, rgb: &[u8]| {
        writer.set_frame_position(0, 0)?;
        writer.set_frame_dimension(u32::try_from(width)?, u32::try_from(height)?)?;
        writer.set_frame_position(u32::try_from(x)?, u32::try_from(y)?)?;
        writer.set_frame_delay(shown_ms, 1_000)?;
        Ok(writer.write_image_data(rgb)?)
    });
    screen::each(tape, sight, &mut canvas, |time_us, canvas| roll.show(time_us, canvas))?;
    roll.finish(sight.span.to_us)?;
    writer.finish()?;
    Ok(count)
}

/// Counts as far as there may be pictures: times are the relay's, and may be any.
fn counting(count: &mut u32) -> impl FnMut(Part, u16, &[u8]) -> anyhow::Result<()> {
    move |_, _, _| {
        if *count >= MAX_PICTURES {
            let sentence = format!(
                "there are more than {MAX_PICTURES} pictures in that time: take less of it with \
                 --from and --to, or a film"
            );
            return Err(Failure::new(Exit::Other, sentence).into());
        }
        *count += 1;
        Ok(())
    }
}

/// Pictures whose time to stand is known once the next one comes.
struct Roll<F> {
    put: F,
    shown: Option<Shown>,
}

/// The last picture: since when it stands there, what of it is new, and all of it.
struct Shown {
    since_ms: u64,
    part: Part,
    whole: Canvas,
}

impl<F: FnMut(Part, u16, &[u8]) -> anyhow::Result<()>> Roll<F> {
    const fn new(put: F) -> Self {
        Self { put, shown: None }
    }

    fn show(&mut self, time_us: u64, canvas: &Canvas) -> anyhow::Result<()> {
        let now_ms = time_us / 1_000;
        let Some(shown) = self.shown.take() else {
            let part = ((0, 0), (canvas.width, canvas.height));
            self.shown = Some(Shown { since_ms: now_ms, part, whole: canvas.clone() });
            return Ok(());
        };
        let part = difference(&shown.whole, canvas);
        self.stand(&shown, now_ms.saturating_sub(shown.since_ms))?;
        let mut whole = shown.whole;
        whole.rgba.copy_from_slice(&canvas.rgba);
        self.shown = Some(Shown { since_ms: now_ms, part, whole });
        Ok(())
    }

    /// The last picture stands until `to_us`.
    fn finish(mut self, to_us: u64) -> anyhow::Result<()> {
        let Some(shown) = self.shown.take() else { return Ok(()) };
        self.stand(&shown, (to_us / 1_000).saturating_sub(shown.since_ms))
    }

    /// Puts the picture, and a pixel of it again where it stands longer than can be said at once.
    fn stand(&mut self, shown: &Shown, shown_ms: u64) -> anyhow::Result<()> {
        let (mut part, mut left) = (shown.part, shown_ms);
        loop {
            let now = left.min(LONGEST_MS);
            let rgb = cut(&shown.whole, part);
            (self.put)(part, u16::try_from(now).unwrap_or(u16::MAX), &rgb)?;
            left -= now;
            if left == 0 {
                return Ok(());
            }
            part = ((0, 0), (1, 1));
        }
    }
}

fn cut(canvas: &Canvas, ((x, y), (width, height)): Part) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(width * height * 3);
    for row in y..y + height {
        let at = (row * canvas.width + x) * PIXEL;
        let row = canvas.rgba.get(at..at + width * PIXEL).unwrap_or_default();
        rgb.extend(row.as_chunks::<PIXEL>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]));
    }
    rgb
}

/// The smallest part that holds all that differs; one pixel where nothing does.
fn difference(before: &Canvas, now: &Canvas) -> Part {
    let row = before.width * PIXEL;
    let rows = before.rgba.chunks(row).zip(now.rgba.chunks(row)).enumerate();
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
    for (y, (old, new)) in rows.filter(|(_, (old, new))| old != new) {
        (top, bottom) = (top.min(y), y + 1);
        let mut differ = old.iter().zip(new).map(|(old, new)| old != new);
        let first = differ.position(|differs| differs).unwrap_or_default();
        let last = old.iter().zip(new).rposition(|(old, new)| old != new).unwrap_or_default();
        (left, right) = (left.min(first / PIXEL), right.max(last / PIXEL + 1));
    }
    if top == usize::MAX { ((0, 0), (1, 1)) } else { ((left, top), (right - left, bottom - top)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_cut_out_and_put_back() {
        let before = Canvas::new(5, 4);
        let mut now = before.clone();
        now.rgba[(5 + 2) * PIXEL] = 9;
        now.rgba[(2 * 5 + 3) * PIXEL + 2] = 7;
        assert_eq!(difference(&before, &now), ((2, 1), (2, 2)));
        assert_eq!(cut(&now, ((2, 1), (2, 2))), [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(difference(&now, &now), ((0, 0), (1, 1)));
    }

    #[test]
    fn a_picture_that_stands_long_is_put_again() {
        let mut put = Vec::new();
        let mut roll = Roll::new(|part: Part, shown_ms, rgb: &[u8]| {
            put.push((part.1, shown_ms, rgb.len()));
            Ok(())
        });
        let canvas = Canvas::new(2, 2);
        roll.show(0, &canvas).unwrap();
        roll.show(70_000_000, &canvas).unwrap();
        roll.finish(70_001_000).unwrap();
        assert_eq!(put, [((2, 2), 65_535, 12), ((1, 1), 4_465, 3), ((1, 1), 1, 3)]);
    }

    #[test]
    fn a_picture_that_stands_for_ever_is_too_many() {
        let mut count = 0;
        let mut roll = Roll::new(counting(&mut count));
        roll.show(0, &Canvas::new(1, 1)).unwrap();
        assert!(roll.finish(u64::MAX).unwrap_err().to_string().contains("take less of it"));
        assert_eq!(count, MAX_PICTURES);
    }
}
