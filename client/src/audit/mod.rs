//! Recordings: which there are, a copy of one, whether anybody changed it, and what the relay's log
//! of sessions says of them.

mod accesses;
mod anchor;
mod bodies;
mod bundle;
mod contents;
mod disclose;
mod export;
mod fetch;
mod file;
mod heard;
mod hold;
mod intervals;
mod judge;
mod lag;
mod list;
mod log;
mod replay;
mod seals;
mod search;
mod source;
mod stated;
mod tail;
mod tape;
mod unroll;
mod verdict;
mod verify;
mod whole;

pub use accesses::accesses;
pub use disclose::disclose;
pub use export::export;
pub use fetch::{Wish, fetch, fetch_with_proof};
pub use hold::hold;
pub use judge::{Organisation, organisation};
pub use list::{Wanted, list};
pub use replay::replay;
pub use seals::{Identities, identities};
pub use search::search;
pub use tape::Tape;
pub use verify::verify;
pub use whole::whole;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod tests;
