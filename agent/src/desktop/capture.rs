//! A desktop that is watched: what changes on it, and its pixels, for one thread that does nothing
//! else.

use std::time::Duration;

use super::bell::Bell;
use super::{DesktopError, Monitor, Region};

/// The longest side of a pointer's shape, in pixels; a larger one is not sent.
pub const MAX_CURSOR: u32 = 128;

/// What happened on a desktop since it was last asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four things that happen independently")]
pub(super) struct News {
    /// Pixels may have changed.
    pub(super) damage: bool,
    /// Size or monitors may have changed.
    pub(super) layout: bool,
    /// The pointer looks otherwise.
    pub(super) cursor: bool,
    /// The pointer is somewhere else.
    pub(super) pointer: bool,
}

impl News {
    /// Everything.
    pub(super) const ALL: Self = Self { damage: true, layout: true, cursor: true, pointer: true };

    /// What happened in either.
    pub(super) fn add(&mut self, more: Self) {
        self.damage |= more.damage;
        self.layout |= more.layout;
        self.cursor |= more.cursor;
        self.pointer |= more.pointer;
    }
}

/// How the pointer looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Pixels across, at most [`MAX_CURSOR`].
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The pixel that points, from the left.
    pub hot_x: u32,
    /// The same from above.
    pub hot_y: u32,
    /// Blue, green, red, opacity; premultiplied, row by row.
    pub bgra: Vec<u8>,
}

/// What a kind of desktop can do for whoever watches it. Calls block, but for as short as the
/// display answers.
pub(super) trait Capture: Send {
    /// Waits until something happened, the bell rang, or this time passed. Damage happens once until
    /// it was asked for, however much it becomes meanwhile.
    fn wait(&mut self, bell: &Bell, most: Option<Duration>) -> Result<(), DesktopError>;
    /// What happened since. The first time all of it did.
    fn news(&mut self) -> Result<News, DesktopError>;
    /// The parts of the desktop whose pixels may have changed since this was last asked.
    fn damage(&mut self) -> Result<Vec<Region>, DesktopError>;
    /// Width and height of the desktop as it is now.
    fn size(&mut self) -> Result<(u32, u32), DesktopError>;
    /// The monitors as they are now, at least one.
    fn monitors(&mut self) -> Result<Vec<Monitor>, DesktopError>;
    /// Reads the pixels of `regions`, which lie inside the desktop, to be copied part by part.
    /// [`DesktopError::Moved`] where they do not any more.
    fn fetch(&mut self, regions: &[Region]) -> Result<(), DesktopError>;
    /// Copies `part`, which lies inside one of the regions that were fetched last: BGRX, four bytes
    /// a pixel, row by row without padding.
    fn copy(&self, part: Region, bgrx: &mut [u8]);
    /// How the pointer looks; `None` where it is larger than is sent.
    fn cursor(&mut self) -> Result<Option<Cursor>, DesktopError>;
    /// Where the pointer is, in pixels of the desktop.
    fn pointer(&mut self) -> Result<(i32, i32), DesktopError>;
}
