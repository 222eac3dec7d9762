//! A stream of the line as a transfer uses it: messages as acting messages there, as they are back,
//! and the files' bytes in frames of their own both ways, over the same stream or over the files
//! line.

use bytes::Bytes;
use deskside_files::{Hear, PipeError, Speak};
use deskside_link::Line;
use deskside_link::bodies::{Expected, Outgoing};
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
    /// Over the files line.
    bodies: Option<Outgoing>,
}

/// From the agent.
pub(super) struct Inward {
    receiver: Receiver<Message>,
    /// Over the files line.
    bodies: Option<Expected>,
}

impl FileStream {
    pub(super) async fn open(line: &Line) -> Result<Self, PipeError> {
        let stream = line.open(Channel::File).await.map_err(PipeError::new)?;
        let Stream { id, sender, receiver, .. } = stream;
        let actor = line.act_key().actor(Channel::File, id);
        let (out, back) = (None, None);
        Ok(Self {
            out: Outward { sender, actor, bodies: out },
            back: Inward { receiver, bodies: back },
        })
    }

    /// As [`Self::open`], where files are to come: before they are asked for it is known where from.
    pub(super) async fn expecting(line: &Line) -> Result<Self, PipeError> {
        let mut stream = Self::open(line).await?;
        stream.back.bodies = line.bodies().map(|bodies| bodies.expect(stream.out.sender.id()));
        Ok(stream)
    }
}

impl Outward {
    /// Files will go: before anything is said of a body its stream is there, so that the agent never
    /// waits for what was given up.
    pub(super) async fn open_bodies(&mut self, line: &Line) -> Result<(), PipeError> {
        if let Some(bodies) = line.bodies() {
            let open = bodies.open(self.sender.id()).await.map_err(PipeError::new)?;
            self.bodies = Some(open);
        }
        Ok(())
    }
}

impl Speak for Outward {
    async fn say(&mut self, kind: Kind) -> Result<(), PipeError> {
        let act = self.actor.wrap(&Message { kind: Some(kind) });
        self.sender.send(&act).await.map_err(PipeError::new)
    }

    async fn body(&mut self, bytes: Bytes) -> Result<(), PipeError> {
        match &mut self.bodies {
            Some(bodies) => bodies.send(bytes).await.map_err(PipeError::new),
            None => self.sender.send_body(bytes).await.map_err(PipeError::new),
        }
    }

    async fn finish(&mut self) -> Result<(), PipeError> {
        if let Some(bodies) = &mut self.bodies {
            bodies.finish();
        }
        self.sender.finish();
        Ok(())
    }
}

impl Hear for Inward {
    async fn hear(&mut self) -> Result<Option<Kind>, PipeError> {
        loop {
            match self.receiver.receive().await.map_err(PipeError::new)? {
                Some(Message { kind: Some(kind) }) => return Ok(Some(kind)),
                // A kind of a newer version: skipped.
                Some(Message { kind: None }) => {}
                None => return Ok(None),
            }
        }
    }

    async fn body(&mut self) -> Result<Option<Bytes>, PipeError> {
        let Some(bodies) = &mut self.bodies else {
            return self.receiver.receive_body().await.map_err(PipeError::new);
        };
        tokio::select! {
            biased;
            body = bodies.receive() => body.map_err(PipeError::new),
            error = self.receiver.broken() => Err(PipeError::new(error)),
        }
    }
}
