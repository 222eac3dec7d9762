//! The objects of an archive: written in parts, read in windows, never whole in memory.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use deskside_link::random::System;
use deskside_protocol::random;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutPayload, Result};

/// Bytes of one part. 10,000 parts, which is all that S3 takes, are 156 GiB: nine days of a session
/// of 200 KB/s.
pub(super) const PART: usize = 16 * 1024 * 1024;
/// Parts of one object at the most, by S3.
pub(super) const MAX_PARTS: usize = 10_000;
/// Bytes of an object that are asked for at once: at 50 ms a request that is 80 MB/s.
const WINDOW: u64 = 4 * 1024 * 1024;

/// The way to the objects.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Arc<dyn Parts>,
    /// What the names of objects begin with.
    pub(super) prefix: Path,
    /// Bytes of one part.
    pub(super) part: usize,
    /// For people.
    pub(super) name: String,
    /// Where requests go, if that was said.
    pub(super) endpoint: Option<String>,
}

/// A store that takes parts.
pub(super) trait Parts: MultipartStore + std::fmt::Debug {}

impl<T: MultipartStore + std::fmt::Debug> Parts for T {}

/// One object in one state: where it is written anew meanwhile, reading it ends.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    e_tag: Option<String>,
    length: u64,
    at: u64,
}

impl Objects {
    /// Where the object of a recording is.
    pub(super) fn path(&self, recording: &str) -> Path {
        self.prefix.clone().join(recording)
    }

    /// Begins an upload in parts.
    pub(super) async fn begin(&self, path: &Path) -> Result<String> {
        self.parts.create_multipart(path).await
    }

    pub(super) async fn put(
        &self,
        path: &Path,
        id: &String,
        number: usize,
        bytes: Bytes,
    ) -> Result<PartId> {
        self.parts.put_part(path, id, number, bytes.into()).await
    }

    /// The object stands when this returns, in the place of what had its name.
    pub(super) async fn complete(
        &self,
        path: &Path,
        id: &String,
        parts: Vec<PartId>,
    ) -> Result<()> {
        self.parts.complete_multipart(path, id, parts).await.map(drop)
    }

    /// Gives an upload up. One that the store does not know is gone already.
    pub(super) async fn abort(&self, path: &Path, id: &String) -> Result<()> {
        match self.parts.abort_multipart(path, id).await {
            Err(Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// An object as it is now.
    pub(super) async fn open(&self, path: &Path) -> Result<Object> {
        let about = self.objects.head(path).await?;
        let (store, path) = (self.objects.clone(), path.clone());
        Ok(Object { store, path, e_tag: about.e_tag, length: about.size, at: 0 })
    }

    /// Puts, gets and deletes a small object of a name of its own: a doctor and a relay may do so at
    /// once.
    pub(super) async fn probe(&self) -> Result<()> {
        const BYTES: &[u8] = b"deskside-relay doctor";
        let suffix: [u8; 8] = random::bytes(&mut System::new());
        let path = self.path(&format!("deskside-doctor-{}", HEXLOWER.encode(&suffix)));
        self.objects.put(&path, PutPayload::from_static(BYTES)).await?;
        let read = self.objects.get(&path).await?.bytes().await?;
        self.objects.delete(&path).await?;
        if read == BYTES {
            return Ok(());
        }
        let source = "it gave back something else than was put into it".into();
        Err(Error::Generic { store: "archive", source })
    }
}

impl Object {
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes, at most 4 MiB; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let end = self.length.min(self.at.saturating_add(WINDOW));
        if self.at >= end {
            return Ok(None);
        }
        let options =
            GetOptions::new().with_range(Some(self.at..end)).with_if_match(self.e_tag.clone());
        let bytes = self.store.get_opts(&self.path, options).await?.bytes().await?;
        if bytes.len() as u64 != end - self.at {
            let source = "it gave another length than was asked for".into();
            return Err(Error::Generic { store: "archive", source });
        }
        self.at = end;
        Ok(Some(bytes))
    }

    /// The BLAKE3 of all that is left of it.
    pub(super) async fn hash(mut self) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        while let Some(bytes) = self.next().await? {
            hasher.update(&bytes);
        }
        Ok(hasher.finalize())
    }
}

/// A piece of a file, read where a disk that stalls stops nobody else.
pub(super) async fn piece(file: PathBuf, at: u64, most: u64) -> std::io::Result<Bytes> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = move || {
        let mut file = std::fs::File::open(file)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::with_capacity(usize::try_from(most).unwrap_or(0).min(PART));
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    };
    tokio::task::spawn_blocking(read).await?
}

/// Length and BLAKE3 of a file.
pub(super) async fn hash_file(file: PathBuf) -> std::io::Result<(u64, blake3::Hash)> {
    let hash = move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(file)?)?;
        Ok((hasher.count(), hasher.finalize()))
    };
    tokio::task::spawn_blocking(hash).await?
}
