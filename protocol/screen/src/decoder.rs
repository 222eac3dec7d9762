//! The viewer's half, and the replay's: frames become the picture.

use std::collections::{BTreeMap, VecDeque};

use crate::blocks::Grid;
use crate::jpeg::{self, MAX_PIECE};
use crate::layout::{Code, Layout};
use crate::moves::{self, Move};
use crate::owed::Owed;
use crate::residual;
use crate::stream::Decompressor;
use crate::{DecodeError, Frame, Picture, Piece, Rect, Size};

/// Pieces that came before their frame, at the most: a frame of photos has a few dozen.
pub const MAX_EARLY: usize = 256;
/// Bytes of them: three exact pictures' worth of JPEG at 1080p.
pub const MAX_EARLY_BYTES: usize = 8 * 1024 * 1024;
/// Frames that wait for pieces at once: 4 s at 60 frames a second.
const MAX_AWAITED: usize = 256;

/// What of the picture is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// All of it, and perhaps its size.
    All,
    /// These parts.
    Parts(Vec<Rect>),
}

/// Decodes one picture, frame after frame.
pub struct Decoder {
    pub(crate) decompressor: Decompressor,
    pub(crate) shown: Option<Shown>,
    /// The last frame's number.
    pub(crate) number: u64,
    /// Pieces whose frame is still to come.
    pub(crate) early: VecDeque<Piece>,
    pub(crate) early_bytes: usize,
    /// Frames with the number of their pieces that did not come yet.
    pub(crate) awaited: BTreeMap<u64, u32>,
    /// Nobody looks, up to [`Decoder::settle`].
    pub(crate) skims: bool,
}

pub(crate) struct Shown {
    pub(crate) grid: Grid,
    pub(crate) picture: Picture,
    /// By block: the frame that wrote it last.
    pub(crate) written: Vec<u64>,
    /// What moves in the frame that is being decoded; kept for its memory.
    taken: Vec<u32>,
    owed: Owed,
    /// Of a piece that was owed: why it could not be decoded.
    failed: Option<DecodeError>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Decoder {
    /// One that has seen nothing.
    ///
    /// # Errors
    /// [`DecodeError::Zstd`] where there is no memory.
    pub fn new() -> Result<Self, DecodeError> {
        Ok(Self {
            decompressor: Decompressor::new()?,
            shown: None,
            number: 0,
            early: VecDeque::new(),
            early_bytes: 0,
            awaited: BTreeMap::new(),
            skims: false,
        })
    }

    /// From here on nobody looks, up to [`Self::settle`]: pieces are owed to the picture, and decoded
    /// only where they are not painted over before. [`Self::picture`] is without them.
    pub const fn skim(&mut self) {
        self.skims = true;
    }

    /// Somebody looks again: the picture is what it had been, had nothing been owed.
    ///
    /// # Errors
    /// As for [`Self::piece`], of one that was owed and is seen. The others are there all the same.
    pub fn settle(&mut self) -> Result<(), DecodeError> {
        self.skims = false;
        let Some(shown) = &mut self.shown else { return Ok(()) };
        while let Some(number) = shown.owed.first() {
            shown.pay(number);
        }
        shown.failed.take().map_or(Ok(()), Err)
    }

    /// The picture so far.
    #[must_use]
    pub fn picture(&self) -> Option<&Picture> {
        self.shown.as_ref().map(|shown| &shown.picture)
    }

    /// The last frame that is shown with all its pieces, as are all before it: what an encoder is
    /// told by [`acknowledge`](crate::Encoder::acknowledge).
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.awaited.first_key_value().map_or(self.number, |(frame, _)| frame - 1)
    }

    /// Decodes the next frame.
    ///
    /// # Errors
    /// [`DecodeError`]. Only a fresh frame helps then. The picture is as it was before, and black where
    /// the frame was a fresh one.
    pub fn frame(&mut self, frame: &Frame) -> Result<Changed, DecodeError> {
        if frame.fresh {
            self.begin(frame)?;
        }
        let shown = self.shown.as_mut().ok_or(DecodeError::NotFresh)?;
        let expected = self.number + 1;
        if frame.number != expected {
            return Err(DecodeError::Order { got: frame.number, expected });
        }
        if frame.size != shown.grid.size() {
            return Err(DecodeError::SizeChanged);
        }
        if frame.renewed {
            self.decompressor.restart()?;
        }
        let raw = self.decompressor.decompress(&frame.exact, Layout::most(shown.grid))?;
        let layout = shown.apply(frame.number, raw, &frame.residual)?;
        self.number = frame.number;
        if frame.pieces > 0 {
            self.awaited.insert(frame.number, frame.pieces);
            if self.awaited.len() > MAX_AWAITED {
                self.awaited.pop_first();
            }
        }
        let tiles = layout.tiles.iter().map(|tile| shown.grid.tile(*tile));
        let mut parts: Vec<Rect> = tiles.collect();
        self.take_early(&mut parts)?;
        Ok(if frame.fresh { Changed::All } else { Changed::Parts(parts) })
    }

    /// Decodes a piece, whenever it comes. One whose frame is still to come waits for it; one that
    /// was overtaken by a newer frame shows only where it was not, and is not decoded where nothing of
    /// it shows.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`], [`DecodeError::Jpeg`].
    pub fn piece(&mut self, piece: &Piece) -> Result<Changed, DecodeError> {
        if piece.rect.width > MAX_PIECE || piece.rect.height > MAX_PIECE {
            return Err(DecodeError::Malformed);
        }
        let mut parts = Vec::new();
        if piece.frame > self.number {
            self.keep_early(piece);
        } else {
            self.show(piece, &mut parts)?;
        }
        Ok(Changed::Parts(parts))
    }

    /// A piece of this frame will not come: its pixels follow otherwise.
    pub fn lost(&mut self, frame: u64) {
        if let Some(left) = self.awaited.get_mut(&frame) {
            *left -= 1;
            if *left == 0 {
                self.awaited.remove(&frame);
            }
        }
    }

    fn begin(&mut self, frame: &Frame) -> Result<(), DecodeError> {
        if frame.number <= self.number {
            return Err(DecodeError::Order { got: frame.number, expected: self.number + 1 });
        }
        self.decompressor.restart()?;
        match &mut self.shown {
            Some(shown) if shown.grid.size() == frame.size => shown.blacken(),
            shown => *shown = Some(Shown::new(frame.size)),
        }
        self.number = frame.number - 1;
        // Pieces of frames before it would show nothing any more.
        self.awaited.clear();
        Ok(())
    }

    fn keep_early(&mut self, piece: &Piece) {
        self.early_bytes += piece.jpeg.len();
        self.early.push_back(piece.clone());
        while self.early.len() > MAX_EARLY || self.early_bytes > MAX_EARLY_BYTES {
            let Some(dropped) = self.early.pop_front() else { break };
            self.early_bytes -= dropped.jpeg.len();
        }
    }

    /// Shows the pieces that came before the frame that is there now.
    fn take_early(&mut self, parts: &mut Vec<Rect>) -> Result<(), DecodeError> {
        let (due, early) =
            std::mem::take(&mut self.early).into_iter().partition(|it| it.frame <= self.number);
        self.early = early;
        let (due, mut shown): (VecDeque<Piece>, _) = (due, Ok(()));
        for piece in due {
            self.early_bytes -= piece.jpeg.len();
            // One that is none leaves the others as they are.
            shown = shown.and(self.show(&piece, parts));
        }
        shown
    }

    fn show(&mut self, piece: &Piece, parts: &mut Vec<Rect>) -> Result<(), DecodeError> {
        let shown = self.shown.as_mut().ok_or(DecodeError::NotFresh)?;
        let seen = shown.seen(piece);
        if !seen.is_empty() {
            parts.push(piece.rect);
            if self.skims {
                shown.owe(piece, &seen);
            } else {
                shown.paint(piece, &seen)?;
            }
        }
        self.lost(piece.frame);
        Ok(())
    }
}

impl Shown {
    fn new(size: Size) -> Self {
        Self::of(Picture::new(size), vec![0; Grid::new(size).blocks()])
    }

    pub(crate) fn of(picture: Picture, written: Vec<u64>) -> Self {
        let grid = Grid::new(picture.size());
        let (taken, owed) = (Vec::new(), Owed::new(grid.blocks()));
        Self { grid, picture, written, taken, owed, failed: None }
    }

    fn blacken(&mut self) {
        self.picture.fill(0);
        self.written.fill(0);
        self.owed = Owed::new(self.grid.blocks());
        self.failed = None;
    }

    /// Makes the picture that a frame says, or leaves it as it is where that makes no sense.
    fn apply(&mut self, number: u64, raw: &[u8], residual: &[u8]) -> Result<Layout, DecodeError> {
        let mut pixels = raw;
        let layout = Layout::decode(self.grid, &mut pixels)?;
        let moves = moves::of(&layout, self.grid)?;
        let exact = layout.rects(self.grid, usize::MAX, Code::Exact);
        if pixels.len() != 4 * exact.iter().map(Rect::pixels).sum::<usize>() {
            return Err(DecodeError::Malformed);
        }
        let roughs = layout.rects(self.grid, usize::MAX, Code::Residual);
        let residuals = residual::unpack(residual, &roughs)?;

        self.pay_under(&moves);
        moves::copy(&mut self.picture, &moves, &mut self.taken);
        for rect in exact {
            let (own, rest) = pixels.split_at_checked(4 * rect.pixels()).unwrap_or_default();
            self.picture.take(own, rect);
            pixels = rest;
        }
        residual::paint(&residuals, &mut self.picture, &roughs);
        self.note(&layout, number);
        Ok(layout)
    }

    /// What moves is no longer owed its pixels.
    fn pay_under(&mut self, moves: &[Move]) {
        for Move { from, .. } in moves {
            for number in self.owed.under(self.grid.under(*from)) {
                self.pay(number);
            }
        }
    }

    /// Remembers which blocks a frame wrote.
    fn note(&mut self, layout: &Layout, number: u64) {
        for (block, code) in layout.blocks(self.grid) {
            if code != Code::Same
                && let Some(written) = self.written.get_mut(block)
            {
                *written = number;
                // Where a piece belongs it stays as it was until that has come.
                if code != Code::Piece {
                    self.owed.forget(block);
                }
            }
        }
    }

    /// The blocks of a piece where nothing newer stands.
    fn seen(&self, piece: &Piece) -> Vec<usize> {
        if !self.grid.is_blocks(piece.rect) {
            // It may be of a picture that had another size.
            return Vec::new();
        }
        let newest = |block: &usize| self.written.get(*block) == Some(&piece.frame);
        self.grid.under(piece.rect).filter(newest).collect()
    }

    fn owe(&mut self, piece: &Piece, blocks: &[usize]) {
        self.owed.owe(piece, blocks);
        while self.owed.is_too_much()
            && let Some(number) = self.owed.first()
        {
            self.pay(number);
        }
    }

    /// Paints what is owed of a piece.
    fn pay(&mut self, number: u64) {
        let Some((piece, blocks)) = self.owed.take(number, self.grid) else { return };
        if let Err(error) = self.paint(&piece, &blocks) {
            self.failed.get_or_insert(error);
        }
    }

    /// Shows these blocks of a piece.
    fn paint(&mut self, piece: &Piece, blocks: &[usize]) -> Result<(), DecodeError> {
        let rect = piece.rect;
        let pixels = jpeg::decode(&piece.jpeg, rect.width, rect.height)?;
        for block in blocks {
            let part = self.grid.block(*block);
            for y in part.y..part.y + part.height {
                let start = (y - rect.y) * rect.width + part.x - rect.x;
                let from = pixels.get(start..start + part.width).unwrap_or_default();
                let to = self.picture.row_mut(part.x, y, part.width);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        Ok(())
    }
}
