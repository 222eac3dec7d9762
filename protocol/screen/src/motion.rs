//! What moved: by which vectors the new picture can be had from the old one.
//!
//! Short stretches of the new picture, at a few places of each tile, are looked for in the old one
//! by a hash. First where they were the last time, then straight above and below, which is what
//! scrolling does, then everywhere.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::blocks::{Grid, TILE};
use crate::layout::Vector;
use crate::rects::rects;
use crate::{Picture, Rect};

/// Pixels of a stretch.
const STRETCH: usize = 32;
/// Changes of colour that a stretch has at the least: others are found anywhere.
const LIVELY: usize = 10;
/// Rows of a tile from which stretches are taken: no two have a distance in common.
const ROWS: [usize; 4] = [5, 22, 43, 58];
/// Tiles that changed, below which a search costs more than it saves.
const FEW_TILES: usize = 12;
/// Stretches, below which nothing can be said.
const FEW: usize = 8;
/// Stretches that have to agree on a vector.
const VOTES: usize = 6;
/// Vectors that are searched for at once.
const VECTORS: usize = 2;
/// Base of the rolling hash, odd.
const BASE: u32 = 0x9e37_79b1;

/// Remembers by which vectors things moved.
#[derive(Debug, Default)]
pub(crate) struct Motion {
    last: Vec<Vector>,
}

/// A stretch of the new picture that occurs once.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    x: usize,
    y: usize,
}

impl Motion {
    /// The vectors that explain most of what changed in `tiles`; none where nothing moved.
    pub(crate) fn vectors(
        &mut self,
        old: &Picture,
        new: &Picture,
        grid: Grid,
        tiles: &[usize],
    ) -> Vec<Vector> {
        let found = self.search(old, new, grid, tiles);
        self.last.clone_from(&found);
        found
    }

    fn search(&self, old: &Picture, new: &Picture, grid: Grid, tiles: &[usize]) -> Vec<Vector> {
        if tiles.len() < FEW_TILES {
            return Vec::new();
        }
        let wanted = Wanted::of(new, grid, tiles);
        if wanted.places.len() < FEW {
            return Vec::new();
        }
        if !self.last.is_empty() && wanted.explained_by(&self.last, old, new) {
            return self.last.clone();
        }
        let straight = wanted.straight(old, grid, tiles);
        if !straight.is_empty() && wanted.explained_by(&straight, old, new) {
            return straight;
        }
        let anywhere = wanted.anywhere(old, grid, tiles);
        if anywhere.is_empty() { straight } else { anywhere }
    }
}

/// Stretches that are looked for, by their hash.
struct Wanted {
    places: HashMap<u32, Stretch>,
    /// A bit for each value of a hash's upper half: most of what is not wanted shows here.
    sieve: Vec<u64>,
}

impl Wanted {
    fn of(new: &Picture, grid: Grid, tiles: &[usize]) -> Self {
        let mut seen: HashMap<u32, Option<Stretch>> = HashMap::new();
        for tile in tiles.iter().map(|tile| grid.tile(*tile)) {
            for row in ROWS.iter().filter(|row| **row < tile.height) {
                for column in (0..tile.width.saturating_sub(STRETCH - 1)).step_by(STRETCH) {
                    let place = Stretch { x: tile.x + column, y: tile.y + row };
                    let pixels = new.row(place.x, place.y, STRETCH);
                    if is_lively(pixels) {
                        // What occurs twice says nothing.
                        seen.entry(hash(pixels)).and_modify(|it| *it = None).or_insert(Some(place));
                    }
                }
            }
        }
        let places: HashMap<_, _> =
            seen.into_iter().filter_map(|(hash, place)| Some((hash, place?))).collect();
        let mut sieve = vec![0; 1 << 10];
        for hash in places.keys() {
            let (word, bit) = sieved(*hash);
            if let Some(word) = sieve.get_mut(word) {
                *word |= bit;
            }
        }
        Self { places, sieve }
    }

    fn find(&self, hash: u32) -> Option<Stretch> {
        let (word, bit) = sieved(hash);
        if self.sieve.get(word)? & bit == 0 { None } else { self.places.get(&hash).copied() }
    }

    /// Whether at least half of the stretches come from where the vectors say.
    fn explained_by(&self, vectors: &[Vector], old: &Picture, new: &Picture) -> bool {
        let explained = self.places.values().filter(|place| {
            vectors.iter().any(|vector| {
                vector.from(place.x, place.y).is_some_and(|(x, y)| {
                    x + STRETCH <= old.size().width()
                        && old.row(x, y, STRETCH) == new.row(place.x, place.y, STRETCH)
                        && y < old.size().height()
                })
            })
        });
        explained.count() * 2 >= self.places.len()
    }

    /// Looks above and below, in columns of stretches.
    fn straight(&self, old: &Picture, grid: Grid, tiles: &[usize]) -> Vec<Vector> {
        let mut votes = Votes::default();
        for tile in tiles.iter().map(|tile| grid.tile(*tile)) {
            for column in (0..tile.width.saturating_sub(STRETCH - 1)).step_by(STRETCH) {
                let x = tile.x + column;
                for y in tile.y..tile.y + tile.height {
                    if let Some(place) = self.find(hash(old.row(x, y, STRETCH)))
                        && place.x == x
                    {
                        votes.cast(place, x, y);
                    }
                }
            }
        }
        votes.winners()
    }

    /// Looks everywhere in what changed.
    fn anywhere(&self, old: &Picture, grid: Grid, tiles: &[usize]) -> Vec<Vector> {
        let mut changed = vec![false; grid.blocks()];
        for block in tiles.iter().flat_map(|tile| grid.of_tile(*tile)) {
            if let Some(changed) = changed.get_mut(block) {
                *changed = true;
            }
        }
        let mut votes = Votes::default();
        let is_changed = |block: usize| changed.get(block).copied().unwrap_or(false);
        for rect in rects(grid, 0..grid.down(), TILE.max(old.size().width()), is_changed) {
            self.look_through(old, rect, &mut votes);
        }
        votes.winners()
    }

    fn look_through(&self, old: &Picture, rect: Rect, votes: &mut Votes) {
        for y in rect.y..rect.y + rect.height {
            let row = old.row(rect.x, y, rect.width);
            let mut rolling = hash(row.get(..STRETCH).unwrap_or_default());
            let leaving_and_coming = row.iter().zip(row.iter().skip(STRETCH));
            if let Some(place) = self.find(rolling) {
                votes.cast(place, rect.x, y);
            }
            for (x, (leaving, coming)) in leaving_and_coming.enumerate() {
                let without = rolling.wrapping_sub(leaving.wrapping_add(1).wrapping_mul(TOP));
                rolling = without.wrapping_mul(BASE).wrapping_add(*coming).wrapping_add(1);
                if let Some(place) = self.find(rolling) {
                    votes.cast(place, rect.x + x + 1, y);
                }
            }
        }
    }
}

const fn sieved(hash: u32) -> (usize, u64) {
    let upper = hash >> 16;
    ((upper >> 6) as usize, 1 << (upper & 63))
}

fn is_lively(pixels: &[u32]) -> bool {
    let changes = pixels.iter().zip(pixels.iter().skip(1)).filter(|(one, two)| one != two);
    changes.count() >= LIVELY
}

/// Powers of the base, the highest first: a stretch's hash is a sum that becomes vector code.
const POWERS: [u32; STRETCH] = powers();
/// The power of the pixel that leaves a rolling hash first.
const TOP: u32 = POWERS[0];

#[allow(clippy::indexing_slicing, reason = "at compile time, within the array")]
const fn powers() -> [u32; STRETCH] {
    let mut powers = [1_u32; STRETCH];
    let mut index = STRETCH - 1;
    while index > 0 {
        powers[index - 1] = powers[index].wrapping_mul(BASE);
        index -= 1;
    }
    powers
}

fn hash(pixels: &[u32]) -> u32 {
    let products =
        pixels.iter().zip(POWERS).map(|(it, power)| it.wrapping_add(1).wrapping_mul(power));
    products.fold(0, u32::wrapping_add)
}

/// How many stretches speak for each vector.
#[derive(Default)]
struct Votes(HashMap<Vector, usize>);

impl Votes {
    /// The stretch stands at (`x`, `y`) in the old picture.
    fn cast(&mut self, place: Stretch, x: usize, y: usize) {
        let away = |from: usize, to: usize| i16::try_from(from.cast_signed() - to.cast_signed());
        if let (Ok(dx), Ok(dy)) = (away(x, place.x), away(y, place.y))
            && (dx, dy) != (0, 0)
        {
            *self.0.entry(Vector { dx, dy }).or_default() += 1;
        }
    }

    /// Those with most votes; of equal ones always the same.
    fn winners(self) -> Vec<Vector> {
        let mut all: Vec<_> = self.0.into_iter().filter(|(_, votes)| *votes >= VOTES).collect();
        all.sort_unstable_by_key(|(vector, votes)| (Reverse(*votes), *vector));
        all.into_iter().take(VECTORS).map(|(vector, _)| vector).collect()
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::Size;

    const fn mixed(it: u32) -> u32 {
        let it = (it ^ (it >> 16)).wrapping_mul(0x7feb_352d);
        (it ^ (it >> 15)).wrapping_mul(0x846c_a68b)
    }

    /// Lines of something like text.
    fn page(size: Size, shift_x: usize, shift_y: usize) -> Picture {
        let mut picture = Picture::new(size);
        for y in 0..size.height() {
            for (x, pixel) in picture.row_mut(0, y, size.width()).iter_mut().enumerate() {
                let (x, y) = ((x + shift_x) as u32, (y + shift_y) as u32);
                let ink = mixed(x ^ (y * 911)) >> 30 == 0;
                *pixel = if ink && y % 16 < 11 { 0x11_1111 } else { 0xee_eeee };
            }
        }
        picture
    }

    fn found(motion: &mut Motion, old: &Picture, new: &Picture) -> Vec<Vector> {
        let grid = Grid::new(old.size());
        motion.vectors(old, new, grid, &(0..grid.tiles()).collect::<Vec<_>>())
    }

    #[test]
    fn scrolling_and_dragging_are_found() {
        let size = Size::new(512, 384).unwrap();
        let old = page(size, 1_000, 1_000);
        for (x, y) in [(1_000, 1_037), (1_000, 950), (1_013, 1_000), (989, 1_021)] {
            let new = page(size, x, y);
            let expected = Vector { dx: x as i16 - 1_000, dy: y as i16 - 1_000 };
            let vectors = found(&mut Motion::default(), &old, &new);
            assert_eq!(vectors.first(), Some(&expected), "{vectors:?}");
        }
    }

    #[test]
    fn what_moves_on_is_found_where_it_was() {
        let size = Size::new(512, 384).unwrap();
        let mut motion = Motion::default();
        for step in 0..4 {
            let (old, new) = (page(size, 0, 1_000 + step * 9), page(size, 0, 1_009 + step * 9));
            assert_eq!(found(&mut motion, &old, &new)[0], Vector { dx: 0, dy: 9 });
        }
    }

    #[test]
    fn something_new_has_no_vector() {
        let size = Size::new(512, 384).unwrap();
        let (old, new) = (page(size, 0, 0), page(size, 77_777, 31_111));
        assert_eq!(found(&mut Motion::default(), &old, &new), []);
        assert_eq!(found(&mut Motion::default(), &Picture::new(size), &Picture::new(size)), []);
    }

    #[test]
    fn the_rolling_hash_is_the_hash() {
        let size = Size::new(200, 1).unwrap();
        let picture = page(size, 3, 3);
        let row = picture.row(0, 0, 200);
        let mut rolling = hash(&row[..STRETCH]);
        for x in 1..=200 - STRETCH {
            let without = rolling.wrapping_sub((row[x - 1] + 1).wrapping_mul(TOP));
            rolling = without.wrapping_mul(BASE).wrapping_add(row[x + STRETCH - 1]).wrapping_add(1);
            assert_eq!(rolling, hash(&row[x..x + STRETCH]));
        }
    }
}
