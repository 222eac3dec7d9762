//! Recordings go over and come back, with an archive that refuses, forgets, lies or was killed under.

mod keeping;
mod moody;
mod shredding;

use deskside_link::random::System;
use deskside_protocol::recording::{Kind, Writer};
use moody::{Mood, Moody};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::objects::Objects;
use super::*;
use crate::clock;
use crate::log::{Book, Log};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::relay::Relay;
use crate::store::SessionEnd;
use crate::store::new_session;

/// Bytes of a part, here: a recording of 20,000 has three.
const SMALL_PART: usize = 8 * 1024;
/// Until a recording is where it belongs: the longest pause of these tests is 2 s.
const SOON: Duration = Duration::from_secs(30);

/// A relay with an archive in memory or in a folder.
struct Desk {
    relay: Arc<Relay>,
    mood: Arc<Mood>,
    root: TempDir,
}

impl Desk {
    async fn in_memory() -> Self {
        Self::in_parts_of(SMALL_PART).await
    }

    async fn in_parts_of(part: usize) -> Self {
        let (inner, mood) = (Arc::new(InMemory::new()), Arc::new(Mood::default()));
        let objects = Objects {
            objects: inner.clone(),
            parts: Arc::new(Moody { inner, mood: mood.clone() }),
            prefix: ObjectPath::from("desk/eu"),
            part,
            name: "memory".into(),
            endpoint: None,
        };
        Self::with(mood, |_| Some(Remote::new(objects))).await
    }

    async fn in_a_folder() -> Self {
        let mood = Arc::default();
        Self::with(mood, |folder| {
            let address = Address::Folder(folder.join("elsewhere"));
            let mut objects = Settings { address, credentials: None }.open().unwrap();
            objects.part = SMALL_PART;
            objects.parts = Arc::new(folder::Folder::new(folder.join("elsewhere"), SMALL_PART));
            Some(Remote::new(objects))
        })
        .await
    }

    async fn with(mood: Arc<Mood>, remote: impl FnOnce(&Path) -> Option<Remote>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::under(folder.path().join("relay"));
        let recordings = places.recordings.clone();
        let now = clock::seconds();
        let started = Node::start(places, "Example Help", now, &mut System::new()).await;
        let (node, _) = started.unwrap();
        let log = Log::open(&node.places().log(), node.key()).unwrap();
        let remote = remote(folder.path());
        let archive = Archive { folder: recordings, claims: Arc::default(), remote };
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
        Self { relay, mood, root: folder }
    }

    fn store(&self) -> &Store {
        self.relay.node.store()
    }

    fn objects(&self) -> &Objects {
        &self.remote().objects
    }

    fn remote(&self) -> &Remote {
        self.relay.archive.remote.as_ref().unwrap()
    }

    fn path(&self, id: u8) -> ObjectPath {
        self.objects().path(&format!("{id}.dsr"))
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
        let got = self.objects().objects.get(&self.path(id)).await.ok()?;
        Some(got.bytes().await.unwrap().to_vec())
    }

    /// Somebody else puts an object there, or takes it away.
    async fn replace(&self, id: u8, bytes: Option<Vec<u8>>) {
        let (store, path) = (&self.objects().objects, self.path(id));
        match bytes {
            Some(bytes) => drop(store.put(&path, bytes.into()).await.unwrap()),
            None => store.delete(&path).await.unwrap(),
        }
    }

    fn is_failing(&self) -> bool {
        self.relay.metrics.render().contains("deskside_archive_failing 1")
    }

    async fn failing(&self) {
        self.until(async || self.is_failing()).await;
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
        desk.replace(1, None).await;
        assert_eq!(desk.relay.archive.missing(std::slice::from_ref(&row)).await.unwrap(), [true]);
        assert!(desk.relay.archive.read(&row).await.unwrap_err().is_missing());
        assert!(desk.store().uploads().await.unwrap().is_empty());
    }
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

#[tokio::test]
async fn who_waits_too_long_behind_other_readers_is_told_so() {
    let desk = Desk::in_memory().await;
    let bytes = desk.finished(1).await;
    desk.archived(1).await;
    let row = desk.row(1).await;
    let others = desk.remote().readers.acquire_many(8).await.unwrap();
    tokio::time::pause();
    assert!(matches!(desk.relay.archive.read(&row).await, Err(Fault::Busy)));
    tokio::time::resume();
    // The relay's own work waits for no reader.
    desk.relay.archive.bring_back(desk.store(), &row).await.unwrap();
    assert_eq!(std::fs::read(desk.file(1)).unwrap(), bytes);
    drop(others);
}

#[tokio::test]
async fn a_list_has_what_an_archive_said_in_time() {
    let slow = ThrottleConfig { wait_get_per_call: Duration::from_secs(3), ..Default::default() };
    let inner = Arc::new(InMemory::new());
    let objects = Objects {
        objects: Arc::new(ThrottledStore::new(inner.clone(), slow)),
        parts: inner,
        prefix: ObjectPath::default(),
        part: SMALL_PART,
        name: "memory".into(),
        endpoint: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let (folder_path, remote) = (folder.path().into(), Some(Remote::new(objects)));
    let archive = Archive { folder: folder_path, claims: Arc::default(), remote };
    let desk = Desk::in_memory().await;
    desk.finished(1).await;
    let rows = vec![desk.row(1).await; 17];
    tokio::time::pause();
    // Sixteen looks at once take 3 s; the next comes to its end after 6 s.
    let missing = archive.missing(&rows).await.unwrap();
    assert_eq!((missing[..16].to_vec(), missing[16]), (vec![true; 16], false));
}

#[test]
fn a_folder_is_not_its_own_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut places = Places::under(folder.path().join("relay"));
    std::os::unix::fs::symlink(&places.recordings, folder.path().join("link")).unwrap();
    let named = |path: PathBuf| Settings { address: Address::Folder(path), credentials: None };
    // At the first start, when neither is there yet.
    for same in ["link", "relay/recordings", "relay/../relay/recordings"] {
        drop(std::fs::remove_dir(&places.recordings));
        places.archive = Some(named(folder.path().join(same)));
        assert_eq!(Archive::open(&places).unwrap().name(), None, "{same}");
    }
    places.archive = Some(named(folder.path().join("elsewhere")));
    assert!(Archive::open(&places).unwrap().name().unwrap().ends_with("/elsewhere"));
}
