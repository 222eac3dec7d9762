use deskside_protocol::act::{ActKey, DATAGRAMS};
use deskside_protocol::frame::{MAX_MESSAGE, encode, prefix};
use deskside_protocol::wire::message::{
    self, FileEnd, FileEntry, FileFrom, FileGet, FilePut, FileReady, Opening, PointerAt, Said,
    ScreenFrame, ScreenPiece,
};
use prost::Message as _;
use zeroize::Zeroizing;

use super::*;

/// What one end writes on one stream.
struct Half {
    stream: u64,
    from: End,
    offset: u64,
    actor: deskside_protocol::act::Actor,
}

impl Half {
    fn new(stream: u64, from: End, channel: Channel) -> Self {
        let actor = ActKey::new(Zeroizing::new([1; 32])).actor(channel, stream);
        Self { stream, from, offset: 0, actor }
    }

    fn raw(&mut self, bytes: &[u8]) -> Event {
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        let what = What::Data { stream: self.stream, offset, bytes: Bytes::copy_from_slice(bytes) };
        Event { line: 1, from: self.from, time_us: self.offset, what }
    }

    fn opening(&mut self, channel: Channel) -> Event {
        let opening = Opening { channel: channel.to_wire() as i32 };
        self.raw(&encode(&opening, MAX_MESSAGE).unwrap())
    }

    fn says(&mut self, kind: Kind) -> Event {
        let message = Message { kind: Some(kind) };
        let bytes = match self.from {
            End::Technician => encode(&self.actor.wrap(&message), MAX_MESSAGE),
            End::Agent => encode(&message, MAX_MESSAGE),
        };
        self.raw(&bytes.unwrap())
    }

    fn body(&mut self, bytes: &[u8]) -> Event {
        self.raw(&[&prefix(bytes.len(), MAX_MESSAGE).unwrap()[..], bytes].concat())
    }

    fn finished(&self) -> Event {
        let what = What::Finished { stream: self.stream, size: self.offset };
        Event { line: 1, from: self.from, time_us: self.offset, what }
    }
}

fn entries(events: impl IntoIterator<Item = Event>) -> Vec<Entry> {
    let mut timeline = Timeline::new();
    let mut entries = Vec::new();
    for event in events {
        timeline.feed(event);
        entries.extend(std::iter::from_fn(|| timeline.poll()));
    }
    timeline.finish();
    entries.extend(std::iter::from_fn(|| timeline.poll()));
    entries
}

/// In short: the kinds of messages by their names in the schema, raw bytes as they are.
fn told(entries: &[Entry]) -> Vec<String> {
    let short = |entry: &Entry| {
        if let Item::Message(message) = &entry.item {
            let kind = format!("{:?}", message.kind.as_ref().unwrap());
            format!("{}: {}", entry.from, kind.split('(').next().unwrap())
        } else if let Item::Raw { at, bytes } = &entry.item {
            format!("{at}: {}", String::from_utf8_lossy(bytes))
        } else if let Item::Unreadable(trouble) = &entry.item {
            trouble.to_string()
        } else {
            format!("{}: {:?}", entry.from, entry.item)
        }
    };
    entries.iter().map(short).collect()
}

#[test]
fn bodies_of_files_are_told_from_messages_with_and_without_resume() {
    for resume in [false, true] {
        let mut technician = Half::new(0, End::Technician, Channel::File);
        let mut agent = Half::new(0, End::Agent, Channel::File);
        let mut events = vec![
            technician.opening(Channel::File),
            technician.says(Kind::FilePut(FilePut { resume, ..FilePut::default() })),
            agent.says(Kind::FileReady(FileReady::default())),
            technician.says(Kind::FileEntry(FileEntry { folder: true, ..FileEntry::default() })),
            technician.says(Kind::FileEntry(FileEntry::default())),
        ];
        if resume {
            events.push(technician.says(Kind::FileFrom(FileFrom::default())));
        }
        let at = technician.offset + 4;
        events.push(technician.body(b"hello"));
        events.push(technician.body(b""));
        events.push(technician.says(Kind::FileEnd(FileEnd::default())));
        events.extend([technician.finished(), agent.finished()]);
        let entries = entries(events);
        let mut expected = vec![
            "technician: Opened".to_owned(),
            "technician: FilePut".into(),
            "agent: FileReady".into(),
            "technician: FileEntry".into(),
            "technician: FileEntry".into(),
            "technician: FileFrom".into(),
            format!("{at}: hello"),
            "technician: FileEnd".into(),
            "technician: Finished".into(),
            "agent: Finished".into(),
        ];
        expected.retain(|entry| resume || !entry.ends_with("FileFrom"));
        assert_eq!(told(&entries), expected);
        assert!(entries.iter().all(|entry| entry.channel == Some(Channel::File)));
    }
}

#[test]
fn bodies_that_went_over_the_files_line_are_not_waited_for() {
    for resume in [false, true] {
        let mut technician = Half::new(0, End::Technician, Channel::File);
        let agent = Half::new(0, End::Agent, Channel::File);
        let put = FilePut { resume, apart: true, ..FilePut::default() };
        let mut events =
            vec![technician.opening(Channel::File), technician.says(Kind::FilePut(put))];
        for _ in 0..2 {
            events.push(technician.says(Kind::FileEntry(FileEntry::default())));
            if resume {
                events.push(technician.says(Kind::FileFrom(FileFrom::default())));
            }
            events.push(technician.says(Kind::FileEnd(FileEnd::default())));
        }
        events.extend([technician.finished(), agent.finished()]);
        let told = told(&entries(events));
        let ends = told.iter().filter(|told| told.ends_with("FileEnd")).count();
        assert_eq!(ends, 2, "{told:?}");
        assert!(told.iter().all(|told| !told.contains("Unreadable")), "{told:?}");
    }
}

#[test]
fn the_sender_waits_until_it_is_known_how_the_transfer_goes() {
    let mut technician = Half::new(4, End::Technician, Channel::File);
    let mut agent = Half::new(4, End::Agent, Channel::File);
    let events = [
        agent.says(Kind::FileReady(FileReady::default())),
        technician.opening(Channel::File),
        agent.says(Kind::FileEntry(FileEntry::default())),
        agent.says(Kind::FileFrom(FileFrom::default())),
        agent.body(b"body"),
        technician.says(Kind::FileGet(FileGet { resume: true, ..FileGet::default() })),
    ];
    let told = told(&entries(events));
    let expected = ["technician: Opened", "technician: FileGet", "agent: FileReady"];
    assert_eq!(told[..3], expected);
    assert_eq!(told[3..5], ["agent: FileEntry", "agent: FileFrom"]);
    assert!(told[5].ends_with(": body"), "{told:?}");
}

#[test]
fn pictures_have_as_many_bytes_as_they_announce() {
    let mut technician = Half::new(8, End::Technician, Channel::Screen);
    let mut agent = Half::new(8, End::Agent, Channel::Screen);
    let frame = ScreenFrame { exact: 3, residual: 2, ..ScreenFrame::default() };
    let mut piece = Half::new(3, End::Agent, Channel::Screen);
    let events = [
        technician.opening(Channel::Screen),
        agent.says(Kind::ScreenFrame(frame)),
        agent.body(b"abc"),
        agent.body(b"de"),
        agent.says(Kind::ScreenFrame(ScreenFrame::default())),
        piece.opening(Channel::Screen),
        piece.says(Kind::ScreenPiece(ScreenPiece::default())),
        piece.body(b"jp"),
        piece.body(b"eg"),
        piece.finished(),
        agent.says(Kind::ScreenFrame(frame)),
        agent.body(b"too long"),
    ];
    let told = told(&entries(events));
    let said: Vec<_> =
        told.iter().map(|told| told.split_once(": ").unwrap_or((told, "")).1).collect();
    let expected = [
        "Opened",
        "ScreenFrame",
        "abc",
        "de",
        "ScreenFrame",
        "Opened",
        "ScreenPiece",
        "jp",
        "eg",
        "Finished",
        "ScreenFrame",
        "",
    ];
    assert_eq!(said, expected);
    assert_eq!(told[11], "a message is malformed");
}

#[test]
fn datagrams_are_messages_too() {
    let place = Message { kind: Some(Kind::CursorPlace(message::CursorPlace::default())) };
    let pointer = Message { kind: Some(Kind::PointerAt(PointerAt::default())) };
    let mut actor = ActKey::new(Zeroizing::new([1; 32])).actor(Channel::Pointer, DATAGRAMS);
    let event = |from, bytes: Vec<u8>| Event {
        line: 1,
        from,
        time_us: 5,
        what: What::Datagram(bytes.into()),
    };
    let entries = entries([
        event(End::Agent, place.encode_to_vec()),
        event(End::Technician, actor.wrap(&pointer).encode_to_vec()),
        event(End::Agent, Vec::new()),
        event(End::Agent, b"\xff".to_vec()),
    ]);
    let expected = ["agent: CursorPlace", "technician: PointerAt", "a message is malformed"];
    assert_eq!(told(&entries), expected);
    let channels = [Some(Channel::Screen), Some(Channel::Pointer), None];
    assert_eq!(entries.iter().map(|entry| entry.channel).collect::<Vec<_>>(), channels);
}

#[test]
fn what_cannot_be_read_is_told_once() {
    let mut technician = Half::new(0, End::Technician, Channel::Chat);
    let mut lost = Half::new(4, End::Agent, Channel::Chat);
    let mut unknown = Half::new(8, End::Technician, Channel::Chat);
    let line = Said { text: "hello".into() };
    let mut cut = technician.says(Kind::Said(line.clone()));
    if let What::Data { bytes, .. } = &mut cut.what {
        bytes.truncate(9);
    }
    let foreign = encode(&Opening { channel: 99 }, MAX_MESSAGE).unwrap();
    let events = [
        technician.opening(Channel::Chat),
        cut,
        technician.finished(),
        lost.says(Kind::Said(line.clone())),
        lost.says(Kind::Said(line)),
        unknown.raw(&foreign),
        unknown.raw(b"whatever"),
        unknown.raw(&u32::MAX.to_be_bytes()),
    ];
    let told = told(&entries(events));
    let expected = [
        "technician: Opened",
        "a message is cut off",
        "technician: Finished",
        "channel 99 is not known",
        "the stream was not opened for any channel",
    ];
    assert_eq!(told, expected);
}

#[test]
fn memory_has_its_bound() {
    let mut timeline = Timeline::new();
    let mut troubles = Vec::new();
    let part = vec![0; MAX_MESSAGE];
    // Streams whose other direction never says what they are.
    for stream in (0..=MAX_BUFFERED / MAX_MESSAGE).map(|stream| 4 * stream as u64) {
        timeline.feed(Half::new(stream, End::Agent, Channel::Chat).raw(&part));
        assert!(timeline.buffered <= MAX_BUFFERED);
        troubles.extend(timeline.poll());
    }
    assert_eq!(troubles.len(), 1);
    assert_eq!(troubles[0].item, Item::Unreadable(Trouble::TooMuch));
}
