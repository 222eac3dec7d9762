//! The passive decoder: a recording's packets and the four secrets of each line become again what
//! the two ends said to each other, with the times at which it became readable.
//!
//! Pure: no clock, file, socket or thread. The relay does not link it, since it never has a secret
//! to give it. What it holds is bounded, whatever the recording has in it.
//!
//! Two layers. [`Decoder`] takes the blocks of a recording in order and gives [`Event`]s: bytes of
//! streams, datagrams, ends; and at the end a [`Report`] of what does not go together and whom that
//! points at. [`Timeline`] takes the events and gives [`Entry`]s: messages by channel, the raw bodies
//! of files and pictures, openings and ends.
//!
//! Only what the other end acknowledged counts: that is what it took in, whatever else the relay
//! recorded. The rest is unknown, and told as that.
//!
//! ```
//! use deskside_decode::{Decoder, Timeline};
//! use deskside_protocol::recording::{Reader, Step};
//! use deskside_protocol::seal::LineSecrets;
//! use deskside_protocol::session::End;
//!
//! fn entries(mut file: &[u8], sealed: Vec<(u16, End, LineSecrets)>) -> usize {
//!     let (mut reader, mut decoder, mut timeline) = (Reader::new(), Decoder::new(), Timeline::new());
//!     for (line, end, secrets) in sealed {
//!         decoder.sealed(line, end, secrets);
//!     }
//!     let mut count = 0;
//!     while let Ok(Step::Block(block)) = reader.next(&mut file) {
//!         decoder.feed(&block);
//!         while let Some(event) = decoder.poll() {
//!             timeline.feed(event);
//!             count += std::iter::from_fn(|| timeline.poll()).count();
//!         }
//!     }
//!     count
//! }
//! # assert_eq!(entries(b"", Vec::new()), 0);
//! ```
#![warn(clippy::indexing_slicing)]

pub mod forge;
pub mod frames;
pub mod parsers;

mod cursor;
mod datagrams;
mod decoder;
mod digest;
mod endings;
mod event;
mod finding;
mod half;
mod handshake;
mod header;
mod keys;
mod line;
mod numbers;
mod opening;
mod ranges;
mod report;
mod secrets;
mod statement;
mod streams;
mod stretch;
mod timeline;
mod waiting;

pub use decoder::Decoder;
pub use event::{Closed, Event, Recorded, What};
pub use finding::{Finding, Found, MAX_FINDINGS, Party, Space, StatementFlaw};
pub use keys::Suite;
pub use report::{Counted, LineReport, Report};
pub use statement::{Agreement, Claim, DatagramClaim, Half, Tally};
pub use stretch::Stretch;
pub use timeline::{Entry, Item, Timeline, Trouble};
