//! What was said to come, before the user is asked: what a sender is held to.

use super::MAX_LISTED;
use super::incoming::Breach;
use super::name::NameError;
use super::path::RelativePath;
use crate::wire::message::{FileListed, FilePut, FileReady};

/// What the first messages said would come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Files.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Whether parts are asked for.
    pub resume: bool,
}

impl Announced {
    /// What the technician says that it will send.
    #[must_use]
    pub const fn by_put(put: &FilePut) -> Self {
        Self { files: put.files, bytes: put.bytes, resume: put.resume }
    }

    /// What the agent says that it will send, in answer to a `FileGet` with this `resume`.
    #[must_use]
    pub const fn by_ready(ready: &FileReady, resume: bool) -> Self {
        Self { files: ready.files, bytes: ready.bytes, resume }
    }
}

/// What a sender is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub(super) announced: Announced,
    pub(super) listed: Vec<(RelativePath, u64)>,
}

impl Expected {
    /// What the technician says that it will send, with the files that he names: at most
    /// [`MAX_LISTED`], and those that he does not name are the rest of the announced.
    ///
    /// # Errors
    /// [`Breach::Name`], or [`Breach::Malformed`] where more are named than are announced.
    pub fn by_put(put: &FilePut) -> Result<Self, Breach> {
        let announced = Announced::by_put(put);
        let listed: Vec<_> =
            put.listed.iter().take(MAX_LISTED + 1).map(read_listed).collect::<Result<_, _>>()?;
        let count = u64::try_from(listed.len()).map_err(|_| Breach::Malformed)?;
        let bytes = listed.iter().try_fold(0_u64, |sum, (_, size)| sum.checked_add(*size));
        let fits = bytes.is_some_and(|bytes| bytes <= announced.bytes);
        if listed.len() > MAX_LISTED || count > announced.files || !fits {
            return Err(Breach::Malformed);
        }
        Ok(Self { announced, listed })
    }

    /// What was announced of all of it.
    #[must_use]
    pub const fn announced(&self) -> Announced {
        self.announced
    }

    /// The files that were named, with their bytes.
    #[must_use]
    pub fn listed(&self) -> &[(RelativePath, u64)] {
        &self.listed
    }
}

impl From<Announced> for Expected {
    fn from(announced: Announced) -> Self {
        Self { announced, listed: Vec::new() }
    }
}

fn read_listed(listed: &FileListed) -> Result<(RelativePath, u64), Breach> {
    let path = RelativePath::from_wire(&listed.path)?;
    if path.is_empty() {
        return Err(Breach::Name(NameError::Empty));
    }
    Ok((path, listed.size))
}
