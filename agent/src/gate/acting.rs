//! Messages of the technician's, as the gate lets them in: numbered, and proved by their MAC to come
//! from the paired program and from nobody who merely holds the line's traffic secrets.

use bytes::Bytes;
use deskside_link::line::Stream;
use deskside_link::stream::{Receiver, Sender, StreamError};
use deskside_protocol::act::{ActError, ActKey, Verifier};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::message::{Act, Message, Refusal, message::Kind, refusal::Cause};
use thiserror::Error;

/// Why a stream gave no message.
#[derive(Debug, Error)]
pub enum Unheard {
    /// The stream or the line was lost.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Not from the paired technician: the stream is not read any further.
    #[error(transparent)]
    Act(#[from] ActError),
}

/// What the technician says on one stream.
#[allow(missing_debug_implementations, reason = "holds the key")]
pub struct Heard {
    receiver: Receiver<Act>,
    verifier: Verifier,
}

/// What the technician is answered on one stream.
#[derive(Debug)]
pub struct Answers {
    sender: Sender<Message>,
    /// A frame was begun and its sending was given up: nothing that follows could be read.
    torn: bool,
}

/// Splits a stream that the technician opened.
#[must_use]
pub fn listen(stream: Stream<Message, Act>, key: &ActKey) -> (Channel, Heard, Answers) {
    let Stream { channel, id, sender, receiver } = stream;
    (
        channel,
        Heard { receiver, verifier: key.verifier(channel, id) },
        Answers { sender, torn: false },
    )
}

impl Heard {
    /// The next message; `None` once the technician finished. Loses nothing when cancelled.
    ///
    /// # Errors
    /// [`Unheard`].
    pub async fn next(&mut self) -> Result<Option<Kind>, Unheard> {
        loop {
            let Some(act) = self.receiver.receive().await? else { return Ok(None) };
            // A kind of a newer version has no meaning here: skipped.
            if let Some(kind) = self.verifier.open(&act)?.kind {
                return Ok(Some(kind));
            }
        }
    }

    /// As [`Self::next`], and what is masked too. Says whether it was.
    ///
    /// # Errors
    /// [`Unheard`].
    pub async fn next_any(&mut self) -> Result<Option<(Kind, bool)>, Unheard> {
        loop {
            let Some(act) = self.receiver.receive().await? else { return Ok(None) };
            let (message, masked) = self.verifier.open_any(&act)?;
            if let Some(kind) = message.kind {
                return Ok(Some((kind, masked)));
            }
        }
    }

    /// The next frame as raw bytes, which no MAC covers: the message behind a body vouches for it.
    /// `None` once the technician finished. Loses nothing when cancelled.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn body(&mut self) -> Result<Option<Bytes>, StreamError> {
        self.receiver.receive_body().await
    }
}

impl Heard {
    /// Waits until the technician has broken the stream off; for ever where he finished. Behind it
    /// nothing can be heard.
    pub async fn broken(&mut self) -> StreamError {
        self.receiver.broken().await
    }
}

impl Answers {
    /// The stream's number on the line.
    #[must_use]
    pub fn stream(&self) -> u64 {
        self.sender.id()
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn send(&mut self, kind: Kind) -> Result<(), StreamError> {
        self.torn = true;
        self.sender.send(&Message { kind: Some(kind) }).await?;
        self.torn = false;
        Ok(())
    }

    /// Sends one frame of raw bytes.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn body(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.torn = true;
        self.sender.send_body(bytes).await?;
        self.torn = false;
        Ok(())
    }

    /// Breaks off at once: what has not left this computer yet never will.
    pub fn cut_off(&mut self) {
        self.sender.reset(CloseCode::Refused);
    }

    /// Says no, as an ordinary answer, and nothing more.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn refuse(&mut self, refusal: Refusal) -> Result<(), StreamError> {
        if self.torn {
            self.cut_off();
            return Ok(());
        }
        self.send(Kind::Refusal(refusal)).await?;
        self.finish().await
    }

    /// Says that something cannot be, without a grant in question.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn refuse_for(
        &mut self,
        cause: Cause,
        text: impl Into<String>,
    ) -> Result<(), StreamError> {
        let text = text.into();
        self.refuse(Refusal { cause: cause as i32, grant: 0, text }).await
    }

    /// Nothing more will come. Waits until the technician has what was sent.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn finish(&mut self) -> Result<(), StreamError> {
        self.sender.finish();
        self.sender.delivered().await
    }
}
