//! The screen at one moment as PNG, and PNG as such. Where nobody watched, but a picture was taken
//! before, it is that one, as it came.
#![allow(clippy::wildcard_enum_match_arm, reason = "only pictures are looked at")]

use std::io::Write;
use std::ops::ControlFlow;

use deskside_protocol::wire::message::Screenshot;
use deskside_story::{Happening, Story, What};

use super::canvas::Canvas;
use super::film::none;
use super::screen;
use crate::audit::Tape;
use crate::commands::screenshot::{check, within_limits};

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
    let (mut story, mut taking) = (Story::new(), Taking::default());
    tape.play(|entry| {
        if entry.time_us > at_us {
            return ControlFlow::Continue(());
        }
        story.feed(entry);
        while let Some(happening) = story.poll() {
            taking.take(happening);
        }
        ControlFlow::Continue(())
    })?;
    Ok(taking.whole)
}

/// Puts pictures together as they came, and keeps the last that is what it was said to be: the user's
/// computer may have sent anything.
#[derive(Debug, Default)]
struct Taking {
    /// Its number, what was said of it, and what is there of it.
    open: Option<(u64, Screenshot, Vec<u8>)>,
    whole: Option<Taken>,
}

impl Taking {
    fn take(&mut self, happening: Happening) {
        match happening.what {
            What::Screenshot { width, height, bytes, .. } => {
                let told = Screenshot { width, height, bytes };
                let taken = within_limits(&told).is_ok();
                self.open = taken.then(|| (happening.number, told, Vec::new()));
            }
            What::ScreenshotPart { of, bytes } => {
                let open = self.open.take_if(|(number, told, png)| {
                    if *number == of {
                        png.extend_from_slice(&bytes);
                    }
                    png.len() as u64 >= told.bytes
                });
                if let Some((_, told, png)) = open
                    && png.len() as u64 == told.bytes
                    && check(&png, &told).is_ok()
                {
                    self.whole = Some((png, (told.width as usize, told.height as usize)));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use deskside_protocol::session::End;

    use super::*;

    fn taken(taking: &mut Taking, (width, height): (u32, u32), png: &[u8], length: usize) {
        let bytes = length as u64;
        let begun = What::Screenshot { monitor: 0, width, height, bytes };
        let parts = png
            .chunks(20)
            .map(|part| What::ScreenshotPart { of: 7, bytes: Bytes::copy_from_slice(part) });
        for what in std::iter::once(begun).chain(parts) {
            taking.take(Happening { number: 7, line: 0, from: End::Agent, time_us: 0, what });
        }
    }

    #[test]
    fn only_a_picture_that_is_what_it_was_said_to_be_is_kept() {
        let mut taking = Taking::default();
        let good = png(&Canvas::new(3, 2)).unwrap();
        let mut damaged = good.clone();
        damaged[good.len() - 20] ^= 1;
        taken(&mut taking, (3, 2), &good[..good.len() - 1], good.len());
        taken(&mut taking, (3, 2), b"<script>not a picture</script>", 30);
        taken(&mut taking, (3, 2), &damaged, damaged.len());
        taken(&mut taking, (2, 3), &good, good.len());
        taken(&mut taking, (3, 2), &good, good.len() - 1);
        taken(&mut taking, (0, 2), &good, good.len());
        assert_eq!(taking.whole, None);
        taken(&mut taking, (3, 2), &good, good.len());
        taken(&mut taking, (3, 2), &damaged, damaged.len());
        assert_eq!(taking.whole, Some((good, (3, 2))));
    }
}
