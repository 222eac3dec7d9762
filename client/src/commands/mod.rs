//! What the technician does through an open session, one room a command. Each takes the two halves
//! of an open channel, so that it can be tested over a pipe.

mod clipboard;
pub mod cp;
mod exec;
mod info;
mod input;
mod masks;
pub(crate) mod screenshot;

pub use clipboard::{copiable, copied, set_copied};
pub use exec::{Outcome, Standard, exec};
pub use info::{info_event, info_text};
pub use input::{Act, corner, input};
pub use masks::{Argv, Mask};
pub use screenshot::{Picture, default_name, save, take};

use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::message::Kind;
use tokio::io::AsyncRead;

use crate::control::MessageReader;
use crate::failure::Failure;

/// The agent's next message of a channel that must still have one.
///
/// # Errors
/// The agent's refusal; exit 8 where the stream ended.
async fn answer<R: AsyncRead + Unpin>(from: &mut MessageReader<R>) -> anyhow::Result<Kind> {
    while let Some(message) = from.recv().await? {
        match message.kind {
            Some(Kind::Refusal(refusal)) => return Err(Failure::from(&refusal).into()),
            Some(kind) => return Ok(kind),
            // A kind that this version does not know: the next one may matter.
            None => {}
        }
    }
    let sentence = "the session ended before this was done: see deskside connect for why";
    Err(Failure::new(Exit::EndedByPeer, sentence).into())
}

fn out_of_order() -> anyhow::Error {
    let sentence = "the user's computer answered what was not asked: is it of another version?";
    Failure::new(Exit::Other, sentence).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::control::MessageWriter;
    use deskside_protocol::wire::message::Message;
    use tokio::io::{DuplexStream, ReadHalf, WriteHalf};

    pub(crate) type Reader = MessageReader<ReadHalf<DuplexStream>>;
    pub(crate) type Writer = MessageWriter<WriteHalf<DuplexStream>>;

    /// Both ends of a channel through a pipe of eight bytes: ours, then the agent's.
    pub(crate) fn pipe() -> ((Reader, Writer), (Reader, Writer)) {
        let (ours, theirs) = tokio::io::duplex(8);
        let halves = |stream| {
            let (from, to) = tokio::io::split(stream);
            (MessageReader::new(from), MessageWriter::new(to))
        };
        (halves(ours), halves(theirs))
    }

    pub(crate) fn message(kind: Kind) -> Message {
        Message { kind: Some(kind) }
    }
}
