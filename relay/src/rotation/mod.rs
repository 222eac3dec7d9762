//! Other keys: a node key for a machine that changed hands, an authority key that somebody may have
//! seen. What leads from the old keys to the new is kept and told to every leg.
//!
//! A new key lies beside the old one until the database says that it counts; then it takes its place.
//! A crash between the two is settled by what the database says.

mod authority;
mod node;

pub use authority::rotate_authority;
pub use node::rotate_node;
pub(crate) use node::{FormerKeys, settle};

use deskside_protocol::identity::rotation::{MAX_ROTATIONS, RotationError};
use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::Rotation;
use deskside_protocol::wire::signal::Welcome;
use prost::Message as _;
use std::io;
use thiserror::Error;

use crate::authority::AuthorityError;
use crate::node::NodeError;
use crate::offline::OfflineError;
use crate::store::{Store, StoreError};

/// The setting that holds them, as a `Welcome` that says nothing else.
pub(crate) const SETTING: &str = "rotations";

/// Why a key stays.
#[derive(Debug, Error)]
pub enum RotateError {
    /// The relay of the folder; it runs, for one.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Two changes between two starts would leave ends behind.
    #[error("the node key was changed already, to {0}: start the relay again first")]
    Pending(PublicKey),
    /// The statement has to be signed by the organisation.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// What was stated before, or what has to be signed anew.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// What has to be signed anew, likewise.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key's file.
    #[error("the new key cannot be written")]
    File(#[source] io::Error),
}

/// How this relay came to its keys, the oldest statement first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rotations {
    /// Of the node key.
    pub nodes: Vec<Rotation>,
    /// Of the authority key.
    pub organisations: Vec<Rotation>,
}

impl Rotations {
    /// What is written down.
    pub(crate) async fn read(store: &Store) -> Result<Self, StoreError> {
        let Some(told) = store.setting(SETTING).await? else { return Ok(Self::default()) };
        let told = Welcome::decode(told.as_slice()).map_err(|_| StoreError::Value(SETTING))?;
        Ok(Self { nodes: told.nodes, organisations: told.organisations })
    }

    /// As it is written down.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { nodes, organisations } = self.clone();
        Welcome { nodes, organisations, ..Welcome::default() }.encode_to_vec()
    }
}

/// Adds a statement. Ends follow [`MAX_ROTATIONS`], so the oldest is told no more: a link of before
/// it is too old.
pub(crate) fn add(chain: &mut Vec<Rotation>, rotation: Rotation) {
    chain.push(rotation);
    let over = chain.len().saturating_sub(MAX_ROTATIONS);
    chain.drain(..over);
}

#[cfg(test)]
mod tests;
