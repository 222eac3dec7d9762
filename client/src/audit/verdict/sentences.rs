//! What is wrong with a recording, where, and whom it points at.

use deskside_protocol::log::evidence::Flaw;
use deskside_protocol::recording::{Place, Verdict};

use super::Judgement;
use super::word::Word;
use crate::audit::anchor::Anchor;
use crate::audit::contents::Contents;
use crate::audit::log::InLog;
use crate::audit::tail::Kept;
use crate::output::moment;

impl Judgement {
    /// What is wrong, where, and whom it points at, one sentence each: the first says why the word is
    /// what it is.
    pub(in crate::audit) fn sentences(&self) -> Vec<String> {
        let (mut all, of_file) = (self.faults(), self.file_sentence());
        match self.word() {
            Word::SealsDisputed | Word::Disputed | Word::Replaced | Word::LogDisputed => {
                all.push(format!("Of the file itself: {of_file}"));
            }
            Word::Verified
            | Word::Consistent
            | Word::Shredded
            | Word::Recovered
            | Word::Incomplete
            | Word::Tampered
            | Word::Unreadable => all.insert(0, of_file),
        }
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

    /// What speaks against it beside the file's own chain and signatures, in the order in which
    /// [`Judgement::word`] takes them.
    fn faults(&self) -> Vec<String> {
        let mut all = Vec::new();
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
        all.extend(self.kept.iter().filter_map(Kept::sentence));
        if self.anchor == Some(Anchor::Forged) {
            all.push(
                "What lies beside the recording as its ticket's note was not signed by the \
                 technician of this session, or was changed since: fetch the recording again."
                    .to_owned(),
            );
        }
        all.extend(log_sentence(&self.log));
        all
    }

    /// What the chain and the signatures say.
    fn file_sentence(&self) -> String {
        if self.report.verdict.is_sound() && self.goes_on() {
            return "nothing is wrong up to the end of the file, but it is not all of the session."
                .to_owned();
        }
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
}

/// What the relay's log has against it, and whom that points at.
pub(in crate::audit) fn log_sentence(log: &InLog) -> Option<String> {
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

pub(in crate::audit) fn verdict_sentence(verdict: &Verdict) -> String {
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

fn shown(place: &Place) -> String {
    match place.time_us {
        0 => place.to_string(),
        time => format!("{place}, {}", seconds(time)),
    }
}

pub(super) fn seconds(time_us: u64) -> String {
    moment(time_us / 1_000_000)
}
