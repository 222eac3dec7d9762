//! A local command's stream, passed through: its messages go to the agent as acting messages, the
//! agent's come back as they are.

use std::sync::{Arc, Mutex, PoisonError};

use deskside_link::Line;
use deskside_link::line::Stream;
use deskside_link::stream::{Receiver, Sender, StreamError};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Act, Message};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::tally::{Tally, Watch};
use crate::control::{MessageReader, MessageWriter, OpenRequest};
use crate::failure::Failure;
use crate::lines::{Lines, Saying};

/// Opens a stream on the line for a local command and passes messages until either side is done.
pub(super) async fn serve(lines: Lines, tally: Tally, request: OpenRequest) {
    if let Err(error) = pass(lines, &tally, request).await {
        tracing::debug!(error = format!("{error:#}"), "a local command's stream ended");
    }
}

async fn pass(mut lines: Lines, tally: &Tally, request: OpenRequest) -> anyhow::Result<()> {
    let Some(channel) = Channel::from_wire(request.channel as i32) else {
        request.refuse(&Failure::new(Exit::Usage, "there is no such channel")).await;
        return Ok(());
    };
    let Some((line, stream)) = open(&mut lines, channel).await else {
        request.refuse(&Failure::new(Exit::EndedByPeer, "the session has ended")).await;
        return Ok(());
    };
    let Stream { id, sender, receiver, .. } = stream;
    let saying = Arc::new(Mutex::new(Saying::new(line.act_key().actor(channel, id))));
    let (reader, writer) = request.accept().await?;
    let mut watch = tally.watch();
    let mut out = Outward { reader, sender, saying: saying.clone() };
    let mut back = Inward { writer, receiver, saying };
    let passed = async {
        // The command starts with a message of its own; the agent answers behind it.
        out.first(&mut watch).await?;
        let watch = &watch;
        tokio::select! {
            // The local command went away: dropping the stream stops what runs at the agent.
            gone = out.rest() => gone,
            done = back.all(watch) => done,
        }
    };
    let mut seen = lines.clone();
    let passed = tokio::select! {
        passed = passed => passed,
        _ = seen.replaced(&line) => Err(anyhow::anyhow!("the line was replaced")),
    };
    if let Err(error) = passed {
        // It may have gone itself; else it hears why nothing more will come.
        let stopped = error.downcast_ref::<StreamError>();
        let why = match stopped.is_some_and(|error| error.is_reset(CloseCode::Refused)) {
            true => Failure::new(Exit::Refused, "the user stopped it"),
            false => lines.why(&line).await,
        };
        back.writer.send_failure(&why).await?;
        return Err(error);
    }
    Ok(())
}

/// A stream on the line of the moment, or on the next one where that one is just going.
async fn open(lines: &mut Lines, channel: Channel) -> Option<(Arc<Line>, Stream<Act, Message>)> {
    loop {
        let line = lines.now().await?;
        match line.open(channel).await {
            Ok(stream) => return Some((line, stream)),
            Err(error) => {
                tracing::debug!(%error, "the line is gone");
                if !lines.replaced(&line).await {
                    return None;
                }
            }
        }
    }
}

/// From the local command to the agent.
struct Outward {
    reader: MessageReader<OwnedReadHalf>,
    sender: Sender<Act>,
    saying: Arc<Mutex<Saying>>,
}

impl Outward {
    async fn first(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        if let Some(message) = self.reader.recv().await? {
            watch.sent(message.kind.as_ref());
            self.send(&message).await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        let act = self.saying.lock().unwrap_or_else(PoisonError::into_inner).wrap(message)?;
        Ok(self.sender.send(&act).await?)
    }

    /// Passes messages on; ends only where the local command or the line is gone.
    async fn rest(&mut self) -> anyhow::Result<()> {
        while let Some(message) = self.reader.recv().await? {
            self.send(&message).await?;
        }
        self.sender.finish();
        std::future::pending().await
    }
}

/// From the agent to the local command.
struct Inward {
    writer: MessageWriter<OwnedWriteHalf>,
    receiver: Receiver<Message>,
    saying: Arc<Mutex<Saying>>,
}

impl Inward {
    async fn all(&mut self, watch: &Watch) -> anyhow::Result<()> {
        while let Some(message) = self.receiver.receive().await? {
            let kind = message.kind.as_ref();
            watch.received(kind);
            self.saying.lock().unwrap_or_else(PoisonError::into_inner).heard(kind);
            self.writer.send(&message).await?;
        }
        Ok(self.writer.close().await?)
    }
}
