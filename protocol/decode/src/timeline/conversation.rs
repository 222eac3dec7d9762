//! Both directions of one stream. The end that opens it says the channel first; what the other end
//! says before that was read waits, and so does a file's sender until it is known how the transfer
//! goes. On the wire it cannot come before; its acknowledgement can.

use std::collections::VecDeque;

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{Message, Opening};
use prost::Message as _;

use super::entry::{Entry, Item, Trouble};
use super::reader::{Expect, Framed, Going, Reader};
use super::{Heard, heard};
use crate::event::{Event, What};

/// The bit of a stream's number that the server's streams have, and the one of streams in one
/// direction (RFC 9000 section 2.1). The technician is the client.
const AGENTS: u64 = 1;
const ONE_WAY: u64 = 2;
/// Events of one direction that wait for the other: a window of 8 MiB in packets of 1 KiB.
const MAX_HELD: usize = 8_192;

#[derive(Debug)]
pub(super) struct Conversation {
    stream: u64,
    opener: End,
    channel: Option<Channel>,
    readers: Ends<Reader>,
    /// How files go, once that is known.
    going: Option<Going>,
    /// Of the end that did not open the stream.
    held: VecDeque<Event>,
    held_bytes: usize,
}

impl Conversation {
    pub(super) fn new(stream: u64) -> Self {
        let opener = if stream & AGENTS == 0 { End::Technician } else { End::Agent };
        let reader =
            |end: End| Reader::new(if end == opener { Expect::Opening } else { Expect::Message });
        let mut readers = Ends { agent: reader(End::Agent), technician: reader(End::Technician) };
        readers.of_mut(opener.other()).over = stream & ONE_WAY != 0;
        let (held, held_bytes) = (VecDeque::new(), 0);
        Self { stream, opener, channel: None, readers, going: None, held, held_bytes }
    }

    pub(super) const fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// Bytes that it keeps.
    pub(super) const fn buffered(&self) -> usize {
        self.readers.agent.buffered + self.readers.technician.buffered + self.held_bytes
    }

    pub(super) fn is_over(&self) -> bool {
        self.readers.agent.over && self.readers.technician.over && self.held.is_empty()
    }

    pub(super) fn feed(&mut self, event: Event, out: &mut VecDeque<Entry>) {
        if event.from != self.opener && !self.is_understood() {
            if self.held.len() < MAX_HELD {
                self.held_bytes += length(&event);
                self.held.push_back(event);
            } else {
                let Event { line, from, time_us, .. } = event;
                self.give_up((line, from, time_us), out);
            }
            return;
        }
        self.take(event, out);
        if self.is_understood() {
            self.held_bytes = 0;
            for event in std::mem::take(&mut self.held) {
                self.take(event, out);
            }
        }
    }

    /// Whether what the end says that did not open the stream can be read.
    fn is_understood(&self) -> bool {
        let opening = self.readers.of(self.opener);
        let known = match self.channel {
            Some(Channel::File) => self.going.is_some(),
            Some(_) => true,
            None => false,
        };
        known || opening.over || opening.broken
    }

    fn take(&mut self, event: Event, out: &mut VecDeque<Entry>) {
        let Event { line, from, time_us, what } = event;
        let at = |channel, stream, item| Entry { line, from, time_us, channel, stream, item };
        let stream = Some(self.stream);
        match what {
            What::Data { bytes, .. } => {
                self.readers.of_mut(from).push(&bytes);
                let read = self.read(from, &mut |channel, item| {
                    out.push_back(at(channel, stream, item));
                });
                if let Err(trouble) = read {
                    self.readers.of_mut(from).give_up();
                    out.push_back(at(self.channel, stream, Item::Unreadable(trouble)));
                }
            }
            What::Finished { .. } => {
                if let Err(trouble) = self.readers.of_mut(from).end() {
                    out.push_back(at(self.channel, stream, Item::Unreadable(trouble)));
                }
                out.push_back(at(self.channel, stream, Item::Finished));
            }
            What::Reset { code, .. } => {
                let reader = self.readers.of_mut(from);
                reader.over = true;
                reader.give_up();
                out.push_back(at(self.channel, stream, Item::Reset { code }));
            }
            What::Opened(_)
            | What::Stopped { .. }
            | What::Datagram(_)
            | What::Closed(_)
            | What::Relay(_) => {}
        }
    }

    fn read(
        &mut self,
        from: End,
        out: &mut impl FnMut(Option<Channel>, Item),
    ) -> Result<(), Trouble> {
        while let Some(framed) = self.readers.of_mut(from).next()? {
            let item = match framed {
                Framed::Opening(body) => {
                    self.open(from, body)?;
                    Item::Opened
                }
                Framed::Message(body) => match heard(from, &body).ok_or(Trouble::Malformed)? {
                    Heard::Message(message) => {
                        self.heard(from, &message);
                        Item::Message(message)
                    }
                    Heard::Masked(bytes) => Item::Masked { bytes },
                },
                Framed::Raw { at, bytes } => Item::Raw { at, bytes },
            };
            if self.channel.is_none() {
                return Err(Trouble::Unopened);
            }
            out(self.channel, item);
        }
        Ok(())
    }

    fn open(&mut self, from: End, body: Bytes) -> Result<(), Trouble> {
        let opening = Opening::decode(body).map_err(|_| Trouble::Malformed)?;
        let channel = Channel::from_wire(opening.channel);
        self.channel = Some(channel.ok_or(Trouble::Channel(opening.channel))?);
        self.readers.of_mut(from).expect = Expect::Message;
        Ok(())
    }

    fn heard(&mut self, from: End, message: &Message) {
        let kind = message.kind.as_ref();
        if from == self.opener && self.going.is_none() {
            self.going = Some(match kind {
                Some(Kind::FilePut(put)) => Going { resumes: put.resume, apart: put.apart },
                Some(Kind::FileGet(get)) => Going { resumes: get.resume, apart: get.apart },
                Some(_) | None => Going::default(),
            });
        }
        let going = self.going.unwrap_or_default();
        self.readers.of_mut(from).heard(kind, going);
    }

    /// There is no room for more of it, from here on: line, end, time.
    pub(super) fn give_up(&mut self, here: (u16, End, u64), out: &mut VecDeque<Entry>) {
        self.held.clear();
        self.held_bytes = 0;
        self.readers.agent.give_up();
        self.readers.technician.give_up();
        self.tell(here, Trouble::TooMuch, out);
    }

    /// Nothing more comes: what waits was never understood.
    pub(super) fn abandon(mut self, out: &mut VecDeque<Entry>) {
        if let Some(Event { line, from, time_us, .. }) = self.held.pop_front() {
            self.tell((line, from, time_us), Trouble::Unopened, out);
        }
    }

    fn tell(&self, here: (u16, End, u64), trouble: Trouble, out: &mut VecDeque<Entry>) {
        let (line, from, time_us) = here;
        let (channel, stream) = (self.channel, Some(self.stream));
        let item = Item::Unreadable(trouble);
        out.push_back(Entry { line, from, time_us, channel, stream, item });
    }
}

const fn length(event: &Event) -> usize {
    if let What::Data { bytes, .. } = &event.what { bytes.len() } else { 0 }
}
