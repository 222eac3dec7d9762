//! Judges a recording without the auditors' key: chain, pairing, signatures, seals, totals. Packets
//! are counted, not opened.
//!
//! Streaming: one [`Verifier`] is fed block after block and keeps only what the [`Report`] says.
//! It stops judging at the first flaw but one: it goes on to see whether the node signed a chain
//! that holds the flaw, which tells the relay's fault from that of whoever held the file.

mod header;
mod report;

use std::collections::{BTreeMap, VecDeque};

use prost::Message as _;

pub use report::{Count, EventFact, Facts, Finding, Flaw, Party, Report, SealFact, Verdict};

use super::checkpoint::Note;
use super::format::{HANDSHAKE_BYTES, Kind, MAX_AGE, MAX_LINES, runs};
use super::reader::{Block, Damage, Fault, Place, Reader, Step};
use super::signatures::Closer;
use crate::key::PublicKey;
use crate::session::{End, Ends};
use crate::transcript::sha256;
use crate::wire::record;

/// Events that a report holds; further ones are counted. At most 2.5 events a second for an hour.
pub const MAX_EVENTS: usize = 10_000;
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
            finding: None,
            unreadable: None,
            recovered: None,
            lines: BTreeMap::new(),
            checkpoints: VecDeque::with_capacity(MAX_LAG),
            report: empty_report(),
        }
    }

    /// Takes the next block of a [`Reader`], in order and without a gap.
    pub fn feed(&mut self, block: &Block<'_>) {
        let place = block.place();
        let (first, _) = self.report.times_us.unwrap_or((place.time_us, place.time_us));
        self.report.times_us = Some((first, place.time_us));
        self.report.blocks += 1;
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

    fn judge(&mut self, block: &Block<'_>) -> Result<(), Flaw> {
        let kind = block.header.kind;
        if (kind == Kind::Header) != (block.header.seq == 0) {
            return Err(Flaw::Order(kind));
        }
        if kind == Kind::Header {
            return self.header(block);
        }
        // Without a HEADER that holds there are no keys to check anything by.
        let Some(facts) = self.report.facts.take() else {
            return Ok(());
        };
        let judged = match kind {
            Kind::Header => Ok(()),
            Kind::Seal => self.seal(&facts, block),
            Kind::Packets => self.packets(block),
            Kind::Event => self.event(block),
            Kind::Checkpoint => self.checkpoint(&facts, block),
            Kind::EndSignature => self.end_signature(&facts, block),
            Kind::Close => self.close(&facts, block),
            Kind::Segment | Kind::Unknown(_) => {
                *self.report.unknown_kinds.entry(kind.byte()).or_default() += 1;
                Ok(())
            }
        };
        self.report.facts = Some(facts);
        judged
    }

    fn header(&mut self, block: &Block<'_>) -> Result<(), Flaw> {
        let facts = header::check(block.body, self.expected.as_ref())?;
        let allowed = header::allowed(&facts);
        self.report.facts = Some(facts);
        allowed
    }

    fn line(&mut self, line: u16) -> Result<&mut Line, Flaw> {
        if self.lines.len() >= MAX_LINES && !self.lines.contains_key(&line) {
            return Err(Flaw::TooManyLines);
        }
        Ok(self.lines.entry(line).or_default())
    }

    fn seal(&mut self, facts: &Facts, block: &Block<'_>) -> Result<(), Flaw> {
        let (line, at) = (block.header.line, block.place());
        if block.is_shredded() {
            let known = self.line(line)?;
            known.shredded = known.shredded.saturating_add(1);
            if known.shredded > 2 {
                return Err(Flaw::Order(Kind::Seal));
            }
            self.report.shredded.push((line, at));
            return Ok(());
        }
        let seal = record::Seal::decode(block.body).map_err(|_| Flaw::Body(Kind::Seal))?;
        let end = End::from_wire(seal.end).ok_or(Flaw::Body(Kind::Seal))?;
        if seal.age.len() > MAX_AGE {
            return Err(Flaw::Body(Kind::Seal));
        }
        if seal.line != u32::from(line) {
            return Err(Flaw::Elsewhere(Kind::Seal));
        }
        let signed = facts.binding.verify_seal(facts.session_key(end), &seal);
        signed.map_err(|_| Flaw::Seal)?;
        let known = self.line(line)?.sealed.of_mut(end);
        if std::mem::replace(known, true) {
            return Err(self.second_seal(line, end, &seal.age));
        }
        self.report.seals.push(SealFact { end, line, age: seal.age, at });
        Ok(())
    }

    /// Anybody can repeat a block, but only the end itself can sign another seal.
    fn second_seal(&self, line: u16, end: End, age: &[u8]) -> Flaw {
        let same = |seal: &SealFact| seal.line == line && seal.end == end && seal.age == age;
        if self.report.seals.iter().any(same) {
            Flaw::Order(Kind::Seal)
        } else {
            Flaw::SecondSeal { line, end }
        }
    }

    fn packets(&mut self, block: &Block<'_>) -> Result<(), Flaw> {
        let mut bytes = 0;
        for run in runs(block.body) {
            let run = run.map_err(|_| Flaw::Body(Kind::Packets))?;
            let count = self.report.packets.of_mut(run.from);
            count.packets += run.packets().len() as u64;
            count.bytes += run.bytes.len() as u64;
            bytes += run.bytes.len() as u64;
        }
        let line = self.line(block.header.line)?;
        if !line.is_sealed() {
            line.unsealed = line.unsealed.saturating_add(bytes);
            if line.unsealed > HANDSHAKE_BYTES {
                return Err(Flaw::Unsealed { line: block.header.line });
            }
        }
        Ok(())
    }

    fn event(&mut self, block: &Block<'_>) -> Result<(), Flaw> {
        let event = record::Event::decode(block.body).map_err(|_| Flaw::Body(Kind::Event))?;
        let at = block.place();
        if event.kind == i32::from(record::event::Kind::Recovered) {
            self.recovered.get_or_insert(at);
        }
        self.report.events_total += 1;
        if self.report.events.len() < MAX_EVENTS {
            self.report.events.push(EventFact { at, event });
        }
        Ok(())
    }

    fn checkpoint(&mut self, facts: &Facts, block: &Block<'_>) -> Result<(), Flaw> {
        let kind = Kind::Checkpoint;
        let note = Note::parse(block.body).map_err(|_| Flaw::Body(kind))?;
        note.verify(&facts.node_key).map_err(|_| Flaw::NotTheNode(kind))?;
        let stated = note.checkpoint;
        if stated.session != facts.session() {
            return Err(Flaw::Elsewhere(kind));
        }
        if stated.seq.checked_add(1) != Some(block.header.seq) || stated.hash != block.previous {
            return Err(Flaw::Chain(kind));
        }
        self.attested(stated.seq);
        self.report.checkpoints += 1;
        if self.checkpoints.len() == MAX_LAG {
            self.checkpoints.pop_front();
        }
        self.checkpoints.push_back((sha256(block.body), block.place()));
        Ok(())
    }

    fn end_signature(&mut self, facts: &Facts, block: &Block<'_>) -> Result<(), Flaw> {
        let kind = Kind::EndSignature;
        let signature = record::EndSignature::decode(block.body).map_err(|_| Flaw::Body(kind))?;
        let end = End::from_wire(signature.end).ok_or(Flaw::Body(kind))?;
        let signed = facts.binding.verify_end(facts.session_key(end), &signature);
        signed.map_err(|_| Flaw::NotTheEnd(kind, end))?;
        let hash = signature.checkpoint_sha256;
        let known = self.checkpoints.iter().find(|(known, _)| hash == known.as_slice());
        let (_, place) = known.ok_or(Flaw::UnknownCheckpoint(end))?;
        let until = self.report.signed_until.of_mut(end);
        if until.is_none_or(|until| until.seq < place.seq) {
            *until = Some(*place);
        }
        Ok(())
    }

    fn close(&mut self, facts: &Facts, block: &Block<'_>) -> Result<(), Flaw> {
        let kind = Kind::Close;
        let close = record::Close::decode(block.body).map_err(|_| Flaw::Body(kind))?;
        let closing =
            record::Closing::decode(close.closing.clone()).map_err(|_| Flaw::Body(kind))?;
        let verify = |key: &PublicKey, by, signature: &[u8]| {
            facts.binding.verify_close(key, by, &close.closing, signature)
        };
        verify(&facts.node_key, Closer::Node, &close.node_signature)
            .map_err(|_| Flaw::NotTheNode(kind))?;
        belongs_here(&closing, facts, block)?;
        self.attested(block.header.seq);
        let totals = closing.totals.unwrap_or_default();
        self.report.closing = Some(closing);
        for (end, signature) in
            [(End::Agent, &close.agent_signature), (End::Technician, &close.technician_signature)]
        {
            if !signature.is_empty() {
                verify(facts.session_key(end), Closer::End(end), signature)
                    .map_err(|_| Flaw::NotTheEnd(kind, end))?;
                *self.report.closed_by.of_mut(end) = true;
            }
        }
        if !same_totals(&totals, &self.report.packets) {
            self.found(Flaw::Totals, block.place());
            self.attested(block.header.seq);
        }
        Ok(())
    }
}

/// The closing is this session's and stands where it says. The block's own time and line are
/// signed by nobody, so they have to agree with it.
fn belongs_here(closing: &record::Closing, facts: &Facts, block: &Block<'_>) -> Result<(), Flaw> {
    let header = &block.header;
    if closing.session != facts.session().as_bytes().as_slice()
        || closing.time != header.time_us
        || header.line != 0
    {
        return Err(Flaw::Elsewhere(Kind::Close));
    }
    if closing.seq != header.seq || closing.previous != block.previous.as_slice() {
        return Err(Flaw::Chain(Kind::Close));
    }
    Ok(())
}

/// Packets dropped are not recorded, so nothing recounts them.
fn same_totals(totals: &record::Totals, counted: &Ends<Count>) -> bool {
    let agent = Count { packets: totals.packets_from_agent, bytes: totals.bytes_from_agent };
    let technician =
        Count { packets: totals.packets_from_technician, bytes: totals.bytes_from_technician };
    *counted == Ends { agent, technician }
}

fn empty_report() -> Report {
    Report {
        verdict: Verdict::Incomplete { since: None },
        facts: None,
        blocks: 0,
        times_us: None,
        hash: None,
        packets: Ends::default(),
        seals: Vec::new(),
        shredded: Vec::new(),
        events: Vec::new(),
        events_total: 0,
        checkpoints: 0,
        signed_until: Ends::default(),
        closing: None,
        closed_by: Ends::default(),
        unknown_kinds: BTreeMap::new(),
    }
}
