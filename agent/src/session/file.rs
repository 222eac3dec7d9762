//! Files of the technician's to this computer, and of the user's to him: asked for, and then moved by
//! the same machine as on his side.

use deskside_files::{Fault, PipeError, Report, TransferError};
use deskside_link::Bodies;
use deskside_link::bodies::BodyError;
use deskside_link::stream::StreamError;
use deskside_protocol::act::ActError;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{FileGet, FilePut, FileReady, message::Kind};

use super::bodies::{Hearing, Speaking};
use crate::files::Files;
use crate::gate::{self, Answers, Gate, Heard, Unheard};

/// Serves a stream of the file channel: one transfer. Where there are `bodies` they go over the
/// files line.
pub(super) async fn serve(
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    (files, bodies): (&Files, Option<&Bodies>),
) -> Result<(), Unheard> {
    let first = heard.next().await?;
    let _turn = files.turn().await;
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    match first {
        Some(Kind::FilePut(FilePut { apart, .. }) | Kind::FileGet(FileGet { apart, .. }))
            if apart != bodies.is_some() =>
        {
            Ok(answers.refuse_for(Cause::BadRequest, other_way(apart)).await?)
        }
        Some(Kind::FilePut(put)) => receive(&put, heard, answers, gate, (files, bodies)).await,
        Some(Kind::FileGet(get)) => send(&get, heard, answers, gate, (files, bodies)).await,
        _ => {
            let text = "a transfer begins with what it is about";
            Ok(answers.refuse_for(Cause::BadRequest, text).await?)
        }
    }
}

/// Why bodies do not go the way that the technician's program means.
const fn other_way(apart: bool) -> &'static str {
    if apart {
        "the policy has the bodies of files recorded"
    } else {
        "the policy does not have the bodies of files recorded: upgrade the technician's program"
    }
}

async fn receive(
    put: &FilePut,
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    (files, bodies): (&Files, Option<&Bodies>),
) -> Result<(), Unheard> {
    if let Some(refusal) = gate.rules_out::<gate::File>() {
        return Ok(answers.refuse(refusal.to_wire()).await?);
    }
    let place = match files.place(put).await {
        Ok(place) => place,
        Err(fault) => return Ok(answers.refuse(fault.to_wire()).await?),
    };
    let permit = match gate.admit_files(place.listing(), place.in_words()).await {
        Ok(permit) => permit,
        Err(refusal) => return Ok(answers.refuse(refusal.to_wire()).await?),
    };
    let receiving = match place.ready(permit) {
        Ok(receiving) => receiving,
        Err(fault) => return Ok(answers.refuse(fault.to_wire()).await?),
    };
    let (files, bytes) = receiving.announced();
    // Before he knows that he may send: what nobody waits for is reset.
    let expected = bodies.map(|bodies| bodies.expect(answers.stream()));
    let apart = bodies.is_some();
    answers.send(Kind::FileReady(FileReady { files, bytes, apart })).await?;
    let mut hearing = Hearing::of(heard, expected);
    match receiving.run(&mut Speaking::alone(answers), &mut hearing).await {
        Some(done) => ended(done),
        None => Ok(answers.refuse(gate.taken_back::<gate::File>().to_wire()).await?),
    }
}

async fn send(
    get: &FileGet,
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    (files, bodies): (&Files, Option<&Bodies>),
) -> Result<(), Unheard> {
    if let Some(refusal) = gate.rules_out::<gate::File>() {
        return Ok(answers.refuse(refusal.to_wire()).await?);
    }
    let found = files.find(get).await;
    let admitted = match found.listing() {
        Some(files) => gate.admit_files(files, found.in_words()).await,
        // Asked about all the same: the technician does not learn that nothing is there.
        None => gate.admit::<gate::File>(found.in_words()).await,
    };
    let permit = match admitted {
        Ok(permit) => permit,
        Err(refusal) => return Ok(answers.refuse(refusal.to_wire()).await?),
    };
    let sending = match found.ready(permit) {
        Ok(sending) => sending,
        Err(fault) => return Ok(answers.refuse(fault.to_wire()).await?),
    };
    let (files, bytes) = sending.announced();
    let apart = bodies.is_some();
    answers.send(Kind::FileReady(FileReady { files, bytes, apart })).await?;
    let mut speaking = Speaking::with_bodies(answers, bodies);
    match sending.run(&mut speaking, &mut Hearing::of(heard, None)).await {
        Some(done) => ended(done),
        // A refusal would wait behind what QUIC holds of the file already.
        None => {
            speaking.cut_off();
            Ok(())
        }
    }
}

/// What a transfer that ended means for its stream. The other side knows of its own faults and of
/// ours; what is left are those of the carrier.
fn ended(done: Result<Report, TransferError>) -> Result<(), Unheard> {
    match done {
        Ok(_) => Ok(()),
        // The technician's program finds that too, and asks for another.
        Err(TransferError::Pipe(lost)) if lost.inner().is::<BodyError>() => {
            tracing::debug!(%lost, "the bodies of a transfer broke off");
            Ok(())
        }
        Err(TransferError::Pipe(lost)) => Err(carried(lost)),
        Err(error @ (TransferError::Refused(_) | TransferError::Breach(_))) => {
            tracing::debug!(%error, "the technician's program ended a transfer");
            Ok(())
        }
        Err(TransferError::File(error)) => {
            tracing::warn!(%error, cause = %Fault::from(&error), "a transfer failed");
            Ok(())
        }
    }
}

/// The carrier's own error, as it was before it went through the transfer.
fn carried(lost: PipeError) -> Unheard {
    let lost = match lost.into_inner().downcast::<Unheard>() {
        Ok(unheard) => return *unheard,
        Err(other) => other,
    };
    match lost.downcast::<StreamError>() {
        Ok(error) => (*error).into(),
        // Nothing else is wrapped above.
        Err(_) => ActError::Malformed.into(),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
