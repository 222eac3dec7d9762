//! What carries a transfer's messages: a stream of the line on the agent's side, the local socket
//! on that of the technician's command.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::file::{Breach, Fault};
use deskside_protocol::wire::message::{FileReady, message::Kind, refusal::Cause};
use thiserror::Error;

use crate::error::TransferError;

/// Why a message or body could not be said or heard: the carrier's own error.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct PipeError(Box<dyn Error + Send + Sync>);

impl PipeError {
    /// Wraps the carrier's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The carrier's error, to be looked at.
    #[must_use]
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }

    /// The carrier's error, to be downcast.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

/// The half towards the other side.
pub trait Speak: Send {
    /// Says one message.
    fn say(&mut self, kind: Kind) -> impl Future<Output = Result<(), PipeError>> + Send;

    /// Sends one frame of raw bytes; an empty one too.
    fn body(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), PipeError>> + Send;

    /// Says that no more will come.
    fn finish(&mut self) -> impl Future<Output = Result<(), PipeError>> + Send;
}

/// The half from the other side. Messages of kinds that this version does not know are skipped.
pub trait Hear: Send {
    /// The next message; `None` where the other side has finished.
    fn hear(&mut self) -> impl Future<Output = Result<Option<Kind>, PipeError>> + Send;

    /// The next frame as raw bytes; `None` where the other side has finished.
    fn body(&mut self) -> impl Future<Output = Result<Option<Bytes>, PipeError>> + Send;
}

/// The technician's first message, `FilePut` or `FileGet`, and the agent's answer to it. The user
/// may be asked in between, so that it can take a minute.
///
/// # Errors
/// [`TransferError::Refused`], or what went wrong.
pub async fn request(
    asked: Kind,
    speak: &mut impl Speak,
    hear: &mut impl Hear,
) -> Result<FileReady, TransferError> {
    speak.say(asked).await?;
    #[allow(clippy::wildcard_enum_match_arm, reason = "every other message is out of place")]
    match hear.hear().await? {
        Some(Kind::FileReady(ready)) => Ok(ready),
        Some(Kind::Refusal(refusal)) => Err(TransferError::Refused(Fault::from_wire(&refusal))),
        Some(_) => Err(Breach::Unexpected.into()),
        None => Err(Breach::CutOff.into()),
    }
}

/// How long a side that broke the transfer has to take the word of it.
const TELL: Duration = Duration::from_secs(5);

/// Tells the other side how it broke the transfer, where that is why it ended, and hands the error
/// on.
pub(crate) async fn told(error: TransferError, speak: &mut impl Speak) -> TransferError {
    let fault = match &error {
        TransferError::Breach(Breach::CutOff)
        | TransferError::Refused(_)
        | TransferError::Pipe(_) => {
            return error;
        }
        TransferError::Breach(breach) => Fault::new(Cause::BadRequest, breach.to_string()),
        TransferError::File(file) => Fault::from(file),
    };
    let said = async {
        speak.say(Kind::Refusal(fault.to_wire())).await?;
        speak.finish().await
    };
    // The transfer's own error is the one to report.
    match tokio::time::timeout(TELL, said).await {
        Ok(Ok(())) => {}
        Ok(Err(lost)) => tracing::debug!(%lost, "could not say why the transfer ended"),
        Err(_) => tracing::debug!("nobody reads why the transfer ended"),
    }
    error
}
