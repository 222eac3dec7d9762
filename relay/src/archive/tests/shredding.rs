//! Seals go from the archive too, and nothing counts as shredded of which a sealed copy may be left.

use std::sync::atomic::Ordering;

use deskside_protocol::recording::{Reader, Step};

use super::*;
use crate::retention;

const DAY: u64 = 24 * 60 * 60;

fn shredded(bytes: &[u8]) -> (usize, [u8; 32]) {
    let (mut reader, mut rest, mut count) = (Reader::new(), bytes, 0);
    while let Step::Block(block) = reader.next(&mut rest).unwrap() {
        count += usize::from(block.is_shredded());
    }
    (count, *reader.finish(rest).unwrap().hash())
}

impl Desk {
    /// A time at which all of it is over, and which the relay believes.
    async fn later(&self) -> u64 {
        let now = clock::seconds() + 400 * DAY;
        assert_eq!(retention::sweep(&self.relay, now).await.unwrap(), 0, "a clock that jumped");
        now
    }

    async fn swept(&self, now: u64) -> usize {
        retention::sweep(&self.relay, now).await.unwrap()
    }

    async fn seals(&self, id: u8) -> usize {
        2 - shredded(&self.object(id).await.unwrap()).0
    }
}

#[tokio::test]
async fn seals_go_from_the_archive_too_and_the_chain_stays() {
    for desk in [Desk::in_memory().await, Desk::in_a_folder().await] {
        let bytes = desk.finished(1).await;
        desk.finished(2).await;
        // The other one is on its way, or there, or in between: the keeper ends wherever it is.
        desk.archived(2).await;
        assert!(desk.store().hold(&[2; 16], true).await.unwrap());
        let now = desk.later().await;
        assert_eq!(retention::sweep(&desk.relay, now).await.unwrap(), 1);
        let object = desk.object(1).await.unwrap();
        assert_eq!(shredded(&object), (2, shredded(&bytes).1));
        assert_eq!(desk.read(1).await, object);
        assert_eq!((desk.place(1).await, desk.file(1).exists()), (Place::Archive, false));
        assert_eq!(desk.row(1).await.bytes, object.len() as u64);
        assert_eq!(shredded(&desk.object(2).await.unwrap()).0, 0, "it is held");
        assert!(desk.store().hold(&[2; 16], false).await.unwrap());
        assert_eq!(retention::sweep(&desk.relay, now + DAY).await.unwrap(), 1);
        assert_eq!(shredded(&desk.object(2).await.unwrap()).0, 2);
    }
}

#[tokio::test]
async fn seals_that_could_not_go_from_the_archive_go_at_the_next_sweep() {
    let desk = Desk::in_memory().await;
    desk.finished(1).await;
    desk.archived(1).await;
    let now = desk.later().await;
    desk.mood.refuse.store(1, Ordering::Relaxed);
    assert_eq!(retention::sweep(&desk.relay, now).await.unwrap(), 0);
    assert_eq!(shredded(&desk.object(1).await.unwrap()).0, 0);
    assert_eq!(shredded(&desk.read(1).await).0, 2, "what is handed out has none");
    assert_eq!(retention::sweep(&desk.relay, now + DAY).await.unwrap(), 1);
    assert_eq!(shredded(&desk.object(1).await.unwrap()).0, 2);
}

#[tokio::test]
async fn what_the_archive_lacks_is_not_shredded() {
    let desk = Desk::in_memory().await;
    let bytes = desk.finished(1).await;
    desk.archived(1).await;
    let now = desk.later().await;
    // A bucket that is not there says the same.
    desk.replace(1, None).await;
    assert_eq!(desk.swept(now).await, 0);
    assert!(!desk.row(1).await.shredded);
    desk.replace(1, Some(bytes)).await;
    assert_eq!(desk.swept(now).await, 1);
    assert_eq!((desk.seals(1).await, desk.row(1).await.shredded), (0, true));
}

#[tokio::test]
async fn seals_go_wherever_the_database_thinks_that_they_are() {
    // A kill behind the file's end, and a database of before.
    for place in [Place::Both, Place::Folder] {
        let desk = Desk::in_memory().await;
        desk.finished(1).await;
        desk.archived(1).await;
        desk.store().set_place(&[1; 16], place).await.unwrap();
        let now = desk.later().await;
        assert_eq!(desk.swept(now).await, 1, "{place:?}");
        assert_eq!((desk.seals(1).await, desk.place(1).await), (0, Place::Archive), "{place:?}");
    }
}

#[tokio::test]
async fn an_archive_that_fails_is_left_alone_for_the_rest_of_a_sweep() {
    let desk = Desk::in_memory().await;
    for id in [1, 2] {
        desk.finished(id).await;
        desk.archived(id).await;
    }
    let third = desk.finished(3).await;
    let now = desk.later().await;
    desk.mood.refuse.store(1, Ordering::Relaxed);
    assert_eq!(desk.swept(now).await, 0);
    assert_eq!((desk.place(2).await, desk.seals(2).await), (Place::Archive, 2), "not asked");
    let in_the_folder = std::fs::read(desk.file(3)).unwrap();
    assert_eq!(shredded(&in_the_folder), (2, shredded(&third).1), "that needs no archive");
    assert_eq!(desk.swept(now).await, 3);
    assert_eq!([desk.seals(1).await, desk.seals(2).await, desk.seals(3).await], [0; 3]);
}

#[tokio::test]
async fn without_an_archive_what_may_be_in_one_is_not_shredded() {
    let desk = Desk::with(Arc::default(), |_| None).await;
    for id in [1, 2, 3] {
        desk.finished(id).await;
    }
    desk.store().set_place(&[1; 16], Place::Both).await.unwrap();
    desk.store().set_place(&[2; 16], Place::Archive).await.unwrap();
    std::fs::remove_file(desk.file(2)).unwrap();
    let now = desk.later().await;
    assert_eq!(desk.swept(now).await, 1);
    let done = [desk.row(1).await, desk.row(2).await, desk.row(3).await].map(|row| row.shredded);
    assert_eq!(done, [false, false, true]);
    assert_eq!(shredded(&std::fs::read(desk.file(1)).unwrap()).0, 2, "they are gone from here");
}

#[tokio::test]
async fn a_sealed_object_is_handed_out_no_more_once_its_time_is_over() {
    let desk = Desk::in_memory().await;
    desk.finished(1).await;
    desk.archived(1).await;
    let now = desk.later().await;
    assert!(desk.store().shred(&[1; 16], now).await.unwrap());
    let refused = desk.relay.archive.read(&desk.row(1).await).await;
    assert!(matches!(refused, Err(Fault::Shredding)));
    assert_eq!(desk.swept(now).await, 1);
    assert_eq!(shredded(&desk.read(1).await).0, 2);
}

#[tokio::test]
async fn what_somebody_removed_without_its_seals_waits_for_nobody() {
    let desk = Desk::in_memory().await;
    desk.finished(1).await;
    desk.finished(2).await;
    // Shredded before there was an archive; only one of them was sealed still.
    assert!(desk.store().shred(&[1; 16], 1).await.unwrap());
    desk.store().shredded(&[1; 16], 5).await.unwrap();
    for id in [1, 2] {
        std::fs::remove_file(desk.file(id)).unwrap();
    }
    desk.until(async || desk.place(1).await == Place::Gone).await;
    assert_eq!(desk.store().waiting_for_archive().await.unwrap().count, 1);
    assert_eq!(desk.place(2).await, Place::Folder, "that one is lost");
}
