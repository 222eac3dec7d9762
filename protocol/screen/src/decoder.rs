//! The viewer's half, and the replay's: frames become the picture.

use std::collections::{BTreeMap, VecDeque};

use crate::blocks::{BLOCK, Grid};
use crate::encoder::source;
use crate::jpeg::{self, MAX_PIECE};
use crate::layout::{Code, Layout};
use crate::rects::rects;
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

/// The pixels of a piece, decoded before its turn to be shown.
#[derive(Debug)]
pub struct Ready(Vec<u32>);

impl Piece {
    /// Decodes its pixels: what [`Decoder::ready_piece`] would else do itself, for another thread.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`], [`DecodeError::Jpeg`].
    pub fn ready(&self) -> Result<Ready, DecodeError> {
        self.check()?;
        jpeg::decode(&self.jpeg, self.rect.width, self.rect.height).map(Ready)
    }

    const fn check(&self) -> Result<(), DecodeError> {
        let fits = self.rect.width <= MAX_PIECE && self.rect.height <= MAX_PIECE;
        if fits { Ok(()) } else { Err(DecodeError::Malformed) }
    }
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
}

pub(crate) struct Shown {
    pub(crate) grid: Grid,
    pub(crate) picture: Picture,
    /// By block: the frame that wrote it last.
    pub(crate) written: Vec<u64>,
    /// What moves in the frame that is being decoded; kept for its memory.
    taken: Vec<u32>,
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
        })
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
    /// [`DecodeError`]. Only a fresh frame helps then.
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
    /// was overtaken by a newer frame shows only where it was not.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`], [`DecodeError::Jpeg`].
    pub fn piece(&mut self, piece: &Piece) -> Result<Changed, DecodeError> {
        self.ready_piece(piece, None)
    }

    /// The same, of one whose pixels may be there already; those of a piece that waits are let go.
    ///
    /// # Errors
    /// As for [`Self::piece`].
    pub fn ready_piece(
        &mut self,
        piece: &Piece,
        ready: Option<Ready>,
    ) -> Result<Changed, DecodeError> {
        piece.check()?;
        if piece.frame > self.number {
            self.keep_early(piece);
            return Ok(Changed::Parts(Vec::new()));
        }
        let mut parts = Vec::new();
        self.show(piece, ready, &mut parts)?;
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
        let due: VecDeque<Piece> = due;
        for piece in due {
            self.early_bytes -= piece.jpeg.len();
            self.show(&piece, None, parts)?;
        }
        Ok(())
    }

    fn show(
        &mut self,
        piece: &Piece,
        ready: Option<Ready>,
        parts: &mut Vec<Rect>,
    ) -> Result<(), DecodeError> {
        let shown = self.shown.as_mut().ok_or(DecodeError::NotFresh)?;
        shown.piece(piece, ready, parts)?;
        self.lost(piece.frame);
        Ok(())
    }
}

impl Shown {
    fn new(size: Size) -> Self {
        Self::of(Picture::new(size), vec![0; Grid::new(size).blocks()])
    }

    pub(crate) fn of(picture: Picture, written: Vec<u64>) -> Self {
        Self { grid: Grid::new(picture.size()), picture, written, taken: Vec::new() }
    }

    fn blacken(&mut self) {
        self.picture.fill(0);
        self.written.fill(0);
    }

    /// Makes the picture that a frame says.
    fn apply(&mut self, number: u64, raw: &[u8], residual: &[u8]) -> Result<Layout, DecodeError> {
        let mut pixels = raw;
        let layout = Layout::decode(self.grid, &mut pixels)?;
        self.copies(&layout)?;
        let of = |code: Code| {
            let layout = &layout;
            move |block: usize| layout.code(block) == code
        };
        for rect in rects(self.grid, usize::MAX, of(Code::Exact)) {
            self.exact(rect, &mut pixels)?;
        }
        if !pixels.is_empty() {
            return Err(DecodeError::Malformed);
        }
        let roughs = rects(self.grid, usize::MAX, of(Code::Residual));
        match (roughs.is_empty(), residual.is_empty()) {
            (true, true) => {}
            (false, false) => residual::decode(residual, &mut self.picture, &roughs)?,
            _ => return Err(DecodeError::Malformed),
        }
        for (block, code) in layout.blocks(self.grid) {
            if code != Code::Same
                && let Some(written) = self.written.get_mut(block)
            {
                *written = number;
            }
        }
        Ok(layout)
    }

    /// Where one thing comes to lie, another may leave: all is taken up before any is put down.
    fn copies(&mut self, layout: &Layout) -> Result<(), DecodeError> {
        self.taken.clear();
        let mut places = Vec::new();
        for (index, vector) in (0..).zip(&layout.vectors) {
            let moved = |block: usize| layout.code(block) == Code::Moved(index);
            for rect in rects(self.grid, usize::MAX, moved) {
                let from = source(rect, *vector, self.grid.size()).ok_or(DecodeError::Malformed)?;
                self.picture.rows(from).for_each(|row| self.taken.extend_from_slice(row));
                places.push(rect);
            }
        }
        let mut taken = self.taken.as_slice();
        for rect in places {
            for y in rect.y..rect.y + rect.height {
                let to = self.picture.row_mut(rect.x, y, rect.width);
                let row = taken.split_off(..to.len()).ok_or(DecodeError::Malformed)?;
                to.copy_from_slice(row);
            }
        }
        Ok(())
    }

    fn exact(&mut self, rect: Rect, pixels: &mut &[u8]) -> Result<(), DecodeError> {
        for y in rect.y..rect.y + rect.height {
            let (row, rest) =
                pixels.split_at_checked(rect.width * 4).ok_or(DecodeError::Malformed)?;
            *pixels = rest;
            let row = row.as_chunks::<4>().0;
            for (to, from) in self.picture.row_mut(rect.x, y, rect.width).iter_mut().zip(row) {
                *to = crate::picture::colour(*from);
            }
        }
        Ok(())
    }

    /// Shows a piece where nothing newer stands.
    fn piece(
        &mut self,
        piece: &Piece,
        ready: Option<Ready>,
        parts: &mut Vec<Rect>,
    ) -> Result<(), DecodeError> {
        let rect = piece.rect;
        let aligned = rect.x.is_multiple_of(BLOCK) && rect.y.is_multiple_of(BLOCK);
        if !aligned || !rect.fits(self.grid.size()) {
            // It may be of a picture that had another size.
            return Ok(());
        }
        let Ready(pixels) = match ready {
            Some(ready) => ready,
            None => piece.ready()?,
        };
        for block in self.grid.under(rect) {
            if self.written.get(block) != Some(&piece.frame) {
                continue;
            }
            let part = self.grid.block(block);
            let width = part.width.min(rect.x + rect.width - part.x);
            let height = part.height.min(rect.y + rect.height - part.y);
            for y in part.y..part.y + height {
                let start = (y - rect.y) * rect.width + part.x - rect.x;
                let from = pixels.get(start..start + width).unwrap_or_default();
                let to = self.picture.row_mut(part.x, y, width);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        parts.push(rect);
        Ok(())
    }
}
