//! Frames and pieces as they travel: a message that announces them, and their bytes behind it.
//!
//! What a peer announces is checked before room is made for it.

use bytes::{Bytes, BytesMut};
use deskside_protocol::frame::MAX_CHUNK;
use deskside_protocol::wire::message::{ScreenFrame, ScreenPiece};
use thiserror::Error;

use crate::jpeg::MAX_PIECE;
use crate::picture::MAX_PIXELS;
use crate::{Frame, Piece, Rect, Size};

/// Bytes of a frame's exact and residual pixels together, at the most: every pixel of the largest
/// picture, which zstd makes no larger but for 64 KiB.
pub const MAX_RAW: usize = MAX_PIXELS * 4 + 64 * 1024;
/// Bytes of a piece's JPEG at the most: 4 for each pixel of the largest piece, and 64 KiB.
pub const MAX_JPEG: usize = MAX_PIECE * MAX_PIECE * 4 + 64 * 1024;

/// The peer announces what cannot be, or sends something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// Larger than any, or of no size.
    #[error("a part of the screen is announced that cannot be")]
    Impossible,
    /// More bytes than were announced.
    #[error("a part of the screen is longer than announced")]
    TooLong,
}

impl Frame {
    /// What announces it.
    #[must_use]
    pub fn announce(&self) -> ScreenFrame {
        ScreenFrame {
            number: self.number,
            width: number(self.size.width()),
            height: number(self.size.height()),
            fresh: self.fresh,
            renewed: self.renewed,
            exact: number(self.exact.len()),
            residual: number(self.residual.len()),
            pieces: self.pieces,
        }
    }

    /// The bytes behind that, in parts of the largest size that is allowed.
    pub fn parts(&self) -> impl Iterator<Item = Bytes> {
        let both = if self.residual.is_empty() {
            self.exact.clone()
        } else {
            [self.exact.as_ref(), self.residual.as_ref()].concat().into()
        };
        parts(both)
    }

    /// Bytes that it has on the line, but for its pieces.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.exact.len() + self.residual.len()
    }
}

impl Piece {
    /// What announces it.
    #[must_use]
    pub fn announce(&self) -> ScreenPiece {
        ScreenPiece {
            frame: self.frame,
            x: number(self.rect.x),
            y: number(self.rect.y),
            width: number(self.rect.width),
            height: number(self.rect.height),
        }
    }

    /// The bytes behind that.
    pub fn parts(&self) -> impl Iterator<Item = Bytes> {
        parts(self.jpeg.clone())
    }
}

/// All sizes are below [`MAX_RAW`].
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn parts(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let part = bytes.split_to(bytes.len().min(MAX_CHUNK));
        (!part.is_empty()).then_some(part)
    })
}

/// A frame of which so much has come.
#[derive(Debug)]
pub struct Announced {
    frame: Frame,
    exact: usize,
    whole: usize,
    bytes: BytesMut,
}

impl Announced {
    /// The frame that was announced, without its bytes so far.
    ///
    /// # Errors
    /// [`WireError::Impossible`].
    pub fn new(announced: &ScreenFrame) -> Result<Self, WireError> {
        let (width, height) = (side(announced.width)?, side(announced.height)?);
        let size = Size::new(width, height).map_err(|_| WireError::Impossible)?;
        let (exact, residual) = (side(announced.exact)?, side(announced.residual)?);
        let whole = exact.checked_add(residual).ok_or(WireError::Impossible)?;
        if whole > MAX_RAW || announced.number == 0 {
            return Err(WireError::Impossible);
        }
        let frame = Frame {
            number: announced.number,
            size,
            fresh: announced.fresh,
            renewed: announced.renewed,
            exact: Bytes::new(),
            residual: Bytes::new(),
            pieces: announced.pieces,
        };
        Ok(Self { frame, exact, whole, bytes: BytesMut::new() })
    }

    /// Whether all of it is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.whole
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// [`WireError::TooLong`].
    pub fn push(&mut self, part: &[u8]) -> Result<(), WireError> {
        if part.len() > self.whole - self.bytes.len() {
            return Err(WireError::TooLong);
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// The frame. What has not come is not in it: see [`Self::is_whole`].
    #[must_use]
    pub fn into_frame(self) -> Frame {
        let mut residual = self.bytes.freeze();
        let exact = residual.split_to(self.exact.min(residual.len()));
        Frame { exact, residual, ..self.frame }
    }
}

/// A piece of which so much has come.
#[derive(Debug)]
pub struct PieceAnnounced {
    frame: u64,
    rect: Rect,
    jpeg: BytesMut,
}

impl PieceAnnounced {
    /// The piece that was announced, without its bytes so far.
    ///
    /// # Errors
    /// [`WireError::Impossible`].
    pub fn new(announced: &ScreenPiece) -> Result<Self, WireError> {
        let rect = Rect {
            x: side(announced.x)?,
            y: side(announced.y)?,
            width: side(announced.width)?,
            height: side(announced.height)?,
        };
        let possible = (1..=MAX_PIECE).contains(&rect.width)
            && (1..=MAX_PIECE).contains(&rect.height)
            && rect.x.max(rect.y) < crate::picture::MAX_SIDE;
        if !possible {
            return Err(WireError::Impossible);
        }
        Ok(Self { frame: announced.frame, rect, jpeg: BytesMut::new() })
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// [`WireError::TooLong`].
    pub fn push(&mut self, part: &[u8]) -> Result<(), WireError> {
        if part.len() > MAX_JPEG - self.jpeg.len() {
            return Err(WireError::TooLong);
        }
        self.jpeg.extend_from_slice(part);
        Ok(())
    }

    /// The piece, once its stream has ended.
    #[must_use]
    pub fn into_piece(self) -> Piece {
        Piece { frame: self.frame, rect: self.rect, jpeg: self.jpeg.freeze() }
    }
}

fn side(number: u32) -> Result<usize, WireError> {
    usize::try_from(number).map_err(|_| WireError::Impossible)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test's own bytes")]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame {
            number: 7,
            size: Size::new(640, 480).unwrap(),
            fresh: true,
            renewed: false,
            exact: vec![1; MAX_CHUNK + 5].into(),
            residual: vec![2; 9].into(),
            pieces: 3,
        }
    }

    #[test]
    fn a_frame_arrives_as_it_was_sent() {
        let frame = frame();
        let parts: Vec<Bytes> = frame.parts().collect();
        assert_eq!(parts.iter().map(Bytes::len).collect::<Vec<_>>(), [MAX_CHUNK, 14]);
        let mut arriving = Announced::new(&frame.announce()).unwrap();
        for part in &parts {
            assert!(!arriving.is_whole());
            arriving.push(part).unwrap();
        }
        assert!(arriving.is_whole());
        assert_eq!(arriving.push(&[0]), Err(WireError::TooLong));
        assert_eq!(arriving.into_frame(), frame);
    }

    #[test]
    fn a_frame_of_copies_has_no_part() {
        let frame = Frame { exact: Bytes::new(), residual: Bytes::new(), ..frame() };
        assert_eq!(frame.parts().count(), 0);
        assert!(Announced::new(&frame.announce()).unwrap().is_whole());
    }

    #[test]
    fn a_piece_arrives_as_it_was_sent() {
        let rect = Rect { x: 16, y: 32, width: 1_024, height: 16 };
        let piece = Piece { frame: 3, rect, jpeg: vec![9; 100_000].into() };
        let mut arriving = PieceAnnounced::new(&piece.announce()).unwrap();
        for part in piece.parts() {
            arriving.push(&part).unwrap();
        }
        assert_eq!(arriving.push(&vec![0; MAX_JPEG]), Err(WireError::TooLong));
        assert_eq!(arriving.into_piece(), piece);
    }

    #[test]
    fn what_cannot_be_is_refused_before_room_is_made() {
        let good = frame().announce();
        for bad in [
            ScreenFrame { width: 0, ..good },
            ScreenFrame { height: 40_000, ..good },
            ScreenFrame { number: 0, ..good },
            ScreenFrame { exact: u32::MAX, ..good },
            ScreenFrame { exact: 100_000_000, residual: 100_000_000, ..good },
        ] {
            assert_eq!(Announced::new(&bad).err(), Some(WireError::Impossible));
        }
        let good = ScreenPiece { frame: 1, x: 0, y: 0, width: 16, height: 16 };
        for bad in [
            ScreenPiece { width: 0, ..good },
            ScreenPiece { height: 1_025, ..good },
            ScreenPiece { x: u32::MAX, ..good },
        ] {
            assert_eq!(PieceAnnounced::new(&bad).err(), Some(WireError::Impossible));
        }
    }
}
