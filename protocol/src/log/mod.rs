//! The relay's log: a Merkle tree over what happened to sessions, so that a session that was
//! deleted whole, a file that was handed out in an older state, and a log that was cut back or told
//! to two people in two ways all show. Bytes in, bytes out; who keeps the tiles is elsewhere.
//!
//! [`leaf`] has what is logged, [`tree`] the hashes (RFC 6962), [`tile`] how a log is kept and
//! fetched (C2SP tlog-tiles), [`proof`] makes and checks proofs, [`head`] is what the node signs
//! (C2SP tlog-checkpoint), [`evidence`] holds a recording against the proofs of its leaves.

pub mod evidence;
pub mod head;
pub mod leaf;
pub mod proof;
pub mod tile;
pub mod tree;

pub use head::{Head, SignedHead};
pub use leaf::{Leaf, What};
pub use tile::TilePath;
pub use tree::{Frontier, Hash};
