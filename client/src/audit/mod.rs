//! Recordings: which there are, a copy of one, and whether anybody changed it.

mod anchor;
mod contents;
mod fetch;
mod judge;
mod list;
mod seals;
mod verdict;
mod verify;

pub use fetch::{Wish, fetch};
pub use list::list;
pub use verify::verify;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
