//! Commands and what they printed as a terminal recording: asciicast v3
//! (<https://docs.asciinema.org/manual/asciicast/v3/>), one JSON array for each event behind a line
//! that says what it is. Each command stands behind a prompt, with a marker, so that a player jumps to
//! it; how it ended stands below, and the recording ends as its last command did.
#![allow(clippy::wildcard_enum_match_arm, reason = "only commands are shown")]

use std::collections::BTreeMap;
use std::io::Write;

use deskside_story::{Happening, Outcome, What};
use serde_json::json;

use super::span::Span;
use super::spool::Spool;
use crate::audit::Tape;
use crate::output::json_line;

/// Of a terminal that is usual; commands have none of their own.
const SIZE: (u32, u32) = (80, 24);
/// Commands under way at once whose halves of characters are kept, of four bytes each.
const MAX_OPEN: usize = 8_192;

/// What stands in one line of the file.
type Event = (&'static str, String);

/// Writes the commands of `span`. Gives how many that are.
///
/// # Errors
/// What the disk says, or the recording.
pub(super) fn write(tape: &Tape, span: Span, out: &mut dyn Write) -> anyhow::Result<u64> {
    let mut spool = Spool::new()?;
    let (mut terminal, mut sums) = (Terminal::default(), Sums::default());
    tape.happenings(|happening| {
        let events = terminal.told(happening);
        if !span.has(happening.time_us) {
            return Ok(());
        }
        sums.take(happening);
        events.into_iter().try_for_each(|(code, data)| {
            spool.push(happening.time_us, json!([code, data]).to_string().as_bytes())
        })
    })?;
    let seconds = span.from_us / 1_000_000;
    let title = format!("Deskside session {}", tape.session());
    let (cols, rows) = SIZE;
    let header = json!({"version": 3, "term": {"cols": cols, "rows": rows},
        "timestamp": seconds, "title": title});
    writeln!(out, "{}", json_line(&header))?;
    let mut clock = Clock { last: span.from_us };
    spool.each(
        |times| times.sort_by_key(|(time, _)| *time),
        |time, event| {
            let [code, data]: [String; 2] = serde_json::from_slice(event)?;
            Ok(writeln!(out, "{}", clock.line(*time, &code, &data))?)
        },
    )?;
    if let Some((_, exit)) = sums.last {
        writeln!(out, "{}", clock.line(clock.last, "x", &exit.to_string()))?;
    }
    Ok(sums.commands)
}

/// Of the commands that are shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    /// How many began.
    commands: u64,
    /// When the last of them ended, and how.
    last: Option<(u64, i32)>,
}

impl Sums {
    fn take(&mut self, happening: &Happening) {
        match &happening.what {
            What::Command { .. } => self.commands += 1,
            What::CommandEnded { how, .. } => {
                let ended = code(*how).map(|code| (happening.time_us, code));
                let later =
                    |(time, _): &(u64, i32)| self.last.is_none_or(|(last, _)| last <= *time);
                self.last = ended.filter(later).or(self.last);
            }
            _ => {}
        }
    }
}

/// Times are seconds since the event before, in whole milliseconds, and their sum is never off by more.
struct Clock {
    last: u64,
}

impl Clock {
    fn line(&mut self, time_us: u64, code: &str, data: &str) -> String {
        let passed_ms = time_us.saturating_sub(self.last) / 1_000;
        self.last += passed_ms * 1_000;
        let (seconds, rest) = (passed_ms / 1_000, passed_ms % 1_000);
        let (code, data) = (json_line(&code.into()), json_line(&data.into()));
        format!("[{seconds}.{rest:03}, {code}, {data}]")
    }
}

/// What a terminal would have shown.
#[derive(Debug, Default)]
struct Terminal {
    /// The first bytes of a character whose rest comes with the next message, by command and whether
    /// it is of standard error.
    halves: BTreeMap<(u64, bool), Vec<u8>>,
}

impl Terminal {
    fn told(&mut self, happening: &Happening) -> Vec<Event> {
        match &happening.what {
            What::Command { argv, .. } => {
                let line = argv.join(" ");
                vec![("m", line.clone()), ("o", format!("$ {}\r\n", lines(&line)))]
            }
            What::CommandInput { bytes, .. } => {
                vec![("i", String::from_utf8_lossy(bytes).into_owned())]
            }
            What::Output { of, stderr, bytes } => {
                let text = self.text((*of, *stderr), bytes);
                if text.is_empty() { Vec::new() } else { vec![("o", lines(&text))] }
            }
            What::CommandEnded { of, how } => {
                let mut events = Vec::new();
                for stderr in [false, true] {
                    if let Some(half) = self.halves.remove(&(*of, stderr)) {
                        events.push(("o", String::from_utf8_lossy(&half).into_owned()));
                    }
                }
                events.push(("o", format!("[{}]\r\n", ended(*how))));
                events
            }
            _ => Vec::new(),
        }
    }

    /// What is there as text; what is none is shown as U+FFFD.
    fn text(&mut self, key: (u64, bool), bytes: &[u8]) -> String {
        let mut all = self.halves.remove(&key).unwrap_or_default();
        all.extend_from_slice(bytes);
        let behind = match std::str::from_utf8(&all) {
            Err(error) if error.error_len().is_none() => all.split_off(error.valid_up_to()),
            Ok(_) | Err(_) => whole_behind(&mut all),
        };
        if !behind.is_empty() && self.halves.len() < MAX_OPEN {
            self.halves.insert(key, behind);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Takes away a character that is not whole at the end of what is not all text.
fn whole_behind(bytes: &mut Vec<u8>) -> Vec<u8> {
    let last = bytes.utf8_chunks().last();
    let cut = last.map_or(0, |last| {
        let open = std::str::from_utf8(last.invalid()).err();
        if open.is_some_and(|error| error.error_len().is_none()) { last.invalid().len() } else { 0 }
    });
    bytes.split_off(bytes.len() - cut)
}

/// As a terminal wants its lines ended; a command without one ends them plainly.
fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        if character == '\n' && before != '\r' {
            shown.push('\r');
        }
        shown.push(character);
        before = character;
    }
    shown
}

const fn code(how: Outcome) -> Option<i32> {
    match how {
        Outcome::Exited(code) => Some(code),
        Outcome::Killed(signal) => Some(signal.saturating_add(128)),
        // As `exec` passes it on.
        Outcome::TimedOut => Some(124),
        Outcome::Refused | Outcome::BrokenOff { .. } | Outcome::Unknown => None,
    }
}

fn ended(how: Outcome) -> String {
    match how {
        Outcome::Exited(code) => format!("exit {code}"),
        Outcome::Killed(signal) => format!("killed by signal {signal}"),
        Outcome::TimedOut => "its time was over".to_owned(),
        Outcome::Refused => "refused".to_owned(),
        Outcome::BrokenOff { by, .. } => format!("broken off by the {by}"),
        Outcome::Unknown => "its end is not in the recording".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use deskside_protocol::session::End;

    use super::*;

    fn told(terminal: &mut Terminal, what: What) -> Vec<Event> {
        terminal.told(&Happening { number: 0, line: 0, from: End::Agent, time_us: 0, what })
    }

    fn printed(terminal: &mut Terminal, bytes: &'static [u8]) -> Vec<Event> {
        let what = What::Output { of: 1, stderr: false, bytes: Bytes::from_static(bytes) };
        told(terminal, what)
    }

    #[test]
    fn a_command_is_a_marker_a_prompt_its_output_and_its_end() {
        let mut terminal = Terminal::default();
        let argv = vec!["sh".to_owned(), "-c".to_owned(), "a\nb".to_owned()];
        let begun = told(&mut terminal, What::Command { argv, timeout_ms: 0 });
        assert_eq!(begun, [("m", "sh -c a\nb".into()), ("o", "$ sh -c a\r\nb\r\n".into())]);
        assert_eq!(printed(&mut terminal, b"x\ny\r\n"), [("o", "x\r\ny\r\n".into())]);
        let how = Outcome::Killed(9);
        let end = told(&mut terminal, What::CommandEnded { of: 1, how });
        assert_eq!(end, [("o", "[killed by signal 9]\r\n".into())]);
    }

    #[test]
    fn only_what_is_shown_is_counted_and_the_last_end_is_that_of_the_time() {
        let mut sums = Sums::default();
        let happening =
            |time_us, what| Happening { number: 0, line: 0, from: End::Agent, time_us, what };
        let begun = |time| happening(time, What::Command { argv: Vec::new(), timeout_ms: 0 });
        let ended = |time, how| happening(time, What::CommandEnded { of: 0, how });
        for one in [begun(1), ended(9, Outcome::Exited(3)), ended(8, Outcome::Killed(9)), begun(2)]
        {
            sums.take(&one);
        }
        assert_eq!(sums, Sums { commands: 2, last: Some((9, 3)) });
        sums.take(&ended(10, Outcome::Unknown));
        sums.take(&ended(10, Outcome::TimedOut));
        assert_eq!(sums.last, Some((10, 124)));
    }

    #[test]
    fn characters_that_are_cut_are_put_together_and_rubbish_is_shown() {
        let mut terminal = Terminal::default();
        assert_eq!(printed(&mut terminal, b"\xc3"), []);
        assert_eq!(printed(&mut terminal, b"\xbc\xff\xe2\x82"), [("o", "\u{fc}\u{fffd}".into())]);
        assert_eq!(printed(&mut terminal, b"\xac!"), [("o", "\u{20ac}!".into())]);
        assert_eq!(printed(&mut terminal, b"\xf0\x9f"), []);
        let end = told(&mut terminal, What::CommandEnded { of: 1, how: Outcome::Exited(0) });
        assert_eq!(end[0], ("o", "\u{fffd}".into()));
        assert!(terminal.halves.is_empty());
    }

    #[test]
    fn times_add_up() {
        let mut clock = Clock { last: 1_000_000 };
        let lines: Vec<_> =
            [1_000_900, 1_001_800, 3_000_000].map(|time| clock.line(time, "o", "\u{1b}")).to_vec();
        assert_eq!(
            lines,
            [
                "[0.000, \"o\", \"\\u001b\"]",
                "[0.001, \"o\", \"\\u001b\"]",
                "[1.999, \"o\", \"\\u001b\"]"
            ]
        );
    }
}
