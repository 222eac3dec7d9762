//! Uploads in parts into a folder: each is one hidden file beside the objects, whose parts are written
//! where they belong, and which takes its name when it is whole and on the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use deskside_link::random::System;
use deskside_protocol::random;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, MultipartId, PutPayload, PutResult, Result};

/// The name of the store in errors.
const STORE: &str = "folder";

/// The parts of a folder's objects.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Bytes of every part but the last.
    part: usize,
}

impl Folder {
    pub(super) const fn new(root: PathBuf, part: usize) -> Self {
        Self { root, part }
    }

    /// The file of an upload. Its id comes back from the database: nothing in it leads elsewhere.
    fn upload(&self, path: &Path, id: &str) -> Result<PathBuf> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing(path, io::Error::other("no upload has such an id")));
        }
        Ok(self.root.join(format!(".upload-{id}")))
    }
}

#[async_trait]
impl MultipartStore for Folder {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let id: [u8; 16] = random::bytes(&mut System::new());
        let id = HEXLOWER.encode(&id);
        let file = self.upload(path, &id)?;
        let create = move || {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map(drop)
        };
        off_thread(path, create).await?;
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        let file = self.upload(path, id)?;
        let mut at = (part_idx as u64).saturating_mul(self.part as u64);
        let write = move || {
            let file = OpenOptions::new().write(true).open(file)?;
            for piece in &data {
                file.write_all_at(piece, at)?;
                at += piece.len() as u64;
            }
            Ok(())
        };
        off_thread(path, write).await?;
        Ok(PartId { content_id: part_idx.to_string() })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        _parts: Vec<PartId>,
    ) -> Result<PutResult> {
        let (file, root) = (self.upload(path, id)?, self.root.clone());
        let object = path.parts().fold(self.root.clone(), |at, part| at.join(part.as_ref()));
        let complete = move || {
            File::open(&file)?.sync_all()?;
            let folder = object.parent().unwrap_or(&root);
            fs::create_dir_all(folder)?;
            fs::rename(&file, &object)?;
            File::open(folder)?.sync_all()
        };
        off_thread(path, complete).await?;
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let file = self.upload(path, id)?;
        off_thread(path, move || fs::remove_file(file)).await
    }
}

async fn off_thread<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await?;
    done.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return missing(path, error);
        }
        Error::Generic { store: STORE, source: error.into() }
    })
}

fn missing(path: &Path, source: io::Error) -> Error {
    Error::NotFound { path: path.to_string(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_come_in_any_order_and_nothing_shows_before_the_end() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().into(), 4);
        let path = Path::from("a/b.dsr");
        let id = folder.create_multipart(&path).await.unwrap();
        let mut parts = Vec::new();
        for (number, bytes) in [(1, "efgh"), (2, "i"), (0, "abcd"), (1, "EFGH")] {
            parts.push(folder.put_part(&path, &id, number, bytes.into()).await.unwrap());
        }
        assert!(!root.path().join("a").exists());
        folder.complete_multipart(&path, &id, parts).await.unwrap();
        assert_eq!(fs::read_to_string(root.path().join("a/b.dsr")).unwrap(), "abcdEFGHi");
        let put = folder.put_part(&path, &id, 0, "x".into()).await;
        assert!(matches!(put, Err(Error::NotFound { .. })));
    }

    #[tokio::test]
    async fn an_upload_that_is_aborted_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().into(), 4);
        let path = Path::from("b.dsr");
        let id = folder.create_multipart(&path).await.unwrap();
        folder.put_part(&path, &id, 0, "abcd".into()).await.unwrap();
        folder.abort_multipart(&path, &id).await.unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        for id in [id.as_str(), "", "../x", "x/../../y"] {
            let gone = folder.abort_multipart(&path, &id.to_owned()).await;
            assert!(matches!(gone, Err(Error::NotFound { .. })), "{id}");
        }
    }
}
