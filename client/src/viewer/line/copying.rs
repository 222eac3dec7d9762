//! Both clipboards have the same text, where the user allows it.

use deskside_link::Line;
use deskside_link::line::Stream;
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::{Act, Copied, Message, message::Kind};
use tokio::sync::mpsc;

use super::{Gone, Work};
use crate::viewer::clipboard::{Clipboard, MAX_TEXT};

/// The clipboards.
pub(super) struct Copying {
    pub(super) copied: mpsc::Receiver<String>,
    pub(super) clipboard: Clipboard,
}

impl Work for Copying {
    const NEEDS: Grant = Grant::Clipboard;

    async fn on(&mut self, line: &Line) -> Gone {
        match copying(&mut self.copied, &self.clipboard, line).await {
            Ok(never) => match never {},
            Err(gone) => gone,
        }
    }
}

enum Never {}

async fn copying(
    copied: &mut mpsc::Receiver<String>,
    clipboard: &Clipboard,
    line: &Line,
) -> Result<Never, Gone> {
    let stream: Stream<Act, Message> = line.open(Channel::Clipboard).await?;
    let Stream { id, mut sender, mut receiver, .. } = stream;
    let mut actor = line.act_key().actor(Channel::Clipboard, id);
    loop {
        tokio::select! {
            text = copied.recv() => match text {
                Some(text) if text.len() <= MAX_TEXT => {
                    let said = Message { kind: Some(Kind::Copied(Copied { text })) };
                    sender.send(&actor.wrap(&said)).await?;
                }
                Some(text) => tracing::debug!(bytes = text.len(), "too long for the clipboard"),
                None => std::future::pending().await,
            },
            heard = receiver.receive() => match heard? {
                Some(Message { kind: Some(Kind::Copied(Copied { text })) }) => {
                    if text.len() <= MAX_TEXT {
                        clipboard.write(text);
                    }
                }
                Some(Message { kind: Some(Kind::Refusal(refusal)) }) => {
                    return Err(Gone::from(&refusal));
                }
                Some(_) => {}
                None => return Err(Gone::Lost),
            },
        }
    }
}
