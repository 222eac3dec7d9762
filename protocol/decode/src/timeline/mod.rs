//! The second layer: what a line carried, as the messages that the two programs exchanged.
//!
//! One track of typed entries, for a replay, a search or an export to walk. Entries of one stream
//! and direction come in its order; entries of different streams come as their bytes were
//! acknowledged, so that who wants one order in time sorts by [`Entry::time_us`], stably.

mod conversation;
mod entry;
mod reader;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use deskside_protocol::channel::Channel;
use deskside_protocol::session::End;
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::message::{Act, Message};
use prost::Message as _;

use crate::event::{Event, What};
use conversation::Conversation;
pub use entry::{Entry, Item, Trouble};

/// Streams that are followed at once. A decoder has fewer that live; those that only one end has
/// ended stay for longer, so twice its 4,096 halves.
const MAX_CONVERSATIONS: usize = 8_192;
/// Bytes that wait for the rest of their message, or for the word that says what they are, of all
/// streams: as many as a line has on its way, four times.
const MAX_BUFFERED: usize = 64 * 1024 * 1024;

/// Makes entries of events.
#[derive(Debug, Default)]
pub struct Timeline {
    conversations: BTreeMap<(u16, u64), Conversation>,
    buffered: usize,
    entries: VecDeque<Entry>,
}

impl Timeline {
    /// Before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of a decoder.
    pub fn feed(&mut self, event: Event) {
        let Event { line, from, time_us, what } = event;
        let entry = |channel, stream, item| Entry { line, from, time_us, channel, stream, item };
        match what {
            What::Opened(suite) => {
                self.entries.push_back(entry(None, None, Item::LineOpened(suite)));
            }
            What::Closed(closed) => {
                self.entries.push_back(entry(None, None, Item::LineClosed(closed)));
            }
            What::Relay(event) => {
                self.entries.push_back(entry(None, None, Item::Relay(event)));
            }
            What::Datagram(bytes) => {
                if let Some((channel, item)) = datagram(from, &bytes) {
                    self.entries.push_back(entry(channel, None, item));
                }
            }
            What::Stopped { stream, code } => {
                let conversation = self.conversations.get(&(line, stream));
                let channel = conversation.and_then(Conversation::channel);
                self.entries.push_back(entry(channel, Some(stream), Item::Stopped { code }));
            }
            What::Data { stream, .. }
            | What::Finished { stream, .. }
            | What::Reset { stream, .. } => {
                self.stream(stream, Event { line, from, time_us, what });
            }
        }
    }

    /// The next entry. All of them are to be taken before the next event.
    pub fn poll(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    /// The recording ended: what still waits for a word that never came is told as unreadable.
    pub fn finish(&mut self) {
        for conversation in std::mem::take(&mut self.conversations).into_values() {
            conversation.abandon(&mut self.entries);
        }
        self.buffered = 0;
    }

    fn stream(&mut self, stream: u64, event: Event) {
        let key = (event.line, stream);
        if !self.conversations.contains_key(&key) {
            if self.conversations.len() >= MAX_CONVERSATIONS {
                let Event { line, from, time_us, .. } = event;
                let item = Item::Unreadable(Trouble::TooMuch);
                let stream = Some(stream);
                self.entries.push_back(Entry { line, from, time_us, channel: None, stream, item });
                return;
            }
            self.conversations.insert(key, Conversation::new(stream));
        }
        let Some(conversation) = self.conversations.get_mut(&key) else { return };
        self.buffered -= conversation.buffered();
        let Event { line, from, time_us, .. } = event;
        conversation.feed(event, &mut self.entries);
        if self.buffered + conversation.buffered() > MAX_BUFFERED {
            conversation.give_up((line, from, time_us), &mut self.entries);
        }
        self.buffered += conversation.buffered();
        if conversation.is_over() {
            self.conversations.remove(&key);
        }
    }
}

/// The message of a datagram, and its channel; nothing where there is none.
fn datagram(from: End, bytes: &Bytes) -> Option<(Option<Channel>, Item)> {
    if bytes.is_empty() {
        return None; // provokes an acknowledgement
    }
    // Nothing masked is said in datagrams.
    let Some(Heard::Message(message)) = heard(from, bytes) else {
        return Some((None, Item::Unreadable(Trouble::Malformed)));
    };
    let channel = match message.kind {
        Some(Kind::PointerAt(_)) => Some(Channel::Pointer),
        Some(Kind::CursorPlace(_)) => Some(Channel::Screen),
        Some(_) | None => None,
    };
    Some((channel, Item::Message(message)))
}

/// What somebody says.
enum Heard {
    Message(Box<Message>),
    /// To the other end only: bytes of the seal.
    Masked(usize),
}

/// What `from` says: a technician's messages are wrapped.
fn heard(from: End, bytes: &Bytes) -> Option<Heard> {
    let message = match from {
        End::Technician => {
            let Act { message, sealed, .. } = Act::decode(bytes.clone()).ok()?;
            if !sealed.is_empty() {
                return message.is_empty().then_some(Heard::Masked(sealed.len()));
            }
            message
        }
        End::Agent => bytes.clone(),
    };
    Message::decode(message).ok().map(|message| Heard::Message(Box::new(message)))
}

#[cfg(test)]
mod tests;
