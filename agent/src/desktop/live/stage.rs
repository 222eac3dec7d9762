//! The picture that is watched: where it lies on the desktop, what of it is damaged, and its encoder.

use std::time::Duration;

use deskside_screen::{Coded, EncodeError, Encoder, Rect, Size, Source};

use super::Scene;
use super::pending::{Pending, within};
use crate::desktop::capture::Capture;
use crate::desktop::{DesktopError, Region};

/// The picture of the moment.
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) size: Size,
    pub(super) encoder: Encoder,
    pub(super) pending: Pending,
}

impl Stage {
    /// A picture of `scene`, for the viewer who saw the one before.
    pub(super) fn after(before: Option<Self>, scene: Scene) -> Result<Self, DesktopError> {
        let Region { width, height, .. } = scene.region;
        let too_large = |_| DesktopError::TooLarge { width, height };
        let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
        let size = Size::new(side(width), side(height)).map_err(too_large)?;
        let encoder = match before {
            Some(before) => before.encoder.after(size)?,
            None => Encoder::new(size)?,
        };
        let mut pending = Pending::new(size);
        pending.add_all();
        Ok(Self { scene, size, encoder, pending })
    }

    pub(super) fn damaged(&mut self, damage: &[Region]) {
        let region = self.scene.region;
        let rects: Vec<Rect> = damage.iter().filter_map(|part| within(*part, region)).collect();
        self.pending.add(&rects);
    }

    /// Reads these tiles, which are in order.
    pub(super) fn read(
        &self,
        capture: &mut dyn Capture,
        tiles: &[Rect],
    ) -> Result<(), DesktopError> {
        let regions: Vec<Region> = hulls(tiles).into_iter().map(|it| self.on_desktop(it)).collect();
        capture.fetch(&regions)
    }

    /// Codes what changed in these tiles, which were read.
    pub(super) fn code(
        &mut self,
        capture: &dyn Capture,
        tiles: &[Rect],
        now: Duration,
    ) -> Result<Option<Coded>, EncodeError> {
        let read = Read { capture, region: self.scene.region, size: self.size };
        self.encoder.frame(&read, tiles, now)
    }

    const fn on_desktop(&self, part: Rect) -> Region {
        placed(part, self.scene.region)
    }
}

/// The picture as it was read, tile by tile.
struct Read<'a> {
    capture: &'a dyn Capture,
    region: Region,
    size: Size,
}

impl Source for Read<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn copy(&self, rect: Rect, to: &mut [u8]) {
        self.capture.copy(placed(rect, self.region), to);
    }
}

/// A part of the picture of `region`, on the desktop.
#[allow(clippy::cast_possible_truncation, reason = "a picture's sides fit 16 bits")]
const fn placed(part: Rect, region: Region) -> Region {
    Region {
        x: region.x + part.x as u32,
        y: region.y + part.y as u32,
        width: part.width as u32,
        height: part.height as u32,
    }
}

/// Parts that cover the tiles: of rows without a gap each, as wide as their tiles reach.
fn hulls(tiles: &[Rect]) -> Vec<Rect> {
    let mut hulls: Vec<Rect> = Vec::new();
    for tile in tiles {
        match hulls.last_mut() {
            Some(hull) if hull.y + hull.height >= tile.y => {
                let right = (hull.x + hull.width).max(tile.x + tile.width);
                let bottom = (hull.y + hull.height).max(tile.y + tile.height);
                hull.x = hull.x.min(tile.x);
                hull.width = right - hull.x;
                hull.height = bottom - hull.y;
            }
            _ => hulls.push(*tile),
        }
    }
    hulls
}

/// What is to be seen of this monitor; of the whole desktop where there is no such monitor.
pub(super) fn scene(capture: &mut dyn Capture, monitor: u32) -> Result<Scene, DesktopError> {
    let monitors = capture.monitors()?;
    let index = monitor.checked_sub(1).and_then(|index| usize::try_from(index).ok());
    if let Some(found) = index.and_then(|index| monitors.get(index)) {
        return Ok(Scene { monitor, region: found.region, monitors });
    }
    let (width, height) = capture.size()?;
    Ok(Scene { monitor: 0, region: Region { x: 0, y: 0, width, height }, monitors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_read_at_once_where_their_rows_touch() {
        let rect = |x: usize, y: usize, width, height| Rect { x, y, width, height };
        let tile = |x: usize, y: usize| rect(x, y, 64, 64);
        let tiles = [tile(128, 0), tile(640, 0), tile(64, 64), tile(64, 256)];
        assert_eq!(hulls(&tiles), [rect(64, 0, 640, 128), tile(64, 256)]);
        assert_eq!(hulls(&[]), []);
    }
}
