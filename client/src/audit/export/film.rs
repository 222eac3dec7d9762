//! The screen as a film, by the `ffmpeg` that is installed, 5.1 or later: it is given pictures with their times, and
//! makes a file whose pictures have the same.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use deskside_protocol::exit::Exit;

use super::canvas::Canvas;
use super::matroska;
use super::screen::{self, Sight};
use crate::audit::Tape;
use crate::cli::Form;
use crate::failure::Failure;

/// A picture is shown again after so long, so that a film can be entered there: a second.
const AGAIN_US: u64 = 1_000_000;
/// The last picture stands there for so long: one thirtieth of a second, as every film has it that is
/// not told otherwise.
const LAST_US: u64 = 33_333;
/// Pictures at the most, whatever times a relay wrote: a day of 30 a second.
const MAX_PICTURES: u64 = 24 * 60 * 60 * 30;
/// Bytes of what ffmpeg says that are passed on.
const MAX_WORDS: u64 = 2_000;

/// Makes a film of what `sight` shows at `path`. Gives how many pictures it has.
///
/// # Errors
/// Exit 1 where there is no ffmpeg, or it fails; as [`screen::each`].
pub(super) fn write(tape: &Tape, sight: Sight, form: Form, path: &Path) -> anyhow::Result<u64> {
    let (width, height) = screen::size(tape, sight.span)?.ok_or_else(none)?;
    // Films have half as many rows and columns of colour.
    let mut canvas = Canvas::new(width.next_multiple_of(2), height.next_multiple_of(2));
    let mut words = tempfile::tempfile().context("make room for what ffmpeg says")?;
    let mut child = ffmpeg(form, path, &words)?;
    let mut pipe = child.stdin.take().context("speak to ffmpeg")?;
    let mut roll = Roll { pipe: &mut pipe, from_us: sight.span.from_us, last: None, count: 0 };
    let fed = feed(tape, sight, &mut canvas, &mut roll);
    let count = roll.count;
    drop(pipe);
    let broken = fed.as_ref().is_err_and(is_broken_pipe);
    if fed.is_err() && !broken {
        child.kill().context("end ffmpeg")?;
    }
    let ended = child.wait().context("wait for ffmpeg")?;
    if ended.success() || fed.is_err() && !broken {
        return fed.map(|()| count);
    }
    words.rewind().context("read what ffmpeg says")?;
    let mut said = Vec::new();
    words.take(MAX_WORDS).read_to_end(&mut said).context("read what ffmpeg says")?;
    let said = String::from_utf8_lossy(&said);
    Err(Failure::new(Exit::Other, format!("ffmpeg made no film: {}", said.trim())).into())
}

fn feed(
    tape: &Tape,
    sight: Sight,
    canvas: &mut Canvas,
    roll: &mut Roll<'_, impl Write>,
) -> anyhow::Result<()> {
    let (width, height) = (u32::try_from(canvas.width)?, u32::try_from(canvas.height)?);
    roll.pipe.write_all(&matroska::head(width, height))?;
    screen::each(tape, sight, canvas, |time_us, canvas| roll.show(time_us, canvas))?;
    roll.hold(sight.span.to_us)
}

/// Nobody watched the screen in that time.
pub(super) fn none() -> Failure {
    let sentence = "nobody watched the screen in that time: there is no picture of it";
    Failure::new(Exit::NotFound, sentence)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn ffmpeg(form: Form, path: &Path, words: &File) -> anyhow::Result<Child> {
    let (muxer, codec): (&str, &[&str]) = if form == Form::Webm {
        let quick = ["-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"];
        ("webm", &[&["-c:v", "libvpx-vp9", "-crf", "32", "-b:v", "0"][..], &quick].concat())
    } else {
        (
            "mp4",
            &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-movflags", "+faststart"],
        )
    };
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "matroska", "-i", "pipe:0"])
        .args([
            "-an",
            "-pix_fmt",
            "yuv420p",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:1000",
        ])
        .args(codec)
        .args(["-f", muxer])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(words.try_clone().context("make room for what ffmpeg says")?);
    command.spawn().map_err(|error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let sentence = match missing {
            true => {
                "films are made by ffmpeg, which is not installed here: install it (on Debian \
                     apt install ffmpeg), or take --as apng, which needs nothing"
            }
            false => "ffmpeg cannot be started",
        };
        anyhow::Error::from(error).context(Failure::new(Exit::Other, sentence))
    })
}

/// Pictures on their way to ffmpeg.
struct Roll<'a, W> {
    pipe: &'a mut W,
    from_us: u64,
    last: Option<(u64, Vec<u8>)>,
    count: u64,
}

impl<W: Write> Roll<'_, W> {
    /// Another picture from `time_us` on.
    fn show(&mut self, time_us: u64, canvas: &Canvas) -> anyhow::Result<()> {
        self.hold(time_us)?;
        self.put(time_us, &canvas.rgba)?;
        self.last = Some((time_us, canvas.rgba.clone()));
        Ok(())
    }

    /// The last picture is shown again and again until just before `time_us`: a picture's own time to
    /// stand is not told to ffmpeg, and it takes the one before it for that.
    fn hold(&mut self, time_us: u64) -> anyhow::Result<()> {
        let Some((mut shown_us, pixels)) = self.last.take() else { return Ok(()) };
        let before_us = time_us.saturating_sub(LAST_US);
        while shown_us.saturating_add(AGAIN_US) < before_us {
            shown_us += AGAIN_US;
            self.put(shown_us, &pixels)?;
        }
        if shown_us < before_us { self.put(before_us, &pixels) } else { Ok(()) }
    }

    fn put(&mut self, time_us: u64, pixels: &[u8]) -> anyhow::Result<()> {
        if self.count >= MAX_PICTURES {
            let sentence = format!(
                "there are more than {MAX_PICTURES} pictures in that time: take less of it with \
                 --from and --to"
            );
            return Err(Failure::new(Exit::Other, sentence).into());
        }
        let time_ms = time_us.saturating_sub(self.from_us) / 1_000;
        self.pipe.write_all(&matroska::picture_head(time_ms, pixels.len()))?;
        self.pipe.write_all(pixels)?;
        self.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shown_again_until_the_next_and_to_the_end() {
        let mut pipe = Vec::new();
        let mut roll = Roll { pipe: &mut pipe, from_us: 1_000_000, last: None, count: 0 };
        let canvas = Canvas::new(1, 1);
        roll.show(1_000_000, &canvas).unwrap();
        roll.show(3_500_000, &canvas).unwrap();
        roll.show(3_533_000, &canvas).unwrap();
        roll.hold(3_600_000).unwrap();
        let count = usize::try_from(roll.count).unwrap();
        let clusters: Vec<_> = pipe.chunks(pipe.len() / count).collect();
        let times: Vec<_> = clusters
            .iter()
            .map(|cluster| u64::from_be_bytes(cluster[21..29].try_into().unwrap()))
            .collect();
        assert_eq!(times, [0, 1_000, 2_000, 2_466, 2_500, 2_533, 2_566]);
    }

    #[test]
    fn a_film_has_an_end_whatever_the_times() {
        let mut nowhere = std::io::sink();
        let mut roll = Roll { pipe: &mut nowhere, from_us: 0, last: None, count: 0 };
        roll.show(0, &Canvas::new(1, 1)).unwrap();
        assert!(roll.hold(u64::MAX).unwrap_err().to_string().contains("take less of it"));
        assert_eq!(roll.count, MAX_PICTURES);
    }
}
