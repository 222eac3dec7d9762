//! What an excerpt tells: its bytes as messages again, and these as what happened.

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use deskside_decode::{Entry, Event, Item, Timeline, What};
use deskside_protocol::channel::Channel;
use deskside_protocol::excerpt::Half;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::message::command_exit::How;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::{Excerpt, ExcerptEntry, ExcerptHalf};
use deskside_story::Story;
use prost::Message as _;
use serde_json::{Value, json};

use crate::audit::export::{event, instant};

/// What happened, one object each, in the order of time.
pub(super) fn happened(excerpt: &Excerpt) -> Vec<Value> {
    let mut events: Vec<Event> = excerpt.halves.iter().flat_map(events).collect();
    events.sort_by_key(|event| event.time_us);
    let (mut timeline, mut entries) = (Timeline::new(), Vec::new());
    for event in events {
        timeline.feed(event);
        entries.extend(std::iter::from_fn(|| timeline.poll()));
    }
    timeline.finish();
    entries.extend(std::iter::from_fn(|| timeline.poll()));
    let mut told = Vec::new();
    for entry in excerpt.entries.iter().filter_map(entry) {
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
    told.sort_by_key(|(time_us, _)| *time_us);
    told.into_iter().map(|(_, value)| value).collect()
}

/// A message of a command or a transfer whose beginning is not here, by itself.
fn torn(entry: &Entry) -> Option<Value> {
    if !matches!(entry.channel, Some(Channel::Command | Channel::File)) {
        return None;
    }
    let mut value = json!({"time": instant(entry.time_us), "from": entry.from.to_string(),
        "line": entry.line, "stream": entry.stream, "torn": true});
    let more = if let Item::Message(message) = &entry.item {
        said(message)
    } else {
        json!({"what": "body"})
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

/// The bytes of a direction as they became readable, and its end.
fn events(wire: &ExcerptHalf) -> Vec<Event> {
    let Some(half) = Half::of(wire) else { return Vec::new() };
    let Half { line, stream, from, .. } = half;
    let pieces = Half::pieces(wire).map(|(offset, bytes, time_us)| Event {
        line,
        from,
        time_us,
        what: What::Data { stream, offset, bytes },
    });
    let mut events: Vec<Event> = pieces.collect();
    let last = events.last().map(|event| event.time_us);
    if let Some(time_us) = last.filter(|_| wire.finished) {
        let what = What::Finished { stream, size: half.bytes.len() as u64 };
        events.push(Event { line, from, time_us, what });
    }
    events
}

/// A single message or part of a body; what is neither tells nothing.
fn entry(wire: &ExcerptEntry) -> Option<Entry> {
    let item = if wire.raw.is_empty() {
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
