//! What an excerpt tells: its bytes as messages again, and these as what happened, each with whose
//! word it is.
#![allow(clippy::wildcard_enum_match_arm, reason = "the rest of what a stream carries is a body")]

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use deskside_decode::{Entry, Event, Item, Timeline, What};
use deskside_protocol::channel::Channel;
use deskside_protocol::excerpt::{Half, Judged};
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::message::command_exit::How;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::{ExcerptEntry, ExcerptHalf};
use deskside_story::Story;
use prost::Message as _;
use serde_json::{Value, json};

use crate::audit::export::{event, instant};

/// Under which key a happening says whose word it is, and what it says there.
pub(super) const WORD: &str = "word";
pub(super) const ENDS: &str = "ends";
pub(super) const AUDITOR: &str = "auditor";

/// What happened, one object each, in the order of time; and of each whose word it is. It is that of
/// the ends where what both of them signed for says the same by itself, and else the auditor's; the
/// times are the auditor's always.
pub(super) fn happened(judged: &Judged) -> Vec<Value> {
    let halves = || judged.excerpt.halves.iter().zip(&judged.proven);
    let proven = halves().flat_map(|(half, proven)| {
        let whole = proven.whole.agent && proven.whole.technician;
        events(half, proven.both(), whole)
    });
    let mut of_both = BTreeMap::<String, usize>::new();
    for (_, value) in story(proven.collect(), &[]) {
        *of_both.entry(by_itself(&value)).or_default() += 1;
    }
    let all = halves().flat_map(|(half, _)| events(half, u64::MAX, half.finished));
    let mut told = story(all.collect(), &judged.excerpt.entries);
    told.sort_by_key(|(time_us, _)| *time_us);
    let with_word = |(_, mut value): (u64, Value)| {
        let left = of_both.get_mut(&by_itself(&value)).filter(|left| **left > 0);
        let word = if left.map(|left| *left -= 1).is_some() { ENDS } else { AUDITOR };
        if let Some(value) = value.as_object_mut() {
            value.insert(WORD.to_owned(), word.into());
        }
        value
    };
    told.into_iter().map(with_word).collect()
}

/// A happening without the numbers that say its place among the others.
fn by_itself(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(value) = value.as_object_mut() {
        value.retain(|key, _| key != "number" && key != "of");
    }
    value.to_string()
}

/// What these bytes of streams and single messages tell, each with its time.
fn story(mut events: Vec<Event>, singles: &[ExcerptEntry]) -> Vec<(u64, Value)> {
    events.sort_by_key(|event| event.time_us);
    let (mut timeline, mut entries) = (Timeline::new(), Vec::new());
    for event in events {
        timeline.feed(event);
        entries.extend(std::iter::from_fn(|| timeline.poll()));
    }
    timeline.finish();
    entries.extend(std::iter::from_fn(|| timeline.poll()));
    let mut told = Vec::new();
    for entry in singles.iter().filter_map(entry) {
        match torn(&entry) {
            Some(value) => told.push((entry.time_us, value)),
            None => entries.push(entry),
        }
    }
    entries.sort_by_key(|entry| entry.time_us);
    let mut story = Story::new();
    for entry in &entries {
        story.feed(entry);
    }
    story.finish([]);
    let story = std::iter::from_fn(|| story.poll());
    told.extend(story.filter_map(|told| Some((told.time_us, event(&told)?))));
    told
}

/// A message of a command or a transfer whose beginning is not here, by itself.
fn torn(entry: &Entry) -> Option<Value> {
    if !matches!(entry.channel, Some(Channel::Command | Channel::File)) {
        return None;
    }
    let mut value = json!({"time": instant(entry.time_us), "from": entry.from.to_string(),
        "line": entry.line, "stream": entry.stream, "torn": true});
    let more = match &entry.item {
        Item::Message(message) => said(message),
        Item::Masked { bytes } => json!({"what": "masked", "bytes": bytes}),
        _ => json!({"what": "body"}),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    Some(value)
}

fn said(message: &Message) -> Value {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"base64": BASE64.encode(bytes)}),
    };
    match message.kind.as_ref() {
        Some(Kind::CommandInput(input)) => {
            json!({"what": "command-input", "text": text(&input.data)})
        }
        Some(Kind::CommandOutput(output)) => {
            let what = if output.stderr { "command-stderr" } else { "command-stdout" };
            json!({"what": what, "text": text(&output.data)})
        }
        Some(Kind::CommandExit(exit)) => {
            let code = if let Some(How::Code(code)) = exit.how { Some(code) } else { None };
            json!({"what": "command-ended", "code": code})
        }
        Some(Kind::FileEntry(entry)) => {
            json!({"what": "file", "path": entry.path.join("/"), "bytes": entry.size})
        }
        Some(Kind::FileEnd(end)) => {
            json!({"what": "file-ended", "sha256": HEXLOWER.encode(&end.sha256)})
        }
        Some(_) => json!({"what": "message"}),
        None => json!({"what": "newer"}),
    }
}

/// The first `upto` bytes of a direction as they became readable, and its end where it is `finished`.
fn events(wire: &ExcerptHalf, upto: u64, finished: bool) -> Vec<Event> {
    let Some(half) = Half::of(wire) else { return Vec::new() };
    let Half { line, stream, from, .. } = half;
    let pieces = Half::pieces(wire).filter_map(|(offset, mut bytes, time_us)| {
        let left = usize::try_from(upto.checked_sub(offset)?).unwrap_or(usize::MAX);
        bytes.truncate(left);
        (left > 0).then_some(Event {
            line,
            from,
            time_us,
            what: What::Data { stream, offset, bytes },
        })
    });
    let mut events: Vec<Event> = pieces.collect();
    let last = events.last().map(|event| event.time_us);
    if let Some(time_us) = last.filter(|_| finished) {
        let what = What::Finished { stream, size: half.bytes.len() as u64 };
        events.push(Event { line, from, time_us, what });
    }
    events
}

/// A single message, part of a body or masked message; what is none of these tells nothing.
fn entry(wire: &ExcerptEntry) -> Option<Entry> {
    let item = if wire.masked > 0 {
        Item::Masked { bytes: usize::try_from(wire.masked).ok()? }
    } else if wire.raw.is_empty() {
        Item::Message(Box::new(Message::decode(wire.message.clone()).ok()?))
    } else {
        Item::Raw { at: wire.at, bytes: Bytes::clone(&wire.raw) }
    };
    Some(Entry {
        line: u16::try_from(wire.line).ok()?,
        from: End::from_wire(wire.from)?,
        time_us: wire.time,
        channel: i32::try_from(wire.channel).ok().and_then(Channel::from_wire),
        stream: wire.stream.as_ref().map(|stream| stream.id),
        item,
    })
}
