//! What happened in a session, told from the entries of its timeline, for whoever replays, searches
//! or exports a recording.
//!
//! Two readers of one track. [`Story`] tells [`Happening`]s that people care about: who asked and who
//! allowed, commands with their output and end, files with their hashes, what was said, copied and
//! typed, and what is missing. [`Film`] makes the pictures of the live screen again; its
//! [`Cutter`] takes the coded parts of them out of the track, so that they can be kept and shown from
//! any [`FilmPoint`] on.
//!
//! Pure: no clock, file, socket or thread. The relay does not link it, since it can read nothing.
//! What it holds is bounded, whatever the recording has in it; what it gives is bounded by one
//! message each, and nothing is put together without a bound.
#![warn(clippy::indexing_slicing)]

mod consent;
mod film;
mod hands;
mod happening;
mod keys;
mod story;
mod threads;
mod watch;

pub use film::{Cursor, Cutter, Film, FilmPoint, Take, Told, Turn, rgba};
pub use happening::{
    Act, Allowance, Computer, FileEnd, Happening, Input, Monitor, Outcome, Refused, Scope, Seen,
    What,
};
pub use keys::key_name;
pub use story::Story;
