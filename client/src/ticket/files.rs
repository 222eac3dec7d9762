//! Files of tickets: handing one in, and having one back.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use deskside_protocol::attachment::{MAX_BYTES, MAX_NAME, is_name};
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{Attachment, AttachmentFetch, TicketAttach};
use ring::digest;
use tokio::io::AsyncReadExt as _;

use crate::commands;
use crate::failure::Failure;
use crate::relay::{Relay, accepted, unexpected};

/// A file as it is handed in.
#[derive(Debug)]
pub struct Handed {
    /// What announces it.
    pub announced: TicketAttach,
    /// What it holds.
    pub content: Bytes,
}

impl Handed {
    /// Reads the file at `path`; on the ticket it has its own name.
    ///
    /// # Errors
    /// Exit 5 where there is none, 2 where it is none that a ticket can have.
    pub async fn read(ticket: &str, path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = |why: String| Failure::new(Exit::Usage, format!("{}: {why}", path.display()));
        if !is_name(&name) {
            let why = format!(
                "a ticket takes names of at most {MAX_NAME} bytes that every computer takes: \
                 give it another name"
            );
            return Err(wrong(why).into());
        }
        let file = tokio::fs::File::open(path).await.map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let exit = if missing { Exit::NotFound } else { Exit::Other };
            Failure::new(exit, format!("{}: {error}", path.display()))
        })?;
        let mut content = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut content).await;
        let bytes = read.with_context(|| format!("read {}", path.display()))?;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if !(1..=MAX_BYTES).contains(&bytes) {
            let most = MAX_BYTES >> 20;
            return Err(wrong(format!("a ticket takes files of 1 byte to {most} MiB")).into());
        }
        let sha256 = sha256(&content).to_vec().into();
        let announced = TicketAttach { ticket: ticket.to_owned(), name, bytes, sha256 };
        Ok(Self { announced, content: content.into() })
    }
}

/// Has a file of a ticket, and saves it at `wished` or under its own name in this folder. Gives where.
///
/// # Errors
/// The relay's refusal, a file that is not what the ticket says it is, a full disk.
pub(super) async fn save(
    relay: &mut impl Relay,
    wanted: AttachmentFetch,
    wished: Option<&Path>,
) -> anyhow::Result<(Attachment, PathBuf)> {
    let (answer, body) = relay.fetch(Kind::AttachmentFetch(wanted)).await?;
    let Kind::AttachmentFollows(follows) = accepted(answer)? else { return Err(unexpected()) };
    let attachment = follows.attachment.ok_or_else(unexpected)?;
    // A relay chooses neither where something lands nor how much.
    if !is_name(&attachment.name) || attachment.bytes > MAX_BYTES {
        return Err(unexpected());
    }
    let mut content = Vec::new();
    let read = body.take(attachment.bytes.saturating_add(1)).read_to_end(&mut content).await;
    let read = read.context("copy a file from the ticket")?;
    if u64::try_from(read).is_ok_and(|read| read < attachment.bytes) {
        let sentence = "the file did not arrive whole: try again";
        return Err(Failure::new(Exit::NoConnection, sentence).into());
    }
    if sha256(&content) != attachment.sha256.as_ref() {
        let sentence = "the file is not the one that the ticket names: its hash is another";
        return Err(Failure::new(Exit::Verification, sentence).into());
    }
    let name = attachment.name.clone();
    let wished = wished.map(Path::to_owned);
    let saving = move || commands::save(&content, wished.as_deref(), &name);
    let path = tokio::task::spawn_blocking(saving).await.context("save a file")??;
    Ok((attachment, path))
}

fn sha256(content: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, content).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::AttachmentFollows;

    fn follows(name: &str, said: &[u8]) -> Kind {
        let attachment = Attachment {
            name: name.into(),
            bytes: said.len() as u64,
            sha256: sha256(said).to_vec().into(),
            ..Attachment::default()
        };
        Kind::AttachmentFollows(AttachmentFollows { attachment: Some(attachment) })
    }

    async fn saved(answer: Kind, body: &[u8], wished: &Path) -> anyhow::Result<PathBuf> {
        let mut relay = Scripted { body: body.to_vec(), ..Scripted::answering([answer]) };
        let wanted = AttachmentFetch { ticket: "7".into(), number: 1 };
        save(&mut relay, wanted, Some(wished)).await.map(|(_, path)| path)
    }

    #[tokio::test]
    async fn only_what_the_ticket_names_is_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for (answer, body, exit) in [
            (follows("a.png", b"abc"), &b"ab"[..], Exit::NoConnection),
            (follows("a.png", b"abc"), b"abd", Exit::Verification),
            (follows("a.png", b"abc"), b"abcd", Exit::Verification),
            (follows("../a.png", b"abc"), b"abc", Exit::Other),
            (Kind::AttachmentFollows(AttachmentFollows { attachment: None }), b"", Exit::Other),
        ] {
            assert_eq!(exit_of(&saved(answer, body, &path).await.unwrap_err()), exit);
            assert!(!path.exists());
        }
        assert_eq!(saved(follows("b.png", b"abc"), b"abc", &path).await.unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }

    #[tokio::test]
    async fn only_what_a_ticket_takes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let handed = Handed::read("7", &file("a.png", b"abc")).await.unwrap();
        assert_eq!((handed.announced.name.as_str(), handed.announced.bytes), ("a.png", 3));
        for (path, exit) in [
            (folder.path().join("none"), Exit::NotFound),
            (file(".hidden", b"abc"), Exit::Usage),
            (file("empty", b""), Exit::Usage),
        ] {
            assert_eq!(exit_of(&Handed::read("7", &path).await.unwrap_err()), exit);
        }
        let large = std::fs::File::create(folder.path().join("large")).unwrap();
        large.set_len(MAX_BYTES + 1).unwrap();
        let error = Handed::read("7", &folder.path().join("large")).await.unwrap_err();
        assert!(error.to_string().ends_with("1 byte to 32 MiB"), "{error}");
    }
}
