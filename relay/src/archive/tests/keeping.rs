//! What the keeper makes of an archive that refuses, forgets, lies or was killed under.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use deskside_link::socket::Udp;
use deskside_protocol::policy::Recording as Rule;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::recorder::Recorder;

/// A session that is on, with two parts in its recording.
async fn on(desk: &Desk, id: u8) -> (Recorder, Arc<Recording>) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let recorder = Recorder::start(&Arc::new(Udp::new(socket).unwrap()), &desk.relay.metrics);
    let recorder = recorder.unwrap();
    let recording = recorder.create(&desk.file(id), Rule::Required).await.unwrap();
    let session = SessionId::from_bytes([id; 16]);
    desk.relay.archive.follow(session, &format!("{id}.dsr"), &recording);
    desk.store().open_session(new_session(id)).await.unwrap();
    recording.append(Kind::Event, 0, vec![7; 2 * SMALL_PART]).await.unwrap();
    (recorder, recording)
}

#[tokio::test]
async fn a_session_that_is_on_is_sent_in_parts() {
    let desk = Desk::in_memory().await;
    let (recorder, recording) = on(&desk, 1).await;
    desk.until(async || desk.mood.parts.load(Ordering::Relaxed) == 2).await;
    assert!(desk.object(1).await.is_none());
    assert_eq!(desk.store().uploads().await.unwrap().len(), 1);
    // The next keeper aborts what it finds, as after a kill, and that session begins anew.
    recording.append(Kind::Event, 0, vec![8; 100]).await.unwrap();
    let length = recording.length();
    drop(recording);
    let bytes = std::fs::read(desk.file(1)).unwrap();
    desk.close(1, length).await;
    desk.archived(1).await;
    assert_eq!(desk.object(1).await.unwrap(), bytes);
    let _ended = tokio::task::spawn_blocking(|| recorder.end()).await;
}

#[tokio::test]
async fn a_part_that_the_database_refuses_is_aborted_and_its_session_left_alone() {
    let desk = Desk::in_memory().await;
    let file = desk.relay.node.places().data.join("relay.db");
    let database = SqlitePool::connect_with(SqliteConnectOptions::new().filename(file));
    let database = database.await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON uploads WHEN NEW.recording = '1.dsr' \
                  BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::query(refuse).execute(&database).await.unwrap();
    let (recorder, recording) = on(&desk, 1).await;
    for id in 2..8 {
        desk.finished(id).await;
    }
    desk.until(async || {
        let waiting = desk.store().waiting_for_archive().await.unwrap().count;
        waiting == 0 && desk.mood.aborted.load(Ordering::Relaxed) > 0
    })
    .await;
    let counts = [&desk.mood.begun, &desk.mood.aborted].map(|it| it.load(Ordering::Relaxed));
    assert_eq!(counts, [7, 1], "its own was tried once");
    sqlx::query("DROP TRIGGER refuse").execute(&database).await.unwrap();
    let length = recording.length();
    drop(recording);
    desk.close(1, length).await;
    desk.archived(1).await;
    assert_eq!(desk.object(1).await.unwrap().len() as u64, length);
    let _ended = tokio::task::spawn_blocking(|| recorder.end()).await;
}

#[test]
fn a_recording_is_nobody_elses_until_its_file_is_gone() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let desk = Desk::in_memory().await;
        desk.finished(1).await;
        let (row, file) = (desk.row(1).await, desk.file(1));
        let claim = desk.relay.archive.claim(&row).await;
        // A disk that stalls.
        let (go_on, stalls) = std::sync::mpsc::channel::<()>();
        let stalled = tokio::task::spawn_blocking(move || stalls.recv());
        let goes = async {
            while claim.holders() < 2 {
                tokio::task::yield_now().await;
            }
        };
        // The keeper is ended in the middle.
        tokio::select! {
            done = settle(desk.store(), &row, &file, &claim) => panic!("{done:?}"),
            () = goes => {}
        }
        drop(claim);
        assert!(desk.relay.archive.claims.try_claim([1; 16]).is_none() && file.exists());
        go_on.send(()).unwrap();
        let _claim = desk.relay.archive.claim(&row).await;
        assert!(!file.exists());
        stalled.await.unwrap().unwrap();
    });
}

#[tokio::test]
async fn an_archive_that_refuses_and_forgets_is_asked_again() {
    let desk = Desk::in_memory().await;
    // The second request after that is in the middle of the first recording.
    desk.mood.refuse.store(2, Ordering::Relaxed);
    desk.mood.forget.store(1, Ordering::Relaxed);
    let bytes = [desk.finished(1).await, desk.finished(2).await];
    let mut failed = false;
    desk.until(async || {
        let numbers = desk.relay.metrics.render();
        failed |= numbers.contains("deskside_archive_failing 1");
        let over = ["deskside_archive_failing 0", "deskside_archived_total 2"];
        failed && over.iter().all(|line| numbers.contains(line))
    })
    .await;
    assert_eq!([desk.object(1).await.unwrap(), desk.object(2).await.unwrap()], bytes);
    assert!(!desk.file(1).exists() && !desk.file(2).exists());
}

#[tokio::test]
async fn an_upload_that_is_refused_without_a_reason_begins_anew() {
    let desk = Desk::in_memory().await;
    desk.mood.fail.store(2, Ordering::Relaxed);
    let bytes = desk.finished(1).await;
    desk.archived(1).await;
    assert_eq!(desk.object(1).await.unwrap(), bytes);
    assert_eq!(desk.mood.aborted.load(Ordering::Relaxed), 1);
    // Three parts, and the first one twice.
    assert_eq!(desk.mood.parts.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn no_file_goes_before_its_object_is_the_same() {
    let desk = Desk::in_memory().await;
    desk.mood.alter.store(1, Ordering::Relaxed);
    let bytes = desk.finished(1).await;
    desk.failing().await;
    assert_ne!(desk.object(1).await.unwrap(), bytes);
    assert_eq!((desk.place(1).await, std::fs::read(desk.file(1)).unwrap()), (Place::Folder, bytes));
    desk.archived(1).await;
    assert_eq!(desk.object(1).await.unwrap(), desk.read(1).await);
}

#[tokio::test]
async fn what_a_kill_left_behind_is_aborted_and_begun_anew() {
    for desk in [Desk::in_memory().await, Desk::in_a_folder().await] {
        let bytes = desk.finished(1).await;
        let (objects, path) = (desk.objects(), desk.path(1));
        let id = objects.begin(&path).await.unwrap();
        objects.put(&path, &id, 0, vec![0; SMALL_PART].into()).await.unwrap();
        desk.store().begin_upload(&id, "1.dsr").await.unwrap();
        desk.archived(1).await;
        assert_eq!(desk.object(1).await.unwrap(), bytes);
        assert!(desk.store().uploads().await.unwrap().is_empty());
        assert!(objects.put(&path, &id, 1, Bytes::new()).await.is_err(), "it was aborted");
        // Killed between the check and the file's end: nothing is sent a second time.
        std::fs::write(desk.file(1), &bytes).unwrap();
        desk.store().set_place(&[1; 16], Place::Both).await.unwrap();
        let before = desk.mood.parts.load(Ordering::Relaxed);
        desk.archived(1).await;
        assert!(!desk.file(1).exists());
        assert_eq!(desk.mood.parts.load(Ordering::Relaxed), before);
    }
}

#[tokio::test]
async fn a_recording_that_cannot_go_holds_up_no_other() {
    let desk = Desk::in_memory().await;
    desk.finished(1).await;
    std::fs::remove_file(desk.file(1)).unwrap();
    let bytes = desk.finished(2).await;
    desk.archived(2).await;
    assert_eq!(desk.object(2).await.unwrap(), bytes);
    assert_eq!(desk.place(1).await, Place::Folder);
    assert!(desk.relay.metrics.render().contains("deskside_archive_failing 0"));
}

#[tokio::test]
async fn a_recording_that_the_archive_always_refuses_holds_up_no_other() {
    let desk = Desk::in_memory().await;
    *desk.mood.never.lock().unwrap() = Some("1.dsr".into());
    desk.finished(1).await;
    let mut others_came = false;
    desk.until(async || {
        if !others_came && desk.is_failing() {
            desk.finished(2).await;
            desk.finished(3).await;
            others_came = true;
        }
        others_came && desk.store().waiting_for_archive().await.unwrap().count == 1
    })
    .await;
    assert_eq!(desk.place(1).await, Place::Folder);
    *desk.mood.never.lock().unwrap() = None;
    desk.archived(1).await;
}

#[tokio::test]
async fn another_archive_than_before_gets_nothing() {
    let desk = Desk::in_a_folder().await;
    desk.finished(1).await;
    desk.archived(1).await;
    let (archive, disk) = (desk.root.path().join("elsewhere"), desk.root.path().join("disk"));
    // The disk is not mounted: what is there is the folder below.
    std::fs::rename(&archive, &disk).unwrap();
    std::fs::create_dir(&archive).unwrap();
    let bytes = desk.finished(2).await;
    let said = desk.relay.archive.is_another(desk.store()).await.unwrap();
    assert!(said.contains("is its disk mounted"), "{said}");
    desk.failing().await;
    assert_eq!((desk.place(2).await, std::fs::read(desk.file(2)).unwrap()), (Place::Folder, bytes));
    assert_eq!(std::fs::read_dir(&archive).unwrap().count(), 0);
    std::fs::remove_dir(&archive).unwrap();
    std::fs::rename(&disk, &archive).unwrap();
    assert_eq!(desk.relay.archive.is_another(desk.store()).await, None);
    desk.archived(2).await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_aborted_is_in_nobodys_way() {
    let desk = Desk::in_memory().await;
    let id = desk.objects().begin(&desk.path(9)).await.unwrap();
    desk.store().begin_upload(&id, "9.dsr").await.unwrap();
    desk.mood.keeps.store(true, Ordering::Relaxed);
    desk.finished(1).await;
    desk.archived(1).await;
    assert_eq!(desk.store().uploads().await.unwrap().len(), 1, "the next start tries again");
    desk.mood.keeps.store(false, Ordering::Relaxed);
    desk.until(async || desk.store().uploads().await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn what_a_sweep_has_begun_is_not_aborted() {
    let desk = Desk::in_memory().await;
    desk.finished(1).await;
    let id = desk.objects().begin(&desk.path(1)).await.unwrap();
    desk.store().begin_upload(&id, "1.dsr").await.unwrap();
    let claim = desk.relay.archive.claim(&desk.row(1).await).await;
    desk.finished(2).await;
    desk.archived(2).await;
    assert_eq!(desk.mood.aborted.load(Ordering::Relaxed), 0);
    drop(claim);
    desk.archived(1).await;
    assert_eq!(desk.mood.aborted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_was_checked_before_is_checked_again_before_its_file_goes() {
    let desk = Desk::in_memory().await;
    let bytes = desk.finished(1).await;
    desk.archived(1).await;
    std::fs::write(desk.file(1), &bytes).unwrap();
    desk.replace(1, Some(vec![0; bytes.len()])).await;
    desk.store().set_place(&[1; 16], Place::Both).await.unwrap();
    desk.archived(1).await;
    assert_eq!(desk.object(1).await.unwrap(), bytes);
}

#[tokio::test]
async fn what_is_too_large_is_not_begun() {
    let desk = Desk::in_parts_of(2).await;
    desk.finished(1).await;
    let row = desk.row(1).await;
    let claim = desk.relay.archive.claim(&row).await;
    let refused = desk.relay.archive.write_anew(desk.store(), &row, &claim).await;
    assert!(matches!(refused, Err(Fault::TooLarge)), "{refused:?}");
    assert_eq!(desk.mood.begun.load(Ordering::Relaxed), 0);
}
