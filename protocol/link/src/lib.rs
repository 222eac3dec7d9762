//! The I/O that the two ends and the relay share: one UDP socket for a leg and its lines, TLS with
//! pinned keys, typed streams.
//!
//! It hands out a line's four traffic secrets and seals nothing; it moves signals and messages and
//! knows what none of them means.

pub mod attend;
pub mod beside;
pub mod bodies;
pub mod cid;
mod congestion;
mod counted;
pub mod folder;
pub mod ledger;
pub mod leg;
pub mod line;
mod making;
pub mod opening;
pub mod random;
pub mod secrets;
pub mod socket;
pub mod statements;
pub mod stream;
pub mod tails;
pub mod tls;
pub mod transport;

pub use beside::Beside;
pub use bodies::{Bodies, FilesLine};
pub use leg::Leg;
pub use line::Line;
pub use socket::Lines;
