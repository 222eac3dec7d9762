//! The picture that is watched: where it lies on the desktop, its pixels as they were last read, what
//! of it is damaged, and its encoder.

use deskside_screen::{Encoder, Rect, Size};

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
    /// The pixels as they were last read: BGRX, row by row.
    pub(super) bgrx: Vec<u8>,
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
        Ok(Self { scene, size, encoder, pending, bgrx: vec![0; size.pixels() * 4] })
    }

    pub(super) fn damaged(&mut self, damage: &[Region]) {
        let region = self.scene.region;
        let rects: Vec<Rect> = damage.iter().filter_map(|part| within(*part, region)).collect();
        self.pending.add(&rects);
    }

    /// Reads the rows of these tiles, which are in order.
    pub(super) fn read(
        &mut self,
        capture: &mut dyn Capture,
        tiles: &[Rect],
    ) -> Result<(), DesktopError> {
        let row = self.size.width() * 4;
        for (top, bottom) in rows(tiles) {
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let region = Region {
                y: self.scene.region.y + number(top),
                height: number(bottom - top),
                ..self.scene.region
            };
            let bgrx = self.bgrx.get_mut(top * row..bottom * row).unwrap_or_default();
            capture.read(region, bgrx)?;
        }
        Ok(())
    }
}

/// Rows from here to there that cover the tiles, without a gap in each.
fn rows(tiles: &[Rect]) -> Vec<(usize, usize)> {
    let mut rows: Vec<(usize, usize)> = Vec::new();
    for tile in tiles {
        let (top, bottom) = (tile.y, tile.y + tile.height);
        match rows.last_mut() {
            Some((_, end)) if *end >= top => *end = bottom.max(*end),
            _ => rows.push((top, bottom)),
        }
    }
    rows
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
    fn rows_of_tiles_are_read_at_once_where_they_touch() {
        let tile = |x: usize, y: usize| Rect { x, y, width: 64, height: 64 };
        let tiles = [tile(0, 0), tile(640, 0), tile(0, 64), tile(64, 256)];
        assert_eq!(rows(&tiles), [(0, 128), (256, 320)]);
        assert_eq!(rows(&[]), []);
    }
}
