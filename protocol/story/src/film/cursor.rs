//! The user's pointer: how it looks and where it stands.

use deskside_protocol::wire::message::CursorShape;

/// Shapes that are kept: twice what the agent counts on. 4 MiB at the most.
const MAX_SHAPES: usize = 64;
/// Pixels of a side at the most.
const MAX_SIDE: u32 = 128;

/// The pointer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cursor {
    /// The one that is seen last.
    shapes: Vec<CursorShape>,
    place: Option<(i32, i32)>,
    last: u64,
}

impl Cursor {
    /// How it looks: premultiplied BGRA, at most 128 pixels on a side.
    #[must_use]
    pub fn shape(&self) -> Option<&CursorShape> {
        self.shapes.last()
    }

    /// Where it stands on the desktop.
    #[must_use]
    pub const fn place(&self) -> Option<(i32, i32)> {
        self.place
    }

    pub(super) fn bytes(&self) -> usize {
        self.shapes.iter().map(|shape| size_of::<CursorShape>() + shape.bgra.len()).sum()
    }

    /// Another look, which may be one from before. Whether it is one at all.
    pub(super) fn look(&mut self, told: &CursorShape) -> bool {
        let at = self.shapes.iter().position(|known| known.id == told.id);
        let shape = if is_whole(told) {
            if let Some(at) = at {
                self.shapes.remove(at);
            }
            told.clone()
        } else {
            let Some(at) = at else { return false };
            self.shapes.remove(at)
        };
        if self.shapes.len() >= MAX_SHAPES {
            self.shapes.remove(0);
        }
        self.shapes.push(shape);
        true
    }

    /// Whether that is news: places come in any order.
    pub(super) fn moved(&mut self, number: u64, place: (i32, i32)) -> bool {
        let newer = self.place.is_none() || number > self.last;
        if newer {
            (self.last, self.place) = (number, Some(place));
        }
        newer
    }

    /// Places count from the beginning, and shapes come again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn is_whole(told: &CursorShape) -> bool {
    let CursorShape { width, height, hot_x, hot_y, bgra, .. } = told;
    let sides = (1..=MAX_SIDE).contains(width) && (1..=MAX_SIDE).contains(height);
    // Both are at most 128.
    sides && hot_x < width && hot_y < height && bgra.len() as u64 == u64::from(width * height * 4)
}
