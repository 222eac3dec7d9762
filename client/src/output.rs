//! What reaches standard output: for people a text, with `--json` one object a line and nothing
//! else. Standard error belongs to logs, prompts and the one final error.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::Context as _;
use deskside_protocol::text::visible;
use jiff::Timestamp;
use serde_json::Value;

use crate::failure::OutputClosed;

/// Standard output, or a test's buffer.
#[allow(missing_debug_implementations, reason = "a writer has nothing to show")]
pub struct Output {
    json: bool,
    to: Box<dyn Write + Send>,
}

impl Output {
    /// Standard output.
    #[must_use]
    pub fn standard(json: bool) -> Self {
        Self::new(json, Box::new(io::stdout()))
    }

    /// Any other place.
    #[must_use]
    pub fn new(json: bool, to: Box<dyn Write + Send>) -> Self {
        Self { json, to }
    }

    /// Whether `--json` was given.
    #[must_use]
    pub const fn json(&self) -> bool {
        self.json
    }

    /// Prints `event` with `--json`, `text` without; no line at all for an empty text.
    ///
    /// # Errors
    /// [`OutputClosed`], or what the writer says.
    pub fn show(&mut self, event: &Value, text: &str) -> anyhow::Result<()> {
        if self.json {
            self.line(&json_line(event))
        } else if text.is_empty() {
            Ok(())
        } else {
            self.line(text)
        }
    }

    /// Prints one line and flushes it, so that a script sees it at once.
    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        written(writeln!(self.to, "{line}").and_then(|()| self.to.flush()))
    }

    /// Prints a text as it stands, without `--json` only.
    ///
    /// # Errors
    /// As for [`Output::show`].
    pub fn text(&mut self, text: &str) -> anyhow::Result<()> {
        if self.json || text.is_empty() { Ok(()) } else { self.line(text) }
    }

    /// Prints one object, with `--json` only.
    ///
    /// # Errors
    /// As for [`Output::show`].
    pub fn event(&mut self, event: &Value) -> anyhow::Result<()> {
        self.show(event, "")
    }
}

/// An object as one line of JSON. JSON leaves most of what drives a terminal as it is; here it is
/// written out, which is the same text to whoever parses it.
#[must_use]
pub fn json_line(event: &Value) -> String {
    let line = event.to_string();
    if matches!(visible(&line), Cow::Borrowed(_)) {
        return line;
    }
    // Outside of strings JSON has nothing but ASCII.
    let mut tame = String::with_capacity(line.len() + 64);
    for character in line.chars() {
        let mut bytes = [0; 4];
        match visible(character.encode_utf8(&mut bytes)) {
            Cow::Borrowed(plain) => tame.push_str(plain),
            // None of them is beyond the basic plane.
            Cow::Owned(_) => {
                let _infallible = write!(tame, "\\u{:04x}", u32::from(character));
            }
        }
    }
    tame
}

/// Tells a reader that went away from every other trouble of standard output.
///
/// # Errors
/// [`OutputClosed`], or the error with its context.
pub fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        other => other.context("write to standard output"),
    }
}

/// Rows in aligned columns under `heads`, two spaces apart; the last column is never padded.
#[must_use]
pub fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heads.get(column).map(|head| head.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(heads.to_vec());
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

/// Seconds since the epoch as `2026-11-22 05:50`, in UTC; `-` for 0.
#[must_use]
pub fn minute(seconds: u64) -> String {
    let text = moment(seconds);
    match (seconds, text.get(..16)) {
        (0, _) => "-".to_owned(),
        (_, Some(start)) => start.replace('T', " "),
        (_, None) => text,
    }
}

/// Seconds since the epoch as RFC 3339, in UTC.
#[must_use]
pub fn moment(seconds: u64) -> String {
    let timestamp = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
    timestamp.map_or_else(|| seconds.to_string(), |timestamp| timestamp.to_string())
}

/// Now, in seconds since the epoch.
#[must_use]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A number of bytes for people: `12 B`, `3.4 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// What was printed.
    #[derive(Clone, Default)]
    pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        pub(crate) fn output(&self, json: bool) -> Output {
            Output::new(json, Box::new(self.clone()))
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_is_the_same_to_a_script_and_harmless_to_a_terminal() {
        let driving = "\u{1b}[2J\u{9b}31m\u{202e}\u{85}\u{feff} M\u{fc}ller \u{1f600}";
        let event = serde_json::json!({"event": "x", "name": driving});
        let line = json_line(&event);
        assert!(matches!(visible(&line), Cow::Borrowed(_)), "{line:?}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), event);
        assert!(line.contains("M\u{fc}ller \u{1f600}"), "{line}");
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let rows = [["7".to_owned(), "Müller".to_owned()], ["1001".to_owned(), String::new()]];
        assert_eq!(table(["TICKET", "WHO"], &rows), "TICKET  WHO\n7       Müller\n1001");
    }

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(minute(1_795_326_600), "2026-11-22 05:50");
        assert_eq!(minute(0), "-");
        assert_eq!(moment(1_795_326_600), "2026-11-22T05:50:00Z");
        assert_eq!(moment(u64::MAX), u64::MAX.to_string());
        assert_eq!([size(1023), size(1024), size(3_565_159)], ["1023 B", "1.0 KiB", "3.4 MiB"]);
    }
}
