//! The log on a real disk: what it says is there after every crash, whatever the crash left.

use std::collections::BTreeMap;

use deskside_protocol::log::evidence::path;
use deskside_protocol::log::proof::{verify_consistency, verify_inclusion};
use deskside_protocol::log::tile::Content;
use deskside_protocol::log::tree::leaf_hash;
use deskside_protocol::log::{Frontier, Head, TilePath, What};
use deskside_protocol::session::SessionId;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([byte; 32]))
}

fn leaf(number: u64) -> Leaf {
    let what = What::Close { last: None, reason: 1 };
    Leaf { session: SessionId::from_bytes([7; 16]), what, time_us: number }
}

fn entry(number: u64) -> Vec<u8> {
    leaf(number).encode()
}

/// The root over the first `size` of them.
fn root(size: u64) -> [u8; 32] {
    let mut tree = Frontier::default();
    for number in 0..size {
        tree.push(leaf_hash(&entry(number)));
    }
    tree.root()
}

fn shelf(folder: &Path) -> Result<(Shelf, SignedHead), LogError> {
    Shelf::open(Files::at(folder), key(2))
}

/// A log of so many entries, written in batches of `batch`.
fn written(size: u64, batch: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = shelf(folder.path()).unwrap();
    let entries: Vec<_> = (0..size).map(entry).collect();
    for some in entries.chunks(batch) {
        let some: Vec<_> = some.iter().map(Vec::as_slice).collect();
        log.append(&some).unwrap();
    }
    folder
}

fn cut(path: &Path, length: u64) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// All files below a folder, by path.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for found in std::fs::read_dir(folder).unwrap() {
        let path = found.unwrap().path();
        if path.is_dir() {
            all.append(&mut content(&path));
        } else {
            all.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    all
}

#[test]
fn a_log_is_the_same_however_it_was_written() {
    let names = |folder: &TempDir| -> Vec<_> {
        let all = content(folder.path());
        all.into_iter()
            .map(|(path, bytes)| (path.strip_prefix(folder.path()).unwrap().to_owned(), bytes))
            .collect()
    };
    for size in [0, 1, 255, 256, 257, 600] {
        let (one, other) = (written(size, 1), written(size, 250));
        assert_eq!(names(&one), names(&other), "{size}");
        let (_, head) = shelf(one.path()).unwrap();
        assert_eq!((head.head.size, head.head.root), (size, root(size)));
        assert_eq!(names(&one), names(&other), "{size}, opened again");
    }
}

#[test]
fn every_entry_is_proven_and_every_size_goes_on() {
    let folder = written(600, 100);
    let files = Files::at(folder.path());
    let head = Head { origin: String::new(), size: 600, root: root(600) };
    for index in [0, 1, 255, 256, 511, 512, 599] {
        let proven = files.inclusion(index, &head).unwrap().unwrap();
        let path = path(&proven.path).unwrap();
        let hash = leaf_hash(&entry(index));
        assert_eq!(proven.leaf, entry(index));
        assert_eq!(verify_inclusion(&hash, index, 600, &path, &head.root), Ok(()));
    }
    assert!(files.inclusion(600, &head).unwrap().is_none());
    for old in [1, 255, 256, 300, 599] {
        let proof = path(&files.consistency(old, &head).unwrap()).unwrap();
        let (before, now) = ((old, &root(old)), (600, &head.root));
        assert_eq!(verify_consistency(before, now, &proof), Ok(()));
    }
}

#[test]
fn a_tile_is_as_wide_as_was_asked() {
    let folder = written(300, 300);
    let files = Files::at(folder.path());
    let read = |path: &str| files.read(&path.parse().unwrap()).unwrap().map(|tile| tile.len());
    assert_eq!(read("tile/0/000"), Some(8192));
    assert_eq!((read("tile/0/001.p/44"), read("tile/0/001.p/3")), (Some(44 * 32), Some(96)));
    assert_eq!(
        (read("tile/0/001.p/45"), read("tile/0/001"), read("tile/0/002")),
        (None, None, None)
    );
    assert_eq!((read("tile/1/000.p/1"), read("tile/2/000.p/1")), (Some(32), None));
    let length = 2 + entry(0).len();
    assert_eq!(read("tile/entries/001.p/2"), Some(2 * length));
    let of = TilePath::of(Content::Entries, 1, 300).unwrap();
    assert_eq!(files.read(&of).unwrap().map(|tile| tile.len()), Some(44 * length));
}

/// A crash leaves any part of the last write, in any of the files, and an old head or none.
#[test]
fn every_torn_end_is_cut_and_the_tiles_are_made_again() {
    for size in [1, 5, 256, 257] {
        let whole = content(written(size, 300).path());
        let length = entry(0).len() + 2;
        for missing in 0..=length {
            let folder = written(size, 300);
            std::fs::remove_file(folder.path().join("checkpoint")).unwrap();
            let files = Files::at(folder.path());
            let bundle = files.path(Content::Entries, (size - 1) / 256);
            let full = std::fs::metadata(&bundle).unwrap().len();
            cut(&bundle, full - missing as u64);
            // And some tile that is behind, or ahead.
            let tile = files.path(Content::Hashes(0), (size - 1) / 256);
            let mut torn = std::fs::read(&tile).unwrap();
            torn.truncate(torn.len() - missing.min(torn.len()));
            std::fs::write(&tile, torn).unwrap();
            let (mut log, head) = shelf(folder.path()).unwrap();
            let left = if missing == 0 { size } else { size - 1 };
            assert_eq!((head.head.size, head.head.root), (left, root(left)), "{size} {missing}");
            if missing > 0 {
                let (first, head) = log.append(&[&entry(size - 1)]).unwrap();
                assert_eq!((first, head.head.root), (size - 1, root(size)));
                let again: Vec<_> = content(folder.path()).into_values().collect();
                assert_eq!(again, whole.values().cloned().collect::<Vec<_>>(), "{size} {missing}");
            }
        }
    }
}

#[test]
fn a_log_that_was_cut_back_or_altered_is_refused() {
    let folder = written(300, 300);
    let bundle = Files::at(folder.path()).path(Content::Entries, 1);
    let whole = std::fs::read(&bundle).unwrap();
    let refused = || shelf(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
    cut(&bundle, whole.len() as u64 - 1);
    assert!(refused().contains("shorter than its own head"), "{}", refused());
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&bundle, altered).unwrap();
    assert!(refused().contains("not those of its own head"), "{}", refused());
    std::fs::write(&bundle, whole).unwrap();
    assert_eq!((refused(), look(folder.path()).unwrap()), (String::new(), 300));
    let tile = Files::at(folder.path()).path(Content::Hashes(0), 1);
    let mut altered = std::fs::read(&tile).unwrap();
    altered[9] ^= 1;
    std::fs::write(&tile, altered).unwrap();
    assert!(matches!(look(folder.path()), Err(LogError::Damaged { .. })));
    assert_eq!(look(&folder.path().join("elsewhere")).unwrap(), 0);
}

#[test]
fn another_node_key_goes_on_with_the_same_log() {
    let folder = written(3, 3);
    let (_, before) = shelf(folder.path()).unwrap();
    let (_, after) = Shelf::open(Files::at(folder.path()), key(3)).unwrap();
    assert_eq!(after.head, before.head);
    assert!(after.verify(&key(3).public()).is_ok() && before.verify(&key(2).public()).is_ok());
}

#[tokio::test]
async fn what_comes_together_is_written_together() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(Log::open(folder.path(), &key(2)).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..500 {
        let log = log.clone();
        tasks.spawn(async move { (number, log.append(leaf(number)).await.unwrap()) });
    }
    let mut places = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (number, place) = done.unwrap();
        assert!(log.head().head.size > place, "the head covers what was told");
        assert_eq!(places.insert(place, number), None);
    }
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
    let head = log.head().head.clone();
    for (place, number) in places {
        let proven = log.files().inclusion(place, &head).unwrap().unwrap();
        assert_eq!(proven.leaf, entry(number));
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_not_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path(), &key(2)).unwrap();
    assert_eq!(log.append(leaf(0)).await.unwrap(), 0);
    let entries = folder.path().join("tile/entries");
    let aside = folder.path().join("aside");
    // A file where a folder should be: the next bundle cannot be made.
    std::fs::rename(&entries, &aside).unwrap();
    std::fs::write(&entries, b"").unwrap();
    assert!(matches!(log.append(leaf(1)).await, Err(LogError::Disk { .. })));
    assert_eq!(log.head().head.size, 1);
    std::fs::remove_file(&entries).unwrap();
    std::fs::rename(&aside, &entries).unwrap();
    assert_eq!(log.append(leaf(1)).await.unwrap(), 1);
    assert_eq!(log.head().head.root, root(2));
}
