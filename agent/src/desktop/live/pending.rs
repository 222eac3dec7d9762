//! Damage that gathers until a frame may start: tiles of the picture, the small changes first, so
//! that what is typed is not held up by a page that scrolls.

use std::collections::{BTreeSet, VecDeque};

use deskside_screen::{Rect, Size, TILE};

use crate::desktop::Region;

/// Damage of so many tiles or fewer goes first: a line of text that is being typed, a button, a small
/// window. A sixteenth of a screen of 1080p.
const SMALL: usize = 32;
/// More damage than this is drawn in many steps.
const LARGE: usize = 12;

/// The damaged tiles of one picture.
#[derive(Debug)]
pub(super) struct Pending {
    size: Size,
    across: usize,
    small: VecDeque<usize>,
    rest: BTreeSet<usize>,
    /// From which tile on the rest is taken: after the last one that was.
    next: usize,
}

impl Pending {
    /// Nothing is damaged.
    pub(super) const fn new(size: Size) -> Self {
        let across = size.width().div_ceil(TILE);
        Self { size, across, small: VecDeque::new(), rest: BTreeSet::new(), next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.rest.is_empty()
    }

    /// Whether more is damaged than goes first.
    pub(super) fn is_large(&self) -> bool {
        self.rest.len() > LARGE
    }

    /// Tiles that are damaged.
    pub(super) fn len(&self) -> usize {
        self.small.len() + self.rest.len()
    }

    /// Whether there is something that goes first.
    pub(super) fn has_small(&self) -> bool {
        !self.small.is_empty()
    }

    /// All of the picture is damaged.
    pub(super) fn add_all(&mut self) {
        self.small.clear();
        self.rest = (0..self.across * self.size.height().div_ceil(TILE)).collect();
    }

    /// What happened at once, in pixels of the picture: its small parts are small for themselves.
    pub(super) fn add(&mut self, damage: &[Rect]) {
        let mut parts: Vec<BTreeSet<usize>> =
            damage.iter().map(|rect| self.tiles(*rect).collect()).collect();
        parts.sort_by_key(BTreeSet::len);
        let mut most = SMALL;
        for part in parts {
            if let Some(left) = most.checked_sub(part.len()) {
                most = left;
                self.add_small(part);
            } else {
                most = 0;
                self.rest.extend(part.into_iter().filter(|tile| !self.small.contains(tile)));
            }
        }
    }

    fn add_small(&mut self, tiles: BTreeSet<usize>) {
        for tile in tiles {
            self.rest.remove(&tile);
            if !self.small.contains(&tile) {
                self.small.push_back(tile);
            }
        }
    }

    /// Takes what goes first, as many tiles as `most`; where there is nothing, of the rest.
    pub(super) fn take_first(&mut self, most: usize) -> Vec<Rect> {
        let most = if self.small.is_empty() { most } else { most.min(self.small.len()) };
        self.take(most)
    }

    /// Takes as many tiles as `most`, at least one where there is one.
    pub(super) fn take(&mut self, most: usize) -> Vec<Rect> {
        let most = most.max(1);
        let mut taken: Vec<usize> = self.small.drain(..self.small.len().min(most)).collect();
        let behind = self.rest.range(self.next..).chain(self.rest.range(..self.next));
        let more: Vec<usize> = behind.take(most - taken.len()).copied().collect();
        if let Some(last) = more.last() {
            self.next = last + 1;
        }
        for tile in &more {
            self.rest.remove(tile);
        }
        taken.extend(more);
        taken.sort_unstable();
        taken.into_iter().map(|tile| self.rect(tile)).collect()
    }

    fn tiles(&self, rect: Rect) -> impl Iterator<Item = usize> + use<> {
        let end = |start: usize, length: usize, whole: usize| (start + length).min(whole);
        let right = end(rect.x, rect.width, self.size.width()).div_ceil(TILE);
        let bottom = end(rect.y, rect.height, self.size.height()).div_ceil(TILE);
        let (left, top, across) = (rect.x / TILE, rect.y / TILE, self.across);
        (top..bottom).flat_map(move |y| (left..right).map(move |x| y * across + x))
    }

    fn rect(&self, tile: usize) -> Rect {
        let (x, y) = (tile % self.across * TILE, tile / self.across * TILE);
        let (width, height) = (self.size.width() - x, self.size.height() - y);
        Rect { x, y, width: width.min(TILE), height: height.min(TILE) }
    }
}

/// The part of `damage`, on the desktop, that lies in the picture of `region`.
pub(super) fn within(damage: Region, region: Region) -> Option<Rect> {
    let left = damage.x.max(region.x);
    let top = damage.y.max(region.y);
    let right = damage.x.saturating_add(damage.width).min(region.x + region.width);
    let bottom = damage.y.saturating_add(damage.height).min(region.y + region.height);
    let side = |number: u32| usize::try_from(number).ok();
    let rect = Rect {
        x: side(left - region.x)?,
        y: side(top - region.y)?,
        width: side(right.checked_sub(left)?)?,
        height: side(bottom.checked_sub(top)?)?,
    };
    (rect.width > 0 && rect.height > 0).then_some(rect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: usize, y: usize, width: usize, height: usize) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn what_is_small_goes_first_and_the_rest_in_turn() {
        let mut pending = Pending::new(Size::new(640, 400).unwrap());
        pending.add(&[rect(0, 0, 640, 400)]);
        pending.add(&[rect(300, 70, 10, 10)]);
        assert_eq!(pending.take(2), [rect(0, 0, 64, 64), rect(256, 64, 64, 64)]);
        assert_eq!(pending.take(1), [rect(64, 0, 64, 64)]);
        // What is small is so whatever happened beside it, and goes alone where that is wished.
        pending.add(&[rect(0, 0, 640, 400), rect(600, 70, 10, 10)]);
        assert_eq!(pending.take_first(9), [rect(576, 64, 64, 64)]);
        // New damage above does not hold up what is below.
        pending.add(&[rect(0, 0, 640, 256)]);
        assert_eq!(pending.take(1), [rect(128, 0, 64, 64)]);
        assert_eq!(pending.take(1_000).len(), 7 * 10 - 1);
        assert!(pending.is_empty());
        assert!(pending.take(5).is_empty());
    }

    #[test]
    fn all_is_all_down_to_the_edge() {
        let size = Size::new(100, 70).unwrap();
        let mut pending = Pending::new(size);
        pending.add(&[rect(0, 0, 1, 1)]);
        pending.add_all();
        let all = pending.take(100);
        assert_eq!(all.iter().map(Rect::pixels).sum::<usize>(), size.pixels());
        assert_eq!(all.last(), Some(&rect(64, 64, 36, 6)));
    }

    #[test]
    fn damage_of_the_desktop_is_cut_to_the_monitor() {
        let region = Region { x: 100, y: 50, width: 200, height: 100 };
        let damage = |x, y, width, height| within(Region { x, y, width, height }, region);
        assert_eq!(damage(0, 0, 1_000, 1_000), Some(rect(0, 0, 200, 100)));
        assert_eq!(damage(90, 60, 20, 10), Some(rect(0, 10, 10, 10)));
        assert_eq!(damage(0, 0, 100, 1_000), None);
        assert_eq!(damage(300, 60, 5, 5), None);
        assert_eq!(damage(0, 0, u32::MAX, u32::MAX), Some(rect(0, 0, 200, 100)));
    }
}
