//! The screen at one moment as PNG, and PNG as such. Where nobody watched, but a picture was taken
//! before, it is that one, as it came.
#![allow(clippy::wildcard_enum_match_arm, reason = "only pictures are looked at")]

use std::io::Write;
use std::ops::ControlFlow;

use deskside_story::{Story, What};

use super::film::none;
use super::screen::{self, Canvas};
use crate::audit::Tape;

/// Bytes of a picture that was taken: as many as `deskside screenshot` takes.
const MAX_PICTURE: usize = 256 * 1024 * 1024;

/// Writes the screen at `at_us`. Gives its size in pixels, where that is known.
///
/// # Errors
/// Exit 5 where there is no picture by then; what the disk says, or the recording.
pub(super) fn write(
    tape: &Tape,
    at_us: u64,
    cursor: bool,
    out: &mut dyn Write,
) -> anyhow::Result<(usize, usize)> {
    let film = screen::at(tape, at_us)?;
    let Some(picture) = film.picture() else {
        let (png, size) = taken(tape, at_us)?.ok_or_else(none)?;
        out.write_all(&png)?;
        return Ok(size);
    };
    let mut canvas = Canvas::new(picture.size().width(), picture.size().height());
    canvas.draw(&film, cursor);
    out.write_all(&png(&canvas)?)?;
    Ok((canvas.width, canvas.height))
}

/// The canvas as PNG, without its alpha.
///
/// # Errors
/// Where it has no pixels.
pub(super) fn png(canvas: &Canvas) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let (width, height) = (u32::try_from(canvas.width)?, u32::try_from(canvas.height)?);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let rgb: Vec<u8> =
        canvas.rgba.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(bytes)
}

/// A PNG, and its size in pixels.
type Taken = (Vec<u8>, (usize, usize));

/// The last picture that was whole by `at_us`.
fn taken(tape: &Tape, at_us: u64) -> anyhow::Result<Option<Taken>> {
    let mut story = Story::new();
    let (mut open, mut whole) = (None, None);
    tape.play(|entry| {
        if entry.time_us > at_us {
            return ControlFlow::Continue(());
        }
        story.feed(entry);
        while let Some(happening) = story.poll() {
            match happening.what {
                What::Screenshot { width, height, bytes, .. } => {
                    let size = (width as usize, height as usize);
                    open = Some((happening.number, size, bytes, Vec::new()));
                }
                What::ScreenshotPart { of, bytes } => {
                    let Some((number, size, wanted, png)) = &mut open else { continue };
                    if *number == of && png.len() + bytes.len() <= MAX_PICTURE {
                        png.extend_from_slice(&bytes);
                    }
                    if png.len() as u64 == *wanted {
                        whole = Some((std::mem::take(png), *size));
                    }
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(whole)
}
