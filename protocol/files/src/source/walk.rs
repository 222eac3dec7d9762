//! Finding what is in a folder, without following a link and without opening what is no file.

use std::ffi::OsString;
use std::sync::Arc;

use cap_std::fs::{Dir, Metadata};
use deskside_protocol::file::{Component, Fault, RelativePath};

use super::{Source, Steps, What, named};
use crate::blocking::Stopped;
use crate::error::{FileError, shown};
use crate::folder::{self, Kind};

/// One search beneath one root.
pub(super) struct Walk<'a> {
    pub(super) root: usize,
    pub(super) recursive: bool,
    pub(super) stopped: &'a Stopped,
}

/// A folder whose contents are still to be found.
struct Open {
    dir: Arc<Dir>,
    steps: Steps,
    path: RelativePath,
}

impl Walk<'_> {
    /// Adds what `name` in the folder behind `above` stands for, or that folder itself; it travels
    /// as `top`. What was named itself must be there; what lies in it may be skipped.
    pub(super) fn add(
        &self,
        source: &mut Source,
        above: Steps,
        name: Option<OsString>,
        top: Component,
    ) -> Result<(), FileError> {
        let root = source.roots.get(self.root).ok_or(FileError::TooMany)?.clone();
        let dir = root.walk(&above)?;
        let path = RelativePath::from(top);
        let Some(name) = name else {
            return self.folder(source, Open { dir, steps: above, path });
        };
        match folder::kind(&dir, &name)? {
            None => Err(FileError::NotFound { name: shown(&name) }),
            Some(Kind::Folder) => {
                let dir = Arc::new(folder::step(&dir, &name)?);
                let steps = deeper(&above, &name);
                self.folder(source, Open { dir, steps, path })
            }
            Some(Kind::File | Kind::Link | Kind::Special) => {
                // Opened and closed again, so that what cannot be read is told at once.
                let size = folder::read(&dir, &name)?.metadata();
                let size = size.map_err(|error| FileError::io("look at", &name, error))?.len();
                source.push(path, What::File { root: self.root, steps: above, name, size })
            }
        }
    }

    /// Adds a folder and everything in it, each folder before what is in it.
    fn folder(&self, source: &mut Source, top: Open) -> Result<(), FileError> {
        if !self.recursive {
            return Err(FileError::IsFolder { name: top.path.to_string() });
        }
        source.push(top.path.clone(), What::Folder)?;
        // One open handle for each level and no more: a folder is opened when its turn comes.
        let mut waiting = vec![self.list(source, top)?];
        while let Some(level) = waiting.last_mut() {
            let Some(next) = level.folders.pop() else {
                waiting.pop();
                continue;
            };
            let path = next.path.clone();
            match folder::step(&level.dir, &next.name) {
                Ok(dir) => {
                    let steps = deeper(&level.steps, &next.name);
                    source.push(path.clone(), What::Folder)?;
                    let open = Open { dir: Arc::new(dir), steps, path };
                    waiting.push(self.list(source, open)?);
                }
                Err(error) => source.push(path, What::Skipped(Fault::from(&error)))?,
            }
        }
        Ok(())
    }

    /// Adds the files of a folder, and keeps its folders for later.
    fn list(&self, source: &mut Source, open: Open) -> Result<Level, FileError> {
        let Open { dir, steps, path } = open;
        let mut level = Level { dir, steps, folders: Vec::new() };
        let mut names = match self.names(&level.dir, source) {
            Ok(names) => names,
            Err(FileError::TooMany) => return Err(FileError::TooMany),
            Err(error) => {
                source.push(path, What::Skipped(Fault::from(&error)))?;
                return Ok(level);
            }
        };
        names.sort_unstable();
        for name in names {
            if self.stopped.is_set() {
                break;
            }
            self.entry(source, &mut level, &path, name)?;
        }
        // They are taken from the end.
        level.folders.reverse();
        Ok(level)
    }

    fn names(&self, dir: &Dir, source: &Source) -> Result<Vec<OsString>, FileError> {
        let trouble = |error| FileError::io("list", "a folder".as_ref(), error);
        let room = usize::try_from(deskside_protocol::file::MAX_ENTRIES).unwrap_or(usize::MAX);
        let room = room.saturating_sub(source.items.len());
        let mut names = Vec::new();
        for entry in dir.entries().map_err(trouble)? {
            names.push(entry.map_err(trouble)?.file_name());
            if names.len() > room || self.stopped.is_set() {
                return Err(FileError::TooMany);
            }
        }
        Ok(names)
    }

    fn entry(
        &self,
        source: &mut Source,
        level: &mut Level,
        above: &RelativePath,
        name: OsString,
    ) -> Result<(), FileError> {
        let path = match travelling(above, &name) {
            Ok(path) => path,
            // Its name cannot travel, so that the sentence has it and the path is its folder's.
            Err(error) => return source.push(above.clone(), What::Skipped(Fault::from(&error))),
        };
        let found = level.dir.symlink_metadata(&name);
        let found: Result<Metadata, _> = found.map_err(|e| FileError::io("look at", &name, e));
        let error = match found.map(|metadata| (folder::kind_of(&metadata), metadata)) {
            Ok((Kind::Folder, _)) => {
                level.folders.push(Later { name, path });
                return Ok(());
            }
            Ok((Kind::File, metadata)) => {
                let (root, steps, size) = (self.root, Arc::clone(&level.steps), metadata.len());
                return source.push(path, What::File { root, steps, name, size });
            }
            Ok((Kind::Link, _)) => FileError::Link { name: shown(&name) },
            Ok((Kind::Special, _)) => FileError::Special { name: shown(&name) },
            Err(error) => error,
        };
        source.push(path, What::Skipped(Fault::from(&error)))
    }
}

/// A folder on the way down.
struct Level {
    dir: Arc<Dir>,
    steps: Steps,
    folders: Vec<Later>,
}

struct Later {
    name: OsString,
    path: RelativePath,
}

fn deeper(steps: &[OsString], name: &OsString) -> Steps {
    steps.iter().chain([name]).cloned().collect()
}

fn travelling(above: &RelativePath, name: &OsString) -> Result<RelativePath, FileError> {
    let component = named(name)?;
    above.join(component).map_err(|why| FileError::Name { name: shown(name), why })
}
