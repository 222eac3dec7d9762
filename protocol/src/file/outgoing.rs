//! What a sender may hear, and when.

use super::incoming::{Breach, Hash};
use super::resume::Have;
use super::{Fault, MAX_PATHS};
use crate::wire::message::{FileDone, message::Kind};

/// Files at most that a sender has sent and heard nothing of: it waits then.
pub const MAX_OUTSTANDING: usize = 64;

/// What a message meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// What the receiver has of the file that was just said.
    Have(Have),
    /// The oldest file that nothing was heard of has landed; its SHA-256 as the receiver has it.
    Landed(Hash),
    /// It did not land. This may come before its body has ended: the rest need not be sent. Where
    /// parts are asked for it comes behind [`Heard::Have`].
    Failed(Fault),
}

/// A sender's view of one transfer, from `FileReady` on.
#[derive(Debug, Default)]
pub struct Outgoing {
    resume: bool,
    said: u64,
    ended: u64,
    done: u64,
    waiting: bool,
    over: bool,
    /// Bytes of the sentences about what failed.
    sentences: usize,
}

impl Outgoing {
    /// A transfer; `resume` where parts are asked for.
    #[must_use]
    pub fn new(resume: bool) -> Self {
        Self { resume, ..Self::default() }
    }

    /// A file's entry is said.
    pub const fn entry(&mut self) {
        self.said += 1;
        self.waiting = self.resume;
    }

    /// A file's `FileEnd` is said.
    pub const fn end(&mut self) {
        self.ended += 1;
    }

    /// `FilesSent` is said.
    pub const fn over(&mut self) {
        self.over = true;
    }

    /// Files that nothing was heard of.
    #[must_use]
    pub const fn outstanding(&self) -> u64 {
        self.said - self.done
    }

    /// Takes a message.
    ///
    /// # Errors
    /// [`Breach`]; nothing more may be taken then.
    pub fn message(&mut self, kind: &Kind) -> Result<Heard, Breach> {
        #[allow(clippy::wildcard_enum_match_arm, reason = "every other message is out of place")]
        match kind {
            Kind::FileHave(have) if self.waiting && self.outstanding() == 1 => {
                self.waiting = false;
                Have::from_wire(have).map(Heard::Have)
            }
            Kind::FileDone(done) => self.file_done(done),
            _ => Err(Breach::Unexpected),
        }
    }

    /// To be asked when the stream ended.
    ///
    /// # Errors
    /// [`Breach::CutOff`] where the transfer had not.
    pub const fn finish(&self) -> Result<(), Breach> {
        if self.over && self.outstanding() == 0 { Ok(()) } else { Err(Breach::CutOff) }
    }

    fn file_done(&mut self, done: &FileDone) -> Result<Heard, Breach> {
        if self.outstanding() == 0 || (self.waiting && self.outstanding() == 1) {
            return Err(Breach::Unexpected);
        }
        self.done += 1;
        if let Some(refusal) = &done.failed {
            let why = Fault::from_wire(refusal);
            self.sentences = self.sentences.saturating_add(why.text.len());
            if self.sentences > MAX_PATHS {
                return Err(Breach::TooMany);
            }
            return Ok(Heard::Failed(why));
        }
        if self.done > self.ended {
            return Err(Breach::Unexpected);
        }
        done.sha256.as_ref().try_into().map(Heard::Landed).map_err(|_| Breach::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::{FileHave, Refusal, refusal::Cause};

    fn landed() -> Kind {
        Kind::FileDone(FileDone { sha256: vec![7; 32].into(), failed: None })
    }

    fn failed() -> Kind {
        let failed = Some(Refusal { cause: Cause::Trouble.into(), ..Refusal::default() });
        Kind::FileDone(FileDone { failed, ..FileDone::default() })
    }

    #[test]
    fn each_file_is_answered_once_and_in_order() {
        let mut outgoing = Outgoing::new(false);
        assert_eq!(outgoing.message(&landed()), Err(Breach::Unexpected));
        outgoing.entry();
        // What has not been sent whole cannot have landed, but it may have failed already.
        let mut early = Outgoing::new(false);
        early.entry();
        assert_eq!(early.message(&landed()), Err(Breach::Unexpected));
        outgoing.end();
        outgoing.entry();
        assert_eq!(outgoing.outstanding(), 2);
        assert_eq!(outgoing.message(&landed()), Ok(Heard::Landed([7; 32])));
        assert!(matches!(outgoing.message(&failed()), Ok(Heard::Failed(_))));
        outgoing.end();
        assert_eq!(outgoing.finish(), Err(Breach::CutOff));
        outgoing.over();
        assert_eq!(outgoing.finish(), Ok(()));
    }

    #[test]
    fn a_part_is_told_only_when_it_is_asked_for() {
        let have = Kind::FileHave(FileHave::default());
        for resume in [true, false] {
            let mut outgoing = Outgoing::new(resume);
            assert_eq!(outgoing.message(&have), Err(Breach::Unexpected));
            outgoing.entry();
            assert_eq!(outgoing.message(&failed()).is_ok(), !resume);
            assert_eq!(outgoing.message(&have).is_ok(), resume);
            assert_eq!(outgoing.message(&have), Err(Breach::Unexpected));
        }
    }

    #[test]
    fn a_hash_has_its_length() {
        let mut outgoing = Outgoing::new(false);
        outgoing.entry();
        outgoing.end();
        let short = FileDone { sha256: vec![7; 31].into(), failed: None };
        assert_eq!(outgoing.message(&Kind::FileDone(short)), Err(Breach::Malformed));
    }
}
