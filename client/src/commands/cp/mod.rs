//! `cp`: reads and checks the words, hands the wish to `connect`, and shows how it goes.

mod show;
mod words;

pub use show::follow;
pub use words::wish;
