//! Looks for words in texts that come in parts: line by line, whatever the case of the letters, and
//! across the borders of parts. It keeps a line of each text that is under way, and no more.

mod text;

use std::collections::HashMap;

use deskside_protocol::session::End;
use deskside_protocol::text::visible;

pub use text::Kind;
pub(crate) use text::{Text, line};

/// Bytes of a line that are looked at together; of a longer one the next part begins with the end of
/// the one before, so that no border hides a word.
const MAX_LINE: usize = 64 * 1024;
/// Texts whose line goes on at once: with 64 KiB each 64 MiB, of one-line commands far less.
const MAX_OPEN: usize = 1_024;
/// Characters of a line that are shown, the words somewhere in the middle.
const SHOWN: usize = 160;

/// A line that has the words in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The happening, or what it belongs to.
    pub(crate) of: u64,
    /// When the line was whole.
    pub(crate) time_us: u64,
    pub(crate) from: End,
    pub(crate) kind: Kind,
    pub(crate) way: u8,
    /// The line, or what stands around the words: harmless to a terminal.
    pub(crate) line: String,
}

/// Looks.
#[derive(Debug)]
pub(crate) struct Seeker {
    /// In small letters.
    words: String,
    kinds: Vec<Kind>,
    /// Lines that go on, by what they are of and which way.
    open: HashMap<(u64, u8), Open>,
}

/// A line that is not whole yet.
#[derive(Debug)]
struct Open {
    line: Vec<u8>,
    last: Text,
}

impl Seeker {
    /// Looks for `words` in these kinds of texts; in all where there are none.
    pub(crate) fn new(words: &str, kinds: &[Kind]) -> Self {
        Self { words: words.to_lowercase(), kinds: kinds.to_vec(), open: HashMap::new() }
    }

    /// Looks at the next part.
    pub(crate) fn take(&mut self, text: &Text, mut found: impl FnMut(Hit)) {
        if !self.kinds.is_empty() && !self.kinds.contains(&text.kind) {
            return;
        }
        if text.kind != Kind::Output {
            for line in text.bytes.split(|byte| *byte == b'\n') {
                self.look(line, text, &mut found);
            }
            return;
        }
        let key = (text.of, text.way);
        let mut line = self.open.remove(&key).map(|open| open.line).unwrap_or_default();
        let mut rest = text.bytes.as_ref();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = rest.split_at(end);
            line.extend_from_slice(head);
            self.look(&line, text, &mut found);
            line.clear();
            rest = tail.get(1..).unwrap_or_default();
        }
        line.extend_from_slice(rest);
        if line.len() > MAX_LINE {
            // Twice: small letters may take less room than large ones. A line that is found is told once.
            let seam = if self.look(&line, text, &mut found) { 0 } else { self.words.len() * 2 };
            let looked = line.len().saturating_sub(seam);
            line.drain(..looked);
        }
        if line.is_empty() {
            return;
        }
        if self.open.len() >= MAX_OPEN {
            self.finish(&mut found);
        }
        let last = Text { bytes: bytes::Bytes::new(), ..text.clone() };
        self.open.insert(key, Open { line, last });
    }

    /// Looks at the lines that have no end.
    pub(crate) fn finish(&mut self, mut found: impl FnMut(Hit)) {
        let mut open: Vec<Open> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|open| open.last.number);
        for Open { line, last } in open {
            self.look(&line, &last, &mut found);
        }
    }

    fn look(&self, line: &[u8], text: &Text, found: &mut impl FnMut(Hit)) -> bool {
        let line = String::from_utf8_lossy(line);
        let line = plain(&line);
        let Some(at) = line.to_lowercase().find(&self.words) else { return false };
        let Text { of, time_us, from, kind, way, .. } = *text;
        let line = around(&line, at);
        found(Hit { of, time_us, from, kind, way, line });
        true
    }
}

/// What stands around a place. The place is of the line in small letters, which is as long or a few
/// bytes off.
fn around(line: &str, at: usize) -> String {
    if line.chars().count() <= SHOWN {
        return visible(line).into_owned();
    }
    let before = line.char_indices().take_while(|(place, _)| *place < at).count();
    let first = before.saturating_sub(SHOWN / 3);
    let part: String = line.chars().skip(first).take(SHOWN).collect();
    let dots = if first > 0 { "…" } else { "" };
    format!("{dots}{}…", visible(&part))
}

/// A line without what only drives a terminal: its colours, the return at its end; tabs as spaces. What
/// is no whole sequence stays, so that nothing hides a text.
pub(crate) fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(next) = rest.next() {
        match next {
            '\x1b' => match behind(rest.as_str()) {
                Some(behind) => rest = behind.chars(),
                None => plain.push(next),
            },
            '\t' => plain.push_str("    "),
            '\r' if rest.as_str().is_empty() || rest.as_str().starts_with('\n') => {}
            other => plain.push(other),
        }
    }
    plain
}

/// What stands behind a control sequence whose ESC was taken, by ECMA-48: CSI with parameters (0x30 to
/// 0x3f), what stands between (0x20 to 0x2f) and a last byte (0x40 to 0x7e); OSC with a text up to
/// BEL, as xterm has it, or ST. `None` where that is not all there.
fn behind(sequence: &str) -> Option<&str> {
    if let Some(parameters) = sequence.strip_prefix('[') {
        let between = parameters.trim_start_matches(|sign| ('\x30'..='\x3f').contains(&sign));
        let last = between.trim_start_matches(|sign| ('\x20'..='\x2f').contains(&sign));
        return last.strip_prefix(|sign| ('\x40'..='\x7e').contains(&sign));
    }
    let text = sequence.strip_prefix(']')?;
    let end = text.trim_start_matches(|sign| sign != '\x07' && sign != '\x1b');
    end.strip_prefix('\x07').or_else(|| end.strip_prefix("\x1b\\"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn output(of: u64, way: u8, number: u64, bytes: &[u8]) -> Text {
        let (from, kind, time_us) = (End::Agent, Kind::Output, number * 10);
        Text { number, of, time_us, from, kind, way, bytes: Bytes::copy_from_slice(bytes) }
    }

    fn hits(words: &str, kinds: &[Kind], texts: &[Text]) -> Vec<(u64, u64, String)> {
        let (mut seeker, mut hits) = (Seeker::new(words, kinds), Vec::new());
        let mut found = |hit: Hit| hits.push((hit.of, hit.time_us, hit.line));
        texts.iter().for_each(|text| seeker.take(text, &mut found));
        seeker.finish(&mut found);
        hits
    }

    #[test]
    fn words_are_found_across_parts_and_each_text_by_itself() {
        let texts = [
            output(1, 0, 2, b"first line\nthe prin"),
            output(1, 1, 3, b"prin"),
            output(9, 0, 4, b"ter of another\n"),
            output(1, 0, 5, b"TER is \x1b[31moff\x1b[0m\r\nlast"),
            output(1, 1, 6, b"ted\n"),
        ];
        assert_eq!(hits("Printer", &[], &texts), [(1, 50, "the prinTER is off".to_owned())]);
        assert_eq!(hits("LAST", &[], &texts), [(1, 50, "last".to_owned())]);
        assert_eq!(hits("printed", &[Kind::Output], &texts).len(), 1);
        assert!(hits("printed", &[Kind::Chat, Kind::File], &texts).is_empty());
    }

    #[test]
    fn long_lines_are_shown_in_part_and_found_at_their_seams() {
        let mut texts = Vec::new();
        for part in 0..40 {
            texts.push(output(1, 0, part, &[b'x'; 4_000]));
        }
        texts.insert(17, output(1, 0, 17, b"nee"));
        texts.insert(18, output(1, 0, 18, "dleÄ\u{1b}[2K\u{202e}".as_bytes()));
        let hits = hits("needleä", &[], &texts);
        assert_eq!(hits.len(), 1, "{hits:?}");
        assert!(hits[0].2.contains("needleÄ\u{fffd}"), "{hits:?}");
        assert!(hits[0].2.chars().count() <= SHOWN + 2);
    }

    #[test]
    fn only_what_drives_a_terminal_is_left_out() {
        for (line, shown) in [
            ("\x1b[31mred\x1b[0m\x1b[?25l\x1b[2 q\x1b[K", "red"),
            ("a\x1b]0;a title\x07b\x1b]8;;x\x1b\\c", "abc"),
            ("a\tb\rc\r", "a    b\rc"),
            // Without an end it hides nothing.
            ("\x1b]0;secret", "\x1b]0;secret"),
            ("\x1b]0;sec\x1b[0mret\x07", "\x1b]0;secret\x07"),
            ("\x1b[\u{e9}secret", "\x1b[\u{e9}secret"),
            ("\x1b[1;\x1b[1mx", "\x1b[1;x"),
            ("\x1b[ 1;secret", "\x1b[ 1;secret"),
            ("\x1bsecret\x1b", "\x1bsecret\x1b"),
        ] {
            assert_eq!(plain(line), shown, "{line:?}");
        }
        let texts = [output(1, 0, 1, b"\x1b]0;secret\n\x1b[\xc3\xa9secret\n")];
        assert_eq!(hits("secret", &[], &texts).len(), 2);
    }

    proptest! {
        /// However output is cut into parts, the same lines are found.
        #[test]
        fn borders_change_nothing(
            lines in proptest::collection::vec("[aAbBé ]{0,12}", 0..12),
            cuts in proptest::collection::vec(1..9_usize, 1..6),
            words in "[abé]{1,3}",
        ) {
            let whole = lines.join("\n");
            let mut parts = Vec::new();
            let (mut rest, mut cuts) = (whole.as_bytes(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                parts.push(output(1, 0, parts.len() as u64, head));
                rest = tail;
            }
            let expected = lines.iter().filter(|line| line.to_lowercase().contains(&words));
            let expected: Vec<&String> = expected.collect();
            let found = hits(&words, &[], &parts);
            prop_assert_eq!(found.iter().map(|hit| &hit.2).collect::<Vec<_>>(), expected);
        }
    }
}
