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
use super::telling::{Telling, short, telling};
use crate::seek::{Hit, Kind, Seeker, Text, plain};

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
/// Parts of pictures: of 64 KiB each 16 GiB. In memory 200 bytes of each at the most, were each a
/// picture of its own, which makes 50 MiB.
const MAX_PICTURE_PARTS: usize = 256 * 1024;
/// What a search finds at the most: with some 700 bytes each 350 KB.
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
    /// Of all pictures.
    picture_parts: usize,
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
            self.part(*of, bytes, MAX_PICTURE_PARTS)?;
        }
        let Some(telling) = telling(happening) else { return Ok(()) };
        self.row(telling, happening.number, happening.from, happening.time_us);
        Ok(())
    }

    /// Something of the screen could not be decoded then: from here on what is seen is older.
    pub(super) fn broken(&self, time_us: u64, why: &str) {
        let title = short(&format!("What was sent of the screen cannot be decoded: {why}"));
        let row = json!({"kind": "trouble", "title": title, "more": null});
        self.put(row, End::Agent, time_us);
    }

    /// Keeps a part of a picture; a picture of which a part finds no room is kept no more.
    fn part(&self, of: u64, bytes: &[u8], most: usize) -> io::Result<()> {
        if self.kept().picture_parts >= most {
            let mut kept = self.kept();
            kept.pictures.remove(&of);
            kept.dropped += 1;
            return Ok(());
        }
        let place = self.shelf.put(bytes)?;
        let mut kept = self.kept();
        kept.pictures.entry(of).or_default().push(place);
        kept.picture_parts += 1;
        Ok(())
    }

    fn row(&self, telling: Telling, number: u64, from: End, time_us: u64) {
        let row = match telling {
            Telling::Row { kind, title, more } => {
                json!({"n": number, "kind": kind, "title": title, "more": more})
            }
            Telling::End { of, well, words, more } => {
                json!({"of": of, "well": well, "words": words, "more": more})
            }
        };
        self.put(row, from, time_us);
    }

    fn put(&self, mut row: Value, from: End, time_us: u64) {
        let since = |time_us: u64| time_us.saturating_sub(self.began_us);
        let who = if from == End::Technician { "technician" } else { "user" };
        if let Value::Object(row) = &mut row {
            row.insert("at".to_owned(), since(time_us).into());
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
        let mut hits = self.hits(words)?;
        let more = hits.len() > MAX_HITS;
        hits.truncate(MAX_HITS);
        let hit = |hit: &Hit| {
            let at = hit.time_us.saturating_sub(self.began_us);
            json!({"of": hit.of, "at": at, "kind": hit.kind.word(), "line": hit.line})
        };
        Ok(json!({"hits": hits.iter().map(hit).collect::<Vec<_>>(), "more": more}))
    }

    /// In the order of their times; one more than are shown, where there are more.
    fn hits(&self, words: &str) -> io::Result<Vec<Hit>> {
        let mut hits: Vec<Hit> = Vec::new();
        let mut seeker = Seeker::new(words, &[]);
        let mut from = 0;
        let add = |hits: &mut Vec<Hit>, hit| {
            if hits.len() <= MAX_HITS {
                hits.push(hit);
            }
        };
        while hits.len() <= MAX_HITS {
            let parts: Vec<Part> =
                self.kept().parts.iter().skip(from).take(ROWS).copied().collect();
            if parts.is_empty() {
                break;
            }
            from += parts.len();
            for part in parts {
                if hits.len() > MAX_HITS {
                    break;
                }
                let bytes = self.shelf.read(part.place, part.place)?;
                let Part { number, of, time_us, kind, way, from, .. } = part;
                let text = Text { number, of, time_us, from, kind, way, bytes };
                seeker.take(&text, |hit| add(&mut hits, hit));
            }
        }
        seeker.finish(|hit| add(&mut hits, hit));
        hits.sort_by_key(|hit| hit.time_us);
        Ok(hits)
    }
}

#[cfg(test)]
mod tests;
