//! Which stream watches the screen. One does, as the protocol has it: the first on which the technician
//! asks to see, until that stream ends. Another has to wait for its end, and is told of.

use deskside_decode::{Entry, Item};
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Watch;
use deskside_protocol::wire::message::message::Kind;

/// A stream: its line and its number.
type On = (u16, u64);

/// What of it is another by an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// This stream watches from here on.
    Began,
    /// The stream that watches asks for something else: nobody looks, or somebody does.
    Wishes {
        /// Nobody looks.
        hidden: bool,
    },
    /// Another stream asks to see while one watches.
    Second,
    /// A stream that does not watch asks where a monitor lies.
    Asks,
    /// Nothing watches any more.
    Ended,
}

/// The watch that stands.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    on: Option<On>,
    /// The technician has ended his half of it: the agent will end its own.
    leaving: bool,
    /// The last that asked to see while another stood.
    next: Option<On>,
}

impl Standing {
    /// Whether it is this stream that watches.
    pub(crate) fn is_on(&self, line: u16, stream: Option<u64>) -> bool {
        stream.is_some_and(|stream| self.on == Some((line, stream)))
    }

    /// Takes the next entry. Gives what it changes.
    pub(crate) fn feed(&mut self, entry: &Entry) -> Option<Step> {
        let on = entry.stream.map(|stream| (entry.line, stream));
        match (&entry.item, entry.from) {
            // Lines come one after the other; one that broke may never have been closed.
            (Item::LineOpened(_), _) => self.gone(|_| true),
            (Item::LineClosed(_), _) => self.gone(|line| line == entry.line),
            (Item::Message(message), from) => self.message(entry, on?, from, message.kind.as_ref()),
            (Item::Finished | Item::Reset { .. } | Item::Unreadable(_), End::Agent) => {
                self.ended(on?)
            }
            (Item::Finished | Item::Reset { .. }, End::Technician) => self.left(on?),
            (
                Item::Opened
                | Item::Relay(_)
                | Item::Masked { .. }
                | Item::Raw { .. }
                | Item::Stopped { .. }
                | Item::Unreadable(_),
                _,
            ) => None,
        }
    }

    fn message(&mut self, entry: &Entry, on: On, from: End, kind: Option<&Kind>) -> Option<Step> {
        match (from, kind?) {
            (End::Technician, Kind::Watch(watch)) if entry.channel == Some(Channel::Screen) => {
                Some(self.watch(on, watch))
            }
            (End::Agent, Kind::Refusal(_)) => self.ended(on),
            _ => None,
        }
    }

    fn watch(&mut self, on: On, watch: &Watch) -> Step {
        if self.on == Some(on) {
            return Step::Wishes { hidden: watch.hidden };
        }
        if watch.hidden {
            return Step::Asks;
        }
        if self.on.is_some() && !self.leaving {
            self.next = Some(on);
            return Step::Second;
        }
        self.begin(on)
    }

    fn begin(&mut self, on: On) -> Step {
        *self = Self { on: Some(on), leaving: false, next: None };
        Step::Began
    }

    /// The agent has ended its half of a stream, or refused it.
    fn ended(&mut self, on: On) -> Option<Step> {
        if self.next == Some(on) {
            self.next = None;
        }
        if self.on != Some(on) {
            return None;
        }
        Some(self.over())
    }

    /// The technician has: another that waits is served now.
    fn left(&mut self, on: On) -> Option<Step> {
        if self.next == Some(on) {
            self.next = None;
        }
        if self.on != Some(on) {
            return None;
        }
        self.leaving = true;
        self.next.map(|next| self.begin(next))
    }

    fn over(&mut self) -> Step {
        match self.next {
            Some(next) => self.begin(next),
            None => {
                *self = Self::default();
                Step::Ended
            }
        }
    }

    /// These lines are gone, with all their streams.
    fn gone(&mut self, lines: impl Fn(u16) -> bool) -> Option<Step> {
        self.next = self.next.filter(|(line, _)| !lines(*line));
        self.on.filter(|(line, _)| lines(*line)).map(|_| self.over())
    }
}
