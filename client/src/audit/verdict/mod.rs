//! A judgement of a recording: one word, sentences, rows for people, an object for scripts.

mod event;
mod rows;
mod sentences;
mod word;

use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::{Report, Verdict};

pub(super) use self::sentences::{log_sentence, verdict_sentence};
use self::word::Word;
use super::anchor::Anchor;
use super::contents::Contents;
use super::log::InLog;
use super::seals::Seals;
use super::tail::{Fit, Kept};

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
    /// What the ends kept in files of their own.
    pub(super) kept: Vec<Kept>,
}

impl Judgement {
    /// Whether nothing at all is wrong.
    pub(super) fn is_sound(&self) -> bool {
        let seals = self.seals.as_ref().is_none_or(|seals| seals.flaws.is_empty());
        let contents = self.contents.as_ref().is_none_or(Contents::is_sound);
        let noted = !self.is_replaced() && self.log.is_sound();
        let kept = !self.is_signed_twice() && !self.goes_on();
        let recovered = self.is_recovered_whole();
        let file = (self.report.verdict.is_sound() && self.unproven().is_none()) || recovered;
        file && seals && contents && noted && kept
    }

    /// Whether the relay crashed in between, and nothing is missing for all that.
    fn is_recovered_whole(&self) -> bool {
        self.is_recovered() && self.contents.as_ref().is_some_and(Contents::is_proven)
    }

    /// Of a file that is whole: which last word is missing in it, and since when that leaves its tail
    /// unproven.
    fn unproven(&self) -> Option<(&'static str, Option<u64>)> {
        let whole = matches!(self.report.verdict, Verdict::Verified | Verdict::Consistent);
        self.contents.as_ref().filter(|_| whole).and_then(Contents::unproven)
    }

    /// Whether an end signed one statement here and another outside.
    fn is_signed_twice(&self) -> bool {
        self.kept.iter().any(|kept| matches!(kept.fit, Fit::Twice(_)))
    }

    /// Whether an end kept what comes behind all that is here.
    fn goes_on(&self) -> bool {
        self.kept.iter().any(|kept| matches!(kept.fit, Fit::Further(_)))
    }

    /// Whether the ticket's note, or what an end kept, is of another recording.
    fn is_replaced(&self) -> bool {
        self.is_cut_inside()
            || self.is_cut_off()
            || matches!(self.anchor, Some(Anchor::Different | Anchor::Cut | Anchor::Forged))
    }

    /// Whether an end states that it had seen a checkpoint that is not here. A crash of the relay's
    /// machine may lose the newest, and the verdict says that then.
    fn is_cut_inside(&self) -> bool {
        let missing = |it: &Contents| it.misses_a_checkpoint(&self.report);
        !self.is_recovered() && self.contents.as_ref().is_some_and(missing)
    }

    /// Whether an end kept a checkpoint that is not here, likewise.
    fn is_cut_off(&self) -> bool {
        !self.is_recovered() && self.kept.iter().any(|kept| kept.fit == Fit::Cut)
    }

    /// Whether the relay crashed in between, and says so.
    const fn is_recovered(&self) -> bool {
        matches!(self.report.verdict, Verdict::Recovered { .. })
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
            _ if self.is_signed_twice() => Word::Disputed,
            _ if self.is_replaced() => Word::Replaced,
            _ if !self.log.is_sound() => Word::LogDisputed,
            _ if self.unproven().is_some() || self.goes_on() => Word::Incomplete,
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

    fn is_under_a_former_key(&self) -> bool {
        let made = self.report.facts.as_ref().map(|facts| facts.organisation_key);
        made.is_some() && self.organisation.is_some() && made != self.organisation
    }
}
