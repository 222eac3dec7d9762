//! Where a log's tiles lie: under the paths of C2SP tlog-tiles, each in one file that grows. So the
//! folder can be handed to anybody who reads such logs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use deskside_protocol::log::Hash;
use deskside_protocol::log::TilePath;
use deskside_protocol::log::proof::Nodes;
use deskside_protocol::log::tile::{self, Content, MAX_BUNDLE, MAX_TILE, WIDTH};

use super::LogError;

/// The head's file.
pub(super) const HEAD: &str = "checkpoint";

/// The log's folder.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, content: Content, index: u64) -> PathBuf {
        self.folder.join(TilePath { content, index, width: 256 }.file())
    }

    /// What there is of a tile or bundle; `None` where there is no such file. Waits for the disk.
    pub(super) fn whole(&self, content: Content, index: u64) -> Result<Option<Vec<u8>>, LogError> {
        let path = self.path(content, index);
        let most = match content {
            Content::Entries => MAX_BUNDLE,
            Content::Hashes(_) => MAX_TILE,
        };
        let read = File::open(&path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(most as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LogError::disk(&path, error)),
        }
    }

    /// The tile of this path, as wide as it says. `None` where there is not so much of it. Waits for
    /// the disk.
    ///
    /// # Errors
    /// [`LogError::Disk`].
    pub fn read(&self, wanted: &TilePath) -> Result<Option<Vec<u8>>, LogError> {
        let Some(mut bytes) = self.whole(wanted.content, wanted.index)? else { return Ok(None) };
        let width = usize::from(wanted.width);
        let length = match wanted.content {
            Content::Entries => {
                let (entries, _) = tile::entries(&bytes);
                let first = entries.get(..width);
                first.map(|some| some.iter().map(|entry| 2 + entry.len()).sum())
            }
            Content::Hashes(_) => Some(width * MAX_TILE / 256).filter(|end| *end <= bytes.len()),
        };
        Ok(length.map(|length| {
            bytes.truncate(length);
            bytes
        }))
    }

    /// The hashes of whole subtrees, from the tiles.
    pub(super) fn nodes(&self) -> TileNodes<'_> {
        TileNodes { files: self, read: HashMap::new() }
    }

    pub(super) const fn damaged(&self, what: &'static str) -> impl FnOnce() -> LogError + '_ {
        move || LogError::Damaged { folder: self.folder.clone(), what }
    }
}

/// Reads each tile once: a proof needs at most one or two of each level.
pub(super) struct TileNodes<'a> {
    files: &'a Files,
    read: HashMap<(u8, u64), Vec<u8>>,
}

impl Nodes for TileNodes<'_> {
    type Error = LogError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, LogError> {
        let missing = self.files.damaged("a tile is missing or too short");
        let Some(key) = tile::holding(level, index) else { return Err(missing()) };
        let bytes = match self.read.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let (of, number) = key;
                let bytes = self.files.whole(Content::Hashes(of), number)?;
                new.insert(bytes.unwrap_or_default())
            }
        };
        tile::node(bytes, level, index).ok_or_else(missing)
    }
}

/// How many entries of a log stand before the bundle `index`.
pub(super) const fn before(index: u64) -> u64 {
    index.saturating_mul(WIDTH)
}
