//! Pictures that the technician took for the ticket go there before the note that names them.

use std::path::Path;

use bytes::Bytes;
use deskside_protocol::wire::signal::signal::Kind;

use crate::failure::{Failure, sentence_of};
use crate::note::{Picture, Record};
use crate::ticket::Handed;

/// Attaches what is not attached yet, and marks it. Gives a sentence for each that could not be.
pub(super) async fn attach(
    record: &mut Record,
    ticket: &str,
    hand_in: &impl AsyncFn(Kind, Bytes) -> anyhow::Result<Kind>,
) -> Vec<String> {
    let mut troubles = Vec::new();
    for picture in record.pictures.iter_mut().filter(|picture| picture.sha256.is_empty()) {
        if let Err(error) = one(picture, ticket, hand_in).await {
            let (path, why) = (picture.path.display(), sentence_of(&error));
            troubles.push(format!(
                "A screenshot is not on the ticket ({why}). Once that is mended: deskside ticket attach {ticket} {path}"
            ));
        }
    }
    troubles
}

async fn one(
    picture: &mut Picture,
    ticket: &str,
    hand_in: &impl AsyncFn(Kind, Bytes) -> anyhow::Result<Kind>,
) -> anyhow::Result<()> {
    let Handed { announced, content } = Handed::read(ticket, Path::new(&picture.path)).await?;
    let (bytes, sha256) = (announced.bytes, announced.sha256.to_vec());
    if let Kind::Refused(refused) = hand_in(Kind::TicketAttach(announced), content).await? {
        return Err(Failure::from(&refused).into());
    }
    (picture.bytes, picture.sha256) = (bytes, sha256);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use deskside_protocol::wire::signal::{Refused, Ticket, refused};

    use super::*;

    #[tokio::test]
    async fn each_is_attached_once_and_one_that_is_refused_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::default();
        for name in ["a.png", "b.png", "gone.png"] {
            record.pictured(1, &folder.path().join(name));
            if name != "gone.png" {
                std::fs::write(folder.path().join(name), name).unwrap();
            }
        }
        let asked = RefCell::new(Vec::new());
        let hand_in = async |kind: Kind, content: Bytes| {
            let Kind::TicketAttach(attach) = kind else { unreachable!() };
            asked.borrow_mut().push((attach.name.clone(), content));
            if attach.name == "b.png" {
                let (code, text) = (refused::Code::BadRequest.into(), "too many".to_owned());
                return Ok(Kind::Refused(Refused { code, text }));
            }
            Ok(Kind::Ticket(Ticket::default()))
        };
        let troubles = attach(&mut record, "7", &hand_in).await;
        assert_eq!(troubles.len(), 2);
        assert!(troubles[0].contains("too many") && troubles[0].ends_with("b.png"), "{troubles:?}");
        assert!(troubles[1].contains("gone.png: No such file"), "{troubles:?}");
        let hashes = record.pictures.iter().map(|picture| picture.sha256.len());
        assert_eq!(hashes.collect::<Vec<_>>(), [32, 0, 0]);
        // Tried again, the first is there already.
        attach(&mut record, "7", &hand_in).await;
        let names = asked.borrow().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names, ["a.png", "b.png", "b.png"]);
        assert_eq!(asked.borrow()[0].1, "a.png");
    }
}
