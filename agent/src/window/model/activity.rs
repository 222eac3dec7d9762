//! What is being done right now, what was done, and what was said. Bounded: the oldest lines go.

use std::collections::{BTreeMap, VecDeque};

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;

use crate::consent::Direction;
use crate::events::{By, Event, Speaker};

/// Lines that are kept; a person scrolls through no more. 200 of 400 characters are 80 KB.
pub const MAX_LINES: usize = 200;
/// Messages that are kept.
pub const MAX_SAID: usize = 200;
/// Characters of one message of the user's.
pub const MAX_MESSAGE: usize = 500;
/// Things that run at once: the streams that a line may have (64), rounded up.
const MAX_RUNNING: usize = 128;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The technician does something under a grant.
    Does(Grant, String),
    /// A file went over: name and bytes.
    File(Direction, String, u64),
    /// Many did: how many, and their bytes.
    Files(Direction, u64, u64),
    /// One did not: name, and why.
    FileFailed(String, String),
    /// These were allowed.
    Granted(GrantSet, By),
    /// These were not.
    Refused(GrantSet),
    /// These no longer are.
    Revoked(GrantSet),
    /// The organisation's policy has ceased to allow these.
    Narrowed(GrantSet),
    /// Nothing is recorded from here on.
    Unrecorded,
    /// What is typed is kept out of the recording: by the user's wish, or the technician's.
    Masked {
        /// The user's.
        own: bool,
    },
    /// It is recorded again.
    Unmasked,
    /// This program was restarted.
    Resumed,
    /// A gap is over.
    Back,
    /// Something else, in words.
    Notice(String),
}

/// Somebody said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether it was the user.
    pub own: bool,
    /// What, made safe.
    pub text: String,
}

/// What is done, was done and was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    running: BTreeMap<u64, Line>,
    lines: VecDeque<Line>,
    said: VecDeque<Entry>,
    unread: usize,
}

impl Activity {
    /// What the technician does at the moment, the last first.
    pub fn running(&self) -> impl Iterator<Item = &Line> {
        self.running.values().rev()
    }

    /// What happened, the last first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().rev()
    }

    /// What was said, the first first.
    pub fn said(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.said.iter()
    }

    /// Messages of the technician's that nobody has seen.
    #[must_use]
    pub const fn unread(&self) -> usize {
        self.unread
    }

    pub(super) const fn read(&mut self) {
        self.unread = 0;
    }

    pub(super) fn note(&mut self, line: Line) {
        kept(&mut self.lines, line, MAX_LINES);
    }

    /// Events that are nothing but news.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the rest is no news")]
    pub(super) fn hear(&mut self, event: &Event<'_>) {
        let safe = |text: &str| visible(text).into_owned();
        match event {
            Event::Action { number, grant, what, .. } => {
                let line = Line::Does(*grant, safe(what));
                self.note(line.clone());
                self.running.insert(*number, line);
                if self.running.len() > MAX_RUNNING {
                    self.running.pop_first();
                }
            }
            Event::ActionOver { number } => {
                self.running.remove(number);
            }
            Event::File { direction, name, bytes, named: true, .. } => {
                self.note(Line::File(*direction, safe(name), *bytes));
            }
            Event::Files { direction, files, bytes } => {
                self.note(Line::Files(*direction, *files, *bytes));
            }
            Event::FileFailed { name, why, .. } => {
                self.note(Line::FileFailed(safe(name), safe(why)));
            }
            Event::Said { by, text } => {
                let own = matches!(by, Speaker::User);
                self.unread += usize::from(!own);
                kept(&mut self.said, Entry { own, text: safe(text) }, MAX_SAID);
            }
            Event::Notice { text } | Event::NotResumed { why: text } => {
                self.note(Line::Notice(safe(text)));
            }
            // The model's own, and files that are told as a sum.
            _ => {}
        }
    }
}

fn kept<T>(lines: &mut VecDeque<T>, line: T, most: usize) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}
