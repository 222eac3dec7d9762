//! What happened, kept for the page: the rows of its list in memory, the texts and pictures behind
//! them in a temporary file.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use deskside_protocol::session::End;
use deskside_protocol::text::visible_lines;
use deskside_story::{Happening, What};
use serde_json::{Value, json};

use super::shelf::{Place, Shelf};
use super::telling::{Telling, telling};
use crate::audit::{Hit, Kind, Seeker, Text, plain};

/// Rows of the list at the most: 1,000 for each minute of three hours. With some 400 bytes each 80 MB.
const MAX_ROWS: usize = 200_000;
/// Parts of texts: of 64 bytes each in memory 128 MiB.
const MAX_TEXTS: usize = 2 * 1024 * 1024;
/// Rows that are handed out at once.
const ROWS: usize = 1_000;
/// Bytes of output that are handed out at once.
const OUTPUT: u64 = 256 * 1024;
/// Bytes of a picture at the most: more than any screen's PNG.
const MAX_PICTURE: u64 = 256 * 1024 * 1024;
/// What a search finds at the most.
const MAX_HITS: usize = 500;

/// A text's part, but for its bytes.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u64,
    of: u64,
    time_us: u64,
    kind: Kind,
    way: u8,
    from: End,
    place: Place,
}

#[derive(Debug, Default)]
struct Kept {
    rows: Vec<Value>,
    parts: Vec<Part>,
    /// Of pictures, by their number.
    pictures: HashMap<u64, Vec<Place>>,
    /// What there was no room for.
    dropped: u64,
}

/// The book.
#[derive(Debug)]
pub(super) struct Book {
    began_us: u64,
    shelf: Shelf,
    kept: Mutex<Kept>,
}

impl Book {
    /// An empty one, of a recording that began then.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn new(began_us: u64) -> io::Result<Self> {
        Ok(Self { began_us, shelf: Shelf::new()?, kept: Mutex::default() })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn write(&self, happening: &Happening) -> io::Result<()> {
        if let Some(text) = Text::of(happening) {
            self.text(text)?;
        }
        if let What::ScreenshotPart { of, bytes } = &happening.what {
            let place = self.shelf.put(bytes)?;
            self.kept().pictures.entry(*of).or_default().push(place);
        }
        let Some(telling) = telling(happening) else { return Ok(()) };
        let since = |time_us: u64| time_us.saturating_sub(self.began_us);
        let mut row = match telling {
            Telling::Row { kind, title, more } => {
                json!({"n": happening.number, "kind": kind, "title": title, "more": more})
            }
            Telling::End { of, well, words, more } => {
                json!({"of": of, "well": well, "words": words, "more": more})
            }
        };
        let who = if happening.from == End::Technician { "technician" } else { "user" };
        if let Value::Object(row) = &mut row {
            row.insert("at".to_owned(), since(happening.time_us).into());
            row.insert("who".to_owned(), who.into());
            for word in ["since", "until"] {
                let time = row.get("more").and_then(|more| more.get(word)).and_then(Value::as_u64);
                if let Some(time) = time {
                    row.insert(word.to_owned(), since(time).into());
                }
            }
        }
        let mut kept = self.kept();
        if kept.rows.len() < MAX_ROWS {
            kept.rows.push(row);
        } else {
            kept.dropped += 1;
        }
        Ok(())
    }

    fn text(&self, text: Text) -> io::Result<()> {
        if self.kept().parts.len() >= MAX_TEXTS {
            self.kept().dropped += 1;
            return Ok(());
        }
        let place = self.shelf.put(&text.bytes)?;
        let Text { number, of, time_us, from, kind, way, .. } = text;
        self.kept().parts.push(Part { number, of, time_us, kind, way, from, place });
        Ok(())
    }

    /// Rows from number `from` on, not all at once.
    pub(super) fn rows(&self, from: usize) -> Vec<Value> {
        self.kept().rows.iter().skip(from).take(ROWS).cloned().collect()
    }

    /// What there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.kept().dropped
    }

    /// What a command was given and printed, from its part `from` on: pieces by way and time, and the
    /// part that is next, where there is more.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn output(&self, of: u64, from: usize) -> io::Result<Value> {
        let parts: Vec<Part> = {
            let kept = self.kept();
            let own = kept.parts.iter().filter(|part| part.of == of && part.kind == Kind::Output);
            own.skip(from).copied().collect()
        };
        let mut bytes = 0;
        let few = parts.iter().take_while(|part| {
            bytes += u64::from(part.place.length);
            bytes - u64::from(part.place.length) < OUTPUT
        });
        let few: Vec<Part> = few.copied().collect();
        let next = (few.len() < parts.len()).then_some(from + few.len());
        let mut pieces: Vec<(Part, Vec<u8>)> = Vec::new();
        for part in few {
            let bytes = self.shelf.read(part.place, part.place)?;
            match pieces.last_mut() {
                Some((last, all)) if last.way == part.way => all.extend_from_slice(&bytes),
                Some(_) | None => pieces.push((part, bytes.to_vec())),
            }
        }
        let piece = |(part, bytes): &(Part, Vec<u8>)| {
            let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
            let lines: Vec<String> = text.split('\n').map(plain).collect();
            let way = ["out", "err", "in"].get(usize::from(part.way)).copied().unwrap_or("out");
            let at = part.time_us.saturating_sub(self.began_us);
            json!({"at": at, "way": way, "text": visible_lines(&lines.join("\n"))})
        };
        Ok(json!({"pieces": pieces.iter().map(piece).collect::<Vec<_>>(), "next": next}))
    }

    /// A picture's PNG, whole; `None` where there is none, or too large a one.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn picture(&self, of: u64) -> io::Result<Option<Bytes>> {
        let Some(places) = self.kept().pictures.get(&of).cloned() else { return Ok(None) };
        if places.iter().map(|place| u64::from(place.length)).sum::<u64>() > MAX_PICTURE {
            return Ok(None);
        }
        let mut png = Vec::new();
        for place in places {
            png.extend_from_slice(&self.shelf.read(place, place)?);
        }
        Ok(Some(png.into()))
    }

    /// Lines that have these words in them, in the order of their times; and whether there are more.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn search(&self, words: &str) -> io::Result<Value> {
        let mut hits: Vec<Hit> = Vec::new();
        let mut seeker = Seeker::new(words, &[]);
        let mut from = 0;
        while hits.len() <= MAX_HITS {
            let parts: Vec<Part> =
                self.kept().parts.iter().skip(from).take(ROWS).copied().collect();
            if parts.is_empty() {
                break;
            }
            from += parts.len();
            for part in parts {
                let bytes = self.shelf.read(part.place, part.place)?;
                let Part { number, of, time_us, kind, way, from, .. } = part;
                let text = Text { number, of, time_us, from, kind, way, bytes };
                seeker.take(&text, |hit| hits.push(hit));
            }
        }
        seeker.finish(|hit| hits.push(hit));
        hits.sort_by_key(|hit| hit.time_us);
        let more = hits.len() > MAX_HITS;
        hits.truncate(MAX_HITS);
        let hit = |hit: &Hit| {
            let at = hit.time_us.saturating_sub(self.began_us);
            json!({"of": hit.of, "at": at, "kind": hit.kind.word(), "line": hit.line})
        };
        Ok(json!({"hits": hits.iter().map(hit).collect::<Vec<_>>(), "more": more}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_story::Outcome;

    fn book(whats: Vec<What>) -> Book {
        let book = Book::new(1_000_000).unwrap();
        for (what, number) in whats.into_iter().zip(0_u64..) {
            let time_us = 1_000_000 + number * 10;
            let happening = Happening { number, line: 0, from: End::Agent, time_us, what };
            book.write(&happening).unwrap();
        }
        book
    }

    fn output(of: u64, stderr: bool, bytes: &'static [u8]) -> What {
        What::Output { of, stderr, bytes: Bytes::from_static(bytes) }
    }

    #[test]
    fn output_is_told_by_way_and_harmless() {
        let book = book(vec![
            What::Command { argv: vec!["ls".into()], timeout_ms: 0 },
            output(0, false, b"a\xc3"),
            output(0, false, b"\xa9\r\n\x1b[31mred\x1b[0m\n"),
            output(9, false, b"of another"),
            output(0, true, b"no \x07such"),
            What::CommandEnded { of: 0, how: Outcome::Exited(2) },
        ]);
        let told = book.output(0, 0).unwrap();
        assert_eq!(told["pieces"][0]["text"], "aé\nred\n");
        assert_eq!(
            (&told["pieces"][0]["way"], &told["pieces"][0]["at"]),
            (&json!("out"), &json!(10))
        );
        assert_eq!(
            (&told["pieces"][1]["way"], &told["pieces"][1]["text"]),
            (&json!("err"), &json!("no \u{fffd}such"))
        );
        assert_eq!(told["next"], Value::Null);
        let rows = book.rows(0);
        assert_eq!((rows.len(), &rows[0]["title"], &rows[0]["n"]), (2, &json!("ls"), &json!(0)));
        assert_eq!(
            (&rows[1]["of"], &rows[1]["words"], &rows[1]["well"]),
            (&json!(0), &json!("exit 2"), &json!(false))
        );
        assert_eq!(book.rows(1).len(), 1);
        let found = book.search("RED").unwrap();
        assert_eq!(
            (&found["hits"][0]["of"], &found["hits"][0]["line"]),
            (&json!(0), &json!("red"))
        );
        assert_eq!(book.search("nothing like it").unwrap()["hits"], json!([]));
    }

    #[test]
    fn much_output_comes_in_parts() {
        static PART: [u8; 60_000] = [b'x'; 60_000];
        let mut whats = vec![What::Command { argv: vec!["yes".into()], timeout_ms: 0 }];
        whats.extend((0..12).map(|_| output(0, false, &PART)));
        let book = book(whats);
        let (mut from, mut bytes, mut asked) = (0, 0, 0);
        loop {
            let told = book.output(0, from).unwrap();
            bytes += told["pieces"][0]["text"].as_str().unwrap().len();
            asked += 1;
            let Some(next) = told["next"].as_u64() else { break };
            from = usize::try_from(next).unwrap();
        }
        assert_eq!((bytes, asked), (12 * PART.len(), 3));
    }

    #[test]
    fn a_picture_is_whole() {
        let shot = What::Screenshot { monitor: 0, width: 1, height: 1, bytes: 6 };
        let part =
            |bytes: &'static [u8]| What::ScreenshotPart { of: 0, bytes: Bytes::from_static(bytes) };
        let book = book(vec![shot, part(b"abc"), part(b"def")]);
        assert_eq!(book.picture(0).unwrap().unwrap(), "abcdef");
        assert_eq!(book.picture(1).unwrap(), None);
    }
}
