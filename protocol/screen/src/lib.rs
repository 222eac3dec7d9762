//! The screen, coded: what changed on a picture becomes a frame, and frames become the picture again.
//!
//! Pure and deterministic, so that the same messages give the same pixels in the viewer and years
//! later in a replay. No clock, no socket; time is an argument. The relay does not link it.
//!
//! What a frame is made of, from cheap to dear:
//!
//! 1. what is as it was: tiles of 64 pixels that do not differ, whatever the damage said;
//! 2. what moved: blocks of 16 pixels, copied by one of a few vectors;
//! 3. text and widgets: exact, in one zstd stream that lives as long as the picture and remembers
//!    what it has seen;
//! 4. pictures: JPEG pieces beside the frame, so that a loss delays only the piece itself, made exact
//!    later by [`Encoder::refine`], when the region rests.
//!
//! ```
//! use deskside_screen::{Decoder, Encoder, Picture, Size, View};
//! use std::time::Duration;
//!
//! let size = Size::new(80, 48)?;
//! let screen = vec![0x40; 80 * 48 * 4]; // BGRX, as a display has it
//! let view = View::new(size, 80 * 4, &screen)?;
//! let mut encoder = Encoder::new(size)?;
//! let coded = encoder.frame(&view, &[size.rect()], Duration::ZERO)?.expect("something changed");
//! let mut decoder = Decoder::new()?;
//! decoder.frame(&coded.frame)?;
//! assert_eq!(decoder.picture(), Some(&Picture::of(&view)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::indexing_slicing)]

pub mod parsers;

mod blocks;
mod compare;
mod decoder;
mod encoder;
mod error;
mod jpeg;
mod layout;
mod motion;
mod moves;
mod nature;
mod owed;
mod picture;
mod point;
mod rects;
mod residual;
mod stream;
mod wire;

pub use blocks::{BLOCK, TILE};
pub use decoder::{Changed, Decoder, MAX_EARLY, MAX_EARLY_BYTES};
pub use encoder::Encoder;
pub use error::{DecodeError, EncodeError};
pub use jpeg::MAX_PIECE;
pub use picture::{MAX_PIXELS, MAX_SIDE, Picture, Rect, Size, Source, View};
pub use point::Point;
pub use rects::rects_of_tiles;
pub use wire::{Announced, MAX_JPEG, MAX_RAW, PieceAnnounced, WireError};

use bytes::Bytes;

/// What changed, coded: a frame for the screen's ordered stream, and the pictures in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// For the ordered stream.
    pub frame: Frame,
    /// Each travels by itself, in no order.
    pub pieces: Vec<Piece>,
}

/// What one frame carries on the screen's ordered stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Counts up by one. Where a frame begins anew it may be anything above the one before.
    pub number: u64,
    /// The picture's size. Another one than before only where the frame begins anew.
    pub size: Size,
    /// Begins anew: nothing of what was before is needed to decode it.
    pub fresh: bool,
    /// The zstd stream begins anew and the picture stays: who has the picture of before, a [`Point`],
    /// can begin here.
    pub renewed: bool,
    /// What changed, and the exact pixels: a stretch of the picture's zstd stream.
    pub exact: Bytes,
    /// Pixels that were approximate and become exact: a zstd frame of its own; empty where there are
    /// none.
    pub residual: Bytes,
    /// How many pieces belong to it.
    pub pieces: u32,
}

/// A part of a frame that is a picture, approximately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Of which frame.
    pub frame: u64,
    /// Where it stands.
    pub rect: Rect,
    /// Baseline JPEG of that size.
    pub jpeg: Bytes,
}
