//! The log as it is written: entries and tiles grow in their files, then the disk is waited for,
//! then the head is signed and takes the old one's place. A batch is in the log whole or not at all.
//!
//! After a crash the entries say what there is: a torn one is cut off (nobody was told of it), and
//! the tiles at the right edge are made again from what they are hashes of.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use deskside_protocol::key::SigningKey;
use deskside_protocol::log::tile::{self, Content, LEVELS, WIDTH};
use deskside_protocol::log::tree::{fold, leaf_hash};
use deskside_protocol::log::{Frontier, Hash, Head, SignedHead, head, proof};

use super::LogError;
use super::files::{Files, HEAD, before};

/// Hashes of a full tile.
const FULL: usize = 256;

/// The log, open for writing.
pub(super) struct Shelf {
    files: Files,
    node: SigningKey,
    origin: String,
    tree: Tree,
    /// A batch could not be taken back.
    broken: bool,
    /// Nobody else writes as long as this is held.
    _lock: File,
}

/// What the next batch is appended to.
#[derive(Clone)]
struct Tree {
    frontier: Frontier,
    /// Bytes of the bundle that grows.
    bundle: u64,
    /// Of each level the tile that grows: fewer than 256 hashes.
    edge: Vec<Vec<Hash>>,
}

/// Files that a batch has touched: how long each was before, and whether it has to reach the disk
/// before the batch counts.
#[derive(Default)]
struct Touched(Vec<Touch>);

struct Touch {
    path: PathBuf,
    file: File,
    before: u64,
    /// What it holds cannot be made again from anything else.
    matters: bool,
}

impl Shelf {
    pub(super) fn open(files: Files, node: SigningKey) -> Result<(Self, SignedHead), LogError> {
        let lock = lock(files.folder())?;
        let known = known_head(&files)?;
        let origin = match &known {
            Some(known) => known.origin.clone(),
            None => head::origin(&node.public()),
        };
        let tree = restore(&files, known.as_ref().map_or(0, |known| known.size))?;
        if let Some(known) = known {
            if known.size > tree.frontier.size() {
                return Err(files.damaged("it is shorter than its own head says")());
            }
            if proof::root(known.size, &mut files.nodes())? != known.root {
                return Err(files.damaged("its entries are not those of its own head")());
            }
        }
        let shelf = Self { files, node, origin, tree, broken: false, _lock: lock };
        let head = shelf.sign(&shelf.tree)?;
        Ok((shelf, head))
    }

    /// Appends entries. Gives the number of the first, and the head behind the last.
    pub(super) fn append(&mut self, entries: &[&[u8]]) -> Result<(u64, SignedHead), LogError> {
        if self.broken {
            return Err(LogError::Broken);
        }
        let first = self.tree.frontier.size();
        let (mut tree, mut touched) = (self.tree.clone(), Touched::default());
        let written = self.write(&mut tree, entries, &mut touched);
        match written
            .and_then(|()| touched.sync(self.files.folder()))
            .and_then(|()| self.sign(&tree))
        {
            Ok(head) => {
                self.tree = tree;
                Ok((first, head))
            }
            Err(error) => {
                self.broken = !touched.take_back();
                Err(error)
            }
        }
    }

    fn write(
        &self,
        tree: &mut Tree,
        mut entries: &[&[u8]],
        touched: &mut Touched,
    ) -> Result<(), LogError> {
        while !entries.is_empty() {
            let size = tree.frontier.size();
            let room = usize::try_from(WIDTH - size % WIDTH).unwrap_or(FULL);
            let (now, later) = entries.split_at_checked(room).unwrap_or((entries, &[]));
            let mut bytes = Vec::new();
            for entry in now {
                tile::put_entry(&mut bytes, entry);
            }
            let path = self.files.path(Content::Entries, size / WIDTH);
            touched.put(path, tree.bundle, &bytes, true)?;
            tree.bundle += bytes.len() as u64;
            let hashes: Vec<Hash> = now.iter().map(|entry| leaf_hash(entry)).collect();
            for hash in &hashes {
                tree.frontier.push(*hash);
            }
            self.grow(tree, size, &hashes, touched)?;
            if tree.frontier.size().is_multiple_of(WIDTH) {
                tree.bundle = 0;
            }
            entries = later;
        }
        Ok(())
    }

    /// Appends hashes, which one tile has room for, to level 0, and what they complete to the levels
    /// above.
    fn grow(
        &self,
        tree: &mut Tree,
        size: u64,
        hashes: &[Hash],
        touched: &mut Touched,
    ) -> Result<(), LogError> {
        let (mut count, mut hashes) = (size, hashes.to_vec());
        for level in 0..LEVELS {
            let edge = tree.edge(level);
            let at = edge.len() * 32;
            edge.extend_from_slice(&hashes);
            let full = (edge.len() == FULL).then(|| fold(edge)).flatten();
            if full.is_some() {
                edge.clear();
            }
            let path = self.files.path(Content::Hashes(level), count / WIDTH);
            touched.put(path, at as u64, hashes.as_flattened(), full.is_some())?;
            let Some(above) = full else { break };
            (count, hashes) = (count / WIDTH, vec![above]);
        }
        Ok(())
    }

    /// Signs the head and puts it in the place of the last one.
    fn sign(&self, tree: &Tree) -> Result<SignedHead, LogError> {
        let (size, root) = (tree.frontier.size(), tree.frontier.root());
        let head = Head { origin: self.origin.clone(), size, root }.sign(&self.node);
        let (path, fresh) = (self.files.folder().join(HEAD), self.files.folder().join("fresh"));
        let placed = fs::write(&fresh, head.encode()).and_then(|()| fs::rename(&fresh, &path));
        placed.map_err(|error| LogError::disk(&path, error))?;
        Ok(head)
    }
}

impl Tree {
    fn edge(&mut self, level: u8) -> &mut Vec<Hash> {
        let level = usize::from(level);
        if self.edge.len() <= level {
            self.edge.resize(level + 1, Vec::new());
        }
        &mut self.edge[level]
    }
}

impl Touched {
    fn put(&mut self, path: PathBuf, at: u64, bytes: &[u8], matters: bool) -> Result<(), LogError> {
        let touched = self.0.iter().position(|touch| touch.path == path);
        let place = match touched {
            Some(place) => place,
            None => {
                let file = grown(&path).map_err(|error| LogError::disk(&path, error))?;
                self.0.push(Touch { path, file, before: at, matters });
                self.0.len() - 1
            }
        };
        let Some(touch) = self.0.get_mut(place) else { return Err(LogError::Broken) };
        touch.matters |= matters;
        let wrote = touch.file.write_all_at(bytes, at);
        wrote.map_err(|error| LogError::disk(&touch.path, error))
    }

    /// Waits for the disk. A file that is new has its name there too, and folders made for it.
    fn sync(&self, log: &Path) -> Result<(), LogError> {
        for touch in self.0.iter().filter(|touch| touch.matters) {
            let is_new = |folder: &&Path| touch.before == 0 && folder.starts_with(log);
            let mut folders = touch.path.ancestors().skip(1).take_while(is_new);
            let synced = touch.file.sync_data();
            let synced =
                synced.and_then(|()| folders.try_for_each(|folder| File::open(folder)?.sync_all()));
            synced.map_err(|error| LogError::disk(&touch.path, error))?;
        }
        Ok(())
    }

    /// Cuts everything back to where it was, and says whether that went well.
    fn take_back(&self) -> bool {
        let cut =
            |touch: &Touch| touch.file.set_len(touch.before).and_then(|()| touch.file.sync_data());
        let failed = self.0.iter().filter_map(|touch| cut(touch).err().map(|error| (touch, error)));
        let mut whole = true;
        for (touch, error) in failed {
            tracing::error!(file = %touch.path.display(), %error, "a write to the log of sessions cannot be taken back");
            whole = false;
        }
        whole
    }
}

/// Opens a file that grows, and makes it and its folder where they are missing: not the log's own
/// folder, which was there at the start.
fn grown(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().ok_or(error)?;
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            options.open(path)
        }
        opened => opened,
    }
}

fn lock(folder: &Path) -> Result<File, LogError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| LogError::disk(folder, error))?;
    let path = folder.join("lock");
    let locked = grown(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| LogError::disk(&path, error))
}

/// The head that lies there. An empty file is what a power cut may leave of it.
pub(super) fn known_head(files: &Files) -> Result<Option<Head>, LogError> {
    let path = files.folder().join(HEAD);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::disk(&path, error)),
    };
    if bytes.is_empty() {
        tracing::warn!(file = %path.display(), "the head of the log of sessions is empty: it is made anew");
        return Ok(None);
    }
    let head = SignedHead::parse(&bytes).map_err(|_| files.damaged("its head cannot be read")())?;
    Ok(Some(head.head))
}

/// What the files hold, with a torn end cut off and the right edge of the tiles made anew. `known`
/// entries are there for certain.
fn restore(files: &Files, known: u64) -> Result<Tree, LogError> {
    let mut last = known / WIDTH;
    while files.path(Content::Entries, last + 1).exists() {
        last += 1;
    }
    let mut hashes = whole_entries(files, last)?;
    // The bundle before it is full, or what comes behind was never told to anybody.
    while last > 0 && (hashes.is_empty() || whole_entries(files, last - 1)?.len() < FULL) {
        let path = files.path(Content::Entries, last);
        if path.exists() {
            cut(&path, 0)?;
        }
        last -= 1;
        hashes = whole_entries(files, last)?;
    }
    let size = before(last) + hashes.len() as u64;
    let mut edge = Vec::new();
    let (mut count, mut index) = (size, last);
    for level in 0..LEVELS {
        if count == 0 {
            break;
        }
        if level > 0 {
            index = (count - 1) / WIDTH;
            hashes = below(files, level, index, count)?;
        }
        let path = files.path(Content::Hashes(level), index);
        let rewritten = grown(&path).and_then(|file| {
            file.write_all_at(hashes.as_flattened(), 0)?;
            file.set_len(hashes.as_flattened().len() as u64)?;
            file.sync_data()
        });
        rewritten.map_err(|error| LogError::disk(&path, error))?;
        let full = hashes.len() == FULL;
        edge.push(if full { Vec::new() } else { std::mem::take(&mut hashes) });
        count /= WIDTH;
    }
    let frontier = Frontier::of(size, &mut files.nodes())?;
    let bundle = if size.is_multiple_of(WIDTH) { 0 } else { length(files, last)? };
    Ok(Tree { frontier, bundle, edge })
}

/// The hashes of one tile above the lowest level, from the full tiles below it.
fn below(files: &Files, level: u8, index: u64, count: u64) -> Result<Vec<Hash>, LogError> {
    let mut nodes = files.nodes();
    let (begin, end) = (before(index), count.min(before(index + 1)));
    let whole = u32::from(level) * tile::HEIGHT;
    // Of the level below, so that this tile itself is not read.
    let of = |number: u64, nodes: &mut _| {
        let halves = [2 * number, 2 * number + 1];
        let [left, right] = halves.map(|half| proof::Nodes::node(nodes, whole - 1, half));
        Ok(deskside_protocol::log::tree::node_hash(&left?, &right?))
    };
    (begin..end).map(|number| of(number, &mut nodes)).collect()
}

/// The hashes of a bundle's entries; what is torn behind them is cut off.
fn whole_entries(files: &Files, index: u64) -> Result<Vec<Hash>, LogError> {
    let Some(bundle) = files.whole(Content::Entries, index)? else { return Ok(Vec::new()) };
    let (entries, used) = tile::entries(&bundle);
    let hashes = entries.iter().map(|entry| leaf_hash(entry)).collect();
    if used < bundle.len() {
        let path = files.path(Content::Entries, index);
        tracing::warn!(file = %path.display(), bytes = bundle.len() - used, "a torn entry of the log of sessions is cut off");
        cut(&path, used as u64)?;
    }
    Ok(hashes)
}

fn length(files: &Files, index: u64) -> Result<u64, LogError> {
    Ok(files.whole(Content::Entries, index)?.map_or(0, |bundle| bundle.len() as u64))
}

fn cut(path: &Path, length: u64) -> Result<(), LogError> {
    let cut = OpenOptions::new().write(true).open(path).and_then(|file| {
        file.set_len(length)?;
        file.sync_data()
    });
    cut.map_err(|error| LogError::disk(path, error))
}
