//! What the viewer knows of its session. Pure: whoever changes it brings the time along.

mod desk;
mod held;
mod host;
mod keys;
mod pane;
mod quality;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::Monitor;

pub use self::desk::{Card, Desk, Order};
pub use self::held::Held;
pub use self::host::{Action, Host, HostKey, LETTERS, Turn, letter, list};
pub use self::keys::usage;
pub use self::pane::{Pane, Zoom};
pub use self::quality::{Flow, Limit, Reading, limit};
pub use crate::lines::Away;
use crate::note::Voice;

use super::texts;

/// Lines of chat that are shown; all are on the terminal.
const MAX_LINES: usize = 100;
/// How long a word about what just happened stands there.
pub const NOTICE: Duration = Duration::from_secs(6);
/// Monitors that are offered.
pub const MAX_MONITORS: usize = 64;

/// Whom the session is with, and what for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Who is logged in at the user's computer.
    pub user: String,
    /// The computer.
    pub host: String,
    /// The ticket's number.
    pub ticket: String,
    /// What it is about.
    pub subject: String,
}

/// Everything that the window draws, but for the picture.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Whom the session is with.
    pub about: About,
    /// Nothing may be asked for.
    pub view_only: bool,
    /// What the user allows.
    pub held: GrantSet,
    /// What he is being asked for.
    pub asked: GrantSet,
    /// What was said, the oldest first.
    pub chat: VecDeque<(Voice, String)>,
    /// Lines of the user's that nobody has looked at.
    pub unread: usize,
    /// Who is away, and when the session ends for it.
    pub away: Option<(Away, Instant)>,
    /// The picture stopped, although nobody is away: it is not allowed any more, or the user's program
    /// makes none.
    pub stopped: bool,
    /// The user's own hand is on mouse and keyboard.
    pub user_hand: bool,
    /// Who keeps what is typed out of the recording.
    pub masks: Masks,
    /// How the connection does.
    pub reading: Option<Reading>,
    /// Somebody reads it.
    pub read: bool,
    /// The user's monitors.
    pub monitors: Vec<Monitor>,
    /// Which one is watched, from 1; 0: all.
    pub monitor: u32,
    /// Counts up with each change that shows.
    pub version: u64,
    notice: Option<(String, Instant)>,
}

/// Who keeps what is typed out of the recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Masks {
    /// The technician.
    pub own: bool,
    /// The user.
    pub users: bool,
}

impl Masks {
    /// Whether anybody does.
    #[must_use]
    pub const fn any(self) -> bool {
        self.own || self.users
    }
}

impl Model {
    /// The user wants what is typed kept out of the recording, or no longer; then it is over for both.
    pub fn masked_by_user(&mut self, on: bool, now: Instant) {
        self.masks.users = on;
        if on {
            self.tell(texts::MASKED_BY_USER, now);
        } else {
            self.masks.own = false;
            self.tell(texts::RECORDED_AGAIN, now);
        }
    }

    /// A word about what just happened, for a few seconds.
    pub fn tell(&mut self, text: impl Into<String>, now: Instant) {
        self.notice = Some((text.into(), now + NOTICE));
    }

    /// The word of the moment.
    #[must_use]
    pub fn notice(&self, now: Instant) -> Option<&str> {
        self.notice.as_ref().filter(|(_, until)| now < *until).map(|(text, _)| text.as_str())
    }

    /// When something that is shown changes by itself.
    #[must_use]
    pub fn changes_at(&self, now: Instant) -> Option<Instant> {
        let notice = self.notice.as_ref().map(|(_, until)| *until).filter(|until| now < *until);
        // The countdown shows whole seconds.
        let second = self.away.map(|(_, end)| {
            let left = end.saturating_duration_since(now);
            now + Duration::from_nanos(u64::from(left.subsec_nanos())) + Duration::from_millis(1)
        });
        [notice, second].into_iter().flatten().min()
    }

    /// Whether the picture is of the moment.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.away.is_none() && !self.stopped
    }

    /// The user's answer, or his own change of mind.
    pub fn allow(&mut self, held: GrantSet, now: Instant) {
        let new = held.without(self.held);
        let answered = self.asked.intersection(held);
        if !answered.is_empty() {
            self.tell(texts::allowed(&grants(new)), now);
        }
        self.asked = self.asked.without(held);
        self.held = held;
        if !held.contains(Grant::Control) {
            self.user_hand = false;
            self.masks = Masks::default();
        }
    }

    /// No, to what was asked for last.
    pub fn refuse(&mut self, text: &str, now: Instant) {
        self.asked = GrantSet::NONE;
        self.tell(texts::refused(text), now);
    }

    /// Asks for something, where that is of any use. Whether the user has to be asked.
    pub fn ask(&mut self, grant: Grant, now: Instant) -> bool {
        if self.view_only {
            self.tell(texts::ONLY_LOOKING, now);
            return false;
        }
        if self.held.contains(grant) || self.asked.contains(grant) || self.away.is_some() {
            return false;
        }
        self.asked = self.asked.union(grant.into());
        self.tell(texts::asked(grant), now);
        true
    }

    /// Somebody said something.
    pub fn said(&mut self, by: Voice, text: &str, now: Instant) {
        self.chat.push_back((by, text.to_owned()));
        while self.chat.len() > MAX_LINES {
            self.chat.pop_front();
        }
        if by == Voice::User {
            self.unread += 1;
            self.tell(format!("{}: {text}", texts::CHAT), now);
        }
    }

    /// Whether mouse and keyboard are the technician's.
    #[must_use]
    pub fn controls(&self) -> bool {
        self.held.contains(Grant::Control) && self.is_live()
    }
}

/// Grants in words.
#[must_use]
pub fn grants(set: GrantSet) -> String {
    set.iter().map(texts::grant).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_goes_out_once_and_an_answer_ends_it() {
        let (mut model, now) = (Model::default(), Instant::now());
        assert!(model.ask(Grant::Control, now));
        assert!(!model.ask(Grant::Control, now), "he is being asked already");
        model.allow(Grant::View.into(), now);
        assert!(model.asked.contains(Grant::Control), "that was no answer");
        model.allow(GrantSet::from(Grant::View).union(Grant::Control.into()), now);
        assert!(model.asked.is_empty() && model.controls());
        assert!(!model.ask(Grant::Control, now));
        assert!(model.ask(Grant::File, now));
        model.refuse("not now", now);
        assert!(model.asked.is_empty());
        assert_eq!(model.notice(now), Some("Not now"));
        assert_eq!(model.notice(now + NOTICE), None);
        model.view_only = true;
        assert!(!model.ask(Grant::File, now));
    }

    #[test]
    fn what_changes_by_itself_says_when() {
        let (mut model, now) = (Model::default(), Instant::now());
        assert_eq!(model.changes_at(now), None);
        model.tell("x", now);
        assert_eq!(model.changes_at(now), Some(now + NOTICE));
        model.away = Some((Away::Relay, now + Duration::from_millis(90_250)));
        assert_eq!(model.changes_at(now), Some(now + Duration::from_millis(251)));
        assert!(!model.is_live());
    }

    #[test]
    fn chat_is_bounded_and_the_users_lines_are_unread() {
        let (mut model, now) = (Model::default(), Instant::now());
        for line in 0..150 {
            model.said(Voice::User, &line.to_string(), now);
            model.said(Voice::Technician, "yes", now);
        }
        assert_eq!((model.chat.len(), model.unread), (MAX_LINES, 150));
    }
}
