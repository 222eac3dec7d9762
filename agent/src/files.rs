//! The one folder of the user's that files land in and are fetched from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::events::Show;

/// What the file channel reaches. A clone is the same.
#[derive(Debug, Clone)]
pub struct Files {
    folder: Arc<PathBuf>,
    show: Arc<Show>,
}

impl Files {
    /// Under `folder`; what went over is told.
    #[must_use]
    pub fn new(folder: PathBuf, show: Arc<Show>) -> Self {
        Self { folder: Arc::new(folder), show }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where events are told.
    #[must_use]
    pub fn show(&self) -> &Show {
        &self.show
    }
}
