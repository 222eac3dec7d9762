//! A copy of a recording. The relay logs who asked and why before it hands out a byte.

use std::path::Path;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::signal::RecordingFetch;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::log;
use crate::failure::{Failure, OrExit as _};
use crate::relay::{self, Relay};

/// Which recording, and why.
#[derive(Debug, Clone)]
pub struct Wish {
    session: SessionId,
    reason: String,
}

impl Wish {
    /// Reads a session's id; the reason must say something.
    ///
    /// # Errors
    /// Exit 2.
    pub fn new(session: &str, reason: &str) -> anyhow::Result<Self> {
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            let sentence =
                "say why you need the recording: --reason TEXT is kept in the relay's log";
            return Err(Failure::new(Exit::Usage, sentence).into());
        }
        let session = session.parse().or_exit_as_is(Exit::Usage)?;
        Ok(Self { session, reason })
    }

    /// Whose.
    pub(super) const fn session(&self) -> SessionId {
        self.session
    }

    /// Why.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

/// As [`fetch`], and saves the proof that the relay's log knows the recording in a file beside it.
/// Gives the length, and whether there is such a proof: a relay of before there was a log has none.
///
/// # Errors
/// As [`fetch`].
pub async fn fetch_with_proof(
    relay: &mut impl Relay,
    wish: &Wish,
    path: &Path,
) -> anyhow::Result<(u64, bool)> {
    let bytes = fetch(relay, wish, path, Access::Download).await?;
    let proof = log::proof(relay, wish.session).await?;
    if let Some(proof) = &proof {
        log::keep(path, proof)?;
    }
    Ok((bytes, proof.is_some()))
}

/// Copies the recording to `path`, which is there whole or not at all. Gives its length.
///
/// # Errors
/// The relay's refusal, a copy that was cut off, or a full disk.
pub async fn fetch(
    relay: &mut impl Relay,
    wish: &Wish,
    path: &Path,
    kind: Access,
) -> anyhow::Result<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let file = file.with_context(|| format!("save {}", path.display()))?;
    let session = wish.session.as_bytes().to_vec().into();
    let question = RecordingFetch { session, reason: wish.reason.clone(), kind: kind as u32 };
    let (bytes, body) = relay::fetch(relay, question).await?;
    copy(body, bytes, file.as_file()).await?;
    let saved = file.persist(path).map_err(|error| error.error);
    saved.with_context(|| format!("save {}", path.display()))?;
    Ok(bytes)
}

async fn copy(
    body: impl AsyncRead + Unpin,
    bytes: u64,
    file: &std::fs::File,
) -> anyhow::Result<()> {
    let file = file.try_clone().context("save a recording")?;
    let mut file = tokio::fs::File::from_std(file);
    // One byte more than announced would show in the count.
    let mut body = body.take(bytes.saturating_add(1));
    let copied = tokio::io::copy(&mut body, &mut file).await.context("copy a recording")?;
    file.flush().await.context("save a recording")?;
    file.sync_all().await.context("save a recording")?;
    if copied == bytes {
        return Ok(());
    }
    let sentence = format!("the relay announced {bytes} bytes and sent {copied}: try again");
    Err(Failure::new(Exit::NoConnection, sentence).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::signal::Kind;
    use deskside_protocol::wire::signal::{RecordingFollows, Refused, refused};

    const ID: &str = "00112233445566778899aabbccddeeff";

    async fn fetched(answer: Kind, body: &[u8], path: &Path) -> anyhow::Result<u64> {
        let mut relay = Scripted { body: body.to_vec(), ..Scripted::answering([answer]) };
        let wish = Wish::new(ID, " why ").unwrap();
        let fetched = fetch(&mut relay, &wish, path, Access::Download).await;
        let Kind::RecordingFetch(asked) = &relay.questions[0] else { unreachable!() };
        assert_eq!((asked.session.len(), asked.reason.as_str(), asked.kind), (16, "why", 1));
        fetched
    }

    fn follows(bytes: u64) -> Kind {
        Kind::RecordingFollows(RecordingFollows { bytes })
    }

    #[tokio::test]
    async fn a_copy_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dsr");
        for announced in [6, 8] {
            let error = fetched(follows(announced), b"DSR1...", &path).await.unwrap_err();
            assert_eq!(exit_of(&error), Exit::NoConnection);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        assert_eq!(fetched(follows(7), b"DSR1...", &path).await.unwrap(), 7);
        assert_eq!(std::fs::read(&path).unwrap(), b"DSR1...");
    }

    #[tokio::test]
    async fn a_refusal_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let code = refused::Code::NotPermitted.into();
        let refused = Kind::Refused(Refused { code, text: String::new() });
        let error = fetched(refused, b"", &folder.path().join("a.dsr")).await.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Refused);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_reason_is_no_blank() {
        assert_eq!(exit_of(&Wish::new(ID, "  ").unwrap_err()), Exit::Usage);
        assert_eq!(exit_of(&Wish::new("xyz", "why").unwrap_err()), Exit::Usage);
    }
}
