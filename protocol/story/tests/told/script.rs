//! Entries as a timeline gives them.

use deskside_decode::{Closed, Entry, Item, Suite};
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::Message;
use deskside_protocol::wire::message::message::Kind;
use deskside_screen::Coded;
use deskside_story::{Happening, Story, What};

/// Writes entries, a millisecond apart.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) line: u16,
    pub(crate) now_us: u64,
    pub(crate) entries: Vec<Entry>,
}

impl Script {
    pub(crate) fn item(&mut self, from: End, on: Option<(Channel, u64)>, item: Item) -> &mut Self {
        self.now_us += 1_000;
        let (channel, stream) = on.unzip();
        let (line, time_us) = (self.line, self.now_us);
        self.entries.push(Entry { line, from, time_us, channel, stream, item });
        self
    }

    pub(crate) fn says(
        &mut self,
        from: End,
        channel: Channel,
        stream: u64,
        kind: Kind,
    ) -> &mut Self {
        let message = Message { kind: Some(kind) };
        self.item(from, Some((channel, stream)), Item::Message(Box::new(message)))
    }

    pub(crate) fn technician(&mut self, channel: Channel, stream: u64, kind: Kind) -> &mut Self {
        self.says(End::Technician, channel, stream, kind)
    }

    pub(crate) fn agent(&mut self, channel: Channel, stream: u64, kind: Kind) -> &mut Self {
        self.says(End::Agent, channel, stream, kind)
    }

    pub(crate) fn finished(&mut self, channel: Channel, stream: u64) -> &mut Self {
        self.item(End::Technician, Some((channel, stream)), Item::Finished);
        self.item(End::Agent, Some((channel, stream)), Item::Finished)
    }

    pub(crate) fn opened(&mut self) -> &mut Self {
        self.item(End::Technician, None, Item::LineOpened(Suite::Aes128Gcm))
    }

    pub(crate) fn closed(&mut self) -> &mut Self {
        let closed = Closed { application: true, code: 6, reason: "".into() };
        self.item(End::Technician, None, Item::LineClosed(closed))
    }

    pub(crate) fn rest(&mut self, seconds: u64) -> &mut Self {
        self.now_us += seconds * 1_000_000;
        self
    }

    /// A frame on the stream of the watch, its pieces on streams from `pieces` on.
    pub(crate) fn frame(&mut self, watch: u64, coded: &Coded, pieces: &mut u64) -> &mut Self {
        self.agent(Channel::Screen, watch, Kind::ScreenFrame(coded.frame.announce()));
        for bytes in coded.frame.parts() {
            self.raw(watch, bytes);
        }
        for piece in &coded.pieces {
            *pieces += 4;
            self.agent(Channel::Screen, *pieces, Kind::ScreenPiece(piece.announce()));
            piece.parts().for_each(|bytes| {
                self.raw(*pieces, bytes);
            });
            self.item(End::Agent, Some((Channel::Screen, *pieces)), Item::Finished);
        }
        self
    }

    pub(crate) fn raw(&mut self, stream: u64, bytes: bytes::Bytes) -> &mut Self {
        self.item(End::Agent, Some((Channel::Screen, stream)), Item::Raw { at: 0, bytes })
    }

    pub(crate) fn story(&self) -> Vec<Happening> {
        told(&self.entries)
    }

    pub(crate) fn whats(&self) -> Vec<What> {
        self.story().into_iter().map(|happening| happening.what).collect()
    }
}

pub(crate) fn told(entries: &[Entry]) -> Vec<Happening> {
    let mut story = Story::new();
    let mut told = Vec::new();
    for entry in entries {
        story.feed(entry);
        told.extend(std::iter::from_fn(|| story.poll()));
    }
    story.finish([]);
    told.extend(std::iter::from_fn(|| story.poll()));
    told
}
