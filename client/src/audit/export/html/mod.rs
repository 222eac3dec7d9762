//! One page that anybody opens in a browser, without a network and without a program of ours: what
//! happened as text, with pictures of the screen, and inside it the recording as it is with its proof,
//! so that `deskside audit verify` checks it. It asks for nothing; the only script that runs in it is
//! ours, which plays it and without which all of it can still be read.
#![allow(clippy::wildcard_enum_match_arm, reason = "telling() has all that has words")]

mod escape;
mod pictures;

use std::fs::File;
use std::io::{Read, Write};

use anyhow::Context as _;
use data_encoding::{BASE64, HEXLOWER};
use deskside_protocol::text::visible;
use deskside_protocol::transcript::sha256;
use deskside_story::{Happening, What};
use serde_json::Value;

use super::screen::Sight;
use super::span::Span;
use super::spool::Spool;
use super::words::instant;
use crate::audit::bundle::{END, PROOF, RECORDING};
use crate::audit::{Tape, intervals, log};
use crate::output::size;
use crate::player::{Telling, telling};
use crate::seek::Text;
use escape::escaped;

/// Bytes of text that stand on a page at the most: a browser shows these.
const MAX_TEXT: usize = 16 * 1024 * 1024;
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// What a person plays with; hidden until the script runs.
const PLAYER: &str = include_str!("player.html");
/// Bytes of the recording that become a line of base64: a multiple of three.
const LINE: usize = 48 * 1024;

/// What stands on a page.
pub(super) struct Counts {
    pub(super) happenings: u64,
    pub(super) pictures: u64,
}

/// Writes the page of `sight`, with the whole recording in it.
///
/// # Errors
/// What the disk says, or the recording.
pub(super) fn write(tape: &Tape, sight: Sight, out: &mut dyn Write) -> anyhow::Result<Counts> {
    let mut rows = Rows::new(sight.span)?;
    let contents = tape.happenings(|happening| rows.happening(happening))?;
    let taken = pictures::taken(tape, Sight { dims: false, ..sight }, &rows.wanted)?;
    let pictures = taken.len() as u64;
    taken.into_iter().try_for_each(|(time_us, png)| rows.picture(time_us, &png))?;
    head(tape, sight.span, &intervals::words(&intervals::of(contents.report())), out)?;
    let length = since(sight.span.to_us, sight.span).to_string();
    let pictured = match pictures {
        0 => "Nobody watched the screen.".to_owned(),
        1 => "This page has one picture of the screen; the recording has all.".to_owned(),
        count => format!("This page has {count} pictures of the screen; the recording has all."),
    };
    write!(out, "{}", PLAYER.replace("{length}", &length).replace("{pictured}", &pictured))?;
    writeln!(out, "<ol id=\"list\">")?;
    let Rows { spool, happenings, .. } = rows;
    let order = |keys: &mut Vec<((u64, Kind), usize)>| keys.sort_by_key(|(key, _)| *key);
    spool.each(order, |_, row| Ok(out.write_all(row)?))?;
    writeln!(out, "</ol>\n</main>\n<script>{SCRIPT}</script>")?;
    embedded(tape, out)?;
    writeln!(out, "</body>\n</html>")?;
    Ok(Counts { happenings, pictures })
}

/// At one time the picture stands behind what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Happening,
    Picture,
}

/// The rows of the list, in any order.
struct Rows {
    span: Span,
    spool: Spool<(u64, Kind)>,
    /// When something happened that a picture belongs to.
    wanted: Vec<u64>,
    happenings: u64,
    text: usize,
}

impl Rows {
    fn new(span: Span) -> anyhow::Result<Self> {
        Ok(Self { span, spool: Spool::new()?, wanted: Vec::new(), happenings: 0, text: 0 })
    }

    fn happening(&mut self, happening: &Happening) -> anyhow::Result<()> {
        if !self.span.has(happening.time_us) {
            return Ok(());
        }
        let Some(row) = self.row(happening) else { return Ok(()) };
        self.happenings += 1;
        self.spool.push((happening.time_us, Kind::Happening), row.as_bytes())
    }

    fn picture(&mut self, time_us: u64, png: &[u8]) -> anyhow::Result<()> {
        let (clock, png) = (clock(time_us, self.span), BASE64.encode(png));
        let row = format!(
            "<li class=\"picture\"{}><figure><img alt=\"The user's screen at {clock}\" \
             src=\"data:image/png;base64,{png}\"><figcaption>The screen at {clock}</figcaption>\
             </figure></li>\n",
            data(time_us, self.span)
        );
        self.spool.push((time_us, Kind::Picture), row.as_bytes())
    }

    fn row(&mut self, happening: &Happening) -> Option<String> {
        match &happening.what {
            What::Output { stderr, bytes, .. } => {
                let class = if *stderr { "errors" } else { "output" };
                Some(self.text(happening.time_us, class, bytes))
            }
            What::CommandInput { bytes, .. } => Some(self.text(happening.time_us, "input", bytes)),
            _ => {
                let told = telling(happening)?;
                self.wanted.push(happening.time_us);
                if let What::Input(input) = &happening.what {
                    self.wanted.push(input.until_us);
                }
                let full = self.full(happening, &told);
                Some(self.told(happening, told) + &full)
            }
        }
    }

    fn told(&self, happening: &Happening, told: Telling) -> String {
        let (kind, words, more) = match told {
            Telling::Row { kind, title, more } => (kind, title, more),
            Telling::End { well, words, more, .. } => match well {
                Some(false) => ("end badly", words, more),
                Some(true) | None => ("end", words, more),
            },
        };
        let hash = match &more["sha256"] {
            Value::String(hash) if !hash.is_empty() => {
                format!("<code>SHA-256 {}</code>", escaped(hash))
            }
            _ => String::new(),
        };
        format!(
            "<li class=\"{kind}\"{}><time title=\"{}\">{}</time><span>{}</span><p>{}{hash}</p></li>\n",
            data(happening.time_us, self.span),
            instant(happening.time_us),
            clock(happening.time_us, self.span),
            happening.from,
            escaped(&words)
        )
    }

    /// All of what was said, where the row has only its beginning.
    fn full(&mut self, happening: &Happening, told: &Telling) -> String {
        let cut = matches!(told, Telling::Row { title, .. } if title.ends_with('\u{2026}'));
        match Text::of(happening).filter(|_| cut) {
            Some(text) => self.text(happening.time_us, "full", &text.bytes),
            None => String::new(),
        }
    }

    /// What a command printed or was given, as far as there is room on the page.
    fn text(&mut self, time_us: u64, class: &str, bytes: &[u8]) -> String {
        let at = data(time_us, self.span);
        let room = MAX_TEXT.saturating_sub(self.text);
        self.text += bytes.len();
        if bytes.len() > room {
            return format!(
                "<li class=\"text\"{at}><p>{} are left out here</p></li>\n",
                size(bytes.len() as u64)
            );
        }
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<_> = text.trim_end_matches('\n').split('\n').map(visible).collect();
        format!("<li class=\"text {class}\"{at}><pre>{}</pre></li>\n", escaped(&lines.join("\n")))
    }
}

/// The top of the page. `proven` is what of the time is, in words.
fn head(tape: &Tape, span: Span, proven: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let hash = |text: &str| BASE64.encode(&sha256(text.as_bytes()));
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    let facts = tape.report().facts.as_ref();
    let text = |text: &str| escaped(&visible(text));
    let (ticket, subject) = facts.map_or_else(Default::default, |facts| {
        let join = &facts.technician.join;
        (text(&join.ticket), text(&join.subject))
    });
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Ticket {ticket}: {subject}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1><small>Ticket {ticket}</small> {subject}</h1>\n<dl>\n"
    )?;
    let mut row = |name: &str, value: &str| writeln!(out, "<dt>{name}</dt><dd>{value}</dd>");
    if let Some(facts) = facts {
        let person = &facts.certificate;
        let who = format!("{} ({}), {}", person.name, person.login, person.organisation);
        row("Technician", &text(&who))?;
        row("Relay", &text(&facts.relay_origin))?;
    }
    row("Session", &format!("<code>{}</code>", tape.session()))?;
    row("Time", &format!("{} to {}", instant(span.from_us), instant(span.to_us)))?;
    if let Some(hash) = &tape.report().hash {
        row("Final hash", &format!("<code>{}</code>", HEXLOWER.encode(hash)))?;
    }
    row("By time", &escaped(proven))?;
    writeln!(out, "</dl>")?;
    if let Some(warning) = tape.warning() {
        writeln!(out, "<p class=\"warning\">{}</p>", escaped(&warning))?;
    }
    writeln!(
        out,
        "<p>The recording itself is in this page, sealed, with the proof that the relay's log knows \
         it. <code>deskside audit verify</code> and the name of this file say whether anybody changed \
         it; no account is needed for that. The row by time and what stands below were read from it by \
         whoever made the page, and are their word.</p>\n</header>"
    )?;
    Ok(())
}

/// The recording and its proof, as data that a browser neither shows nor runs.
fn embedded(tape: &Tape, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut file = File::open(tape.path()).context("read the recording")?;
    writeln!(out, "{RECORDING}")?;
    let mut part = Vec::with_capacity(LINE);
    loop {
        part.clear();
        (&mut file).take(LINE as u64).read_to_end(&mut part).context("read the recording")?;
        if part.is_empty() {
            break;
        }
        writeln!(out, "{}", BASE64.encode(&part))?;
    }
    writeln!(out, "{END}")?;
    if let Some(proof) = log::kept(tape.path())? {
        writeln!(out, "{PROOF}\n{}\n{END}", BASE64.encode(&proof))?;
    }
    Ok(())
}

/// Milliseconds since the beginning.
const fn since(time_us: u64, span: Span) -> u64 {
    time_us.saturating_sub(span.from_us) / 1_000
}

/// The same for the script.
fn data(time_us: u64, span: Span) -> String {
    format!(" data-at=\"{}\"", since(time_us, span))
}

/// Time since the beginning: `1:02:03`, `0:07`.
fn clock(time_us: u64, span: Span) -> String {
    let seconds = since(time_us, span) / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use deskside_protocol::session::End;

    use super::*;

    #[test]
    fn what_a_row_has_no_room_for_stands_below_it() {
        let mut rows = Rows::new(Span { from_us: 0, to_us: 9 }).unwrap();
        let mut row = |what| {
            rows.row(&Happening { number: 0, line: 0, from: End::Agent, time_us: 5, what }).unwrap()
        };
        let long = format!("{}\n<the end>", "word ".repeat(200));
        let argv = ["sh", "-c", &long].map(str::to_owned).to_vec();
        for (what, wanted) in [
            (What::Said { text: long.clone() }, "\n&lt;the end&gt;</pre>"),
            (What::Copied { text: long.clone() }, "\n&lt;the end&gt;</pre>"),
            (What::Command { argv, timeout_ms: 0 }, "\n&lt;the end&gt;&#39;</pre>"),
            (
                What::File {
                    of: 0,
                    path: format!("{}z", "x/".repeat(300)),
                    size: 1,
                    folder: false,
                },
                "x/z</pre>",
            ),
        ] {
            let row = row(what);
            assert!(row.contains("\u{2026}</p>") && row.contains(wanted), "{row}");
        }
        let short = row(What::Said { text: "short".into() });
        assert_eq!(short.matches("short").count(), 1, "{short}");
        // No more than there is room for.
        rows.text = MAX_TEXT;
        let row = rows.row(&Happening {
            number: 0,
            line: 0,
            from: End::Agent,
            time_us: 5,
            what: What::Said { text: long },
        });
        assert!(row.unwrap().contains("are left out here"));
    }
}
