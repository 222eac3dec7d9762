//! What both ends stated of what they sent and delivered, as it stands on the line: whether each
//! statement is its end's and follows the one before, and what is to be compared with the packets.

use std::collections::{BTreeMap, BTreeSet};

use deskside_decode::{Claim, DatagramClaim, Entry, Half, Item};
use deskside_protocol::key::PublicKey;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{self, Statement, Way};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::Signed;

use super::heard::{Another, Names};
use super::lag::Lag;

/// Checkpoints of the relay's that the ends name, by the first so many: one every ten seconds for a week.
const MAX_CHECKPOINTS: usize = 65_536;
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
    names: Names,
    /// Those of the relay's that an end had seen when it said something, by their SHA-256.
    checkpoints: BTreeSet<[u8; 32]>,
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

    /// Takes what an entry states, where it is a statement. Gives it where nothing is wrong with it.
    pub(super) fn take(&mut self, entry: &Entry) -> Option<Statement> {
        self.line = self.line.max(entry.line);
        let Item::Message(message) = &entry.item else { return None };
        let Some(Kind::Statement(signed)) = &message.kind else { return None };
        match self.check(entry, signed) {
            Ok(statement) => {
                for another in self.names.take(&statement, statement::name(signed)) {
                    self.note(another_words(another));
                }
                Some(statement)
            }
            Err(flaw) => {
                let (end, line) = (entry.from, entry.line);
                self.note(format!(
                    "A statement of the {end} on line {line} {flaw}. This points at the {end}, or at \
                     whoever held the line's secrets while it lived."
                ));
                None
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
        let follows = follows(&said, *last);
        let (number, line) = (said.number, said.line);
        let (name, time_us, is_last) = (statement::name(signed), entry.time_us, said.last);
        *last = Some(Last { name, number, line, time_us, is_last });
        if follows && self.checkpoints.len() < MAX_CHECKPOINTS {
            self.checkpoints.extend(said.checkpoint);
        }
        if follows {
            self.lag.of_mut(said.end).take(said.time_us, entry.time_us);
        }
        if follows { Ok(said) } else { Err("does not follow the one before") }
    }

    fn note(&mut self, flaw: String) {
        if self.flaws.len() < MAX_FLAWS {
            self.flaws.push(flaw);
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
        self.names.named(end, number)
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

/// Whether it is the one that has to come behind the end's `last` one. What was on its way when the
/// line before was lost never came, or nobody acknowledged it: the first on a later line may be further
/// on.
fn follows(said: &Statement, last: Option<Last>) -> bool {
    match last {
        None => said.number == 0 || said.line > 0,
        Some(last) if said.number == last.number.saturating_add(1) => {
            said.previous == Some(last.name)
        }
        Some(last) => said.line > last.line && said.number > last.number,
    }
}

/// Both statements are signed, the one that names the other too, so that no third could make either.
fn another_words(Another { made, number }: Another) -> String {
    let by = made.other();
    format!(
        "The {by} states that it heard another statement {number} of the {made} than the one that the \
         {made} made. This points at one of the two ends."
    )
}

/// What a statement says of each direction of each stream.
pub(super) fn claims(statement: &Statement) -> impl Iterator<Item = (Half, Claim)> {
    let by = statement.end;
    statement.streams.iter().map(move |stream| {
        let from = match stream.way {
            Way::Sent => by,
            Way::Delivered => by.other(),
        };
        let half = Half { stream: stream.id, from };
        (half, Claim { by, offset: stream.offset, hash: stream.hash, state: stream.state })
    })
}

/// What it says of the datagrams, and that it is the last.
pub(super) const fn datagrams(statement: &Statement) -> DatagramClaim {
    DatagramClaim {
        by: statement.end,
        secrets: statement.secrets,
        datagrams: statement.datagrams,
        is_last: statement.last,
    }
}

#[cfg(test)]
mod tests;
