//! The story: entries in, happenings out. Here is said which message belongs to what; what it means
//! there stands in the rooms of consent, threads and hands.

mod channels;
mod relay;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, VecDeque};

use deskside_decode::{Entry, Finding, Item};
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Refusal;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::refusal::Cause;

use crate::consent::Consent;
use crate::hands::{Hands, Sum, WHOSE};
use crate::happening::{Happening, Outcome, Refused, What};
use crate::threads::Thread;
use crate::watch::{Standing, Step};

/// What is said of a stream that wants to see while another does.
const SECOND: &str =
    "a second stream asks for the screen while one sees it; what is shown is the first's";
/// Streams that are followed at once, as many as a timeline follows.
const MAX_THREADS: usize = 8_192;

/// Tells what happened.
#[derive(Debug, Default)]
pub struct Story {
    next: u64,
    threads: BTreeMap<(u16, u64), Stream>,
    consent: Consent,
    hands: Hands,
    watch: Standing,
    /// The screen as it was told last.
    screen: Option<What>,
    /// The line that was closed last.
    closed: Option<u16>,
    /// The line of the last entry, and its time.
    last: Option<(u16, u64)>,
    told: VecDeque<Happening>,
}

/// A stream, and who has ended its half of it.
#[derive(Debug)]
struct Stream {
    thread: Thread,
    over: [bool; 2],
}

/// Where and when something happened.
#[derive(Debug, Clone, Copy)]
struct Here {
    line: u16,
    from: End,
    time_us: u64,
}

impl Story {
    /// Before the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry of a timeline.
    pub fn feed(&mut self, entry: &Entry) {
        let Entry { line, from, time_us, .. } = *entry;
        let here = Here { line, from, time_us };
        if let Item::Relay(event) = &entry.item {
            // Nothing passed by that: a gap goes on.
            if let Some(seen) = relay::seen(event) {
                self.tell(here, What::Relay(seen));
            }
            return;
        }
        let sums = self.hands.rested(time_us);
        self.sums(sums);
        if self.watch.feed(entry) == Some(Step::Second) {
            let (channel, why) = (entry.channel, SECOND.to_owned());
            self.tell(here, What::NotUnderstood { channel, why });
        }
        match &entry.item {
            Item::LineOpened(suite) => {
                self.other_line(here);
                self.tell(here, What::LineOpened(*suite));
            }
            // Where both ends closed it, the first did.
            Item::LineClosed(_) if self.closed == Some(line) => {}
            Item::LineClosed(closed) => {
                self.closed = Some(line);
                self.tell(here, What::LineClosed(closed.clone()));
            }
            Item::Message(message) => self.message(here, entry, message.kind.as_ref()),
            Item::Masked { bytes } => self.masked(here, entry, *bytes as u64),
            Item::Raw { bytes, .. } => self.raw(here.from, entry, bytes.len()),
            Item::Unreadable(trouble) => {
                let (channel, why) = (entry.channel, trouble.to_string());
                self.tell(here, What::NotUnderstood { channel, why });
            }
            Item::Finished => self.over(here, entry.stream, None),
            Item::Reset { code } => self.over(here, entry.stream, Some(*code)),
            Item::Opened | Item::Relay(_) | Item::Stopped { .. } => {}
        }
        let latest = self.last.map_or(0, |(_, time_us)| time_us);
        self.last = Some((line, time_us.max(latest)));
    }

    fn found(&mut self, finding: &Finding) {
        let here = Here { line: finding.line, from: End::Agent, time_us: finding.time_us };
        let (what, grave) = (finding.what.to_string(), finding.is_grave());
        self.tell(here, What::Disputed { what, party: finding.party, grave });
    }

    /// The next happening.
    pub fn poll(&mut self) -> Option<Happening> {
        self.told.pop_front()
    }

    /// Nothing more comes: what was under way has no known end. Behind that stand the findings of a
    /// decoder at its end.
    pub fn finish<'a>(&mut self, findings: impl IntoIterator<Item = &'a Finding>) {
        let sums = self.hands.finish();
        self.sums(sums);
        self.abandon();
        findings.into_iter().for_each(|finding| self.found(finding));
    }

    fn tell(&mut self, here: Here, what: What) -> u64 {
        let Here { line, from, time_us } = here;
        let number = self.next;
        self.next += 1;
        self.told.push_back(Happening { number, line, from, time_us, what });
        number
    }

    fn tell_all(&mut self, here: Here, told: Vec<What>) {
        for what in told {
            self.tell(here, what);
        }
    }

    fn sums(&mut self, sums: Vec<Sum>) {
        for (line, time_us, what) in sums {
            self.tell(Here { line, from: WHOSE, time_us }, what);
        }
    }

    /// A line begins: what was under way on another has ended with that.
    fn other_line(&mut self, here: Here) {
        let Some((line, since_us)) = self.last.filter(|(line, _)| *line != here.line) else {
            return;
        };
        let sums = self.hands.finish();
        self.sums(sums);
        self.abandon();
        let between = Here { line, ..here };
        self.tell(between, What::Gap { since_us });
    }

    fn abandon(&mut self) {
        let (_, time_us) = self.last.unwrap_or_default();
        for ((line, _), mut stream) in std::mem::take(&mut self.threads) {
            let here = Here { line, from: End::Agent, time_us };
            let told = stream.thread.end(Outcome::Unknown);
            self.tell_all(here, told);
        }
    }

    fn message(&mut self, here: Here, entry: &Entry, kind: Option<&Kind>) {
        let channel = entry.channel.unwrap_or(Channel::Control);
        let Some(kind) = kind else {
            self.tell(here, What::Newer { channel });
            return;
        };
        let told = match channel {
            Channel::Control => self.control(here, entry, kind),
            Channel::Screen => self.screen(here, entry, kind),
            Channel::Pointer | Channel::Input => self.input(here, entry, kind),
            Channel::Command => self.command(here, entry, kind),
            Channel::File => self.file(here, entry, kind),
            Channel::Clipboard => self.text(here, kind),
            Channel::Chat => self.text(here, kind),
            // It carries nothing yet: what will come belongs here.
            Channel::Shell => false,
        };
        if told {
            return;
        }
        if let Kind::Refusal(refusal) = kind {
            self.refused(here, entry, channel, refusal);
        } else {
            self.tell(here, What::Newer { channel });
        }
    }

    /// Remembers what a stream is about. What it was about before has ended by that.
    fn thread(&mut self, here: Here, entry: &Entry, thread: Thread) {
        let room = self.threads.len() < MAX_THREADS && entry.stream.is_some();
        let mut ended = match self.threads.entry((entry.line, entry.stream.unwrap_or_default())) {
            MapEntry::Occupied(known) => std::mem::replace(&mut known.into_mut().thread, thread),
            MapEntry::Vacant(place) if room => {
                place.insert(Stream { thread, over: [false; 2] });
                return;
            }
            MapEntry::Vacant(_) => thread,
        };
        let told = ended.end(Outcome::Unknown);
        self.tell_all(here, told);
    }

    fn known(&mut self, entry: &Entry) -> Option<&mut Thread> {
        let stream = self.threads.get_mut(&(entry.line, entry.stream?))?;
        Some(&mut stream.thread)
    }

    fn refused(&mut self, here: Here, entry: &Entry, channel: Channel, refusal: &Refusal) {
        let of = self.known(entry).and_then(|thread| thread.about());
        let cause = Cause::try_from(refusal.cause).unwrap_or(Cause::Unspecified);
        let (grant, text) = (Grant::from_wire(refusal.grant), refusal.text.clone());
        self.tell(here, What::Refused(Refused { of, channel, cause, grant, text }));
        let ended = self.known(entry).map(|thread| thread.end(Outcome::Refused));
        self.tell_all(here, ended.unwrap_or_default());
    }

    fn raw(&mut self, from: End, entry: &Entry, bytes: usize) {
        if let Some(Thread::Files(files)) = self.known(entry)
            && files.sender == from
        {
            files.body(bytes);
        }
    }

    /// A half of a stream is over: in order, or broken off with a code.
    fn over(&mut self, here: Here, stream: Option<u64>, code: Option<u64>) {
        let Some(stream) = stream else { return };
        let key = (here.line, stream);
        let Some(known) = self.threads.get_mut(&key) else { return };
        let [agent, technician] = &mut known.over;
        match here.from {
            End::Agent => *agent = true,
            End::Technician => *technician = true,
        }
        let both = *agent && *technician;
        let how = match code {
            Some(code) => Outcome::BrokenOff { by: here.from, code },
            None => Outcome::Exited(0),
        };
        let ends = code.is_some() || (both && matches!(known.thread, Thread::Files(_)));
        let how = if both && !ends { Outcome::Unknown } else { how };
        let told = if ends || both { known.thread.end(how) } else { Vec::new() };
        if both {
            self.threads.remove(&key);
        }
        self.tell_all(here, told);
    }
}
