//! An archive in memory that refuses, forgets or lies when a test says so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartId, ObjectStoreExt as _, PutPayload, PutResult};

/// What a test has the archive do to parts.
#[derive(Debug, Default)]
pub(super) struct Mood {
    /// So many requests are refused first.
    pub(super) refuse: AtomicUsize,
    /// So many uploads are forgotten when they are to be completed.
    pub(super) forget: AtomicUsize,
    /// So many objects get another first byte.
    pub(super) alter: AtomicUsize,
    /// So many parts get an answer that says nothing.
    pub(super) fail: AtomicUsize,
    /// The object of this recording is always refused.
    pub(super) never: Mutex<Option<String>>,
    /// No upload can be aborted.
    pub(super) keeps: AtomicBool,
    pub(super) begun: AtomicUsize,
    pub(super) parts: AtomicUsize,
    pub(super) aborted: AtomicUsize,
}

fn take(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[derive(Debug)]
pub(super) struct Moody {
    pub(super) inner: Arc<InMemory>,
    pub(super) mood: Arc<Mood>,
}

impl Moody {
    fn asked(&self, path: &ObjectPath) -> object_store::Result<()> {
        let never = self.mood.never.lock().unwrap().clone();
        if never.is_some_and(|name| path.filename() == Some(&name)) || take(&self.mood.refuse) {
            let source = "error sending request".into();
            return Err(object_store::Error::Generic { store: "test", source });
        }
        Ok(())
    }
}

#[async_trait]
impl MultipartStore for Moody {
    async fn create_multipart(&self, path: &ObjectPath) -> object_store::Result<MultipartId> {
        self.asked(path)?;
        self.mood.begun.fetch_add(1, Ordering::Relaxed);
        self.inner.create_multipart(path).await
    }

    async fn put_part(
        &self,
        path: &ObjectPath,
        id: &MultipartId,
        number: usize,
        data: PutPayload,
    ) -> object_store::Result<PartId> {
        self.asked(path)?;
        if number > 0 && take(&self.mood.fail) {
            let source = "500 Internal Server Error".into();
            return Err(object_store::Error::Generic { store: "test", source });
        }
        self.mood.parts.fetch_add(1, Ordering::Relaxed);
        unknown(path, self.inner.put_part(path, id, number, data).await)
    }

    async fn complete_multipart(
        &self,
        path: &ObjectPath,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        self.asked(path)?;
        if take(&self.mood.forget) {
            self.inner.abort_multipart(path, id).await?;
        }
        let done = unknown(path, self.inner.complete_multipart(path, id, parts).await)?;
        if take(&self.mood.alter) {
            let mut bytes = self.inner.get(path).await?.bytes().await?.to_vec();
            bytes[0] ^= 1;
            self.inner.put(path, bytes.into()).await?;
        }
        Ok(done)
    }

    async fn abort_multipart(
        &self,
        path: &ObjectPath,
        id: &MultipartId,
    ) -> object_store::Result<()> {
        if self.mood.keeps.load(Ordering::Relaxed) {
            let source = "403 Forbidden".into();
            return Err(object_store::Error::Generic { store: "test", source });
        }
        self.mood.aborted.fetch_add(1, Ordering::Relaxed);
        unknown(path, self.inner.abort_multipart(path, id).await)
    }
}

/// What S3 says of an upload that it does not know.
fn unknown<T>(path: &ObjectPath, answer: object_store::Result<T>) -> object_store::Result<T> {
    answer.map_err(|error| {
        if !error.to_string().contains("not found") {
            return error;
        }
        object_store::Error::NotFound { path: path.to_string(), source: error.into() }
    })
}
