//! Proofs, made from tiles. All of it waits for the disk: off the async threads.

use bytes::Bytes;
use deskside_protocol::log::tile::{self, Content, WIDTH};
use deskside_protocol::log::{Hash, Head, proof};
use deskside_protocol::wire::record::LogLeaf;

use super::{Files, LogError};

impl Files {
    /// That the first `size` entries are the beginning of the log under `head`.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn consistency(&self, size: u64, head: &Head) -> Result<Vec<Bytes>, LogError> {
        Ok(wire(proof::consistency(size, head.size, &mut self.nodes())?))
    }

    /// Entry number `index`, and that it is in the log under `head`. `None` where there is none.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn inclusion(&self, index: u64, head: &Head) -> Result<Option<LogLeaf>, LogError> {
        if index >= head.size {
            return Ok(None);
        }
        let Some(bundle) = self.whole(Content::Entries, index / WIDTH)? else { return Ok(None) };
        let (entries, _) = tile::entries(&bundle);
        let entry = usize::try_from(index % WIDTH).ok().and_then(|at| entries.get(at));
        let Some(entry) = entry else { return Ok(None) };
        let path = wire(proof::inclusion(index, head.size, &mut self.nodes())?);
        Ok(Some(LogLeaf { index, leaf: Bytes::copy_from_slice(entry), path }))
    }
}

fn wire(hashes: Vec<Hash>) -> Vec<Bytes> {
    hashes.into_iter().map(|hash| Bytes::copy_from_slice(&hash)).collect()
}
