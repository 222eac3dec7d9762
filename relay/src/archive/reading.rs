//! A finished recording on its way to whoever may have it, a piece at a time.

use std::io;
use std::path::Path;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::sync::SemaphorePermit;

use super::fault::Fault;
use super::objects::Object;

/// Bytes of one read from the folder.
const PIECE: usize = 64 * 1024;

/// A finished recording, to be read once.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Folder {
        file: tokio::io::Take<tokio::fs::File>,
        length: u64,
    },
    Archive {
        object: Box<Object>,
        /// `None` for the relay's own reading, which waits for no auditor.
        _permit: Option<SemaphorePermit<'a>>,
    },
}

/// One that is in the folder.
pub(super) async fn in_folder(path: &Path) -> io::Result<Reading<'static>> {
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
    Ok(Reading::Folder { file: file.take(length), length })
}

impl Reading<'_> {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Folder { length, .. } => *length,
            Self::Archive { object, .. } => object.length(),
        }
    }

    /// The next piece; `None` behind the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        match self {
            Self::Folder { file, .. } => {
                let mut piece = Vec::with_capacity(PIECE);
                file.take(PIECE as u64).read_to_end(&mut piece).await?;
                Ok((!piece.is_empty()).then(|| piece.into()))
            }
            Self::Archive { object, .. } => Ok(object.next().await?),
        }
    }

    /// Writes it to a file of the owner's alone, which is on the disk when this returns.
    pub(super) async fn copy_to(&mut self, path: &Path) -> Result<(), Fault> {
        use tokio::io::AsyncWriteExt as _;
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(path).await?;
        while let Some(bytes) = self.next().await? {
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        Ok(file.sync_all().await?)
    }
}
