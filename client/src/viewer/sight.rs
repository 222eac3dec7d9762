//! The user's screen as it came: the picture, what of it is new, and the pointer.

use std::time::Duration;

use deskside_paint::Stamp;
use deskside_protocol::wire::message::{CursorPlace, CursorShape, Watching};
use deskside_screen::{Changed, DecodeError, Decoder, Frame, Picture, Piece, Rect};

use super::model::Flow;

/// Parts that are drawn by themselves at the most; beyond that all is.
const MAX_PARTS: usize = 256;
/// Shapes of the pointer that are kept: twice what the agent counts on. 4 MiB at the most.
const MAX_SHAPES: usize = 64;
/// Pixels of its sides at the most.
const MAX_POINTER: u32 = 128;

/// What has to be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Damage {
    /// Nothing.
    #[default]
    None,
    /// These parts of the picture.
    Parts(Vec<Rect>),
    /// All of it, and perhaps its size.
    All,
}

/// A shape of the pointer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// Its pixels.
    pub stamp: Stamp,
    /// The pixel that points, from the upper left corner.
    pub hot: (u32, u32),
}

/// The user's pointer.
#[derive(Debug, Clone, Default)]
pub struct Pointer {
    shapes: Vec<(u32, Shape)>,
    shape: Option<u32>,
    last: u64,
    /// On the desktop.
    place: Option<(i32, i32)>,
    /// Counts up with each change of the shape.
    pub version: u64,
}

impl Pointer {
    /// How it looks.
    #[must_use]
    pub fn shape(&self) -> Option<&Shape> {
        let id = self.shape?;
        self.shapes.iter().find(|(known, _)| *known == id).map(|(_, shape)| shape)
    }

    /// Another look, which may be one from before.
    pub fn look(&mut self, told: &CursorShape) {
        if let Some(shape) = shape(told) {
            self.shapes.retain(|(id, _)| *id != told.id);
            self.shapes.push((told.id, shape));
        } else if let Some(at) = self.shapes.iter().position(|(id, _)| *id == told.id) {
            let known = self.shapes.remove(at);
            self.shapes.push(known);
        } else {
            tracing::debug!(id = told.id, "the pointer has a shape that never came");
            return;
        }
        if self.shapes.len() > MAX_SHAPES {
            self.shapes.remove(0);
        }
        self.shape = Some(told.id);
        self.version += 1;
    }

    fn moved(&mut self, told: &CursorPlace) -> bool {
        let newer = self.place.is_none() || told.number > self.last;
        if newer {
            self.last = told.number;
            self.place = Some((told.x, told.y));
        }
        newer
    }
}

fn shape(told: &CursorShape) -> Option<Shape> {
    let CursorShape { width, height, hot_x, hot_y, bgra, .. } = told;
    let sides = (1..=MAX_POINTER).contains(width) && (1..=MAX_POINTER).contains(height);
    let (across, down) = (usize::try_from(*width).ok()?, usize::try_from(*height).ok()?);
    if !sides || hot_x >= width || hot_y >= height || bgra.len() != across * down * 4 {
        return None;
    }
    let pixels = bgra.as_chunks::<4>().0.iter().map(|pixel| u32::from_le_bytes(*pixel)).collect();
    Some(Shape { stamp: Stamp { width: across, pixels }, hot: (*hot_x, *hot_y) })
}

/// Everything that is seen of the user's screen.
#[derive(Debug, Default)]
pub struct Sight {
    decoder: Option<Decoder>,
    /// What was seen before this stream; shown until it has a picture itself.
    before: Option<Decoder>,
    /// The picture's corner on the desktop.
    corner: (i32, i32),
    damage: Damage,
    /// The user's pointer.
    pub pointer: Pointer,
    /// The last frame.
    number: u64,
    flow: Flow,
}

impl Sight {
    /// Frames of another stream begin.
    ///
    /// # Errors
    /// Memory that is not to be had.
    pub fn begin(&mut self) -> Result<(), DecodeError> {
        let decoder = self.decoder.replace(Decoder::new()?);
        if decoder.as_ref().is_some_and(|it| it.picture().is_some()) {
            self.before = decoder;
        }
        self.pointer = Pointer { version: self.pointer.version + 1, ..Pointer::default() };
        self.number = 0;
        Ok(())
    }

    /// Where the picture stands on the desktop.
    pub const fn watching(&mut self, told: &Watching) {
        self.corner = (told.x, told.y);
    }

    /// The picture, as soon as there is one.
    #[must_use]
    pub fn picture(&self) -> Option<&Picture> {
        let now = self.decoder.as_ref().and_then(Decoder::picture);
        now.or_else(|| self.before.as_ref().and_then(Decoder::picture))
    }

    /// The corner of the picture on the desktop.
    #[must_use]
    pub const fn corner(&self) -> (i32, i32) {
        self.corner
    }

    /// Takes in a frame.
    ///
    /// # Errors
    /// [`DecodeError`]: only a fresh one helps then.
    pub fn frame(&mut self, frame: &Frame, took: Duration) -> Result<(), DecodeError> {
        let decoder = self.decoder.as_mut().ok_or(DecodeError::NotFresh)?;
        let changed = decoder.frame(frame)?;
        self.number = frame.number;
        self.before = None;
        self.flow.frames += 1;
        self.flow.arriving += took;
        self.changed(changed);
        Ok(())
    }

    /// Takes in a piece.
    ///
    /// # Errors
    /// As [`Sight::frame`].
    pub fn piece(&mut self, piece: &Piece) -> Result<(), DecodeError> {
        let decoder = self.decoder.as_mut().ok_or(DecodeError::NotFresh)?;
        let changed = decoder.piece(piece)?;
        self.changed(changed);
        Ok(())
    }

    /// A piece of this frame was lost on the way.
    pub fn lost(&mut self, frame: u64) {
        if let Some(decoder) = &mut self.decoder {
            decoder.lost(frame);
        }
    }

    /// The user's pointer moved. Whether that is news.
    pub fn moved(&mut self, told: &CursorPlace) -> bool {
        self.pointer.moved(told)
    }

    /// Where the pointer stands in the picture, which may be outside of it.
    #[must_use]
    pub fn pointed(&self) -> Option<(i64, i64)> {
        let (x, y) = self.pointer.place?;
        Some((i64::from(x) - i64::from(self.corner.0), i64::from(y) - i64::from(self.corner.1)))
    }

    fn changed(&mut self, changed: Changed) {
        let parts = match changed {
            Changed::All => {
                self.damage = Damage::All;
                return;
            }
            Changed::Parts(parts) => parts,
        };
        let before = std::mem::take(&mut self.damage);
        let mut all = match before {
            Damage::All => {
                self.damage = Damage::All;
                return;
            }
            Damage::None => Vec::new(),
            Damage::Parts(before) => before,
        };
        for part in parts {
            // Tiles beside each other are one part.
            match all.last_mut() {
                Some(last)
                    if (last.y, last.height) == (part.y, part.height)
                        && last.x + last.width == part.x =>
                {
                    last.width += part.width;
                }
                _ => all.push(part),
            }
        }
        self.damage = match all.len() {
            0 => Damage::None,
            1..=MAX_PARTS => Damage::Parts(all),
            _ => Damage::All,
        };
    }

    /// What has to be drawn, once.
    pub fn take_damage(&mut self) -> Damage {
        std::mem::take(&mut self.damage)
    }

    /// The last frame, and the last with all its pieces.
    #[must_use]
    pub fn numbers(&self) -> (u64, u64) {
        (self.number, self.decoder.as_ref().map_or(0, Decoder::whole))
    }

    /// Time that decoding or drawing took.
    pub fn busy(&mut self, time: Duration) {
        self.flow.drawing += time;
    }

    /// What happened since this was asked last.
    pub fn take_flow(&mut self) -> Flow {
        std::mem::take(&mut self.flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_screen::{Encoder, Size, View};

    fn part(x: usize, y: usize) -> Rect {
        Rect { x, y, width: 64, height: 64 }
    }

    #[test]
    fn parts_beside_each_other_are_one_and_too_many_are_all() {
        let mut sight = Sight::default();
        sight.changed(Changed::Parts(vec![part(0, 0), part(64, 0), part(192, 0), part(0, 64)]));
        let Damage::Parts(parts) = sight.take_damage() else { unreachable!() };
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0].width, 128);
        assert_eq!(sight.take_damage(), Damage::None);
        sight.changed(Changed::Parts((0..300).map(|n| part(0, n * 128)).collect()));
        assert_eq!(sight.take_damage(), Damage::All);
        sight.changed(Changed::All);
        sight.changed(Changed::Parts(vec![part(0, 0)]));
        assert_eq!(sight.take_damage(), Damage::All);
    }

    #[test]
    fn the_old_picture_stays_until_the_new_stream_has_one() {
        let size = Size::new(64, 64).unwrap();
        let bytes = vec![0x55; 64 * 64 * 4];
        let view = View::new(size, 64 * 4, &bytes).unwrap();
        let coded = || {
            let mut encoder = Encoder::new(size).unwrap();
            encoder.frame(&view, &[size.rect()], Duration::ZERO).unwrap().unwrap().frame
        };
        let mut sight = Sight::default();
        assert!(sight.frame(&coded(), Duration::ZERO).is_err(), "no stream has begun");
        sight.begin().unwrap();
        assert!(sight.picture().is_none());
        sight.frame(&coded(), Duration::ZERO).unwrap();
        assert_eq!(sight.numbers(), (1, 1));
        sight.begin().unwrap();
        assert_eq!(sight.numbers(), (0, 0));
        assert!(sight.picture().is_some(), "the one from before");
        sight.begin().unwrap();
        assert!(sight.picture().is_some(), "a stream without a frame changes nothing");
        sight.frame(&coded(), Duration::ZERO).unwrap();
        assert_eq!((sight.numbers(), sight.take_flow().frames), ((1, 1), 2));
    }

    #[test]
    fn a_pointer_is_known_again_and_an_impossible_one_is_not_taken() {
        let mut pointer = Pointer::default();
        let told = |id, side: u32, bytes: usize| CursorShape {
            id,
            width: side,
            height: side,
            hot_x: 1,
            hot_y: 0,
            bgra: vec![0x10; bytes].into(),
        };
        pointer.look(&told(1, 2, 16));
        assert_eq!(pointer.shape().unwrap().stamp.pixels, [0x1010_1010; 4]);
        pointer.look(&told(2, 3, 36));
        pointer.look(&CursorShape { id: 1, ..CursorShape::default() });
        assert_eq!(pointer.shape().unwrap().stamp.width, 2);
        for bad in [told(9, 2, 15), told(9, 129, 129 * 129 * 4), told(9, 1, 4), told(9, 0, 0)] {
            pointer.look(&bad);
            assert_eq!(pointer.shape, Some(1));
        }
        for id in 10..200 {
            pointer.look(&told(id, 2, 16));
        }
        assert_eq!(pointer.shapes.len(), MAX_SHAPES);
        let mut place = |number, x| pointer.moved(&CursorPlace { number, x, y: 0 });
        assert!(place(5, 1) && !place(4, 2) && !place(5, 2) && place(6, 2));
    }
}
