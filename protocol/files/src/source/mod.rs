//! What is sent: files and folders, found and counted before the first byte goes.

mod reader;
mod walk;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskside_protocol::file::{
    Component, Fault, MAX_ENTRIES, MAX_LISTED, MAX_PATHS, NameError, RelativePath,
};
use deskside_protocol::wire::message::FileListed;

pub(crate) use self::reader::{Control, Found, Reader};
use self::walk::Walk;
use crate::blocking::{self, Stopped};
use crate::error::{FileError, shown};
use crate::folder::{self, Folder};

/// Name of a folder whose own name cannot travel.
const NAMELESS: &str = "files";

/// What is sent. It was counted, not read: a file that changes until its turn comes is noticed then.
#[derive(Debug)]
pub struct Source {
    roots: Vec<Folder>,
    items: Vec<Item>,
    files: u64,
    bytes: u64,
    paths: usize,
}

/// The names from a root to a folder: one list for all files of a folder.
type Steps = Arc<[OsString]>;

#[derive(Debug)]
struct Item {
    /// As it travels.
    path: RelativePath,
    what: What,
}

#[derive(Debug)]
enum What {
    Folder,
    /// `steps` lead from the root to the folder of `name`.
    File {
        root: usize,
        steps: Steps,
        name: OsString,
        size: u64,
    },
    Skipped(Fault),
}

impl Source {
    /// One file or folder beneath the allowed folder; an empty path is that folder itself. Links are
    /// never followed.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn beneath(
        folder: &Folder,
        path: &RelativePath,
        recursive: bool,
    ) -> Result<Self, FileError> {
        let (folder, path) = (folder.clone(), path.clone());
        blocking::run(move |stopped| Self::find_beneath(&folder, &path, recursive, stopped)).await
    }

    /// Files and folders that a person names on this computer, by any path. A named link counts as
    /// what it leads to; links inside of folders are not followed.
    ///
    /// # Errors
    /// [`FileError`]; nothing is left out silently.
    pub async fn local(paths: &[PathBuf], recursive: bool) -> Result<Self, FileError> {
        let paths = paths.to_vec();
        blocking::run(move |stopped| {
            let mut source = Self::empty();
            let mut names = HashSet::new();
            for path in &paths {
                let name = source.add_local(path, recursive, stopped)?;
                if !names.insert(name.clone()) {
                    return Err(FileError::Twice { name: name.to_string() });
                }
            }
            Ok(source)
        })
        .await
    }

    /// Files that were counted.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Bytes of all of them.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first files, at most so many, as they travel, and their bytes.
    pub fn first(&self, most: usize) -> impl Iterator<Item = (&RelativePath, u64)> {
        let files = self.items.iter().filter_map(|item| match item.what {
            What::File { size, .. } => Some((&item.path, size)),
            What::Folder | What::Skipped(_) => None,
        });
        files.take(most)
    }

    /// The first files, as the other side is told of them before they come.
    #[must_use]
    pub fn listed(&self) -> Vec<FileListed> {
        let listed = |(path, size): (&RelativePath, u64)| FileListed { path: path.to_wire(), size };
        self.first(MAX_LISTED).map(listed).collect()
    }

    const fn empty() -> Self {
        Self { roots: Vec::new(), items: Vec::new(), files: 0, bytes: 0, paths: 0 }
    }

    fn find_beneath(
        folder: &Folder,
        path: &RelativePath,
        recursive: bool,
        stopped: &Stopped,
    ) -> Result<Self, FileError> {
        let mut source = Self::empty();
        source.roots.push(folder.clone());
        let (above, name) = match path.split_last() {
            Some((above, name)) => (folder::steps(&above).into(), Some(name.clone())),
            None => (Steps::default(), None),
        };
        let top = name.clone().map_or_else(|| name_of_folder(folder.path()), Ok)?;
        let walk = Walk { root: 0, recursive, stopped };
        walk.add(&mut source, above, name.map(|name| name.as_str().into()), top)?;
        Ok(source)
    }

    /// Adds a path of this computer, and returns the name under which it travels.
    fn add_local(
        &mut self,
        path: &Path,
        recursive: bool,
        stopped: &Stopped,
    ) -> Result<Component, FileError> {
        let trouble = |error| FileError::io("open", path.as_os_str(), error);
        let real = path.canonicalize().map_err(trouble)?;
        let root = self.roots.len();
        let walk = Walk { root, recursive, stopped };
        // `dir/..` and `/` have a real name or none; `link` keeps the name that was typed.
        let typed = path.file_name().or_else(|| real.file_name());
        let top = typed.map_or_else(|| named(NAMELESS.as_ref()), named)?;
        match (real.parent(), real.file_name()) {
            (Some(parent), Some(name)) => {
                self.roots.push(Folder::open(parent)?);
                walk.add(self, Steps::default(), Some(name.to_owned()), top.clone())?;
            }
            _ => {
                self.roots.push(Folder::open(&real)?);
                walk.add(self, Steps::default(), None, top.clone())?;
            }
        }
        Ok(top)
    }

    fn push(&mut self, path: RelativePath, what: What) -> Result<(), FileError> {
        let sentence = if let What::Skipped(why) = &what { why.text.len() } else { 0 };
        self.paths = self.paths.saturating_add(path.len() + sentence);
        let count = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        if count >= MAX_ENTRIES || self.paths > MAX_PATHS {
            return Err(FileError::TooMany);
        }
        if let What::File { size, .. } = &what {
            self.files += 1;
            self.bytes = self.bytes.saturating_add(*size);
        }
        self.items.push(Item { path, what });
        Ok(())
    }
}

/// A name of this computer as it travels.
fn named(name: &std::ffi::OsStr) -> Result<Component, FileError> {
    let text = name.to_str().ok_or(NameError::NotText);
    text.and_then(Component::new).map_err(|why| FileError::Name { name: shown(name), why })
}

fn name_of_folder(path: &Path) -> Result<Component, FileError> {
    let real = path.file_name().and_then(|name| named(name).ok());
    real.map_or_else(|| named(NAMELESS.as_ref()), Ok)
}
