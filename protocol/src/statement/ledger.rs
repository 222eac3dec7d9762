//! What one end has sent and delivered on one line: every stream in both directions, and the
//! datagrams. It is fed at the moment at which QUIC took bytes or gave them out, and is asked for
//! what changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::difference::Difference;
use super::form::{Datagrams, State, Statement, Stream, Way};
use super::held::Held;
use super::{EVERY_BYTES, EVERY_STREAMS, MAX_STREAMS};
use crate::transcript::HASH;

/// One direction of one stream, seen from this end.
pub type Key = (u64, Way);

/// Directions of streams that are held at most: those that are open (64 of each kind and direction),
/// and those whose end one of the two ends has yet to state. 8,192 of some 250 bytes are 2 MiB.
const MAX_HELD: usize = 8192;

/// One line's ledger at one end.
#[derive(Debug)]
pub struct Ledger {
    streams: BTreeMap<Key, Held>,
    /// Those of which there is something to say.
    changed: BTreeSet<Key>,
    /// Those whose end was stated here and not yet by the other end, the oldest first.
    ended: VecDeque<Key>,
    /// Some of these were forgotten.
    forgot: bool,
    secrets: [u8; HASH],
    datagrams: Datagrams,
    datagrams_changed: bool,
    theirs: Datagrams,
    /// Bytes since the last statement.
    bytes: u64,
    /// Whether anything but statements went over the line since the last one.
    news: bool,
    frozen: bool,
}

impl Ledger {
    /// An empty ledger of the line with these secrets
    /// ([`LineSecrets::sha256`](crate::seal::LineSecrets::sha256)).
    #[must_use]
    pub fn new(secrets: [u8; HASH]) -> Self {
        Self {
            streams: BTreeMap::new(),
            changed: BTreeSet::new(),
            ended: VecDeque::new(),
            forgot: false,
            secrets,
            datagrams: Datagrams::default(),
            datagrams_changed: false,
            theirs: Datagrams::default(),
            bytes: 0,
            news: false,
            frozen: false,
        }
    }

    /// The hash of the line's secrets.
    #[must_use]
    pub const fn secrets(&self) -> &[u8; HASH] {
        &self.secrets
    }

    /// A stream is there. One that is `quiet` carries the statements themselves.
    pub fn opened(&mut self, key: Key, quiet: bool) {
        let held = self.streams.entry(key).or_insert_with(|| Held::new(quiet));
        held.quiet |= quiet;
    }

    /// QUIC took these bytes from the program, or gave them to it in order.
    pub fn count(&mut self, key: Key, bytes: &[u8]) {
        let Some(held) = self.streams.get_mut(&key) else { return };
        if bytes.is_empty() || !held.count(bytes) {
            return;
        }
        self.changed.insert(key);
        if !held.quiet {
            self.news = true;
            self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        }
    }

    /// The stream has ended in this way.
    pub fn ended(&mut self, key: Key, state: State) {
        let Some(held) = self.streams.get_mut(&key) else { return };
        if held.end(state) {
            self.changed.insert(key);
            self.news |= !held.quiet;
        }
    }

    /// QUIC took this datagram from the program, or gave it to it.
    pub fn datagram(&mut self, way: Way, datagram: &[u8]) {
        let tally = match way {
            Way::Sent => &mut self.datagrams.sent,
            Way::Delivered => &mut self.datagrams.delivered,
        };
        tally.add(&self.secrets, datagram);
        self.datagrams_changed = true;
        self.news = true;
        self.bytes = self.bytes.saturating_add(datagram.len() as u64);
    }

    /// Something was said on the quiet stream that is no statement.
    pub const fn touch(&mut self) {
        self.news = true;
    }

    /// Whether there is anything to say, when it is time.
    #[must_use]
    pub const fn has_news(&self) -> bool {
        self.news
    }

    /// Whether there is so much to say that it has to be said now.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.bytes >= EVERY_BYTES || self.changed.len() >= EVERY_STREAMS
    }

    /// Nothing but what the quiet stream carries is sent or delivered from here on: the last
    /// statement is about to be made.
    pub const fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Whether nothing may go over this stream any more. So it is, too, where the other end takes
    /// no statements and there is no more room for what they have to say.
    #[must_use]
    pub fn is_frozen(&self, key: Key) -> bool {
        let full = || self.changed.len() >= MAX_HELD;
        (self.frozen || full()) && !self.streams.get(&key).is_some_and(|held| held.quiet)
    }

    /// Whether no datagram may be sent or delivered any more.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.frozen
    }

    /// The next part of what changed, at most [`MAX_STREAMS`] of it, which counts as stated.
    pub fn take(&mut self) -> (Vec<Stream>, Option<Datagrams>) {
        let mut streams = Vec::with_capacity(self.changed.len().min(MAX_STREAMS));
        while streams.len() < MAX_STREAMS {
            let Some(key) = self.changed.pop_first() else { break };
            let Some(held) = self.streams.get_mut(&key) else { continue };
            streams.push(held.state(key));
            if held.is_done() {
                self.streams.remove(&key);
            } else if held.is_stated() {
                self.ended.push_back(key);
            }
        }
        self.forget();
        self.bytes = 0;
        self.news = !self.changed.is_empty();
        let datagrams = std::mem::take(&mut self.datagrams_changed).then_some(self.datagrams);
        (streams, datagrams)
    }

    /// Whether [`Ledger::take`] left something to be said at once.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Compares what the other end says with what is known here.
    ///
    /// # Errors
    /// [`Difference`], the first by id.
    pub fn compare(&mut self, said: &Statement) -> Result<(), Difference> {
        for stream in &said.streams {
            let key = (stream.id, stream.way.other());
            if let Some(held) = self.streams.get_mut(&key) {
                held.compare(stream)?;
                if held.is_done() && !self.changed.contains(&key) {
                    self.streams.remove(&key);
                }
            } else {
                self.unknown(stream)?;
            }
        }
        said.datagrams.map_or(Ok(()), |both| self.compare_datagrams(both))
    }

    /// A stream that is not held: the other end may have opened it just now, or its end was stated
    /// long ago.
    fn unknown(&mut self, said: &Stream) -> Result<(), Difference> {
        match said.way {
            Way::Delivered if self.forgot || said.offset == 0 => Ok(()),
            Way::Delivered => Err(Difference::Amount { id: said.id }),
            Way::Sent if self.streams.len() >= MAX_HELD => Ok(()),
            Way::Sent => {
                let mut held = Held::new(false);
                held.compare(said)?;
                self.streams.insert((said.id, Way::Delivered), held);
                Ok(())
            }
        }
    }

    fn compare_datagrams(&mut self, said: Datagrams) -> Result<(), Difference> {
        let (own, theirs) = (&self.datagrams, &self.theirs);
        let fewer =
            said.sent.count < theirs.sent.count || said.delivered.count < theirs.delivered.count;
        let same = said.delivered.count != own.sent.count || said.delivered.sum == own.sent.sum;
        let differ = fewer || said.delivered.count > own.sent.count || !same;
        self.theirs = said;
        if differ { Err(Difference::Datagrams) } else { Ok(()) }
    }

    fn forget(&mut self) {
        while self.streams.len() > MAX_HELD {
            let Some(key) = self.ended.pop_front() else { break };
            self.forgot |= self.streams.remove(&key).is_some();
        }
        // Those that both have stated are gone already: their keys wait here for nothing.
        if self.ended.len() > 2 * MAX_HELD {
            self.ended.retain(|key| self.streams.contains_key(key));
        }
    }
}
