//! Judges an excerpt: whose it is, which recording it is of, and whose word each byte of it is.

use prost::Message as _;

use super::form::Half;
use super::stated::Claims;
use super::{Flaw, decode};
use crate::identity::certificate::{self, CertificateError};
use crate::key::{Context, PublicKey};
use crate::log::evidence::{Claim, Logged};
use crate::recording::format::{
    BLOCK_HEADER, BlockHeader, CHAIN_HASH, Kind, chain, first_hash, preamble,
};
use crate::recording::verify::{Facts, Verdict, Verifier};
use crate::recording::{Closer, Reader, Step};
use crate::session::{End, Ends};
use crate::signed;
use crate::statement::{self, State};
use crate::wire::record::{self, Excerpt, Role};

/// An excerpt that holds.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What is in it.
    pub excerpt: Excerpt,
    /// Who made it.
    pub auditor: record::Certificate,
    /// Whose session the recording is of.
    pub facts: Facts,
    /// The recording's last block; `None` where it has no end.
    pub closed: Option<Closed>,
    /// What the relay's log says of the recording; `None` where no proof is in it.
    pub log: Option<Logged>,
    /// For each direction of a stream, in the order of the excerpt, whose word it is.
    pub proven: Vec<Proven>,
}

/// The end of a recording, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Chain hash of its last block: what the note on the ticket names.
    pub hash: [u8; CHAIN_HASH],
    /// Which ends signed it; the node did.
    pub by: Ends<bool>,
}

/// How far the ends themselves stand by a direction of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proven {
    /// Up to which byte each end has signed for what is here.
    pub by: Ends<u64>,
    /// Whether it said that this is all.
    pub whole: Ends<bool>,
    /// How often it has signed for other bytes than are here: either it lied, or the auditor does.
    pub disputed: Ends<u64>,
}

impl Proven {
    /// So many bytes from the first on are proven by both.
    #[must_use]
    pub fn both(&self) -> u64 {
        self.by.agent.min(self.by.technician)
    }
}

/// What the caller knows beforehand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The organisation's key; without one the excerpt is held against the organisation that the
    /// recording names.
    pub organisation: Option<PublicKey>,
    /// Keys that lead to it.
    pub former: &'a [PublicKey],
    /// The relay's node key of today, where it is another than the recording's.
    pub node: Option<PublicKey>,
}

/// Judges an excerpt.
///
/// # Errors
/// The first [`Flaw`].
pub fn judge(bytes: &[u8], known: Known<'_>) -> Result<Judged, Flaw> {
    let (signed, excerpt) = decode(bytes)?;
    let (facts, first) = header(&excerpt.header, known)?;
    let organisation = known.organisation.unwrap_or(facts.organisation_key);
    let auditor = auditor(&excerpt, &organisation, known.former)?;
    let key = PublicKey::try_from(auditor.public_key.as_ref()).map_err(|_| Flaw::Signature)?;
    signed::open(&signed, &key, Context::Excerpt).map_err(|_| Flaw::Signature)?;
    let closed = match excerpt.close.as_ref() {
        [] => None,
        close => Some(closing(close, &facts).ok_or(Flaw::Close)?),
    };
    let log = excerpt.log.as_ref().map(|proof| {
        let last = closed.map(|closed| closed.hash);
        let keys: Vec<_> = [Some(facts.node_key), known.node].into_iter().flatten().collect();
        Claim { session: facts.session(), first, last, keys: &keys }.judge(proof)
    });
    let log = log.transpose().map_err(Flaw::Log)?;
    let proven = proven(&excerpt, &facts)?;
    Ok(Judged { excerpt, auditor, facts, closed, log, proven })
}

/// The recording's first block, as the verifier of recordings judges it; and its chain hash.
fn header(block: &[u8], known: Known<'_>) -> Result<(Facts, [u8; CHAIN_HASH]), Flaw> {
    let first = chain(&first_hash(), block);
    let file = [&preamble()[..], block, &first].concat();
    let mut verifier = Verifier::new(known.organisation).or_former(known.former.to_vec());
    let (mut reader, mut rest) = (Reader::new(), file.as_slice());
    match reader.next(&mut rest) {
        Ok(Step::Block(block)) if rest.is_empty() => verifier.feed(&block),
        Ok(_) | Err(_) => return Err(Flaw::Malformed),
    }
    let report = verifier.finish();
    if let Verdict::Tampered(finding) = report.verdict {
        return Err(Flaw::Header(finding.what));
    }
    Ok((report.facts.ok_or(Flaw::Malformed)?, first))
}

fn auditor(
    excerpt: &Excerpt,
    organisation: &PublicKey,
    former: &[PublicKey],
) -> Result<record::Certificate, Flaw> {
    let signed = certificate::decode(&excerpt.certificate).map_err(Flaw::Certificate)?;
    let mut keys = std::iter::once(organisation).chain(former);
    let opened = keys.find_map(|key| certificate::open(&signed, key).ok());
    let auditor = opened.ok_or(Flaw::Certificate(CertificateError::Signature))?;
    if !auditor.roles.contains(&Role::Auditor.into()) {
        return Err(Flaw::Certificate(CertificateError::Role));
    }
    if !(auditor.not_before..=auditor.not_after).contains(&excerpt.time) {
        return Err(Flaw::Certificate(CertificateError::NotInForce));
    }
    Ok(auditor)
}

/// The recording's last block: that relay and ends signed it for this session and this place.
fn closing(block: &[u8], facts: &Facts) -> Option<Closed> {
    let (header, body) = block.split_first_chunk::<BLOCK_HEADER>()?;
    let header = BlockHeader::decode(header);
    let close = record::Close::decode(body).ok()?;
    let closing = record::Closing::decode(close.closing.clone()).ok()?;
    let signed = |key: &PublicKey, by, signature: &[u8]| {
        facts.binding.verify_close(key, by, &close.closing, signature).is_ok()
    };
    let here = header.kind == Kind::Close
        && usize::try_from(header.len).ok()? == body.len()
        && (header.flags, header.line) == (0, 0)
        && (header.seq, header.time_us) == (closing.seq, closing.time)
        && closing.session == facts.session().as_bytes().as_slice();
    if !here || !signed(&facts.node_key, Closer::Node, &close.node_signature) {
        return None;
    }
    let mut by = Ends::<bool>::default();
    for (end, signature) in
        [(End::Agent, &close.agent_signature), (End::Technician, &close.technician_signature)]
    {
        if !signature.is_empty() {
            signed(facts.session_key(end), Closer::End(end), signature).then_some(())?;
            *by.of_mut(end) = true;
        }
    }
    let previous = closing.previous.as_ref().try_into().ok()?;
    Some(Closed { hash: chain(&previous, block), by })
}

/// Holds each direction of a stream against what both ends stated of it.
fn proven(excerpt: &Excerpt, facts: &Facts) -> Result<Vec<Proven>, Flaw> {
    let keys = Ends {
        agent: *facts.session_key(End::Agent),
        technician: *facts.session_key(End::Technician),
    };
    let mut stated = Vec::with_capacity(excerpt.statements.len());
    for signed in &excerpt.statements {
        let statement = statement::open(signed, &keys).map_err(|_| Flaw::Statement)?;
        if statement.session != facts.session() {
            return Err(Flaw::Statement);
        }
        stated.push(statement);
    }
    let claims = Claims::of(&stated);
    let halves = excerpt.halves.iter().map(|half| Half::of(half).ok_or(Flaw::Malformed));
    halves.map(|half| Ok(against(&half?, &claims))).collect()
}

fn against(half: &Half<'_>, claims: &Claims<'_>) -> Proven {
    let mut proven = Proven::default();
    for (claim, fits) in claims.on(half) {
        if !fits {
            *proven.disputed.of_mut(claim.by) += 1;
            continue;
        }
        let offset = claim.stream.offset;
        let all = claim.stream.state == State::Finished && offset == half.bytes.len() as u64;
        *proven.by.of_mut(claim.by) = offset;
        *proven.whole.of_mut(claim.by) |= all;
    }
    proven
}
