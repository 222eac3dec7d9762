//! How much of a session is proven, from when to when: where the packets hold just what both ends
//! stated, where an end stated nothing that can be compared, and where something does not fit.

use deskside_decode::{LineReport, Report, Stretch};
use deskside_protocol::session::End;
use serde_json::{Value, json};

use crate::output::moment;

/// Intervals that are told in words.
const TOLD: usize = 4;
/// The two ends state the same time a moment apart: what is shorter than a second is one with a neighbour
/// of which less is known.
const SHORT_US: u64 = 1_000_000;

/// What is known of a time. A later one wins where two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Both ends stated what came through, and it is what they stated.
    Proven,
    /// Nothing speaks against it, and an end stated nothing of it that can be compared.
    Consistent,
    /// Something points at somebody.
    Disputed,
}

impl Fit {
    /// In events and sentences.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Consistent => "consistent",
            Self::Disputed => "disputed",
        }
    }
}

/// A time of one line, without its beginning and with its end, in microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) line: u16,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    pub(super) fit: Fit,
}

impl Interval {
    const fn is_short(&self) -> bool {
        self.to_us - self.from_us < SHORT_US
    }

    /// For `--json`.
    pub(super) fn event(&self) -> Value {
        let Self { line, from_us, to_us, fit } = self;
        let time = |us: &u64| moment(us / 1_000_000);
        json!({"line": line, "from": time(from_us), "to": time(to_us), "state": fit.word()})
    }
}

/// All lines of which anything was read, one behind the other.
pub(super) fn of(report: &Report) -> Vec<Interval> {
    report.lines.iter().filter(|line| line.suite.is_some()).flat_map(of_line).collect()
}

fn of_line(line: &LineReport) -> Vec<Interval> {
    let (begun, ended) = line.times_us;
    // Both ends' statements part the line; behind the last one nothing is stated.
    let mut ends: Vec<u64> = line.stretches.iter().map(|stretch| stretch.time_us).collect();
    ends.retain(|end| (begun..ended).contains(end));
    ends.push(ended);
    let grave: Vec<u64> =
        line.findings.iter().filter(|it| it.is_grave()).map(|it| it.time_us).collect();
    let [mut agent, mut technician] =
        [End::Agent, End::Technician].map(|end| Stretches::of(line, end));
    let mut all: Vec<Interval> = Vec::new();
    let mut from_us = begun;
    for to_us in ends {
        let mut fit = agent.fit(to_us).max(technician.fit(to_us));
        // One at the very beginning is in the first.
        let is_in = |at: &u64| *at <= to_us && (*at > from_us || from_us == begun);
        if grave.iter().any(is_in) {
            fit = Fit::Disputed;
        }
        join(&mut all, Interval { line: line.line, from_us, to_us, fit });
        from_us = to_us;
    }
    all
}

/// Puts `next` behind the others.
fn join(all: &mut Vec<Interval>, mut next: Interval) {
    while let Some(last) = all.last_mut() {
        if last.fit == next.fit || (last.fit > next.fit && next.is_short()) {
            last.to_us = next.to_us;
            return;
        }
        if last.fit > next.fit || !last.is_short() {
            break;
        }
        next.from_us = last.from_us;
        all.pop();
    }
    all.push(next);
}

/// What an end stated, from its beginning on.
struct Stretches<'a> {
    left: Vec<&'a Stretch>,
    /// It said that nothing more comes.
    is_over: bool,
}

impl<'a> Stretches<'a> {
    fn of(line: &'a LineReport, end: End) -> Self {
        let mut left: Vec<_> = line.stretches.iter().filter(|it| it.by == end).collect();
        left.reverse();
        Self { left, is_over: false }
    }

    /// What the first statement that comes at `to_us` or later says of the time before that.
    fn fit(&mut self, to_us: u64) -> Fit {
        while let Some(past) = self.left.pop_if(|stretch| stretch.time_us < to_us) {
            self.is_over = past.is_last;
        }
        match self.left.last() {
            Some(stretch) if stretch.tally.disputed > 0 => Fit::Disputed,
            Some(stretch) if !stretch.is_proven() => Fit::Consistent,
            None if !self.is_over => Fit::Consistent,
            Some(_) | None => Fit::Proven,
        }
    }
}

/// For a row.
pub(super) fn words(intervals: &[Interval]) -> String {
    let time = |us: u64| moment(us / 1_000_000);
    let told = intervals.iter().take(TOLD).map(|one| {
        let what = match one.fit {
            Fit::Proven => "proven by both ends",
            Fit::Consistent => "consistent, not stated by both ends",
            Fit::Disputed => "disputed",
        };
        format!("{} to {} {what}", time(one.from_us), time(one.to_us))
    });
    let mut words = told.collect::<Vec<_>>().join("; ");
    if intervals.len() > TOLD {
        words.push_str(&format!("; and {} more (--json)", intervals.len() - TOLD));
    }
    if words.is_empty() { "nothing was read".to_owned() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_decode::{Finding, Found, Party, Suite, Tally};

    const SECOND: u64 = 1_000_000;

    /// From second 100 to second 200; who states something in second 199 says no more.
    fn line(stretches: &[(End, u64, Tally)], grave: &[u64]) -> LineReport {
        let stretch = |(by, at, tally): &(End, u64, Tally)| Stretch {
            by: *by,
            time_us: at * SECOND,
            tally: *tally,
            awaited: 0,
            is_last: *at == 199,
        };
        let finding = |at: &u64| Finding {
            line: 0,
            time_us: at * SECOND,
            what: Found::NoHello,
            party: Party::Node,
        };
        LineReport {
            line: 0,
            suite: Some(Suite::Aes128Gcm),
            times_us: (100 * SECOND, 200 * SECOND),
            ends: Default::default(),
            acknowledged: Default::default(),
            halves: 0,
            statements: Tally::default(),
            stretches: stretches.iter().map(stretch).collect(),
            closed: Default::default(),
            findings: grave.iter().map(finding).collect(),
            findings_total: grave.len() as u64,
        }
    }

    #[test]
    fn a_time_is_proven_where_both_ends_stated_it_and_nothing_points_at_anybody() {
        let (agent, technician) = (End::Agent, End::Technician);
        let proven = Tally { proven: 2, ..Tally::default() };
        let gone = Tally { consistent: 1, ..proven };
        let other = Tally { disputed: 1, ..proven };
        for (stretches, grave, expected) in [
            (&[][..], &[][..], &[(100, 200, Fit::Consistent)][..]),
            (
                &[(agent, 150, proven), (technician, 152, proven), (agent, 200, proven)],
                &[],
                // Of what passed after 152 the technician stated nothing.
                &[(100, 152, Fit::Proven), (152, 200, Fit::Consistent)],
            ),
            (&[(agent, 200, proven), (technician, 200, proven)], &[], &[(100, 200, Fit::Proven)]),
            // Behind both last words nothing comes.
            (&[(agent, 199, proven), (technician, 199, proven)], &[], &[(100, 200, Fit::Proven)]),
            (
                &[(agent, 120, gone), (agent, 200, proven), (technician, 200, proven)],
                &[],
                &[(100, 120, Fit::Consistent), (120, 200, Fit::Proven)],
            ),
            (
                &[(agent, 120, proven), (agent, 150, other), (technician, 200, proven)],
                &[],
                &[(100, 120, Fit::Proven), (120, 150, Fit::Disputed), (150, 200, Fit::Consistent)],
            ),
            (
                &[(agent, 150, proven), (agent, 200, proven), (technician, 200, proven)],
                &[150],
                &[(100, 150, Fit::Disputed), (150, 200, Fit::Proven)],
            ),
            (
                &[(agent, 200, proven), (technician, 200, proven)],
                &[100],
                &[(100, 200, Fit::Disputed)],
            ),
        ] {
            let lines = vec![line(stretches, grave)];
            let intervals = of(&Report { lines, ..Report::default() });
            let seconds = |one: &Interval| (one.from_us / SECOND, one.to_us / SECOND, one.fit);
            assert_eq!(intervals.iter().map(seconds).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_lies_between_two_statements_of_one_time_is_one_with_what_is_worse() {
        use Fit::{Consistent, Disputed, Proven};
        // Until which tenth of a second, and what is known of it.
        for (parts, expected) in [
            (
                &[(50, Proven), (52, Consistent), (100, Disputed)][..],
                &[(50, Proven), (100, Disputed)][..],
            ),
            (&[(50, Disputed), (52, Consistent), (100, Proven)], &[(52, Disputed), (100, Proven)]),
            (&[(2, Proven), (100, Consistent)], &[(100, Consistent)]),
            (&[(50, Proven), (51, Proven), (100, Proven)], &[(100, Proven)]),
            // What is worse than all around it stays, however short.
            (
                &[(50, Proven), (51, Disputed), (100, Proven)],
                &[(50, Proven), (51, Disputed), (100, Proven)],
            ),
            (
                &[(50, Disputed), (51, Proven), (99, Consistent)],
                &[(51, Disputed), (99, Consistent)],
            ),
        ] {
            let (mut all, mut from_us) = (Vec::new(), 0);
            for (to, fit) in parts {
                let to_us = to * SECOND / 10;
                join(&mut all, Interval { line: 0, from_us, to_us, fit: *fit });
                from_us = to_us;
            }
            let told: Vec<_> = all.iter().map(|one| (one.to_us * 10 / SECOND, one.fit)).collect();
            assert_eq!(told, expected);
            assert!(all.windows(2).all(|two| two[0].to_us == two[1].from_us));
        }
    }

    #[test]
    fn words_are_bounded() {
        let one = |at: u64| Interval { line: 0, from_us: at, to_us: at + 1, fit: Fit::Disputed };
        let all: Vec<_> = (0..9).map(one).collect();
        assert!(words(&all).ends_with("; and 5 more (--json)"));
        assert_eq!(words(&[]), "nothing was read");
    }
}
