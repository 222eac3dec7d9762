//! Files of tickets: pictures of an error message, above all.

use deskside_protocol::attachment::{MAX_ALL, MAX_BYTES, MAX_FILES, is_name};
use deskside_protocol::wire::signal::{Attachment, Ticket, TicketAttach};
use ring::digest;

use super::{Desk, DeskError};
use crate::store::{AttachmentRow, Most, NewAttachment};

/// A file that somebody announced, and that the desk would keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    ticket: u64,
    name: String,
    sha256: [u8; 32],
    /// So many follow, at most [`MAX_BYTES`].
    pub bytes: u64,
}

impl Desk {
    /// Whether the desk would keep this file: asked before a byte of it is taken.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn wanted(&self, announced: &TicketAttach) -> Result<Wanted, DeskError> {
        let TicketAttach { ticket, name, bytes, sha256 } = announced;
        let ticket = self.row(ticket).await?.number;
        if !is_name(name) {
            let text = "its name has to be one that every computer takes, of at most 200 bytes";
            return Err(DeskError::File(text.to_owned()));
        }
        if !(1..=MAX_BYTES).contains(bytes) {
            let text = format!("it may have 1 byte to {} MiB", MAX_BYTES >> 20);
            return Err(DeskError::File(text));
        }
        let sha256 = sha256.as_ref().try_into();
        let sha256 = sha256.map_err(|_| DeskError::File("its hash is none".to_owned()))?;
        Ok(Wanted { ticket, name: name.clone(), sha256, bytes: *bytes })
    }

    /// Keeps what was announced. Handed in twice it stands once.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn attach(
        &self,
        wanted: &Wanted,
        author: &str,
        content: &[u8],
        now: u64,
    ) -> Result<Ticket, DeskError> {
        let Wanted { ticket, name, sha256, bytes } = wanted;
        let whole = u64::try_from(content.len()).is_ok_and(|length| length == *bytes);
        if !whole || digest::digest(&digest::SHA256, content).as_ref() != sha256 {
            return Err(DeskError::File("it did not arrive as it was sent".to_owned()));
        }
        let new = NewAttachment { ticket: *ticket, author, name, sha256: *sha256, content };
        let most = Most { files: MAX_FILES, bytes: MAX_ALL };
        if !self.store.attach(&new, most, now).await? {
            let text = format!(
                "the ticket has as many as it may have, {MAX_FILES} files and {} MiB",
                MAX_ALL >> 20
            );
            return Err(DeskError::File(text));
        }
        self.show(&ticket.to_string()).await
    }

    /// A file and what it holds.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn attachment(
        &self,
        id: &str,
        number: u64,
    ) -> Result<(Attachment, Vec<u8>), DeskError> {
        let ticket = self.row(id).await?.number;
        let found = self.store.attachment(ticket, number).await?;
        let (row, content) = found.ok_or_else(|| DeskError::NoFile(id.to_owned(), number))?;
        Ok((attachment(row), content))
    }

    /// A ticket's files, without what they hold.
    pub(super) async fn attachments(&self, ticket: u64) -> Result<Vec<Attachment>, DeskError> {
        let rows = self.store.attachments(ticket).await?;
        Ok(rows.into_iter().map(attachment).collect())
    }
}

fn attachment(row: AttachmentRow) -> Attachment {
    let AttachmentRow { number, name, author, at, bytes, sha256 } = row;
    Attachment { number, name, author, time: at, bytes, sha256: sha256.to_vec().into() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{desk, new};
    use super::*;

    fn announced(name: &str, content: &[u8]) -> TicketAttach {
        TicketAttach {
            ticket: "1001".into(),
            name: name.into(),
            bytes: content.len() as u64,
            sha256: digest::digest(&digest::SHA256, content).as_ref().to_vec().into(),
        }
    }

    async fn attached(desk: &Desk, name: &str, content: &[u8]) -> Result<Ticket, DeskError> {
        let wanted = desk.wanted(&announced(name, content)).await?;
        desk.attach(&wanted, "alice", content, 20).await
    }

    #[tokio::test]
    async fn a_file_comes_back_as_it_was_and_stands_once() {
        let (desk, _store, _folder) = desk().await;
        desk.open(&new("Printer"), 10).await.unwrap();
        for _again in 0..2 {
            let ticket = attached(&desk, "error.png", b"one").await.unwrap();
            assert_eq!((ticket.attachments.len(), ticket.changed), (1, 20));
        }
        let ticket = attached(&desk, "error.png", b"two").await.unwrap();
        let names = ticket.attachments.iter().map(|file| (file.number, file.name.as_str()));
        assert_eq!(names.collect::<Vec<_>>(), [(1, "error.png"), (2, "error.png")]);
        let (file, content) = desk.attachment("1001", 2).await.unwrap();
        assert_eq!((file.author.as_str(), file.time, file.bytes), ("alice", 20, 3));
        assert_eq!(content, b"two");
        for number in [0, 3, u64::MAX] {
            let error = desk.attachment("1001", number).await.unwrap_err();
            assert!(matches!(error, DeskError::NoFile(..)), "{error}");
        }
        assert!(matches!(desk.attachment("1002", 1).await, Err(DeskError::NotFound(_))));
    }

    #[tokio::test]
    async fn what_may_not_be_kept_is_refused_before_it_is_sent() {
        let (desk, _store, _folder) = desk().await;
        desk.open(&new("Printer"), 10).await.unwrap();
        let good = announced("a.png", b"x");
        for bad in [
            TicketAttach { name: "../a.png".into(), ..good.clone() },
            TicketAttach { bytes: 0, ..good.clone() },
            TicketAttach { bytes: MAX_BYTES + 1, ..good.clone() },
            TicketAttach { sha256: vec![1; 31].into(), ..good.clone() },
        ] {
            assert!(matches!(desk.wanted(&bad).await, Err(DeskError::File(_))), "{bad:?}");
        }
        let elsewhere = TicketAttach { ticket: "1002".into(), ..good.clone() };
        assert!(matches!(desk.wanted(&elsewhere).await, Err(DeskError::NotFound(_))));
        let wanted = desk.wanted(&good).await.unwrap();
        for other in [&b"y"[..], b"", b"xx"] {
            let refused = desk.attach(&wanted, "alice", other, 20).await;
            assert!(matches!(refused, Err(DeskError::File(_))));
        }
        assert!(desk.show("1001").await.unwrap().attachments.is_empty());
    }

    #[tokio::test]
    async fn a_ticket_has_so_many_files_and_no_more() {
        let (desk, store, _folder) = desk().await;
        desk.open(&new("Printer"), 10).await.unwrap();
        for number in 0..MAX_FILES {
            attached(&desk, "a.png", number.to_string().as_bytes()).await.unwrap();
        }
        let full = attached(&desk, "a.png", b"one more").await.unwrap_err();
        assert!(full.to_string().contains("64 files and 256 MiB"), "{full}");
        // What stands there already is no more.
        attached(&desk, "a.png", b"0").await.unwrap();
        desk.open(&new("Mail"), 10).await.unwrap();
        let new = |content| NewAttachment {
            ticket: 1002,
            author: "alice",
            name: "a",
            sha256: [content; 32],
            content: &[0; 5],
        };
        let most = Most { files: 9, bytes: 10 };
        let kept = [
            store.attach(&new(1), most, 20).await.unwrap(),
            store.attach(&new(2), most, 20).await.unwrap(),
            store.attach(&new(3), most, 20).await.unwrap(),
        ];
        assert_eq!(kept, [true, true, false]);
    }
}
