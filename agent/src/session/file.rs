//! Files of the technician's to this computer, and of the user's to him: asked for, and then moved by
//! the same machine as on his side.

use bytes::Bytes;
use deskside_files::{Fault, Hear, PipeError, Report, Speak, TransferError};
use deskside_link::stream::StreamError;
use deskside_protocol::act::ActError;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{FileGet, FilePut, FileReady, message::Kind};

use crate::files::Files;
use crate::gate::{self, Answers, Gate, Heard, Unheard};

impl Speak for Answers {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        self.send(kind).await.map_err(PipeError::new)
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        Self::body(self, bytes).await.map_err(PipeError::new)
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        Self::finish(self).await.map_err(PipeError::new)
    }
}

impl Hear for Heard {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        self.next().await.map_err(PipeError::new)
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        Self::body(self).await.map_err(PipeError::new)
    }
}

/// Serves a stream of the file channel: one transfer.
pub(super) async fn serve(
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    files: &Files,
) -> Result<(), Unheard> {
    let first = heard.next().await?;
    let _turn = files.turn().await;
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    match first {
        Some(Kind::FilePut(put)) => receive(&put, heard, answers, gate, files).await,
        Some(Kind::FileGet(get)) => send(&get, heard, answers, gate, files).await,
        _ => {
            let text = "a transfer begins with what it is about";
            Ok(answers.refuse_for(Cause::BadRequest, text).await?)
        }
    }
}

async fn receive(
    put: &FilePut,
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    files: &Files,
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
    answers.send(Kind::FileReady(FileReady { files, bytes })).await?;
    match receiving.run(answers, heard).await {
        Some(done) => ended(done),
        None => Ok(answers.refuse(gate.taken_back::<gate::File>().to_wire()).await?),
    }
}

async fn send(
    get: &FileGet,
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    files: &Files,
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
    answers.send(Kind::FileReady(FileReady { files, bytes })).await?;
    match sending.run(answers, heard).await {
        Some(done) => ended(done),
        // A refusal would wait behind what QUIC holds of the file already.
        None => {
            answers.cut_off();
            Ok(())
        }
    }
}

/// What a transfer that ended means for its stream. The other side knows of its own faults and of
/// ours; what is left are those of the carrier.
fn ended(done: Result<Report, TransferError>) -> Result<(), Unheard> {
    match done {
        Ok(_) => Ok(()),
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
