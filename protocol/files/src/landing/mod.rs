//! Where files arrive.

mod part;
mod writer;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::{Dir, DirBuilder};
use deskside_protocol::file::RelativePath;

pub(crate) use self::writer::{Job, Outcome, Writer};
use crate::error::{FileError, shown};
use crate::folder::{self, Folder, Kind};
use crate::size::Size;
use crate::{blocking, os};

/// Where files arrive: a folder, and where one thing is copied perhaps its new name.
#[derive(Debug, Clone)]
pub struct Landing {
    root: Folder,
    /// From the root to the folder where files arrive.
    into: Vec<OsString>,
    /// Takes the place of the first name of each path.
    exact: Option<OsString>,
    /// Where what lands comes from, where that is no friend's.
    origin: Option<Arc<str>>,
}

impl Landing {
    /// A place beneath the allowed folder, as `FilePut` names it: `into` is a folder, or with
    /// `exact` the new name of the one thing that comes, unless it is a folder already.
    ///
    /// # Errors
    /// [`FileError`] where there is no such folder, or something that is not replaced.
    pub async fn beneath(
        folder: &Folder,
        into: &RelativePath,
        exact: bool,
    ) -> Result<Self, FileError> {
        let (root, into) = (folder.clone(), into.clone());
        blocking::run(move |_stopped| {
            let Some((above, last)) = into.split_last() else {
                return Ok(Self::at(root, Vec::new(), None));
            };
            let (above, last) = (folder::steps(&above), OsString::from(last.as_str()));
            let dir = root.walk(&above)?;
            match folder::kind(&dir, &last)? {
                Some(Kind::Folder) => {}
                Some(Kind::Link) => return Err(FileError::Link { name: shown(&last) }),
                Some(Kind::File) if !exact => {
                    return Err(FileError::NotFolder { name: shown(&last) });
                }
                None if !exact => return Err(FileError::NotFound { name: shown(&last) }),
                Some(Kind::Special) => return Err(FileError::Special { name: shown(&last) }),
                Some(Kind::File) | None => {
                    return Ok(Self::at(root, above, Some(last)));
                }
            }
            Ok(Self::at(root, folder::steps(&into), None))
        })
        .await
    }

    /// A path of this computer, as a person names it: a folder that exists, or a new name in one.
    /// Several things (`several`) need a folder.
    ///
    /// # Errors
    /// As [`Landing::beneath`].
    pub async fn local(path: &Path, several: bool) -> Result<Self, FileError> {
        let path = path.to_owned();
        blocking::run(move |_stopped| {
            if path.is_dir() {
                return Ok(Self::at(Folder::open(&path)?, Vec::new(), None));
            }
            let typed_as_folder = path.as_os_str().to_string_lossy().ends_with('/');
            let name = path.file_name().filter(|_| !several && !typed_as_folder);
            let Some(name) = name else {
                let name = shown(&path);
                let exists = path.symlink_metadata().is_ok();
                return Err(match (exists, several) {
                    (true, true) => FileError::NeedsFolder { name },
                    (true, false) => FileError::NotFolder { name },
                    (false, _) => FileError::NotFound { name },
                });
            };
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let root = Folder::open(parent.unwrap_or_else(|| ".".as_ref()))?;
            let landing = Self::at(root, Vec::new(), Some(name.to_owned()));
            Self::target(&*landing.root.walk(&[])?, name)?;
            Ok(landing)
        })
        .await
    }

    const fn at(root: Folder, into: Vec<OsString>, exact: Option<OsString>) -> Self {
        Self { root, into, exact, origin: None }
    }

    /// What lands is a stranger's, and comes from `origin` (a URI): it is marked so where the file
    /// system keeps such marks, and never lands as a program, whatever the sender says.
    #[must_use]
    pub fn from_stranger(self, origin: &str) -> Self {
        Self { origin: Some(origin.into()), ..self }
    }

    /// Whether there is room for so many bytes, besides what a file system keeps for itself.
    ///
    /// # Errors
    /// [`FileError::NoRoom`], whose sentence names both sizes.
    pub fn room_for(&self, bytes: u64) -> Result<(), FileError> {
        let free = self.root.free()?;
        if bytes > free {
            return Err(FileError::NoRoom { needs: Size(bytes), free: Size(free) });
        }
        Ok(())
    }

    /// The new name of the one thing that comes, as a path beneath the root; `None` where things
    /// keep their names.
    #[must_use]
    pub fn new_name(&self) -> Option<String> {
        let name = self.exact.as_ref()?;
        Some(joined(self.into.iter().chain([name])))
    }

    /// Where a path lands beneath the root, for people.
    #[must_use]
    pub fn lands_at(&self, path: &RelativePath) -> String {
        joined(self.steps(path).iter())
    }

    /// From the root to where a path lands.
    fn steps(&self, path: &RelativePath) -> Vec<OsString> {
        let mut names = folder::steps(path);
        if let (Some(exact), Some(first)) = (&self.exact, names.first_mut()) {
            first.clone_from(exact);
        }
        self.into.iter().cloned().chain(names).collect()
    }

    /// The folder that a path lies in, opened anew from the root, and the name in it.
    fn place(&self, path: &RelativePath) -> Result<(Arc<Dir>, OsString), FileError> {
        let mut steps = self.steps(path);
        let name = steps.pop().ok_or_else(|| FileError::NotFound { name: path.to_string() })?;
        Ok((self.root.walk(&steps)?, name))
    }

    /// Makes a folder, unless it is there.
    fn make_folder(&self, path: &RelativePath) -> Result<(), FileError> {
        let (dir, name) = self.place(path)?;
        let mut options = DirBuilder::new();
        os::make_private_folder(&mut options);
        match dir.create_dir_with(&name, &options) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                folder::step(&dir, &name).map(drop)
            }
            done => done.map_err(|error| FileError::io("make", &name, error)),
        }
    }

    /// The permissions of the file that would be replaced; only a regular file is.
    fn target(dir: &Dir, name: &OsStr) -> Result<Option<u32>, FileError> {
        match dir.symlink_metadata(name) {
            Ok(metadata) => match folder::kind_of(&metadata) {
                Kind::File => Ok(Some(os::mode(&metadata))),
                Kind::Folder => Err(FileError::FolderInTheWay { name: shown(name) }),
                Kind::Link => Err(FileError::Link { name: shown(name) }),
                Kind::Special => Err(FileError::Special { name: shown(name) }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::io("look at", name, error)),
        }
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a OsString>) -> String {
    names.map(shown).collect::<Vec<_>>().join("/")
}
