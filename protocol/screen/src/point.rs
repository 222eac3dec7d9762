//! Where a replay can begin: what a decoder knows before a renewed frame, packed to be kept by the
//! hundred.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

use bytes::Bytes;

use crate::blocks::Grid;
use crate::decoder::Shown;
use crate::{DecodeError, Decoder, Picture, Piece, Size};

/// zstd's fastest: a screen of text packs to a hundredth.
const LEVEL: i32 = 1;

/// Bytes that are unpacked at once; they stay in the processor's cache.
const STRETCH: usize = 32 * 1024;

/// A decoder between two frames. One that begins here reads what follows exactly where the next frame
/// is [renewed](crate::Frame::renewed) or fresh.
#[derive(Clone)]
pub struct Point {
    number: u64,
    size: Size,
    /// zstd of the pixels, four bytes each, and behind them by block the frame that wrote it last,
    /// eight bytes each.
    packed: Bytes,
    early: VecDeque<Piece>,
    awaited: BTreeMap<u64, u32>,
}

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Point").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Point {
    /// The number of the last frame before it.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of memory that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.packed.len() + self.early.iter().map(|piece| piece.jpeg.len()).sum::<usize>()
    }
}

impl Decoder {
    /// What it knows now; `None` where it shows nothing yet, or while it [skims](Self::skim).
    ///
    /// # Errors
    /// [`DecodeError::Zstd`] where there is no memory.
    pub fn point(&self) -> Result<Option<Point>, DecodeError> {
        let Some(shown) = self.shown.as_ref().filter(|_| !self.skims) else { return Ok(None) };
        let pixels = shown.picture.pixels().iter().flat_map(|pixel| pixel.to_le_bytes());
        let written = shown.written.iter().flat_map(|frame| frame.to_le_bytes());
        let raw: Vec<u8> = pixels.chain(written).collect();
        let packed = zstd::bulk::compress(&raw, LEVEL).map_err(|_| DecodeError::Zstd)?;
        Ok(Some(Point {
            number: self.number,
            size: shown.grid.size(),
            packed: packed.into(),
            early: self.early.clone(),
            awaited: self.awaited.clone(),
        }))
    }

    /// Begins at `point`.
    ///
    /// # Errors
    /// [`DecodeError::Zstd`] where there is no memory.
    pub fn at(point: &Point) -> Result<Self, DecodeError> {
        let (size, blocks) = (point.size, Grid::new(point.size).blocks());
        let mut packed = zstd::stream::read::Decoder::with_buffer(&*point.packed)
            .map_err(|_| DecodeError::Zstd)?;
        let pixels = numbers(&mut packed, size.pixels(), u32::from_le_bytes)?;
        let written = numbers(&mut packed, blocks, u64::from_le_bytes)?;
        let picture = Picture::from_pixels(size, pixels).ok_or(DecodeError::Malformed)?;
        Ok(Self {
            shown: Some(Shown::of(picture, written)),
            number: point.number,
            early: point.early.clone(),
            early_bytes: point.early.iter().map(|piece| piece.jpeg.len()).sum(),
            awaited: point.awaited.clone(),
            ..Self::new()?
        })
    }
}

/// Reads so many numbers, a stretch at a time: unpacked bytes of a whole picture would be a second
/// one in memory.
fn numbers<const N: usize, T>(
    from: &mut impl Read,
    count: usize,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let mut numbers = Vec::with_capacity(count);
    let mut stretch = [0; STRETCH];
    while numbers.len() < count {
        let most = ((count - numbers.len()) * N).min(STRETCH - STRETCH % N);
        let bytes = stretch.get_mut(..most).ok_or(DecodeError::Malformed)?;
        from.read_exact(bytes).map_err(|_| DecodeError::Zstd)?;
        numbers.extend(bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
    }
    Ok(numbers)
}
