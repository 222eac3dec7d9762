//! The recording of an hour that took no hour.

use std::path::Path;
use std::time::Duration;

use deskside_screen::{Encoder, Rect, Size, View};

use super::office::{HEIGHT, Office, WIDTH};
use crate::forged::{Made, Tape};

/// Frames between two commands.
const COMMANDS: u64 = 200;

/// Writes `frames` of office work or of a video over `minutes` to `path`, and the auditor's identity
/// beside it. Gives how many frames it has become.
pub(super) fn write(
    path: &Path,
    frames: u64,
    minutes: u64,
    video: bool,
) -> anyhow::Result<(u64, Made)> {
    let mut tape = Tape::create(path, "An hour at the office")?;
    let (mut office, size) = (Office::new(), Size::new(WIDTH, HEIGHT)?);
    tape.watch(size)?;
    let mut encoder = Encoder::new(size)?;
    let step_us = minutes * 60_000_000 / frames.max(1);
    let (mut damage, mut made) = (size.rect(), 0);
    for number in 0..frames {
        tape.at(number * step_us);
        let view = View::new(size, WIDTH * 4, &office.pixels)?;
        let now = Duration::from_micros(number * step_us);
        if let Some(coded) = encoder.frame(&view, &[damage], now)? {
            tape.frame(&coded)?;
            encoder.acknowledge(coded.frame.number);
            made += 1;
        }
        if number % COMMANDS == 0 {
            let word = format!("error-{number}");
            let output = format!("{word}: the printer is on fire\n").repeat(20);
            tape.command(&["grep", &word, "/var/log/syslog"], &output)?;
        }
        let (x, y, width, height) = if video { office.photo() } else { office.work() };
        damage = Rect { x, y, width, height };
    }
    Ok((made, tape.finish()?))
}
