//! A recording on its way to the page: it is read once, from the first entry on, while what was read
//! already can be seen.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deskside_decode::{Entry, Report};
use deskside_story::{Cutter, Film, Story, Take, Told, Turn};
use serde_json::{Value, json};

use super::book::Book;
use super::reel::Reel;
use super::view::View;

/// Pages that look at once; the one that has not asked for longest goes. Each has two pictures in
/// memory, of 1080p 17 MB.
const MAX_VIEWS: usize = 4;

/// The word for a recording whose packets were not read to their end, and the sentence.
const UNCHECKED: &str = "not checked";
const UNCHECKED_SENTENCE: &str = "what was in the packets was not checked, since they could not be \
                                  read to their end. Of the file alone it can be said:";

/// How far it was read, and what is known of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    /// Up to there, in microseconds since 1970-01-01 UTC.
    pub(crate) read_us: u64,
    /// All was read.
    pub(crate) whole: bool,
    /// Why it was not read to its end.
    pub(crate) failed: Option<String>,
    /// What `audit verify` says: of the file alone until all was read.
    pub(crate) verdict: Verdict,
}

/// A verdict in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) word: String,
    pub(crate) sound: bool,
    /// The first is the plain one.
    pub(crate) sentences: Vec<String>,
    /// From when to when what is known of what passed; nothing before all was read.
    pub(crate) intervals: Vec<Interval>,
}

/// What is known of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    /// `proven`, `consistent` or `disputed`.
    pub(crate) word: &'static str,
}

/// The recording.
#[derive(Debug)]
pub(crate) struct Stage {
    /// From when to when, in microseconds since 1970-01-01 UTC.
    times_us: (u64, u64),
    /// Whose session it is, as the page shows it.
    title: Value,
    pub(super) reel: Reel,
    pub(super) book: Book,
    known: Mutex<Known>,
    /// By the number that a page gave itself; the last one asked last.
    views: Mutex<Vec<(u64, View)>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    /// An empty one, of a recording of these times.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn new(times_us: (u64, u64), title: Value, verdict: Verdict) -> io::Result<Self> {
        let known = Known { read_us: times_us.0, verdict, ..Known::default() };
        let (reel, book) = (Reel::new(times_us.0)?, Book::new(times_us.0)?);
        Ok(Self { times_us, title, reel, book, known: Mutex::new(known), views: Mutex::default() })
    }

    /// What is told as the page begins.
    pub(super) fn title(&self) -> Value {
        json!({"title": self.title, "began_us": self.times_us.0, "length": self.length()})
    }

    fn length(&self) -> u64 {
        self.times_us.1.saturating_sub(self.times_us.0)
    }

    /// How far it was read, and what the page does not have yet: rows from `rows` on, movement from
    /// second `seconds` on.
    pub(super) fn state(&self, rows: usize, seconds: usize) -> Value {
        // First, so that what is told as whole is.
        let known = held(&self.known).clone();
        let movement: String = self
            .reel
            .movement(seconds)
            .iter()
            .map(|count| char::from(b'0' + (*count).min(9)))
            .collect();
        json!({
            "read": known.read_us.saturating_sub(self.times_us.0),
            "whole": known.whole,
            "failed": known.failed,
            "verdict": known.judged(self.times_us.0),
            "rows": self.book.rows(rows),
            "movement": movement,
            "film": !self.reel.is_empty(),
            "dropped": self.book.dropped() + self.reel.dropped(),
        })
    }

    /// The film of a page at a time since the beginning, as [`View::at`] says it.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn see(&self, page: u64, since_us: u64, whole: bool) -> io::Result<Vec<u8>> {
        let mut views = held(&self.views);
        let at = views.iter().position(|(known, _)| *known == page);
        let (_, mut view) = match at {
            Some(at) => views.remove(at),
            None => (page, View::default()),
        };
        drop(views);
        let said =
            view.at(&self.reel, self.times_us.0.saturating_add(since_us), whole || at.is_none());
        let mut views = held(&self.views);
        if views.len() >= MAX_VIEWS {
            views.remove(0);
        }
        views.push((page, view));
        said
    }
}

/// Reads a recording onto a stage.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    stage: &'a Stage,
    cutter: Cutter,
    film: Film,
    story: Story,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        Self { stage, cutter: Cutter::new(), film: Film::new(), story: Story::new() }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn take(&mut self, entry: &Entry) -> io::Result<()> {
        self.story.feed(entry);
        self.tell()?;
        let mut takes = Vec::new();
        self.cutter.feed(entry, |take| takes.push(take));
        takes.iter().try_for_each(|take| self.show(take))?;
        let mut known = held(&self.stage.known);
        known.read_us = known.read_us.max(entry.time_us);
        Ok(())
    }

    fn tell(&mut self) -> io::Result<()> {
        while let Some(happening) = self.story.poll() {
            self.stage.book.write(&happening)?;
        }
        Ok(())
    }

    fn show(&mut self, take: &Take) -> io::Result<()> {
        let point = if Film::can_begin_with(&take.told) {
            self.film.point().map_err(io::Error::other)?
        } else {
            None
        };
        self.stage.reel.push(take, point)?;
        let lost = self.film.is_lost();
        match self.film.show(take) {
            Ok(Turn::Picture(_)) => self.stage.reel.moved(take.time_us),
            Ok(_) => {}
            // The first of a passage is told: those behind it only follow from it.
            Err(error) if !lost => {
                self.stage.book.broken(take.time_us, &error.to_string());
                // A view that passes it by may not come to decode it.
                self.stage.reel.push(&Take { time_us: take.time_us, told: Told::Broken }, None)?;
            }
            Err(error) => tracing::debug!(%error, "a frame cannot be decoded"),
        }
        Ok(())
    }

    /// All was read. `found` is what the decoder says at its end.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn finish(mut self, found: &Report, verdict: Verdict) -> io::Result<()> {
        self.story.finish(found.findings());
        self.tell()?;
        let mut known = held(&self.stage.known);
        known.read_us = known.read_us.max(self.stage.times_us.1);
        (known.whole, known.verdict) = (true, verdict);
        Ok(())
    }
}

impl Stage {
    /// It could not be read to its end.
    pub(crate) fn fail(&self, why: String) {
        let mut known = held(&self.known);
        (known.whole, known.failed) = (true, Some(why));
    }
}

impl Known {
    /// The verdict as the page shows it. One that was made without the packets is not more than that
    /// by their never being read.
    fn judged(&self, began_us: u64) -> Value {
        let Verdict { word, sound, sentences, intervals } = &self.verdict;
        let (word, sentences) = match &self.failed {
            None => (word.as_str(), sentences.clone()),
            Some(_) => (
                if *sound { UNCHECKED } else { word },
                [&[UNCHECKED_SENTENCE.to_owned()], sentences.as_slice()].concat(),
            ),
        };
        let state = match (sound, &self.failed, self.whole) {
            (false, ..) => "wrong",
            (true, Some(_), _) => "unchecked",
            (true, None, true) => "sound",
            (true, None, false) => "waiting",
        };
        let since = |us: u64| us.saturating_sub(began_us);
        let intervals: Vec<Value> = intervals
            .iter()
            .map(|one| json!([since(one.from_us), since(one.to_us), one.word]))
            .collect();
        json!({"word": word, "state": state, "sentences": sentences, "intervals": intervals})
    }
}
