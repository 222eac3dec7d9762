//! A judgement in words: what it is, where, and whom it points at.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::evidence::{Flaw, Logged};
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::recording::{Place, Report, Verdict};
use deskside_protocol::text::visible;
use serde_json::{Value, json};

use super::anchor::Anchor;
use super::contents::Contents;
use super::log::InLog;
use super::seals::Seals;
use super::word::Word;
use crate::output::{moment, size};
use crate::ticket::number;

/// Without an auditor's key.
const UNREAD: &str = "not read: an auditor's key opens them (--identity); until then nobody has \
                      checked that the packets are those that the ends exchanged";

/// All that was found out about a recording.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    /// What the file itself says.
    pub(super) report: Report,
    /// The organisation's key that it was compared with, where there was one.
    pub(super) organisation: Option<PublicKey>,
    /// What the opened seals say, where there was an identity.
    pub(super) seals: Option<Seals>,
    /// What the packets say, where there was an identity.
    pub(super) contents: Option<Contents>,
    /// What the ticket says, where the relay was asked.
    pub(super) anchor: Option<Anchor>,
    /// What the relay's log says, by the proof beside the file or the relay's own.
    pub(super) log: InLog,
}

impl Judgement {
    /// Whether nothing at all is wrong.
    pub(super) fn is_sound(&self) -> bool {
        let seals = self.seals.as_ref().is_none_or(|seals| seals.flaws.is_empty());
        let contents = self.contents.as_ref().is_none_or(Contents::is_sound);
        let noted = !self.is_replaced() && self.log.is_sound();
        let recovered = self.is_recovered_whole();
        let file = (self.report.verdict.is_sound() && self.unproven().is_none()) || recovered;
        file && seals && contents && noted
    }

    /// Whether the relay crashed in between, and nothing is missing for all that.
    fn is_recovered_whole(&self) -> bool {
        let recovered = matches!(self.report.verdict, Verdict::Recovered { .. });
        recovered && self.contents.as_ref().is_some_and(Contents::is_proven)
    }

    /// Of a file that is whole: which last word is missing in it, and since when that leaves its tail
    /// unproven.
    fn unproven(&self) -> Option<(&'static str, Option<u64>)> {
        let whole = matches!(self.report.verdict, Verdict::Verified | Verdict::Consistent);
        self.contents.as_ref().filter(|_| whole).and_then(Contents::unproven)
    }

    /// Whether the ticket's note is of another recording.
    fn is_replaced(&self) -> bool {
        self.is_cut_inside()
            || matches!(self.anchor, Some(Anchor::Different | Anchor::Cut | Anchor::Forged))
    }

    /// Whether an end states that it had seen a checkpoint that is not here. A crash of the relay's
    /// machine may lose the newest, and the verdict says that then.
    fn is_cut_inside(&self) -> bool {
        let crashed = matches!(self.report.verdict, Verdict::Recovered { .. });
        let missing = |it: &Contents| it.misses_a_checkpoint(&self.report);
        !crashed && self.contents.as_ref().is_some_and(missing)
    }

    /// One word for scripts: the first of these that applies.
    pub(super) fn word(&self) -> Word {
        match self.report.verdict {
            Verdict::Tampered(_) => Word::Tampered,
            Verdict::Unreadable(_) => Word::Unreadable,
            _ if !self.seals.as_ref().is_none_or(|seals| seals.flaws.is_empty()) => {
                Word::SealsDisputed
            }
            _ if !self.contents.as_ref().is_none_or(Contents::is_sound) => Word::Disputed,
            _ if self.is_replaced() => Word::Replaced,
            _ if !self.log.is_sound() => Word::LogDisputed,
            _ if self.unproven().is_some() => Word::Incomplete,
            Verdict::Recovered { .. } if self.is_recovered_whole() => {
                if self.organisation.is_some() { Word::Verified } else { Word::Consistent }
            }
            Verdict::Verified => Word::Verified,
            Verdict::Consistent => Word::Consistent,
            Verdict::Shredded => Word::Shredded,
            Verdict::Recovered { .. } => Word::Recovered,
            Verdict::Incomplete { .. } => Word::Incomplete,
        }
    }

    /// What is wrong, where, and whom it points at, one sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut all = vec![self.first_sentence()];
        let flaws = self.seals.iter().flat_map(|seals| &seals.flaws);
        all.extend(flaws.map(|flaw| format!("{flaw}.")));
        all.extend(self.contents.iter().flat_map(Contents::sentences));
        if self.anchor == Some(Anchor::Different) {
            all.push(
                "The note on the ticket, which the technician signed, names another final hash: \
                 the recording is not the one that was made then. This points at whoever keeps \
                 the recordings."
                    .to_owned(),
            );
        }
        if self.anchor == Some(Anchor::Cut) {
            all.push(
                "The note on the ticket, which the technician signed, names a checkpoint of the \
                 relay's that is not in the recording: something was cut out of it and the relay \
                 signed the rest again. This points at whoever keeps the recordings."
                    .to_owned(),
            );
        }
        if self.is_cut_inside() {
            all.push(
                "An end stated that it had seen a checkpoint of the relay's that is not in the \
                 recording: something was cut out of it and the relay signed the rest again. This \
                 points at whoever keeps the recordings."
                    .to_owned(),
            );
        }
        if self.anchor == Some(Anchor::Forged) {
            all.push(
                "What lies beside the recording as its ticket's note was not signed by the \
                 technician of this session, or was changed since: fetch the recording again."
                    .to_owned(),
            );
        }
        all.extend(log_sentence(&self.log));
        if self.report.verdict == Verdict::Verified && self.is_under_a_former_key() {
            all.push(
                "It was made under a key that your organisation has given up since: whoever got \
                 hold of that key could have made one like it later."
                    .to_owned(),
            );
        }
        if self.organisation.is_none() && self.report.verdict == Verdict::Consistent {
            all.push(
                "Whose recording it is nobody has said: give --org KEYHEX to compare with your \
                 organisation's key."
                    .to_owned(),
            );
        }
        all
    }

    fn first_sentence(&self) -> String {
        if let Some((whose, since_us)) = self.unproven() {
            let since = since_us.map_or("its beginning".to_owned(), seconds);
            return format!(
                "nothing is wrong up to the end of the file, but the tail is unproven since {since}: \
                 {whose} missing."
            );
        }
        if let Verdict::Recovered { at } = &self.report.verdict
            && self.is_recovered_whole()
        {
            return format!(
                "the relay crashed and went on at {}, and nothing is missing: the recording holds \
                 what both ends stated to the very end.",
                shown(at)
            );
        }
        verdict_sentence(&self.report.verdict)
    }

    fn is_under_a_former_key(&self) -> bool {
        let made = self.report.facts.as_ref().map(|facts| facts.organisation_key);
        made.is_some() && self.organisation.is_some() && made != self.organisation
    }

    /// For people.
    pub(super) fn text(&self) -> String {
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
            row("on the way", &contents.way());
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

    /// For `--json`.
    pub(super) fn event(&self) -> Value {
        let report = &self.report;
        let facts = report.facts.as_ref();
        let finding = if let Verdict::Tampered(finding) = &report.verdict {
            json!({
                "what": finding.what.to_string(),
                "at": place(&finding.at),
                "incriminates": finding.party.to_string(),
            })
        } else {
            Value::Null
        };
        let anchor = self.anchor.map(|anchor| match anchor {
            Anchor::Same => "same",
            Anchor::Different => "different",
            Anchor::Cut => "cut",
            Anchor::Forged => "forged",
            Anchor::None => "none",
        });
        let seals = self.seals.as_ref().map(|seals| {
            let flaws: Vec<_> = seals.flaws.iter().map(ToString::to_string).collect();
            json!({"equal": seals.equal, "single": seals.single, "flaws": flaws})
        });
        json!({
            "event": "verdict",
            "verdict": self.word().as_str(),
            "sound": self.is_sound(),
            "explanation": self.sentences(),
            "finding": finding,
            "session": facts.map(|facts| facts.session().to_string()),
            "ticket": facts.map(|facts| number(&facts.technician.join.ticket)),
            "technician": facts.map(|facts| facts.certificate.login.clone()),
            "organisation_key": facts.map(|facts| facts.organisation_key.to_string()),
            "blocks": report.blocks,
            "checkpoints": report.checkpoints,
            "packets": report.packets.agent.packets + report.packets.technician.packets,
            "recovered": if let Verdict::Recovered { at } = &report.verdict { place(at) } else { Value::Null },
            "hash": report.hash.map(|hash| HEXLOWER.encode(&hash)),
            "seals": seals,
            "contents": self.contents.as_ref().map(Contents::event),
            "note": anchor,
            "log": log_event(&self.log),
        })
    }
}

/// What the relay's log has against it, and whom that points at.
pub(super) fn log_sentence(log: &InLog) -> Option<String> {
    const RELAY: &str = "This points at the relay.";
    match log {
        InLog::Flawed(flaw @ (Flaw::Malformed | Flaw::Head | Flaw::NotIncluded { .. })) => {
            Some(format!("{flaw}. This points at whoever gave you the proof."))
        }
        InLog::Flawed(flaw) => Some(format!("{flaw}. {RELAY}")),
        InLog::Forked => Some(format!(
            "The relay's log does not go on from the one that the note on the ticket names: it was \
             cut back, or told differently to different people. {RELAY}"
        )),
        InLog::Proven(_) | InLog::NoProof | InLog::NoLog => None,
    }
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

fn log_event(log: &InLog) -> Value {
    match log {
        InLog::Proven(logged) => json!({
            "state": "proven",
            "origin": logged.head.origin,
            "size": logged.head.size,
            "opened": logged.opened.0,
            "closed": logged.closed.map(|(index, _)| index),
            "accesses": logged.accesses,
            "held": logged.held,
            "shredded": logged.shredded,
        }),
        InLog::Flawed(flaw) => json!({"state": "disputed", "what": flaw.to_string()}),
        InLog::Forked => json!({"state": "forked"}),
        InLog::NoProof => json!({"state": "no-proof"}),
        InLog::NoLog => json!({"state": "none"}),
    }
}

fn facts_rows(facts: &Facts, row: &mut impl FnMut(&str, &str)) {
    let person = &facts.certificate;
    row("session", &facts.session().to_string());
    row("ticket", &format!("{} {}", facts.technician.join.ticket, facts.technician.join.subject));
    row("technician", &format!("{} ({}), {}", person.name, person.login, person.organisation));
    row("relay", &facts.relay_origin);
}

pub(super) fn verdict_sentence(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Verified => {
            "nobody changed this recording: the relay signed all of it and both ends its end, under \
             your organisation's key."
                .to_owned()
        }
        Verdict::Consistent => {
            "the recording is consistent in itself: the relay signed all of it and both ends its end."
                .to_owned()
        }
        Verdict::Shredded => {
            "the recording is consistent, but sealed keys were destroyed: what they opened cannot \
             be read by anybody any more."
                .to_owned()
        }
        Verdict::Recovered { at } => format!(
            "the relay crashed and went on at {}: what was not on its disk by then may be missing.",
            shown(at)
        ),
        Verdict::Incomplete { since: Some(at) } => {
            format!(
                "nothing is wrong up to the end of the file, but the tail is unproven since {}.",
                shown(at)
            )
        }
        Verdict::Incomplete { since: None } => {
            "nothing is wrong up to the end of the file, but none of it is proven: the ends did \
             not sign."
                .to_owned()
        }
        Verdict::Tampered(finding) => {
            format!("{} ({}). This points at {}.", finding.what, shown(&finding.at), finding.party)
        }
        Verdict::Unreadable(damage) => format!("{damage}."),
    }
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

fn place(place: &Place) -> Value {
    json!({"block": place.seq, "byte": place.offset, "time": seconds(place.time_us)})
}

fn shown(place: &Place) -> String {
    match place.time_us {
        0 => place.to_string(),
        time => format!("{place}, {}", seconds(time)),
    }
}

fn seconds(time_us: u64) -> String {
    moment(time_us / 1_000_000)
}
