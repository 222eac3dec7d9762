//! The note on the ticket, which repeats the recording's final hash: an anchor outside the file,
//! signed by the technician. A recording that was made again from scratch does not fit it.

use std::path::Path;

use deskside_protocol::key::PublicKey;
use deskside_protocol::log::SignedHead;
use deskside_protocol::note;
use deskside_protocol::recording::Report;
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::wire::record::{self, Signed};
use deskside_protocol::wire::signal::TicketShow;
use deskside_protocol::wire::signal::signal::Kind;

use super::log;
use crate::relay::{Relay, request, unexpected};

/// What the ticket says of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The same final hash, signed by the technician of the session.
    Same,
    /// Another one: the recording or the note was replaced.
    Different,
    /// The note names a checkpoint of the relay's that does not stand in the recording.
    Cut,
    /// What lies beside the recording as its note is not signed by the session's technician.
    Forged,
    /// No signed note of this session is there.
    None,
}

/// Compares the ticket of `report` with it. Gives the heads of the relay's log that the session's
/// notes name too.
///
/// # Errors
/// The relay's refusal.
pub(super) async fn compare(
    relay: &mut impl Relay,
    report: &Report,
) -> anyhow::Result<(Anchor, Vec<SignedHead>)> {
    let (Some(facts), Some(hash)) = (&report.facts, &report.hash) else {
        return Ok((Anchor::None, Vec::new()));
    };
    let show = TicketShow { ticket: facts.technician.join.ticket.clone() };
    let Kind::Ticket(ticket) = request(relay, Kind::TicketShow(show)).await? else {
        return Err(unexpected());
    };
    let signed = ticket.notes.iter().filter_map(|note| note.signed.as_ref());
    let own: Vec<_> = signed.filter_map(|note| of_session(note, facts)).collect();
    let heads = own.iter().filter_map(|note| SignedHead::parse(note.log_head.as_bytes()).ok());
    Ok((judge(&own, hash, report), heads.collect()))
}

/// What the note says that lies beside a recording, in the proof of the relay's log. `None` where
/// none does.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn beside(recording: &Path, report: &Report) -> anyhow::Result<Option<Anchor>> {
    let proof = log::kept(recording)?.as_deref().and_then(log::decoded);
    let (Some(facts), Some(hash)) = (&report.facts, &report.hash) else { return Ok(None) };
    let note = proof.and_then(|proof| proof.note);
    Ok(note.map(|note| match of_session(&note, facts) {
        Some(note) => judge(&[note], hash, report),
        None => Anchor::Forged,
    }))
}

fn judge(own: &[record::Note], hash: &[u8; 32], report: &Report) -> Anchor {
    if own.is_empty() {
        Anchor::None
    } else if !own.iter().all(|note| note.recording_hash.as_ref() == hash) {
        Anchor::Different
    } else if own.iter().any(|note| is_cut(&note.checkpoint, report)) {
        Anchor::Cut
    } else {
        Anchor::Same
    }
}

/// Whether the relay's last checkpoint, as the technician signed it, is missing.
fn is_cut(checkpoint: &[u8], report: &Report) -> bool {
    !checkpoint.is_empty() && report.has_checkpoint(checkpoint) == Some(false)
}

/// The note's body, where the technician of this very session signed it for this session.
fn of_session(signed: &Signed, facts: &Facts) -> Option<record::Note> {
    let key = PublicKey::try_from(facts.certificate.public_key.as_ref()).ok()?;
    let note = note::open_by(signed, &key).ok()?;
    let signer = note::signer(&note, &facts.organisation_key).ok()?;
    let fits = signer.public_key == facts.certificate.public_key
        && note.session == facts.session().as_bytes().as_slice()
        && note.ticket == facts.technician.join.ticket;
    fits.then_some(note)
}
