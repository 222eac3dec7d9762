use bytes::Bytes;
use deskside_protocol::recording::verify::whole;
use deskside_protocol::statement::{State, Statement, Stream, Way};
use deskside_protocol::wire::message::{self, Opening, Said};

use super::*;
use crate::audit::fixture::{Fixture, session};
use crate::home::tests::key;

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

#[test]
fn a_stream_whose_opening_was_before_has_not_begun_in_time() {
    use message::Channel as Wire;
    let mut gathering = Gathering::new(Span { from_us: 10, to_us: 20 }, Vec::new());
    let mut feed = |from, time_us, offset, bytes| {
        let what = What::Data { stream: 0, offset, bytes };
        assert!(gathering.feed(Event { line: 0, from, time_us, what }));
    };
    // The answer was acknowledged first, and what it answers had passed before the time.
    feed(End::Agent, 12, 0, said("an answer"));
    feed(End::Technician, 9, 0, opening(Wire::Chat));
    feed(End::Technician, 13, opening(Wire::Chat).len() as u64, said("thanks"));
    let entries: usize = gathering.entries.iter().map(prost::Message::encoded_len).sum();
    assert_eq!(gathering.kept, entries);
    let excerpt = gathering.finish(&deskside_protocol::recording::Verifier::new(None).finish());
    assert_eq!(excerpt.halves, []);
    let singles: Vec<_> = excerpt.entries.iter().map(|entry| (entry.time, entry.from)).collect();
    assert_eq!(singles, [(12, End::Agent.to_wire()), (13, End::Technician.to_wire())]);
}

#[test]
fn what_is_masked_leaves_a_mark() {
    let entry = |item| Entry {
        line: 0,
        from: End::Technician,
        time_us: 5,
        channel: Some(Channel::Input),
        stream: Some(4),
        item,
    };
    let marked = single(&entry(Item::Masked { bytes: 40 })).unwrap();
    assert_eq!((marked.masked, marked.message.len(), marked.raw.len()), (40, 0, 0));
    assert_eq!(single(&entry(Item::Opened)), None);
}

/// What an end signs of the first bytes of the agent's stream 1.
fn stated(end: End, bytes: &[u8]) -> Signed {
    let way = if end == End::Agent { Way::Sent } else { Way::Delivered };
    let hash = *blake3::hash(bytes).as_bytes();
    let stream = Stream { id: 1, way, offset: bytes.len() as u64, hash, state: State::Open };
    let statement = Statement {
        time_us: 1,
        streams: vec![stream],
        ..Statement::first(session(), end, 0, [9; 32])
    };
    statement.sign(&key(if end == End::Agent { 11 } else { 12 }))
}

#[test]
fn a_false_statement_keeps_no_true_one_out() {
    let report = whole(&Fixture::start().close().0, None);
    let bytes = [opening(message::Channel::Chat), said("true")].concat();
    let half = ExcerptHalf {
        stream: 1,
        from: End::Agent.to_wire(),
        channel: 6,
        marks: vec![ExcerptMark { end: bytes.len() as u64, time: 5 }],
        bytes: bytes.clone().into(),
        ..ExcerptHalf::default()
    };
    let mut other = bytes.clone();
    other[12] ^= 1;
    let (early, late) = (&bytes[..3], &bytes[..10]);
    let statements = [
        stated(End::Agent, early),
        stated(End::Agent, late),
        stated(End::Technician, late),
        stated(End::Technician, &other[..14]),
        stated(End::Technician, &other),
        stated(End::Agent, &[&bytes[..], b"more than is handed out"].concat()),
    ];
    let told = telling(&[half], &statements, &report);
    // Of each end the furthest that is true, and the furthest that is not.
    let wanted = [1, 2, 4].map(|at: usize| statements[at].clone());
    assert_eq!(told, wanted);
}
