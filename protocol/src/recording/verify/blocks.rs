//! What each kind of block has to be: the checks behind [`Verifier::feed`], one for each kind.

use prost::Message as _;

use super::report::{Count, EventFact, Facts, Flaw, SealFact};
use super::{Line, MAX_EVENTS, MAX_LAG, MAX_NAMES, Verifier, header};
use crate::key::PublicKey;
use crate::recording::checkpoint::Note;
use crate::recording::format::{HANDSHAKE_BYTES, Kind, MAX_AGE, MAX_LINES, runs};
use crate::recording::reader::Block;
use crate::recording::signatures::Closer;
use crate::session::{End, Ends};
use crate::transcript::sha256;
use crate::wire::record;

impl Verifier {
    pub(super) fn judge(&mut self, block: &Block<'_>) -> Result<(), Flaw> {
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
        let facts = header::check(block.body, self.expected.as_ref(), &self.former)?;
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
        let name = sha256(block.body);
        if self.report.names.len() < MAX_NAMES {
            self.report.names.insert(name);
        }
        self.checkpoints.push_back((name, block.place()));
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
