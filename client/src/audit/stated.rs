//! What both ends stated of what they sent and delivered, as it stands on the line: whether each
//! statement is its end's and follows the one before, and what is to be compared with the packets.

use std::collections::{BTreeMap, BTreeSet};

use deskside_decode::{Claim, DatagramClaim, Entry, Found, Half, Item, Party, StatementFlaw};
use deskside_protocol::key::PublicKey;
use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{self, Statement, Way};
use deskside_protocol::wire::message::message::Kind;
use deskside_protocol::wire::record::Signed;

use super::heard::{Another, Names};
use super::lag::Lag;

/// Checkpoints of the relay's that the ends name, by the first so many: one every ten seconds for a week.
const MAX_CHECKPOINTS: usize = 65_536;

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
    line: u16,
}

/// What an entry states.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// To be held against the packets: where nothing is wrong with the statement itself.
    pub(super) statement: Option<Statement>,
    /// What is wrong with it, and whom that points at.
    pub(super) found: Vec<(Found, Party)>,
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

    /// Takes what an entry states, where it is a statement.
    pub(super) fn take(&mut self, entry: &Entry) -> Taken {
        self.line = self.line.max(entry.line);
        let Item::Message(message) = &entry.item else { return Taken::default() };
        let Some(Kind::Statement(signed)) = &message.kind else { return Taken::default() };
        match self.check(entry, signed) {
            Ok(statement) => {
                let others = self.names.take(&statement, statement::name(signed));
                let found = others.into_iter().map(heard).collect();
                Taken { statement: Some(statement), found }
            }
            Err(flaw) => {
                let by = entry.from;
                let found = vec![(Found::Flawed { by, flaw }, Party::Secrets(by))];
                Taken { statement: None, found }
            }
        }
    }

    fn check(&mut self, entry: &Entry, signed: &Signed) -> Result<Statement, StatementFlaw> {
        let keys = self.keys.as_ref().ok_or(StatementFlaw::Unpaired)?;
        let said = statement::open(signed, keys).map_err(|_| StatementFlaw::Unsigned)?;
        if said.end != entry.from || said.line != entry.line {
            return Err(StatementFlaw::Misplaced);
        }
        let sealed = self.secrets.get(&said.line);
        if sealed.is_some_and(|sealed| !sealed.contains(&said.secrets)) {
            return Err(StatementFlaw::Secrets);
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
        if follows { Ok(said) } else { Err(StatementFlaw::Unfollowed) }
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
const fn heard(Another { made, number }: Another) -> (Found, Party) {
    (Found::Heard { by: made.other(), from: made, number }, Party::Ends)
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
