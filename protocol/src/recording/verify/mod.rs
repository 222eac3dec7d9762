//! Judges a recording without the auditors' key: chain, pairing, signatures, seals, totals. Packets
//! are counted, not opened.
//!
//! Streaming: one [`Verifier`] is fed block after block and keeps only what the [`Report`] says.
//! It stops judging at the first flaw but one: it goes on to see whether the node signed a chain
//! that holds the flaw, which tells the relay's fault from that of whoever held the file.

mod blocks;
mod header;
mod report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use report::{Count, EventFact, Facts, Finding, Flaw, Party, Report, SealFact, Verdict};

use super::reader::{Block, Damage, Fault, Place, Reader, Step};
use crate::key::PublicKey;
use crate::session::{End, Ends};

/// Events that a report holds; further ones are counted. At most 2.5 events a second for an hour.
pub const MAX_EVENTS: usize = 10_000;
/// Checkpoints whose names a report holds: at one every 10 s, a week. 32 bytes each, 2 MiB.
pub const MAX_NAMES: usize = 65_536;
/// Checkpoints that an end's signature may lag behind: at one every 10 s, 45 minutes.
const MAX_LAG: usize = 256;

/// Judges the whole recording in `bytes`.
#[must_use]
pub fn whole(bytes: &[u8], organisation: Option<PublicKey>) -> Report {
    let (mut reader, mut verifier, mut rest) = (Reader::new(), Verifier::new(organisation), bytes);
    loop {
        match reader.next(&mut rest) {
            Ok(Step::Block(block)) => verifier.feed(&block),
            Ok(Step::NeedMore(_)) => break,
            Err(fault) => {
                verifier.broken(fault);
                return verifier.finish();
            }
        }
    }
    if let Err(fault) = reader.finish(rest) {
        verifier.broken(fault);
    }
    verifier.finish()
}

/// What is known of one line.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    sealed: Ends<bool>,
    /// Shredded seals: whose they were is gone with them.
    shredded: u8,
    /// Bytes of packets before both ends had sealed it.
    unsealed: u64,
}

impl Line {
    fn is_sealed(&self) -> bool {
        u8::from(self.sealed.agent) + u8::from(self.sealed.technician) + self.shredded.min(2) >= 2
    }
}

/// Judges one recording, block by block.
#[derive(Debug)]
pub struct Verifier {
    expected: Option<PublicKey>,
    /// Keys that `expected` had before.
    former: Vec<PublicKey>,
    finding: Option<Finding>,
    unreadable: Option<Damage>,
    recovered: Option<Place>,
    lines: BTreeMap<u16, Line>,
    /// The last checkpoints: SHA-256 of the note, and where it stands.
    checkpoints: VecDeque<([u8; 32], Place)>,
    report: Report,
}

impl Verifier {
    /// Before the first block; `expected` is the organisation's key from the caller's own
    /// configuration.
    #[must_use]
    pub fn new(expected: Option<PublicKey>) -> Self {
        Self {
            expected,
            former: Vec::new(),
            finding: None,
            unreadable: None,
            recovered: None,
            lines: BTreeMap::new(),
            checkpoints: VecDeque::with_capacity(MAX_LAG),
            report: empty_report(),
        }
    }

    /// A recording of before the organisation's key changed is the organisation's too: `former` are
    /// the keys that lead to it, see [`crate::identity::rotation::former`].
    #[must_use]
    pub fn or_former(self, former: Vec<PublicKey>) -> Self {
        Self { former, ..self }
    }

    /// Takes the next block of a [`Reader`], in order and without a gap.
    pub fn feed(&mut self, block: &Block<'_>) {
        let place = block.place();
        let (first, _) = self.report.times_us.unwrap_or((place.time_us, place.time_us));
        self.report.times_us = Some((first, place.time_us));
        self.report.blocks += 1;
        self.report.first_hash.get_or_insert(block.hash);
        self.report.hash = Some(block.hash);
        if let Err(flaw) = self.judge(block) {
            self.found(flaw, place);
        }
    }

    /// The reader came to a fault, or the file ended within a block. A torn end is not in itself
    /// a flaw: it leaves the recording incomplete.
    pub fn broken(&mut self, fault: Fault) {
        match fault.what {
            Damage::Torn => {}
            Damage::Magic | Damage::Version { .. } => self.unreadable = Some(fault.what),
            Damage::TooLarge { .. }
            | Damage::Flags { .. }
            | Damage::Sequence { .. }
            | Damage::Chain
            | Damage::AfterClose => self.found(Flaw::Bytes(fault.what), fault.at),
        }
    }

    /// The judgement, after the last block.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.report.verdict = self.verdict();
        self.report
    }

    fn verdict(&self) -> Verdict {
        if let Some(damage) = self.unreadable {
            return Verdict::Unreadable(damage);
        }
        if let Some(finding) = self.finding {
            return Verdict::Tampered(finding);
        }
        let closed_by = self.report.closed_by;
        if self.report.closing.is_none() || !closed_by.agent || !closed_by.technician {
            return Verdict::Incomplete { since: self.proven_until() };
        }
        match (self.recovered, self.report.shredded.is_empty(), self.expected) {
            (Some(at), _, _) => Verdict::Recovered { at },
            (None, false, _) => Verdict::Shredded,
            (None, true, None) => Verdict::Consistent,
            (None, true, Some(_)) => Verdict::Verified,
        }
    }

    /// The last checkpoint that every end signed whose word at the close is missing.
    fn proven_until(&self) -> Option<Place> {
        let missing = [End::Agent, End::Technician]
            .into_iter()
            .filter(|end| !*self.report.closed_by.of(*end));
        let signed = missing.map(|end| *self.report.signed_until.of(end));
        signed.min_by_key(|place| place.map(|place| place.seq)).flatten()
    }

    /// Keeps the first flaw.
    fn found(&mut self, what: Flaw, at: Place) {
        let party = what.signer().map_or(Party::Holder, Party::End);
        self.finding.get_or_insert(Finding { what, at, party });
    }

    /// The node signed the chain up to and with block `seq`: what is wrong in there is its doing.
    fn attested(&mut self, seq: u64) {
        if let Some(finding) = &mut self.finding
            && finding.party == Party::Holder
            && finding.at.seq <= seq
        {
            finding.party = Party::Node;
        }
    }
}

fn empty_report() -> Report {
    Report {
        verdict: Verdict::Incomplete { since: None },
        facts: None,
        blocks: 0,
        times_us: None,
        first_hash: None,
        hash: None,
        packets: Ends::default(),
        seals: Vec::new(),
        shredded: Vec::new(),
        events: Vec::new(),
        events_total: 0,
        checkpoints: 0,
        names: BTreeSet::new(),
        signed_until: Ends::default(),
        closing: None,
        closed_by: Ends::default(),
        unknown_kinds: BTreeMap::new(),
    }
}
