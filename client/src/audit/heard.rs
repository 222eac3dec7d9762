//! Which statements of the other end the ends say that they heard: each names one by its number and its
//! SHA-256, and the other end made just one of that number. One that is not in the recording may have
//! been lost with its line, or come through without an acknowledgement: nothing is said of it.

use std::collections::BTreeMap;

use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::{Heard, Statement};

/// Statements of each end whose names are kept, the first so many: one every ten seconds for a week.
const MAX_NAMES: usize = 65_536;

/// What the ends made, and what the other end says that it heard, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    made: Ends<BTreeMap<u64, [u8; 32]>>,
    heard: Ends<BTreeMap<u64, [u8; 32]>>,
}

/// An end names another statement of this number than the one that `made` made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Another {
    pub(super) made: End,
    pub(super) number: u64,
}

impl Names {
    /// Takes a statement of this name, which follows those before it. It names the one before it too,
    /// which may not be here.
    pub(super) fn take(&mut self, said: &Statement, name: [u8; 32]) -> Vec<Another> {
        let before = said.number.checked_sub(1).zip(said.previous);
        let own = before.into_iter().chain([(said.number, name)]);
        let own = own.map(|(number, name)| Heard { number, name });
        let mut differ: Vec<_> = own.filter_map(|own| self.made(said.end, own)).collect();
        differ.extend(said.heard.and_then(|heard| self.heard(said.end, heard)));
        differ
    }

    /// The name of the statement of this number that the end made, as far as it is known.
    pub(super) fn named(&self, by: End, number: u64) -> Option<&[u8; 32]> {
        self.made.of(by).get(&number)
    }

    fn made(&mut self, by: End, own: Heard) -> Option<Another> {
        let is_new = keep(self.made.of_mut(by), own);
        let heard = self.heard.of(by).get(&own.number).filter(|_| is_new);
        another(by, own.number, heard, &own.name)
    }

    fn heard(&mut self, by: End, heard: Heard) -> Option<Another> {
        let of = by.other();
        let again = self.heard.of(of).get(&heard.number) == Some(&heard.name);
        keep(self.heard.of_mut(of), heard);
        let made = self.made.of(of).get(&heard.number).filter(|_| !again);
        another(of, heard.number, made, &heard.name)
    }
}

fn another(made: End, number: u64, one: Option<&[u8; 32]>, other: &[u8; 32]) -> Option<Another> {
    one.is_some_and(|one| one != other).then_some(Another { made, number })
}

/// Gives whether it is the first of its number.
fn keep(names: &mut BTreeMap<u64, [u8; 32]>, one: Heard) -> bool {
    if names.len() >= MAX_NAMES || names.contains_key(&one.number) {
        return false;
    }
    names.insert(one.number, one.name);
    true
}
