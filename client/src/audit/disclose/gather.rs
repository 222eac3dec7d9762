//! What of a recording goes into an excerpt. A stream that began within the time is taken from its
//! first byte on, as it went over the line, so that what both ends signed of it can be held against it.
//! Of one that began before only its messages within the time are taken.

use std::collections::{BTreeMap, BTreeSet};

use deskside_decode::{Entry, Event, Item, Timeline, What};
use deskside_protocol::channel::Channel;
use deskside_protocol::excerpt::MAX_EXCERPT;
use deskside_protocol::recording::Report;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{self, Way};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::{
    Excerpt, ExcerptEntry, ExcerptHalf, ExcerptLeftOut, ExcerptMark, ExcerptStream, Signed,
};
use prost::Message as _;

use crate::audit::export::Span;
use crate::audit::verify::session_keys;

/// Streams of one recording that are told apart at the most: at 100 bytes each, 100 MB.
const MAX_THREADS: usize = 1_048_576;

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
        let wanted = thread.begun && !thread.passed_over && time_us <= self.span.to_us;
        let half = thread.halves.of_mut(from);
        if let What::Data { bytes, .. } = &event.what {
            half.passed += bytes.len() as u64;
            if wanted {
                half.bytes.extend_from_slice(bytes);
                self.kept += bytes.len();
                let end = half.bytes.len() as u64;
                match half.marks.last_mut().filter(|mark| mark.time == time_us) {
                    Some(mark) => mark.end = end,
                    None => half.marks.push(ExcerptMark { end, time: time_us }),
                }
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
                for end in [End::Agent, End::Technician] {
                    let half = thread.halves.of_mut(end);
                    self.kept -= half.bytes.len();
                    (half.bytes, half.marks) = (Vec::new(), Vec::new());
                }
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

/// One message, or a part of a body; nothing for what says nothing by itself.
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
        Item::LineOpened(_)
        | Item::LineClosed(_)
        | Item::Opened
        | Item::Masked { .. }
        | Item::Unreadable(_)
        | Item::Finished
        | Item::Reset { .. }
        | Item::Stopped { .. } => return None,
    }
    Some(single)
}

/// Those statements that reach furthest into what is handed out, each end's of each direction.
fn telling(halves: &[ExcerptHalf], statements: &[Signed], report: &Report) -> Vec<Signed> {
    let Some(keys) = session_keys(report) else { return Vec::new() };
    let lengths: BTreeMap<(u32, u64, i32), u64> = halves
        .iter()
        .map(|half| ((half.line, half.stream, half.from), half.bytes.len() as u64))
        .collect();
    let mut best = BTreeMap::<_, (u64, usize)>::new();
    for (at, signed) in statements.iter().enumerate() {
        let Ok(said) = statement::open(signed, &keys) else { continue };
        for stream in &said.streams {
            let from = match (stream.way, said.end) {
                (Way::Sent, end) => end,
                (Way::Delivered, End::Agent) => End::Technician,
                (Way::Delivered, End::Technician) => End::Agent,
            };
            let half = (u32::from(said.line), stream.id, from.to_wire());
            if lengths.get(&half).is_some_and(|length| stream.offset <= *length) {
                let known = best.entry((half, said.end.byte())).or_default();
                *known = (*known).max((stream.offset, at));
            }
        }
    }
    let wanted: BTreeSet<usize> = best.into_values().map(|(_, at)| at).collect();
    wanted.into_iter().filter_map(|at| statements.get(at).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use deskside_protocol::wire::message::{self, Opening, Said};

    use super::*;

    /// A frame as it stands on a stream.
    fn framed(message: &impl prost::Message) -> Bytes {
        let body = message.encode_to_vec();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], &body].concat().into()
    }

    fn opening(channel: message::Channel) -> Bytes {
        framed(&Opening { channel: channel.into() })
    }

    fn said(text: &str) -> Bytes {
        let kind = Some(Kind::Said(Said { text: text.into() }));
        framed(&message::Message { kind })
    }

    /// Feeds bytes of the agent's streams: number, time, bytes.
    fn gathered(span: (u64, u64), channels: &[Channel], parts: &[(u64, u64, Bytes)]) -> Excerpt {
        let span = Span { from_us: span.0, to_us: span.1 };
        let mut gathering = Gathering::new(span, channels.to_vec());
        let mut offsets = BTreeMap::<u64, u64>::new();
        for (stream, time_us, bytes) in parts {
            let offset = offsets.entry(*stream).or_default();
            let what = What::Data { stream: *stream, offset: *offset, bytes: bytes.clone() };
            *offset += bytes.len() as u64;
            assert!(gathering.feed(Event { line: 0, from: End::Agent, time_us: *time_us, what }));
        }
        gathering.finish(&deskside_protocol::recording::Verifier::new(None).finish())
    }

    #[test]
    fn what_is_not_wanted_is_counted_and_not_there() {
        use message::Channel as Wire;
        let chat = [opening(Wire::Chat), said("early"), said("in time"), said("late")];
        let [first, early, then, late] = chat.clone();
        let parts = [
            (1, 5, first),
            (1, 6, early),
            (5, 10, opening(Wire::Clipboard)),
            (9, 11, opening(Wire::Chat)),
            (9, 12, said("new")),
            (1, 13, then),
            (9, 21, said("too late")),
            (1, 22, late),
        ];
        let excerpt = gathered((10, 20), &[Channel::Chat], &parts);
        let [half] = &excerpt.halves[..] else { panic!("{:?}", excerpt.halves) };
        assert_eq!((half.stream, half.from, half.channel), (9, End::Agent.to_wire(), 6));
        assert_eq!(half.bytes, [opening(Wire::Chat), said("new")].concat());
        assert_eq!(half.marks.iter().map(|mark| mark.time).collect::<Vec<_>>(), [11, 12]);
        let [single] = &excerpt.entries[..] else { panic!("{:?}", excerpt.entries) };
        assert_eq!((single.time, single.stream), (13, Some(ExcerptStream { id: 1 })));
        let out = |channel| excerpt.left_out.iter().find(|left| left.channel == channel).unwrap();
        let all: usize = chat.iter().map(Bytes::len).sum();
        let late = said("too late").len();
        assert_eq!((out(6).streams, out(6).bytes), (1, (all + late) as u64));
        assert_eq!((out(5).streams, out(5).bytes), (1, opening(Wire::Clipboard).len() as u64));
    }
}
