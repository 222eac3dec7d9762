//! What is copied on the user's computer, for scripts: read, or set and read back.

use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::{Copied, Message, message::Kind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{answer, out_of_order};
use crate::control::{MessageReader, MessageWriter};
use crate::failure::Failure;

/// Bytes of the longest text that travels.
const MAX_TEXT: usize = 131_072;

/// A text that can be copied there.
///
/// # Errors
/// Exit 2: it is empty or too long.
pub fn copiable(text: String) -> Result<String, Failure> {
    if text.is_empty() || text.len() > MAX_TEXT {
        let why = format!("give a text of 1 to {MAX_TEXT} bytes; deskside cp copies files");
        return Err(Failure::new(Exit::Usage, why));
    }
    Ok(text)
}

/// The text that is copied there; empty where there is none, or a secret of a password manager.
///
/// # Errors
/// The agent's refusal, or a session that ended.
pub async fn copied<R, W>(
    from: &mut MessageReader<R>,
    to: &mut MessageWriter<W>,
) -> anyhow::Result<String>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // Nothing to copy: that asks what is there.
    to.send(&copy(String::new())).await?;
    let Kind::Copied(copied) = answer(from).await? else { return Err(out_of_order()) };
    Ok(copied.text)
}

/// Copies a text there, and looks whether it is there then.
///
/// # Errors
/// As [`copied`]; exit 1 where something else is there.
pub async fn set_copied<R, W>(
    from: &mut MessageReader<R>,
    to: &mut MessageWriter<W>,
    text: &str,
) -> anyhow::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    to.send(&copy(text.to_owned())).await?;
    if copied(from, to).await? == text {
        return Ok(());
    }
    let text = "something else was copied on the user's computer at the same time: try again";
    Err(Failure::new(Exit::Other, text).into())
}

const fn copy(text: String) -> Message {
    Message { kind: Some(Kind::Copied(Copied { text })) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, pipe};
    use super::*;
    use crate::failure::exit_of;

    fn said(text: &str) -> Kind {
        Kind::Copied(Copied { text: text.to_owned() })
    }

    #[tokio::test]
    async fn a_text_is_set_and_read_back() {
        for (there, expected) in [("new", Ok(())), ("old", Err(Exit::Other))] {
            let ((mut reader, mut writer), (mut from, mut to)) = pipe();
            let agent = async {
                for expected in ["new", ""] {
                    assert_eq!(from.recv().await.unwrap().unwrap().kind, Some(said(expected)));
                }
                to.send(&message(said(there))).await.unwrap();
            };
            let (set, ()) = tokio::join!(set_copied(&mut reader, &mut writer, "new"), agent);
            assert_eq!(set.map_err(|error| exit_of(&error)), expected);
        }
    }

    #[test]
    fn what_does_not_travel_is_wrong_usage() {
        for text in [String::new(), "x".repeat(MAX_TEXT + 1)] {
            assert_eq!(copiable(text).unwrap_err().exit, Exit::Usage);
        }
        assert!(copiable("x".repeat(MAX_TEXT)).is_ok());
    }
}
