//! What can be wrong.

use thiserror::Error;

/// A frame cannot be made: our own misuse, or memory that is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A picture without pixels, or above the maximum.
    #[error("a picture of {width} x {height} pixels is not possible")]
    Size {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The view does not hold the rows that it should.
    #[error("the view is shorter than its size")]
    View,
    /// zstd has no memory or was misused.
    #[error("zstd failed")]
    Zstd,
    /// The JPEG encoder does not take a piece.
    #[error("a piece cannot be coded")]
    Jpeg,
}

/// A frame cannot be read. The peer misbehaves or the bytes are damaged; the picture is then as
/// it was before, or partly newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A picture without pixels, or above the maximum.
    #[error("a picture of {width} x {height} pixels is not possible")]
    Size {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// Not the next frame.
    #[error("frame {got} came where {expected} was due")]
    Order {
        /// Which came.
        got: u64,
        /// Which should have.
        expected: u64,
    },
    /// Nothing to begin with: the first frame has to be fresh.
    #[error("a frame that builds on others came first")]
    NotFresh,
    /// The size changed without a fresh start.
    #[error("the size changed in the middle")]
    SizeChanged,
    /// Not what zstd makes.
    #[error("the zstd stream is broken")]
    Zstd,
    /// More than a frame of this size can need.
    #[error("a frame is larger than its picture")]
    TooLarge,
    /// The description of what changed makes no sense.
    #[error("a frame is malformed")]
    Malformed,
    /// Not a JPEG of its size.
    #[error("a piece is no JPEG of its size")]
    Jpeg,
}
