//! A judgement for people: the word, the sentences, and a row for each thing that was looked at.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use deskside_protocol::log::evidence::Logged;
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::text::visible;

use super::Judgement;
use super::sentences::seconds;
use crate::audit::anchor::Anchor;
use crate::audit::intervals;
use crate::audit::log::InLog;
use crate::audit::seals::Seals;
use crate::output::size;

/// Without an auditor's key.
const UNREAD: &str = "not read: an auditor's key opens them (--identity); until then nobody has \
                      checked that the packets are those that the ends exchanged";

impl Judgement {
    /// For people.
    pub(in crate::audit) fn text(&self) -> String {
        let mut text =
            format!("{}: {}", self.word().as_str().to_uppercase(), self.sentences().join("\n"));
        let mut row = |name: &str, value: &str| {
            let _infallible = write!(text, "\n{name:<13} {}", visible(value));
        };
        if let Some(facts) = &self.report.facts {
            facts_rows(facts, &mut row);
        }
        self.file_rows(&mut row);
        if let Some(seals) = &self.seals {
            row("opened seals", &seals_words(seals));
        }
        if let Some(contents) = &self.contents {
            row("contents", &contents.words());
            row("statements", &contents.statements());
            row("by time", &intervals::words(&intervals::of(contents.report())));
            row("on the way", &contents.way());
            if let Some(held_back) = contents.held_back() {
                row("held back", &held_back);
            }
        } else {
            row("contents", UNREAD);
        }
        match self.anchor {
            Some(Anchor::Same) => row("ticket's note", "names the same final hash"),
            Some(Anchor::Different) => row("ticket's note", "names another final hash"),
            Some(Anchor::Cut) => row("ticket's note", "names a checkpoint that is not here"),
            Some(Anchor::Forged) => row("ticket's note", "not signed by the session's technician"),
            Some(Anchor::None) => row("ticket's note", "none that is signed for this session"),
            None => {}
        }
        for kept in &self.kept {
            row("kept file", &kept.words());
        }
        row("relay's log", &log_words(&self.log));
        text
    }

    fn file_rows(&self, row: &mut impl FnMut(&str, &str)) {
        let report = &self.report;
        if let Some((first, last)) = report.times_us {
            row("time", &format!("{} to {}", seconds(first), seconds(last)));
        }
        let (agent, technician) = (report.packets.agent, report.packets.technician);
        let packets = format!(
            "{} from the agent ({}), {} from the technician ({})",
            agent.packets,
            size(agent.bytes),
            technician.packets,
            size(technician.bytes)
        );
        row("packets", &packets);
        let closed_by = match (report.closed_by.agent, report.closed_by.technician) {
            (true, true) => "both ends",
            (true, false) => "the agent only",
            (false, true) => "the technician only",
            (false, false) => "neither end",
        };
        let checkpoints = report.checkpoints;
        row("proofs", &format!("{checkpoints} checkpoints, the close signed by {closed_by}"));
        if let Some(hash) = &report.hash {
            row("final hash", &HEXLOWER.encode(hash));
        }
    }
}

fn facts_rows(facts: &Facts, row: &mut impl FnMut(&str, &str)) {
    let person = &facts.certificate;
    row("session", &facts.session().to_string());
    row("ticket", &format!("{} {}", facts.technician.join.ticket, facts.technician.join.subject));
    row("technician", &format!("{} ({}), {}", person.name, person.login, person.organisation));
    row("relay", &facts.relay_origin);
}

fn seals_words(seals: &Seals) -> String {
    let lines = |lines: &[u16]| lines.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let mut words = Vec::new();
    if !seals.equal.is_empty() {
        words.push(format!("both ends sealed the same secrets of line {}", lines(&seals.equal)));
    }
    if !seals.single.is_empty() {
        words.push(format!("line {} ended before both had sealed it", lines(&seals.single)));
    }
    words.extend(seals.flaws.iter().map(ToString::to_string));
    if words.is_empty() { "there are none".to_owned() } else { words.join("; ") }
}

fn log_words(log: &InLog) -> String {
    match log {
        InLog::Proven(Logged { head, opened, closed, accesses, held, shredded }) => {
            let closed = closed.map_or("no end".to_owned(), |(index, _)| format!("end {index}"));
            let held = if *held { ", held" } else { "" };
            let shredded = if *shredded { ", shredded" } else { "" };
            let (begun, size) = (opened.0, head.size);
            format!(
                "begun as entry {begun}, {closed} of {size}; handed out {accesses} times\
                 {held}{shredded}"
            )
        }
        InLog::Flawed(flaw) => flaw.to_string(),
        InLog::Forked => "another one than the note on the ticket names".to_owned(),
        InLog::NoProof => "not in a log: there is no proof beside the file".to_owned(),
        InLog::NoLog => "the relay keeps none".to_owned(),
    }
}
