//! Holds what the relay says of a recording's readers against what its log has of them.

use std::collections::HashMap;

use deskside_protocol::log::leaf::{Access, commitment};
use deskside_protocol::log::{Leaf, What};
use deskside_protocol::session::SessionId;
use deskside_protocol::text::visible;
use deskside_protocol::wire::signal;
use serde_json::{Value, json};

use crate::output::{minute, moment};

/// How what the relay says and what its log holds fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// They do.
    Proven,
    /// The log has it, and the relay says no name and no reason that lead to it.
    Unnamed,
    /// The log has it as something else.
    Otherwise,
    /// The relay says it, and the log has no such entry: it was written down, and the relay stopped
    /// before it handed out anything.
    Unlogged,
    /// From before the relay kept a log.
    Older,
}

impl Fit {
    /// In the table, and as a state in events.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Proven => ("proven", "proven"),
            Self::Unnamed => ("NOT NAMED", "unnamed"),
            Self::Otherwise => ("LOGGED AS SOMETHING ELSE", "otherwise"),
            Self::Unlogged => ("not logged, nothing was handed out", "unlogged"),
            Self::Older => ("before the log", "older"),
        }
    }
}

/// An entry of the log about somebody's act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    index: u64,
    time_us: u64,
    act: u32,
    commitment: [u8; 32],
}

impl Entry {
    pub(super) fn of(index: u64, leaf: &Leaf) -> Option<Self> {
        let (act, commitment) = match leaf.what {
            What::Access { kind, commitment } => (kind as u32, commitment),
            What::Hold { held: true, commitment } => (HOLD, commitment),
            What::Hold { held: false, commitment } => (RELEASE, commitment),
            What::Open { .. } | What::Close { .. } | What::Shred { .. } => return None,
        };
        Some(Self { index, time_us: leaf.time_us, act, commitment })
    }
}

const HOLD: u32 = 10;
const RELEASE: u32 = 11;

fn word(act: u32) -> &'static str {
    match (act, Access::from_wire(act)) {
        (_, Some(access)) => access.word(),
        (HOLD, _) => "hold",
        (RELEASE, _) => "release",
        _ => "unknown",
    }
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    entry: Option<Entry>,
    said: Option<signal::Access>,
    fit: Fit,
}

impl Line {
    /// Of an entry, and of what opens it.
    fn of(entry: Entry, said: Option<signal::Access>) -> Self {
        let fit = match &said {
            None => Fit::Unnamed,
            Some(said) if said.kind == entry.act => Fit::Proven,
            Some(_) => Fit::Otherwise,
        };
        Self { entry: Some(entry), said, fit }
    }

    /// Of what no entry stands for.
    fn without(said: signal::Access) -> Self {
        let fit = if said.salt.is_empty() { Fit::Older } else { Fit::Unlogged };
        Self { entry: None, said: Some(said), fit }
    }

    /// By the log, else as the relay says; seconds.
    fn time(&self) -> u64 {
        let said = || self.said.as_ref().map_or(0, |said| said.time);
        self.entry.map_or_else(said, |entry| entry.time_us / 1_000_000)
    }

    /// What was done, likewise.
    fn act(&self) -> &'static str {
        let said = self.said.as_ref().map_or(0, |said| said.kind);
        word(self.entry.map_or(said, |entry| entry.act))
    }

    pub(super) const fn is_sound(&self) -> bool {
        !matches!(self.fit, Fit::Unnamed | Fit::Otherwise)
    }

    pub(super) fn event(&self, session: SessionId) -> Value {
        json!({
            "event": "access",
            "session": session.to_string(),
            "time": moment(self.time()),
            "kind": self.act(),
            "login": self.said.as_ref().map(|said| &said.login),
            "reason": self.said.as_ref().map(|said| &said.reason),
            "entry": self.entry.map(|entry| entry.index),
            "state": self.fit.words().1,
        })
    }

    pub(super) fn row(&self) -> [String; 6] {
        let said = |of: fn(&signal::Access) -> &str| {
            self.said.as_ref().map_or_else(|| "?".to_owned(), |said| visible(of(said)).into_owned())
        };
        [
            minute(self.time()),
            said(|said| &said.login),
            self.act().to_owned(),
            self.entry.map_or_else(|| "-".to_owned(), |entry| entry.index.to_string()),
            self.fit.words().0.to_owned(),
            said(|said| &said.reason),
        ]
    }
}

/// Holds what the relay `said` against the `logged` entries: a line for each, in the order of time. An
/// act of a number above `known` was told of once the log was read, and may stand behind it.
pub(super) fn matched(logged: Vec<Entry>, said: Vec<signal::Access>, known: u64) -> Vec<Line> {
    let mut openings = HashMap::new();
    let mut lines = Vec::new();
    for said in said {
        match <[u8; 32]>::try_from(said.salt.as_ref()) {
            Ok(salt) => {
                openings.insert(commitment(&salt, &said.login, &said.reason), said);
            }
            Err(_) => lines.push(Line::without(said)),
        }
    }
    for entry in logged {
        lines.push(Line::of(entry, openings.remove(&entry.commitment)));
    }
    let alone = openings.into_values().filter(|said| said.number <= known);
    lines.extend(alone.map(Line::without));
    lines.sort_by_key(|line| {
        let number = line.said.as_ref().map_or(0, |said| said.number);
        (line.time(), line.entry.map(|entry| entry.index), number)
    });
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn said(number: u64, kind: u32, reason: &str) -> signal::Access {
        let (login, salt) = ("mona".to_owned(), vec![3; 32].into());
        signal::Access { number, time: 100 + number, kind, login, reason: reason.into(), salt }
    }

    pub(in super::super) fn entry(index: u64, act: u32, reason: &str) -> Entry {
        let commitment = commitment(&[3; 32], "mona", reason);
        Entry { index, time_us: (100 + index) * 1_000_000, act, commitment }
    }

    #[test]
    fn each_entry_has_its_line_and_each_lie_its_word() {
        let logged = vec![entry(1, 1, "a"), entry(2, 4, "b"), entry(3, 10, "c"), entry(4, 2, "d")];
        let renamed = signal::Access { login: "lisa".into(), ..said(4, 2, "d") };
        let older = signal::Access { salt: Vec::new().into(), ..said(0, 1, "early") };
        let told = vec![older, said(1, 1, "a"), said(2, 1, "b"), said(3, 10, "c"), renamed];
        let behind = [said(5, 3, "told before the log was read"), said(6, 3, "and behind it")];
        let lines = matched(logged, [told, behind.to_vec()].concat(), 5);
        let fits: Vec<_> =
            lines.iter().map(|line| (line.entry.map(|entry| entry.index), line.fit)).collect();
        assert_eq!(
            fits,
            [
                (None, Fit::Older),
                (Some(1), Fit::Proven),
                (Some(2), Fit::Otherwise),
                (Some(3), Fit::Proven),
                (None, Fit::Unlogged),
                (Some(4), Fit::Unnamed),
                (None, Fit::Unlogged),
            ]
        );
        let acts: Vec<_> = lines.iter().map(Line::act).collect();
        assert_eq!(acts[2], "verification", "the log is believed, not the relay");
    }
}
