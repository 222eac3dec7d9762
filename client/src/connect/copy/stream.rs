//! A stream of the line as a transfer uses it: messages as acting messages there, as they are back,
//! and the files' bytes in frames of their own both ways.

use bytes::Bytes;
use deskside_files::{Hear, PipeError, Speak};
use deskside_link::Line;
use deskside_link::line::Stream;
use deskside_link::stream::{Receiver, Sender};
use deskside_protocol::act::Actor;
use deskside_protocol::channel::Channel;
use deskside_protocol::wire::message::{Act, Message, message::Kind};

/// Both halves.
pub(super) struct FileStream {
    pub(super) out: Outward,
    pub(super) back: Inward,
}

/// Towards the agent.
pub(super) struct Outward {
    sender: Sender<Act>,
    actor: Actor,
}

/// From the agent.
pub(super) struct Inward(Receiver<Message>);

impl FileStream {
    pub(super) async fn open(line: &Line) -> Result<Self, PipeError> {
        let stream = line.open(Channel::File).await.map_err(PipeError::new)?;
        let Stream { id, sender, receiver, .. } = stream;
        let actor = line.act_key().actor(Channel::File, id);
        Ok(Self { out: Outward { sender, actor }, back: Inward(receiver) })
    }
}

impl Speak for Outward {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        let act = self.actor.wrap(&Message { kind: Some(kind) });
        self.sender.send(&act).await.map_err(PipeError::new)
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        self.sender.send_body(bytes).await.map_err(PipeError::new)
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        self.sender.finish();
        Ok(())
    }
}

impl Hear for Inward {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        loop {
            match self.0.receive().await.map_err(PipeError::new)? {
                Some(Message { kind: Some(kind) }) => return Ok(Some(kind)),
                // A kind of a newer version: skipped.
                Some(Message { kind: None }) => {}
                None => return Ok(None),
            }
        }
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        self.0.receive_body().await.map_err(PipeError::new)
    }
}
