//! What of a recording goes into an excerpt. A stream that began within the time is taken from its
//! first byte on, as it went over the line, so that what both ends signed of it can be held against it.
//! Of one that began before only its messages within the time are taken.

use std::collections::{BTreeMap, BTreeSet};

use deskside_decode::{Entry, Event, Item, Timeline, What};
use deskside_protocol::channel::Channel;
use deskside_protocol::excerpt::{Claims, Half, MAX_EXCERPT, opened_for, opener};
use deskside_protocol::recording::Report;
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{self, Statement};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::{
    Excerpt, ExcerptEntry, ExcerptHalf, ExcerptLeftOut, ExcerptMark, ExcerptStream, Signed,
};
use prost::Message as _;

use crate::audit::export::Span;

/// Streams of one recording that are told apart at the most: at 100 bytes each, 100 MB.
const MAX_THREADS: usize = 1_048_576;
/// Bytes of a mark in an excerpt at the most: two tags, a length, 5 bytes of offset and 9 of time.
const MARK: usize = 17;

/// Gathers.
#[derive(Debug)]
pub(super) struct Gathering {
    span: Span,
    /// None: all of them.
    channels: Vec<Channel>,
    timeline: Timeline,
    threads: BTreeMap<(u16, u64), Thread>,
    statements: Vec<Signed>,
    entries: Vec<ExcerptEntry>,
    /// Bytes that are kept.
    kept: usize,
}

/// One stream.
#[derive(Debug, Default)]
struct Thread {
    channel: Option<Channel>,
    /// It began within the time: both directions are kept from the first byte on.
    begun: bool,
    /// It is not wanted.
    passed_over: bool,
    halves: Ends<HalfSoFar>,
}

#[derive(Debug, Default)]
struct HalfSoFar {
    bytes: Vec<u8>,
    marks: Vec<ExcerptMark>,
    finished: bool,
    /// All that passed, kept or not.
    passed: u64,
}

impl Thread {
    /// Keeps nothing of it any more. Gives how many bytes that were.
    fn give_up(&mut self) -> usize {
        let of = |half: &mut HalfSoFar| {
            let kept = half.bytes.len() + half.marks.len() * MARK;
            (half.bytes, half.marks, half.finished) = (Vec::new(), Vec::new(), false);
            kept
        };
        of(&mut self.halves.agent) + of(&mut self.halves.technician)
    }
}

impl HalfSoFar {
    /// Keeps what became readable. Gives how many bytes that takes.
    fn take(&mut self, bytes: &[u8], time_us: u64) -> usize {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len() as u64;
        let last = self.marks.last_mut();
        // It is readable once all before it is.
        if let Some(mark) = last.filter(|mark| time_us <= mark.time) {
            mark.end = end;
            bytes.len()
        } else {
            self.marks.push(ExcerptMark { end, time: time_us });
            bytes.len() + MARK
        }
    }
}

impl Gathering {
    pub(super) fn new(span: Span, channels: Vec<Channel>) -> Self {
        Self {
            span,
            channels,
            timeline: Timeline::new(),
            threads: BTreeMap::new(),
            statements: Vec::new(),
            entries: Vec::new(),
            kept: 0,
        }
    }

    /// Takes what came through next; `false` where it is more than an excerpt holds.
    pub(super) fn feed(&mut self, event: Event) -> bool {
        if let What::Data { stream, .. } | What::Finished { stream, .. } = event.what {
            if self.threads.len() >= MAX_THREADS {
                return false;
            }
            self.stream(stream, &event);
        }
        self.timeline.feed(event);
        while let Some(entry) = self.timeline.poll() {
            self.entry(&entry);
        }
        self.kept <= MAX_EXCERPT
    }

    fn stream(&mut self, stream: u64, event: &Event) {
        let Event { line, from, time_us, .. } = *event;
        let begun = Thread { begun: self.span.has(time_us), ..Thread::default() };
        let thread = self.threads.entry((line, stream)).or_insert(begun);
        // What was acknowledged first was not always first: what the opener said may come later.
        if thread.begun && time_us < self.span.from_us {
            thread.begun = false;
            self.kept -= thread.give_up();
        }
        let wanted = thread.begun && !thread.passed_over && time_us <= self.span.to_us;
        let half = thread.halves.of_mut(from);
        if let What::Data { bytes, .. } = &event.what {
            half.passed += bytes.len() as u64;
            if wanted {
                self.kept += half.take(bytes, time_us);
            }
        } else if wanted {
            half.finished = true;
        }
    }

    fn wants(&self, channel: Option<Channel>) -> bool {
        self.channels.is_empty() || channel.is_some_and(|channel| self.channels.contains(&channel))
    }

    fn entry(&mut self, entry: &Entry) {
        if let Item::Message(message) = &entry.item
            && let Some(Kind::Statement(signed)) = &message.kind
        {
            self.kept += signed.encoded_len();
            self.statements.push(signed.clone());
        }
        let wanted = self.wants(entry.channel);
        let thread = entry.stream.and_then(|stream| self.threads.get_mut(&(entry.line, stream)));
        let begun = thread.as_ref().is_some_and(|thread| thread.begun);
        if let Some(thread) = thread
            && entry.item == Item::Opened
        {
            thread.channel = entry.channel;
            if !wanted && thread.begun {
                thread.passed_over = true;
                self.kept -= thread.give_up();
            }
        }
        if wanted && !begun && self.span.has(entry.time_us) {
            let single = single(entry);
            self.kept += single.as_ref().map_or(0, prost::Message::encoded_len);
            self.entries.extend(single);
        }
    }

    /// What of an excerpt comes from the packets. A stream of which nobody said the channel goes in
    /// only where all of them do.
    pub(super) fn finish(mut self, report: &Report) -> Excerpt {
        let (mut halves, mut left) = (Vec::new(), BTreeMap::<u32, ExcerptLeftOut>::new());
        for ((line, stream), mut thread) in std::mem::take(&mut self.threads) {
            let channel = number(thread.channel);
            let left =
                left.entry(channel).or_insert(ExcerptLeftOut { channel, ..Default::default() });
            // As whoever reads it finds it in its bytes.
            let channel = opened_for(&thread.halves.of(opener(stream)).bytes);
            let wanted = thread.begun && !thread.passed_over && self.wants(thread.channel);
            left.streams += u64::from(!wanted);
            for from in [End::Agent, End::Technician] {
                let half = std::mem::take(thread.halves.of_mut(from));
                if !wanted || half.bytes.is_empty() && !half.finished {
                    left.bytes += half.passed;
                    continue;
                }
                left.bytes += half.passed - half.bytes.len() as u64;
                halves.push(ExcerptHalf {
                    line: line.into(),
                    stream,
                    from: from.to_wire(),
                    channel,
                    bytes: half.bytes.into(),
                    marks: half.marks,
                    finished: half.finished,
                });
            }
        }
        let left_out = left.into_values().filter(|left| left.streams + left.bytes > 0).collect();
        let statements = telling(&halves, &self.statements, report);
        Excerpt { statements, halves, entries: self.entries, left_out, ..Excerpt::default() }
    }
}

fn number(channel: Option<Channel>) -> u32 {
    channel.map_or(0, |channel| channel.to_wire() as u32)
}

/// One message, a part of a body, or that something is masked; nothing for what says nothing by itself.
fn single(entry: &Entry) -> Option<ExcerptEntry> {
    let mut single = ExcerptEntry {
        line: entry.line.into(),
        from: entry.from.to_wire(),
        time: entry.time_us,
        channel: number(entry.channel),
        stream: entry.stream.map(|id| ExcerptStream { id }),
        ..ExcerptEntry::default()
    };
    match &entry.item {
        Item::Message(message) => single.message = message.encode_to_vec().into(),
        Item::Raw { at, bytes } => (single.at, single.raw) = (*at, bytes.clone()),
        Item::Masked { bytes } => single.masked = *bytes as u64,
        Item::LineOpened(_)
        | Item::LineClosed(_)
        | Item::Relay(_)
        | Item::Opened
        | Item::Unreadable(_)
        | Item::Finished
        | Item::Reset { .. }
        | Item::Stopped { .. } => return None,
    }
    Some(single)
}

/// Those statements that reach furthest into what is handed out, each end's of each direction; and
/// where an end said something else, the furthest of those too, for the reader to know.
fn telling(halves: &[ExcerptHalf], statements: &[Signed], report: &Report) -> Vec<Signed> {
    let Some(keys) = report.facts.as_ref().map(Facts::session_keys) else { return Vec::new() };
    let opened =
        statements.iter().filter_map(|signed| Some((signed, statement::open(signed, &keys).ok()?)));
    let (signed, stated): (Vec<&Signed>, Vec<Statement>) = opened.unzip();
    let claims = Claims::of(&stated);
    let mut wanted = BTreeSet::new();
    for half in halves.iter().filter_map(Half::of) {
        let (mut fits, mut differs) = (Ends::<Option<usize>>::default(), Ends::default());
        for (claim, is_it) in claims.on(&half) {
            let furthest = if is_it { &mut fits } else { &mut differs };
            *furthest.of_mut(claim.by) = Some(claim.statement);
        }
        wanted.extend([fits.agent, fits.technician, differs.agent, differs.technician]);
    }
    let wanted = wanted.into_iter().flatten();
    wanted.filter_map(|at| signed.get(at).map(|signed| Signed::clone(signed))).collect()
}

#[cfg(test)]
mod tests;
