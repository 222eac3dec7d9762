//! Recordings go over and come back, with an archive that refuses, forgets, lies or was killed under.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use deskside_link::random::System;
use deskside_link::socket::Udp;
use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::{Kind, Reader, Step, Writer};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartId, ObjectStoreExt as _, PutPayload, PutResult};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::log::{Book, Log};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::recorder::Recorder;
use crate::relay::Relay;
use crate::store::SessionEnd;
use crate::store::new_session;
use crate::{clock, retention};

/// Bytes of a part, here: a recording of 20,000 has three.
const SMALL_PART: usize = 8 * 1024;
/// Until a recording is where it belongs: the longest pause of these tests is 2 s.
const SOON: Duration = Duration::from_secs(30);
const DAY: u64 = 24 * 60 * 60;

/// What a test has the archive do to parts.
#[derive(Debug, Default)]
struct Mood {
    /// So many requests are refused first.
    refuse: AtomicUsize,
    /// So many uploads are forgotten when they are to be completed.
    forget: AtomicUsize,
    /// So many objects get another first byte.
    alter: AtomicUsize,
    /// So many parts get an answer that says nothing.
    fail: AtomicUsize,
    parts: AtomicUsize,
    aborted: AtomicUsize,
}

fn take(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[derive(Debug)]
struct Moody {
    inner: Arc<InMemory>,
    mood: Arc<Mood>,
}

impl Moody {
    fn asked(&self) -> object_store::Result<()> {
        if take(&self.mood.refuse) {
            let source = "error sending request".into();
            return Err(object_store::Error::Generic { store: "test", source });
        }
        Ok(())
    }
}

#[async_trait]
impl MultipartStore for Moody {
    async fn create_multipart(&self, path: &ObjectPath) -> object_store::Result<MultipartId> {
        self.asked()?;
        self.inner.create_multipart(path).await
    }

    async fn put_part(
        &self,
        path: &ObjectPath,
        id: &MultipartId,
        number: usize,
        data: PutPayload,
    ) -> object_store::Result<PartId> {
        self.asked()?;
        if number > 0 && take(&self.mood.fail) {
            let source = "500 Internal Server Error".into();
            return Err(object_store::Error::Generic { store: "test", source });
        }
        self.mood.parts.fetch_add(1, Ordering::Relaxed);
        unknown(path, self.inner.put_part(path, id, number, data).await)
    }

    async fn complete_multipart(
        &self,
        path: &ObjectPath,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        self.asked()?;
        if take(&self.mood.forget) {
            self.inner.abort_multipart(path, id).await?;
        }
        let done = unknown(path, self.inner.complete_multipart(path, id, parts).await)?;
        if take(&self.mood.alter) {
            let mut bytes = self.inner.get(path).await?.bytes().await?.to_vec();
            bytes[0] ^= 1;
            self.inner.put(path, bytes.into()).await?;
        }
        Ok(done)
    }

    async fn abort_multipart(
        &self,
        path: &ObjectPath,
        id: &MultipartId,
    ) -> object_store::Result<()> {
        self.mood.aborted.fetch_add(1, Ordering::Relaxed);
        unknown(path, self.inner.abort_multipart(path, id).await)
    }
}

/// What S3 says of an upload that it does not know.
fn unknown<T>(path: &ObjectPath, answer: object_store::Result<T>) -> object_store::Result<T> {
    answer.map_err(|error| {
        if !error.to_string().contains("not found") {
            return error;
        }
        object_store::Error::NotFound { path: path.to_string(), source: error.into() }
    })
}

/// A relay with an archive in memory or in a folder.
struct Desk {
    relay: Arc<Relay>,
    mood: Arc<Mood>,
    _folder: TempDir,
}

impl Desk {
    async fn in_memory() -> Self {
        let (inner, mood) = (Arc::new(InMemory::new()), Arc::new(Mood::default()));
        let objects = Objects {
            objects: inner.clone(),
            parts: Arc::new(Moody { inner, mood: mood.clone() }),
            prefix: ObjectPath::from("desk/eu"),
            part: SMALL_PART,
            name: "memory".into(),
            endpoint: None,
        };
        Self::with(mood, |_| Remote::new(objects)).await
    }

    async fn in_a_folder() -> Self {
        let mood = Arc::default();
        Self::with(mood, |folder| {
            let address = Address::Folder(folder.join("elsewhere"));
            let mut objects = Settings { address, credentials: None }.open().unwrap();
            objects.part = SMALL_PART;
            objects.parts = Arc::new(folder::Folder::new(folder.join("elsewhere"), SMALL_PART));
            Remote::new(objects)
        })
        .await
    }

    async fn with(mood: Arc<Mood>, remote: impl FnOnce(&Path) -> Remote) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::under(folder.path().join("relay"));
        let recordings = places.recordings.clone();
        let now = clock::seconds();
        let started = Node::start(places, "Example Help", now, &mut System::new()).await;
        let (node, _) = started.unwrap();
        let log = Log::open(&node.places().log(), node.key()).unwrap();
        let archive = Archive { folder: recordings, remote: Some(remote(folder.path())) };
        let relay = Arc::new(Relay {
            node,
            book: Book::new(log),
            archive,
            metrics: Metrics::new(),
            origin: "127.0.0.1:1".into(),
            certificate: None,
            sign_in: None,
            phases: crate::limits::Phases::default(),
            limits: Arc::new(crate::limits::Limits::new(Vec::new())),
            began: tokio::time::Instant::now(),
        });
        Self { relay, mood, _folder: folder }
    }

    fn store(&self) -> &Store {
        self.relay.node.store()
    }

    fn objects(&self) -> &Objects {
        &self.relay.archive.remote.as_ref().unwrap().objects
    }

    fn file(&self, id: u8) -> PathBuf {
        self.relay.archive.folder.join(format!("{id}.dsr"))
    }

    /// A recording that has ended, with two seals in it.
    async fn finished(&self, id: u8) -> Vec<u8> {
        let (mut writer, preamble) = Writer::create();
        let mut bytes = preamble.to_vec();
        for kind in [Kind::Event, Kind::Seal, Kind::Packets, Kind::Seal] {
            let next = writer.block(kind, 0, 5, &[id; 5000], &mut bytes).unwrap();
            writer.commit(next);
        }
        std::fs::write(self.file(id), &bytes).unwrap();
        self.store().open_session(new_session(id)).await.unwrap();
        self.close(id, bytes.len() as u64).await;
        bytes
    }

    async fn close(&self, id: u8, bytes: u64) {
        let end = SessionEnd { closed_at: 1000, reason: 1, bytes, hash: None };
        assert!(self.store().close_session(&[id; 16], end).await.unwrap());
        self.relay.archive.ended();
    }

    async fn row(&self, id: u8) -> SessionRow {
        self.store().session(&[id; 16]).await.unwrap().unwrap()
    }

    async fn place(&self, id: u8) -> Place {
        self.row(id).await.place
    }

    async fn read(&self, id: u8) -> Vec<u8> {
        let row = self.row(id).await;
        let mut reading = self.relay.archive.read(&row).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = reading.next().await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
        assert_eq!(bytes.len() as u64, reading.length());
        bytes
    }

    async fn object(&self, id: u8) -> Option<Vec<u8>> {
        let objects = self.objects();
        let got = objects.objects.get(&objects.path(&format!("{id}.dsr"))).await.ok()?;
        Some(got.bytes().await.unwrap().to_vec())
    }

    /// The keeper works until it has come to what the test waits for.
    async fn until(&self, mut there: impl AsyncFnMut() -> bool) {
        let stop = CancellationToken::new();
        let watched = async {
            while !there().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.cancel();
        };
        let both = async { tokio::join!(keep(&self.relay, stop.clone()), watched) };
        tokio::time::timeout(SOON, both).await.expect("it never came to that");
    }

    async fn archived(&self, id: u8) {
        self.until(async || self.place(id).await == Place::Archive).await;
    }
}

fn shredded(bytes: &[u8]) -> (usize, [u8; 32]) {
    let (mut reader, mut rest, mut count) = (Reader::new(), bytes, 0);
    while let Step::Block(block) = reader.next(&mut rest).unwrap() {
        count += usize::from(block.is_shredded());
    }
    (count, *reader.finish(rest).unwrap().hash())
}

#[tokio::test]
async fn a_finished_recording_goes_over_and_reads_the_same() {
    for desk in [Desk::in_memory().await, Desk::in_a_folder().await] {
        let bytes = desk.finished(1).await;
        assert_eq!(desk.read(1).await, bytes);
        desk.archived(1).await;
        assert!(!desk.file(1).exists());
        assert_eq!(desk.object(1).await.unwrap(), bytes);
        assert_eq!(desk.read(1).await, bytes);
        let row = desk.row(1).await;
        assert_eq!(desk.relay.archive.missing(std::slice::from_ref(&row)).await.unwrap(), [false]);
        let objects = desk.objects();
        objects.objects.delete(&objects.path("1.dsr")).await.unwrap();
        assert_eq!(desk.relay.archive.missing(std::slice::from_ref(&row)).await.unwrap(), [true]);
        assert!(desk.relay.archive.read(&row).await.unwrap_err().is_missing());
        assert!(desk.store().uploads().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_session_that_is_on_is_sent_in_parts() {
    let desk = Desk::in_memory().await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let recorder = Recorder::start(&Arc::new(Udp::new(socket).unwrap()), &desk.relay.metrics);
    let recorder = recorder.unwrap();
    let recording = recorder.create(&desk.file(1), Rule::Required).await.unwrap();
    desk.relay.archive.follow(SessionId::from_bytes([1; 16]), "1.dsr", &recording);
    desk.store().open_session(new_session(1)).await.unwrap();
    recording.append(Kind::Event, 0, vec![7; 2 * SMALL_PART]).await.unwrap();
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
    desk.until(async || desk.relay.metrics.render().contains("deskside_archive_failing 1")).await;
    assert_ne!(desk.object(1).await.unwrap(), bytes);
    assert_eq!((desk.place(1).await, std::fs::read(desk.file(1)).unwrap()), (Place::Folder, bytes));
    desk.archived(1).await;
    assert_eq!(desk.object(1).await.unwrap(), desk.read(1).await);
}

#[tokio::test]
async fn what_a_kill_left_behind_is_aborted_and_begun_anew() {
    for desk in [Desk::in_memory().await, Desk::in_a_folder().await] {
        let bytes = desk.finished(1).await;
        let (objects, path) = (desk.objects(), desk.objects().path("1.dsr"));
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
async fn seals_go_from_the_archive_too_and_the_chain_stays() {
    for desk in [Desk::in_memory().await, Desk::in_a_folder().await] {
        let bytes = desk.finished(1).await;
        desk.finished(2).await;
        desk.archived(2).await;
        assert!(desk.store().hold(&[2; 16], true).await.unwrap());
        let now = clock::seconds() + 400 * DAY;
        assert_eq!(retention::sweep(&desk.relay, now).await.unwrap(), 0, "a clock that jumped");
        // One of them was archived before, perhaps both.
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
    let now = clock::seconds() + 400 * DAY;
    retention::sweep(&desk.relay, now).await.unwrap();
    desk.mood.refuse.store(1, Ordering::Relaxed);
    assert_eq!(retention::sweep(&desk.relay, now).await.unwrap(), 0);
    assert_eq!(shredded(&desk.object(1).await.unwrap()).0, 0);
    assert_eq!(shredded(&desk.read(1).await).0, 2, "what is handed out has none");
    assert_eq!(retention::sweep(&desk.relay, now + DAY).await.unwrap(), 1);
    assert_eq!(shredded(&desk.object(1).await.unwrap()).0, 2);
}

#[tokio::test]
async fn an_object_that_is_written_anew_is_not_read_half_and_half() {
    let desk = Desk::in_memory().await;
    let objects = desk.objects();
    let path = objects.path("1.dsr");
    objects.objects.put(&path, vec![1; 9 << 20].into()).await.unwrap();
    let mut object = objects.open(&path).await.unwrap();
    assert_eq!(object.next().await.unwrap().unwrap().len(), 4 << 20);
    objects.objects.put(&path, vec![2; 9 << 20].into()).await.unwrap();
    let changed = object.next().await;
    assert!(matches!(changed, Err(object_store::Error::Precondition { .. })), "{changed:?}");
}

#[test]
fn a_folder_is_not_its_own_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut places = Places::under(folder.path().join("relay"));
    std::fs::create_dir_all(&places.recordings).unwrap();
    let named = |path: PathBuf| Settings { address: Address::Folder(path), credentials: None };
    places.archive = Some(named(folder.path().join("relay/../relay/recordings")));
    assert_eq!(Archive::open(&places).unwrap().name(), None);
    places.archive = Some(named(folder.path().join("elsewhere")));
    assert!(Archive::open(&places).unwrap().name().unwrap().ends_with("/elsewhere"));
}

#[test]
fn every_fault_of_an_archive_has_its_sentence() {
    let objects = Objects {
        objects: Arc::new(InMemory::new()),
        parts: Arc::new(InMemory::new()),
        prefix: ObjectPath::default(),
        part: SMALL_PART,
        name: "s3://audio/".into(),
        endpoint: Some("https://s3.example".into()),
    };
    let generic = |text: &str| object_store::Error::Generic { store: "S3", source: text.into() };
    let denied = |text: &str| object_store::Error::PermissionDenied {
        path: "x".into(),
        source: text.into(),
    };
    let missing = object_store::Error::NotFound { path: "x".into(), source: "NoSuchBucket".into() };
    for (error, expected) in [
        (denied("<Code>InvalidAccessKeyId</Code>"), "does not know these keys: look at AWS_"),
        (denied("<Code>AccessDenied</Code>"), "refuses: allow these keys"),
        (missing, "there is no s3://audio/ at https://s3.example: make the bucket"),
        (generic("error sending request"), "cannot be reached: look at the address"),
        (generic("a\n b"), "cannot be used: a b"),
    ] {
        let sentence = fault::sentence(&objects, &error);
        assert!(sentence.contains(expected), "{sentence}");
    }
}
