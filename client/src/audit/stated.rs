//! What both ends stated of what they sent and delivered, as it stands on the line: whether each
//! statement is its end's and follows the one before, and what is to be compared with the packets.

use std::collections::{BTreeMap, BTreeSet};

use deskside_decode::{Claim, Entry, Half, Item};
use deskside_protocol::key::PublicKey;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{self, Statement, Way};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::Signed;

use super::lag::Lag;

/// Checkpoints of the relay's that the ends name, by the first so many: one every ten seconds for a week.
const MAX_CHECKPOINTS: usize = 65_536;
/// Names of statements, of one end, likewise.
const MAX_NAMES: usize = 65_536;
/// Sentences that are kept; how many more there are is counted.
const MAX_FLAWS: usize = 8;

/// The statements of one recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stated {
    keys: Option<Ends<PublicKey>>,
    /// Of a line's secrets, as they were sealed.
    secrets: BTreeMap<u16, Vec<[u8; 32]>>,
    last: Ends<Option<Last>>,
    lag: Ends<Lag>,
    /// Those of the relay's that an end had seen when it said something, by their SHA-256.
    checkpoints: BTreeSet<[u8; 32]>,
    /// Their names, by number.
    names: Ends<BTreeMap<u64, [u8; 32]>>,
    flaws: Vec<String>,
    more: u64,
    line: u16,
}

/// An end's newest statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    name: [u8; 32],
    number: u64,
    line: u16,
    /// When the relay had it: microseconds since 1970-01-01 UTC.
    time_us: u64,
    /// It says that nothing more comes on its line.
    is_last: bool,
}

impl Stated {
    /// Statements are held against the session keys of the pairing, and against the hashes of the
    /// secrets that were sealed for each line.
    pub(super) fn new(
        keys: Option<Ends<PublicKey>>,
        secrets: impl IntoIterator<Item = (u16, [u8; 32])>,
    ) -> Self {
        let mut stated = Self { keys, ..Self::default() };
        for (line, hash) in secrets {
            stated.secrets.entry(line).or_default().push(hash);
        }
        stated
    }

    /// Takes what an entry states. Gives what it claims of streams.
    pub(super) fn take(&mut self, entry: &Entry) -> Vec<(Half, Claim)> {
        self.line = self.line.max(entry.line);
        let Item::Message(message) = &entry.item else { return Vec::new() };
        let Some(Kind::Statement(signed)) = &message.kind else { return Vec::new() };
        match self.check(entry, signed) {
            Ok(statement) => claims(&statement).collect(),
            Err(flaw) => {
                self.note(entry, flaw);
                Vec::new()
            }
        }
    }

    fn check(&mut self, entry: &Entry, signed: &Signed) -> Result<Statement, &'static str> {
        let keys = self.keys.as_ref().ok_or("is of nobody: the pairing cannot be read")?;
        let said = statement::open(signed, keys).map_err(|_| "is not signed by its session key")?;
        if said.end != entry.from || said.line != entry.line {
            return Err("is another end's, or of another line");
        }
        let sealed = self.secrets.get(&said.line);
        if sealed.is_some_and(|sealed| !sealed.contains(&said.secrets)) {
            return Err("names other secrets than were sealed");
        }
        let last = self.last.of_mut(said.end);
        let follows = match last {
            Some(last) => said.number > last.number && said.previous == Some(last.name),
            None => said.previous.is_none(),
        };
        let (number, line) = (said.number, said.line);
        let (name, time_us, is_last) = (statement::name(signed), entry.time_us, said.last);
        *last = Some(Last { name, number, line, time_us, is_last });
        let names = self.names.of_mut(said.end);
        if names.len() < MAX_NAMES {
            names.entry(number).or_insert(name);
        }
        if follows && self.checkpoints.len() < MAX_CHECKPOINTS {
            self.checkpoints.extend(said.checkpoint);
        }
        if follows {
            self.lag.of_mut(said.end).take(said.time_us, entry.time_us);
        }
        if follows { Ok(said) } else { Err("does not follow the one before") }
    }

    fn note(&mut self, entry: &Entry, flaw: &str) {
        if self.flaws.len() < MAX_FLAWS {
            let (end, line) = (entry.from, entry.line);
            self.flaws.push(format!(
                "A statement of the {end} on line {line} {flaw}. This points at the {end}, or at \
                 whoever held the line's secrets while it lived."
            ));
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing is wrong with the statements themselves.
    pub(super) const fn is_sound(&self) -> bool {
        self.flaws.is_empty()
    }

    /// What is wrong with them.
    pub(super) fn sentences(&self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| format!("And {} more statements.", self.more));
        self.flaws.iter().cloned().chain(more)
    }

    /// Whether the end said a last word on the last line.
    pub(super) fn has_last(&self, end: End) -> bool {
        self.last.of(end).is_some_and(|last| last.is_last && last.line == self.line)
    }

    /// The checkpoints of the relay's that the ends' statements name.
    pub(super) fn checkpoints(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.checkpoints.iter()
    }

    /// When the end made its newest statement, by the relay's clock.
    pub(super) fn newest_us(&self, end: End) -> Option<u64> {
        self.last.of(end).map(|last| last.time_us)
    }

    /// The name of the end's statement of this number, where it is here.
    pub(super) fn named(&self, end: End, number: u64) -> Option<&[u8; 32]> {
        self.names.of(end).get(&number)
    }

    /// How long the end's statements were on their way.
    pub(super) fn lag(&self, end: End) -> Lag {
        *self.lag.of(end)
    }

    /// How many statements the end has made, by their numbers.
    pub(super) fn count(&self, end: End) -> u64 {
        self.last.of(end).map_or(0, |last| last.number + 1)
    }
}

/// What a statement says of each direction of each stream.
fn claims(statement: &Statement) -> impl Iterator<Item = (Half, Claim)> {
    let by = statement.end;
    statement.streams.iter().map(move |stream| {
        let from = match stream.way {
            Way::Sent => by,
            Way::Delivered => by.other(),
        };
        let half = Half { stream: stream.id, from };
        (half, Claim { by, offset: stream.offset, hash: stream.hash })
    })
}

#[cfg(test)]
mod tests {
    use deskside_protocol::channel::Channel;
    use deskside_protocol::key::SigningKey;
    use deskside_protocol::session::SessionId;
    use deskside_protocol::statement::{State, Stream};
    use deskside_protocol::wire::message::Message;
    use zeroize::Zeroizing;

    use super::*;

    const SECRETS: [u8; 32] = [9; 32];

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    fn stated() -> Stated {
        let keys = Ends { agent: key(1).public(), technician: key(2).public() };
        Stated::new(Some(keys), [(0, SECRETS)])
    }

    fn said(end: End, number: u64, previous: Option<[u8; 32]>) -> Statement {
        let stream = |way| Stream { id: 4, way, offset: 7, hash: [5; 32], state: State::Finished };
        Statement {
            session: SessionId::from_bytes([3; 16]),
            end,
            line: 0,
            number,
            previous,
            secrets: SECRETS,
            time_us: 1,
            heard: None,
            checkpoint: None,
            streams: vec![stream(Way::Sent), stream(Way::Delivered)],
            datagrams: None,
            last: number > 0,
        }
    }

    fn entry(from: End, signed: Signed) -> Entry {
        let message = Message { kind: Some(Kind::Statement(signed)) };
        let item = Item::Message(Box::new(message));
        let (channel, stream) = (Some(Channel::Control), Some(0));
        Entry { line: 0, from, time_us: 2, channel, stream, item }
    }

    #[test]
    fn what_is_sound_is_claimed_and_the_last_word_is_known() {
        let mut stated = stated();
        let first = Statement { checkpoint: Some([6; 32]), ..said(End::Agent, 0, None) };
        let first = first.sign(&key(1));
        let claims = stated.take(&entry(End::Agent, first.clone()));
        let halves: Vec<_> = claims.iter().map(|(half, claim)| (half.from, claim.by)).collect();
        assert_eq!(halves, [(End::Agent, End::Agent), (End::Technician, End::Agent)]);
        assert!(!stated.has_last(End::Agent));
        let next = said(End::Agent, 1, Some(statement::name(&first))).sign(&key(1));
        assert_eq!(stated.take(&entry(End::Agent, next)).len(), 2);
        assert!(stated.has_last(End::Agent) && !stated.has_last(End::Technician));
        assert_eq!((stated.count(End::Agent), stated.is_sound()), (2, true));
        assert_eq!(stated.checkpoints().collect::<Vec<_>>(), [&[6; 32]]);
        assert!(stated.lag(End::Agent) != Lag::default());
        assert_eq!(stated.lag(End::Technician), Lag::default());
    }

    #[test]
    fn each_flaw_is_told_and_claims_nothing() {
        let first = said(End::Agent, 0, None);
        let other_secrets = Statement { secrets: [8; 32], ..first.clone() };
        let other_line = Statement { line: 1, ..first.clone() };
        let table = [
            (End::Agent, first.sign(&key(2)), "is not signed"),
            (End::Technician, first.sign(&key(1)), "another end's"),
            (End::Agent, other_line.sign(&key(1)), "of another line"),
            (End::Agent, other_secrets.sign(&key(1)), "other secrets"),
            (End::Agent, said(End::Agent, 1, Some([4; 32])).sign(&key(1)), "does not follow"),
        ];
        for (from, signed, words) in table {
            let mut stated = stated();
            assert!(stated.take(&entry(from, signed)).is_empty(), "{words}");
            let told: Vec<_> = stated.sentences().collect();
            assert!(!stated.is_sound() && told[0].contains(words), "{told:?}");
        }
        // One that comes a second time follows nothing either.
        let mut stated = stated();
        let signed = first.sign(&key(1));
        assert_eq!(stated.take(&entry(End::Agent, signed.clone())).len(), 2);
        assert!(stated.take(&entry(End::Agent, signed)).is_empty());
        assert!(!stated.is_sound());
    }

    #[test]
    fn sentences_are_bounded() {
        let mut stated = stated();
        for _ in 0..20 {
            stated.take(&entry(End::Agent, said(End::Agent, 0, None).sign(&key(2))));
        }
        let told: Vec<_> = stated.sentences().collect();
        assert_eq!((told.len(), told[8].as_str()), (9, "And 12 more statements."));
    }
}
