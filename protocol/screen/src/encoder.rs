//! The agent's half: pictures become frames.

use std::time::Duration;

use crate::blocks::Grid;
use crate::compare::take_changed;
use crate::jpeg::{self, MAX_PIECE};
use crate::layout::{Code, Layout, Vector};
use crate::motion::Motion;
use crate::moves::source;
use crate::nature::is_picture;
use crate::residual;
use crate::stream::Compressor;
use crate::{Coded, EncodeError, Frame, Picture, Piece, Rect, Size, Source};

/// Of 100; photos look right and take a twenty-fifth of what zstd makes of them.
const QUALITY: u8 = 78;

/// Frames after which the zstd stream begins anew, so that a replay can begin there: what it takes to
/// decode so many is how long a seek takes. On a screen of text the memory is worth 100 kB, a
/// twentieth of what 300 pages take.
const RENEWED_FRAMES: u32 = 300;
/// It begins anew after so much time too, with the next frame.
const RENEWED_AFTER: Duration = Duration::from_secs(60);

/// Codes one picture, frame after frame.
pub struct Encoder {
    grid: Grid,
    /// What the viewer has, as soon as all that was sent is there and exact.
    old: Picture,
    /// The same with what is being coded; between frames the same but for `stale`.
    new: Picture,
    /// Tiles of which `new` still has what was before the last frame.
    stale: Vec<usize>,
    compressor: Compressor,
    motion: Motion,
    /// When the zstd stream began, and how many frames it has.
    began: Duration,
    stretches: u32,
    /// The last frame's number.
    number: u64,
    fresh: bool,
    quality: u8,
    blocks: Vec<Block>,
    rough: usize,
    /// Everything up to this frame is with the viewer, pieces included.
    acknowledged: u64,
}

/// What is known of a block.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// The frame whose piece the viewer sees here, instead of the exact pixels; 0: they are exact.
    piece: u64,
    /// When it changed last.
    changed: Duration,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Encoder {
    /// For pictures of this size; another size takes another encoder, which [`Self::after`] this
    /// one.
    ///
    /// # Errors
    /// [`EncodeError::Zstd`].
    pub fn new(size: Size) -> Result<Self, EncodeError> {
        let grid = Grid::new(size);
        Ok(Self {
            grid,
            old: Picture::new(size),
            new: Picture::new(size),
            stale: Vec::new(),
            compressor: Compressor::new()?,
            motion: Motion::default(),
            began: Duration::ZERO,
            stretches: 0,
            number: 0,
            fresh: true,
            quality: QUALITY,
            blocks: vec![Block::default(); grid.blocks()],
            rough: 0,
            acknowledged: 0,
        })
    }

    /// For the same viewer, whose monitor has this size now.
    ///
    /// # Errors
    /// [`EncodeError::Zstd`].
    pub fn after(self, size: Size) -> Result<Self, EncodeError> {
        Ok(Self { number: self.number, quality: self.quality, ..Self::new(size)? })
    }

    /// The size of its pictures.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.grid.size()
    }

    /// Begins anew with the next frame, so that a decoder can begin there.
    pub const fn restart(&mut self) {
        self.fresh = true;
    }

    /// How good pieces are from here on, from 1 to 100.
    pub fn set_quality(&mut self, quality: u8) {
        self.quality = quality.clamp(1, 100);
    }

    /// The viewer shows this frame with all its pieces: they can be moved from here on.
    pub fn acknowledge(&mut self, frame: u64) {
        self.acknowledged = self.acknowledged.max(frame.min(self.number));
    }

    /// Whether the viewer sees every pixel as it is, once all that was sent is there.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.rough == 0 && !self.fresh
    }

    /// What changed since the last frame, at `now`; `None` where nothing did. Only what lies in
    /// `damage` is looked at. A frame that begins anew begins from black: what is not in `damage`
    /// stays black until it is.
    ///
    /// # Errors
    /// [`EncodeError`]; the next frame is then fresh.
    pub fn frame(
        &mut self,
        source: &(impl Source + ?Sized),
        damage: &[Rect],
        now: Duration,
    ) -> Result<Option<Coded>, EncodeError> {
        if source.size() != self.grid.size() {
            return Err(EncodeError::View);
        }
        let fresh = std::mem::replace(&mut self.fresh, true);
        if fresh {
            self.blacken();
        }
        let tiles = take_changed(&self.old, &mut self.new, source, self.grid, damage);
        if tiles.is_empty() && !fresh {
            self.fresh = false;
            return Ok(None);
        }
        self.catch_up(&tiles);
        let mut layout = Layout::new(self.grid, tiles);
        if !fresh {
            layout.vectors = self.motion.vectors(&self.old, &self.new, self.grid, &layout.tiles);
        }
        self.copies(&mut layout);
        self.natures(&mut layout);
        let coded = self.code(&layout, fresh, now)?;
        self.commit(layout, coded.frame.number, now);
        self.fresh = false;
        Ok(Some(coded))
    }

    /// Makes pixels exact that rest since `rest` or longer: `most` pixels at the most, but always a
    /// tile. `None` where there are none.
    ///
    /// # Errors
    /// [`EncodeError`]; the next frame is then fresh.
    pub fn refine(
        &mut self,
        now: Duration,
        rest: Duration,
        most: usize,
    ) -> Result<Option<Coded>, EncodeError> {
        if self.fresh || self.rough == 0 {
            return Ok(None);
        }
        let mut layout = Layout::new(self.grid, Vec::new());
        let mut pixels = 0;
        for tile in 0..self.grid.tiles() {
            let resting: Vec<usize> = self
                .grid
                .of_tile(tile)
                .filter(|block| {
                    let known = self.block(*block);
                    known.piece != 0 && now.saturating_sub(known.changed) >= rest
                })
                .collect();
            if resting.is_empty() {
                continue;
            }
            layout.tiles.push(tile);
            for block in resting {
                layout.set(block, Code::Residual);
                pixels += self.grid.block(block).pixels();
            }
            if pixels >= most {
                break;
            }
        }
        if layout.tiles.is_empty() {
            return Ok(None);
        }
        self.fresh = true;
        self.catch_up(&[]);
        let coded = self.code(&layout, false, now)?;
        for (block, code) in layout.blocks(self.grid).collect::<Vec<_>>() {
            if code == Code::Residual {
                self.set_piece(block, 0);
            }
        }
        self.fresh = false;
        Ok(Some(coded))
    }

    /// What a decoder has that begins here.
    fn blacken(&mut self) {
        self.old.fill(0);
        self.new.fill(0);
        self.stale.clear();
        self.blocks.fill(Block::default());
        self.rough = 0;
    }

    /// Brings `new` up to date, but for these tiles, which are new in it.
    fn catch_up(&mut self, taken: &[usize]) {
        for tile in self.stale.drain(..) {
            if taken.binary_search(&tile).is_err() {
                self.new.copy(&self.old, self.grid.tile(tile));
            }
        }
    }

    fn block(&self, block: usize) -> Block {
        self.blocks.get(block).copied().unwrap_or_default()
    }

    fn set_piece(&mut self, block: usize, frame: u64) {
        if let Some(known) = self.blocks.get_mut(block) {
            self.rough += usize::from(frame != 0);
            self.rough -= usize::from(known.piece != 0);
            known.piece = frame;
        }
    }

    /// Finds blocks that are as they were, or can be copied; all others are exact.
    fn copies(&self, layout: &mut Layout) {
        for tile in layout.tiles.clone() {
            // Most of what scrolls moves as whole tiles, which are compared faster than their blocks.
            let first = layout.vectors.get(..1).unwrap_or_default();
            let whole = self.copied(self.grid.tile(tile), first);
            for block in self.grid.of_tile(tile) {
                if let Some(moved) = whole {
                    layout.set(block, moved);
                    continue;
                }
                let rect = self.grid.block(block);
                let code = if self.new.stands_in(&self.old, rect, rect.x, rect.y) {
                    Code::Same
                } else {
                    self.copied(rect, &layout.vectors).unwrap_or(Code::Exact)
                };
                layout.set(block, code);
            }
        }
    }

    fn copied(&self, rect: Rect, vectors: &[Vector]) -> Option<Code> {
        let fits = |vector: &Vector| {
            let source = source(rect, *vector, self.grid.size())?;
            let alike = self.new.stands_in(&self.old, rect, source.x, source.y);
            (alike && self.newest_piece(source) <= self.acknowledged).then_some(())
        };
        let index = vectors.iter().position(|vector| fits(vector).is_some())?;
        Some(Code::Moved(u8::try_from(index).ok()?))
    }

    /// The newest piece that shows in a part of the picture.
    fn newest_piece(&self, rect: Rect) -> u64 {
        if self.rough == 0 {
            return 0;
        }
        self.grid.under(rect).map(|block| self.block(block).piece).max().unwrap_or(0)
    }

    /// Tells pictures from text in what is left.
    fn natures(&self, layout: &mut Layout) {
        for tile in layout.tiles.clone() {
            let left: Vec<usize> = self
                .grid
                .of_tile(tile)
                .filter(|block| layout.code(*block) == Code::Exact)
                .collect();
            let picture = is_picture(&self.new, self.grid, &left);
            for block in left {
                layout.set(block, if picture { Code::Piece } else { Code::Exact });
            }
        }
    }

    /// The bytes of a frame.
    fn code(&mut self, layout: &Layout, fresh: bool, now: Duration) -> Result<Coded, EncodeError> {
        let number = self.number + 1;
        let renewed = !fresh && self.is_long(now);
        if fresh || renewed {
            self.compressor.restart()?;
            (self.began, self.stretches) = (now, 0);
        }
        self.stretches += 1;
        let mut raw = Vec::new();
        layout.encode(self.grid, &mut raw);
        for rect in layout.rects(self.grid, usize::MAX, Code::Exact) {
            for row in self.new.rows(rect) {
                raw.extend(row.iter().flat_map(|pixel| pixel.to_le_bytes()));
            }
        }
        let exact = self.compressor.compress(&raw)?;
        let roughs = layout.rects(self.grid, usize::MAX, Code::Residual);
        let residual = if roughs.is_empty() {
            bytes::Bytes::new()
        } else {
            residual::encode(&self.new, &roughs)?
        };
        let pieces = layout
            .rects(self.grid, MAX_PIECE, Code::Piece)
            .into_iter()
            .map(|rect| {
                let jpeg = jpeg::encode(&self.new, rect, self.quality)?;
                Ok(Piece { frame: number, rect, jpeg })
            })
            .collect::<Result<Vec<_>, EncodeError>>()?;
        let count = u32::try_from(pieces.len()).map_err(|_| EncodeError::Jpeg)?;
        self.number = number;
        let size = self.grid.size();
        let frame = Frame { number, size, fresh, renewed, exact, residual, pieces: count };
        Ok(Coded { frame, pieces })
    }

    /// Whether the zstd stream has become long.
    fn is_long(&self, now: Duration) -> bool {
        self.stretches >= RENEWED_FRAMES || now.saturating_sub(self.began) >= RENEWED_AFTER
    }

    /// The frame is made: what it says is what the viewer will have.
    fn commit(&mut self, layout: Layout, number: u64, now: Duration) {
        let mut pieces = Vec::new();
        for (block, code) in layout.blocks(self.grid) {
            let piece = match code {
                Code::Same => continue,
                Code::Moved(index) => {
                    let vector = layout.vectors.get(usize::from(index));
                    let rect = self.grid.block(block);
                    let from = vector.and_then(|it| source(rect, *it, self.grid.size()));
                    from.map_or(0, |from| self.newest_piece(from))
                }
                Code::Exact | Code::Residual => 0,
                Code::Piece => number,
            };
            pieces.push((block, piece));
        }
        for (block, piece) in pieces {
            self.set_piece(block, piece);
            if let Some(known) = self.blocks.get_mut(block) {
                known.changed = now;
            }
        }
        std::mem::swap(&mut self.old, &mut self.new);
        self.stale = layout.tiles;
    }
}
