//! Coming back to a session: by a new leg, on which the end proves that the session is its own.

use bytes::Bytes;
use deskside_protocol::label::Label;
use deskside_protocol::reattach::{Claim, NONCE};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Challenge, Proof, Reattach, signal::Kind};

use super::{AttendError, Attendee, Given, ResumeError};
use crate::leg::{Leg, LegError, Signals};

/// Dials and proves the session to be ours.
pub(super) async fn come_back(
    attendee: &Attendee,
    fresh_line: bool,
) -> Result<(Leg, Signals, Given), ResumeError> {
    let leg = Leg::dial(&attendee.link, &attendee.leg_key, &attendee.software).await?;
    let (signals, given) = reattach(&leg, attendee, fresh_line).await?;
    Ok((leg, signals, given))
}

/// The greetings, the token, the proof; then what the relay gives for the session.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
pub(super) async fn reattach(
    leg: &Leg,
    attendee: &Attendee,
    fresh_line: bool,
) -> Result<(Signals, Given), ResumeError> {
    let mut signals = leg.open().await.map_err(refused)?;
    let token = Bytes::copy_from_slice(&attendee.token);
    signals.send(Kind::Reattach(Reattach { token, fresh_line })).await.map_err(refused)?;
    loop {
        match signals.receive().await.map_err(refused)? {
            Kind::Challenge(challenge) => {
                let proof = prove(leg, attendee, &challenge)?;
                signals.send(proof).await.map_err(refused)?;
            }
            Kind::Session(session) => {
                let given = Given::read(&session)?;
                if given.session != attendee.binding.session {
                    return Err(AttendError::Unexpected.into());
                }
                return Ok((signals, given));
            }
            Kind::Closed(closed) => return Err(ResumeError::Ended(closed)),
            _ => return Err(AttendError::Unexpected.into()),
        }
    }
}

/// The answer to a node's challenge on `leg`.
pub(super) fn prove(
    leg: &Leg,
    attendee: &Attendee,
    challenge: &Challenge,
) -> Result<Kind, AttendError> {
    let label = Label::from_bytes(&challenge.label).ok_or(AttendError::Unexpected)?;
    let nonce: &[u8; NONCE] =
        challenge.nonce.as_ref().try_into().map_err(|_| AttendError::Unexpected)?;
    let exporter = &leg.exporter()?;
    let claim = Claim { session: attendee.binding.session, label, nonce, exporter };
    let signature = Bytes::copy_from_slice(&claim.sign(&attendee.session_key));
    Ok(Kind::Proof(Proof { signature }))
}

/// A refusal that will not change is told from a leg that was lost.
fn refused(error: LegError) -> ResumeError {
    match &error {
        LegError::Refused(refused) if refused.code == Code::NotFound as i32 => ResumeError::Gone,
        LegError::Refused(_) | LegError::Lost(_) | LegError::Unexpected => {
            ResumeError::Attend(error.into())
        }
    }
}
