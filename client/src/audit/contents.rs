//! What the packets of a recording say, once its seals are opened: how much is in it, and what does
//! not go together.

use std::io::{self, Read};
use std::ops::ControlFlow;

use deskside_decode::{
    Counted, Decoder, Entry, Finding, Found, Half, Item, LineReport, Party, Report, Tally,
};
use deskside_protocol::recording::Report as Verified;
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::session::{End, Ends};
use serde_json::{Value, json};

use super::bodies;
use super::intervals::{self, Interval};
use super::seals::Sealed;
use super::stated::{self, Stated};
use super::tail;
use super::unroll::unroll;
use crate::output::{moment, size};

/// From here on it is told that packets were held back: a line that works says something again after
/// far less.
const HELD_BACK_US: u64 = 5_000_000;
/// Findings that are told one by one; how many more there are is said.
const TOLD: usize = 8;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    report: Report,
    /// Streams that were opened for a channel.
    streams: u64,
    messages: u64,
    /// Streams and datagrams that are not understood.
    unreadable: u64,
    /// What the ends themselves said of it.
    stated: Stated,
    /// The session's policy has the bodies of files in the recording.
    records: bool,
}

/// Reads what `from` gives with what was `sealed`; up to its first fault, which is the verifier's to
/// name. What the ends state is held against their session keys and against the packets, and what they
/// do with the bodies of files against the policy: `facts` have both.
///
/// # Errors
/// What the disk says.
pub(super) fn read(
    from: impl Read,
    sealed: &Sealed,
    facts: Option<&Facts>,
) -> io::Result<Contents> {
    read_along(from, sealed, facts, |_| ControlFlow::Continue(()))
}

/// As [`read`], and shows each entry on the way to somebody who may break off.
///
/// # Errors
/// What the disk says.
pub(super) fn read_along(
    from: impl Read,
    sealed: &Sealed,
    facts: Option<&Facts>,
    mut along: impl FnMut(&Entry) -> ControlFlow<()>,
) -> io::Result<Contents> {
    let hashes = sealed.iter().map(|(line, _, secrets)| (*line, secrets.sha256()));
    let stated = Stated::new(facts.map(Facts::session_keys), hashes);
    let mut contents =
        Contents { stated, records: bodies::are_recorded(facts), ..Contents::default() };
    contents.report = unroll(from, sealed, |entry, decoder| {
        contents.count(entry, decoder);
        along(entry)
    })?;
    Ok(contents)
}

impl Contents {
    fn count(&mut self, entry: &Entry, decoder: &mut Decoder) {
        let taken = self.stated.take(entry);
        for (what, party) in taken.found {
            decoder.note(entry.line, what, party);
        }
        if let Some(statement) = taken.statement {
            for (half, claim) in stated::claims(&statement) {
                decoder.compare(entry.line, half, &claim);
            }
            decoder.compare_datagrams(entry.line, &stated::datagrams(&statement));
        }
        if self.records
            && let Some(Half { stream, from }) = bodies::apart(entry)
        {
            // What an end says of its bodies is under the line's keys, and no other.
            decoder.note(entry.line, Found::Apart { from, stream }, Party::Secrets(from));
        }
        match entry.item {
            Item::Opened => self.streams += 1,
            Item::Message(_) | Item::Masked { .. } => self.messages += 1,
            Item::Unreadable(_) => self.unreadable += 1,
            Item::LineOpened(_)
            | Item::LineClosed(_)
            | Item::Relay(_)
            | Item::Raw { .. }
            | Item::Finished
            | Item::Reset { .. }
            | Item::Stopped { .. } => {}
        }
    }

    /// One in which nothing was read but these statements.
    #[cfg(test)]
    pub(super) fn of(stated: Stated) -> Self {
        Self { stated, ..Self::default() }
    }

    /// What the decoder found.
    pub(super) const fn report(&self) -> &Report {
        &self.report
    }

    /// What the ends stated, and on which lines it could be read.
    pub(super) fn statements_read(&self) -> tail::Read<'_> {
        let lines = self.report.lines.iter().map(|line| (line.line, line.suite.is_some()));
        tail::Read { stated: &self.stated, lines: lines.collect() }
    }

    /// Whether nothing that was read speaks against the recording.
    pub(super) fn is_sound(&self) -> bool {
        self.report.is_sound()
    }

    /// Whether an end had seen a checkpoint of the relay's that is not in the recording.
    pub(super) fn misses_a_checkpoint(&self, report: &Verified) -> bool {
        self.stated.checkpoints().any(|name| report.has_checkpoint(name) == Some(false))
    }

    /// Since when nothing proves the tail: the time of the newest statement of the end whose last word
    /// is missing, of the earlier one where both are; `None` in it where it made none. Only of a
    /// recording in which a line was read.
    pub(super) fn unproven(&self) -> Option<(&'static str, Option<u64>)> {
        self.report.lines.iter().find(|line| line.suite.is_some())?;
        let missing = |end| !self.stated.has_last(end);
        let whose = match (missing(End::Agent), missing(End::Technician)) {
            (true, true) => "both ends' last words are",
            (true, false) => "the agent's last word is",
            (false, true) => "the technician's last word is",
            (false, false) => return None,
        };
        let ends = [End::Agent, End::Technician].into_iter().filter(|end| missing(*end));
        Some((whose, ends.map(|end| self.stated.newest_us(end)).min().flatten()))
    }

    /// Whether both ends stated to the very end what they sent and received, and the recording holds
    /// just that. On a line that broke nobody had a last word, so that there was none before the last.
    pub(super) fn is_proven(&self) -> bool {
        let tally = self.tally();
        let whole = tally.proven > 0 && tally.consistent + tally.disputed == 0;
        let read = self.report.lines.iter().filter(|line| line.suite.is_some()).count();
        whole
            && read == 1
            && self.is_sound()
            && self.unproven().is_none()
            && self.report.findings().count() == 0
    }

    /// What is wrong, when, and whom it points at, one sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut all = grave(&self.report);
        if self.report.malformed > 0 {
            let blocks = self.report.malformed;
            all.push(format!("The packets of {blocks} blocks cannot be taken apart."));
        }
        all
    }

    /// How much is in it.
    pub(super) fn words(&self) -> String {
        let read = self.report.lines.iter().filter(|line| line.suite.is_some()).count();
        let bytes = size(self.bytes());
        let mut words = format!(
            "{} streams, {} messages, {bytes} came through on {read} of {} lines",
            self.streams,
            self.messages,
            self.report.lines.len()
        );
        if self.unreadable > 0 {
            words.push_str(&format!("; {} of them are not understood", self.unreadable));
        }
        words
    }

    /// What happened to packets that nobody is blamed for.
    pub(super) fn way(&self) -> String {
        let ends = self.ends();
        let sum = |count: fn(&Counted) -> u64| count(&ends.agent) + count(&ends.technician);
        format!(
            "{} packets lost behind the relay, {} not recorded and not acknowledged, {} that no key \
             opens, {} at the end that may not have arrived; the slowest acknowledgement took {} ms",
            sum(|end| end.lost),
            sum(|end| end.unseen),
            sum(|end| end.unopened),
            sum(|end| end.tail),
            ends.agent.slowest_us.max(ends.technician.slowest_us) / 1_000
        )
    }

    /// What both ends stated, and what of it the packets prove.
    pub(super) fn statements(&self) -> String {
        let (agent, technician) =
            (self.stated.count(End::Agent), self.stated.count(End::Technician));
        if agent + technician == 0 {
            return "none: what came through rests on the ends' acknowledgements".to_owned();
        }
        let last = match (self.stated.has_last(End::Agent), self.stated.has_last(End::Technician)) {
            (true, true) => "both ends said a last word",
            (true, false) => "the technician's last word is missing: the tail is unproven",
            (false, true) => "the agent's last word is missing: the tail is unproven",
            (false, false) => "neither end's last word is there: the tail is unproven",
        };
        let tally = self.tally();
        let lag = |end, name| self.stated.lag(end).words(name);
        let lags = [lag(End::Agent, "agent"), lag(End::Technician, "technician")];
        let lags = lags.into_iter().flatten().collect::<Vec<_>>().join(", ");
        format!(
            "{agent} of the agent, {technician} of the technician; {} places of streams proven, {} \
             not comparable, {} disputed; {last}; {lags}",
            tally.proven, tally.consistent, tally.disputed
        )
    }

    /// How long packets were held back at the most, in milliseconds, before the relay recorded them or
    /// behind it: where that is longer than a network that works ever needs.
    fn held_back_ms(&self) -> Option<u64> {
        let ends = self.ends();
        let of = |end| self.stated.lag(end).spread_us().max(ends.of(end).slowest_us);
        let longest = of(End::Agent).max(of(End::Technician));
        (longest >= HELD_BACK_US).then_some(longest / 1_000)
    }

    /// The same in a sentence.
    pub(super) fn held_back(&self) -> Option<String> {
        let seconds = self.held_back_ms()? / 1_000;
        Some(format!(
            "packets waited up to {seconds} s: a network broke, or the relay held them back; which of \
             the two nobody can tell"
        ))
    }

    fn tally(&self) -> Tally {
        let add = |all: Tally, one: &LineReport| Tally {
            proven: all.proven + one.statements.proven,
            consistent: all.consistent + one.statements.consistent,
            disputed: all.disputed + one.statements.disputed,
        };
        self.report.lines.iter().fold(Tally::default(), add)
    }

    fn bytes(&self) -> u64 {
        let ends = self.ends();
        ends.agent.bytes + ends.technician.bytes
    }

    /// Of all lines together.
    fn ends(&self) -> Ends<Counted> {
        let mut ends = Ends::<Counted>::default();
        for line in &self.report.lines {
            for end in [End::Agent, End::Technician] {
                ends.of_mut(end).add(line.ends.of(end));
            }
        }
        ends
    }

    /// For `--json`.
    pub(super) fn event(&self) -> Value {
        let findings: Vec<Value> = self.report.findings().map(finding).collect();
        let lines: Vec<Value> = self.report.lines.iter().map(line).collect();
        json!({
            "streams": self.streams,
            "messages": self.messages,
            "bytes": self.bytes(),
            "unreadable": self.unreadable,
            "statements": self.statements_event(),
            "held_back_ms": self.held_back_ms(),
            "intervals": intervals::of(&self.report).iter().map(Interval::event).collect::<Vec<_>>(),
            "lines": lines,
            "findings": findings,
        })
    }
}

impl Contents {
    fn statements_event(&self) -> Value {
        let end = |end| {
            json!({
                "count": self.stated.count(end),
                "last": self.stated.has_last(end),
                "lag_ms": self.stated.lag(end).event(),
            })
        };
        let tally = self.tally();
        json!({
            "agent": end(End::Agent),
            "technician": end(End::Technician),
            "proven": tally.proven,
            "consistent": tally.consistent,
            "disputed": tally.disputed,
        })
    }
}

/// What of these findings is grave, one sentence each; how many more there are is said.
pub(super) fn grave(report: &Report) -> Vec<String> {
    let grave: Vec<&Finding> = report.findings().filter(|finding| finding.is_grave()).collect();
    let mut all: Vec<String> = grave.iter().take(TOLD).map(|one| sentence(one)).collect();
    let total: u64 = report.lines.iter().map(|line| line.findings_total).sum();
    let told = report.findings().count() as u64;
    let more = grave.len().saturating_sub(TOLD) as u64 + (total - told);
    if more > 0 {
        all.push(format!("And {more} more findings like these."));
    }
    all
}

fn sentence(finding: &Finding) -> String {
    let time = moment(finding.time_us / 1_000_000);
    format!("Line {}, {time}: {}. This points at {}.", finding.line, finding.what, finding.party)
}

fn finding(finding: &Finding) -> Value {
    json!({
        "line": finding.line,
        "time": moment(finding.time_us / 1_000_000),
        "what": finding.what.to_string(),
        "incriminates": finding.party.to_string(),
        "grave": finding.is_grave(),
    })
}

fn line(line: &LineReport) -> Value {
    let end = |end: &Counted| {
        json!({
            "packets": end.packets,
            "acknowledged": end.acknowledged,
            "repeated": end.repeated,
            "unopened": end.unopened,
            "lost": end.lost,
            "unseen": end.unseen,
            "unknown": end.tail,
            "slowest_ms": end.slowest_us / 1_000,
            "bytes": end.bytes,
            "datagrams": end.messages,
        })
    };
    json!({
        "line": line.line,
        "cipher": line.suite.map(|suite| suite.to_string()),
        "agent": end(&line.ends.agent),
        "technician": end(&line.ends.technician),
    })
}
