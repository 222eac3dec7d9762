//! What one page sees: the film at a time, and what of the picture the page does not have yet. The
//! page asks for the next moment when it has drawn the last, so that nothing ever queues.
//!
//! Large parts are packed as QOI, which packs and unpacks as fast as bytes are copied: eight million
//! bytes of a picture take a browser longer to hand from its network process to its page than that.

use std::io;

use deskside_screen::{Changed, DecodeError, Picture, Rect, Size, TILE, rects_of_tiles};
use deskside_story::{Film, Turn, rgba};
use serde_json::json;

use super::reel::Reel;

/// Takes that are shown one by one rather than beginning at a point again: decoding the point's
/// picture takes as long as some dozens of frames.
const NEAR: usize = 100;
/// Parts of a picture at the most: more of them take a browser longer than all of it.
const MAX_PARTS: usize = 64;
/// Pixels of a part that is worth packing: smaller ones are there at once as they are.
const WORTH: usize = 16 * 1024;

/// The view of one page.
#[derive(Debug, Default)]
pub(super) struct View {
    film: Film,
    /// The number of the take that comes next.
    next: usize,
    damage: Damage,
    /// The page does not have the look of the pointer.
    shape: bool,
}

/// Tiles of the picture that the page does not have as they are.
#[derive(Debug, Default)]
struct Damage {
    size: Option<Size>,
    tiles: Vec<bool>,
}

impl View {
    /// Goes to a time, forwards or back, and says what the page has to draw: a length of four bytes,
    /// so many bytes of JSON, and the pixels of its parts one behind the other, four bytes each, or a
    /// QOI picture where the part says so. With `whole` the page has nothing.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn at(&mut self, reel: &Reel, time_us: u64, whole: bool) -> io::Result<Vec<u8>> {
        let until = reel.until(time_us);
        self.go(reel, until)?;
        if whole {
            self.damage = Damage::default();
            self.shape = true;
        }
        self.said(time_us)
    }

    fn go(&mut self, reel: &Reel, until: usize) -> io::Result<()> {
        if let Some((next, point)) = reel.point(until)
            && (until < self.next || next > self.next + NEAR)
        {
            let film = Film::at(&point).map_err(io::Error::other)?;
            let before = std::mem::replace(&mut self.film, film);
            self.next = next;
            self.shape = true;
            // Whatever fails on the way leaves a page that has to be given all of it.
            let had = std::mem::take(&mut self.damage);
            self.forward(reel, until)?;
            self.damage = had.between(before.picture(), self.film.picture());
            return Ok(());
        }
        if until < self.next {
            *self = Self { shape: true, ..Self::default() };
        }
        self.forward(reel, until)
    }

    /// Shows all takes up to there, of which only what the last one leaves is looked at.
    fn forward(&mut self, reel: &Reel, until: usize) -> io::Result<()> {
        self.film.skim();
        let shown = self.show(reel, until);
        self.film.settle().unwrap_or_else(|error| undecodable(&error));
        shown
    }

    fn show(&mut self, reel: &Reel, until: usize) -> io::Result<()> {
        while self.next < until {
            let takes = reel.takes(self.next, until)?;
            if takes.is_empty() {
                break;
            }
            self.next += takes.len();
            for take in &takes {
                match self.film.show(take) {
                    Ok(Turn::Picture(changed)) => self.changed(&changed),
                    Ok(Turn::Shape) => self.shape = true,
                    Ok(Turn::Places | Turn::Nothing) => {}
                    Err(error) => undecodable(&error),
                }
            }
        }
        Ok(())
    }

    fn changed(&mut self, changed: &Changed) {
        match changed {
            Changed::All => self.damage.all(),
            Changed::Parts(parts) => {
                let size = self.film.picture().map(|picture| picture.size());
                parts.iter().for_each(|part| self.damage.part(size, *part));
            }
        }
    }

    fn said(&mut self, time_us: u64) -> io::Result<Vec<u8>> {
        let picture = self.film.picture();
        let parts = self.damage.take(picture.map(|picture| picture.size()));
        let place = |place: Option<(i64, i64)>| place.map(|(x, y)| json!([x, y]));
        let shape = std::mem::take(&mut self.shape).then(|| self.film.cursor().shape());
        let look = shape.flatten().map(|shape| {
            json!({"width": shape.width, "height": shape.height, "x": shape.hot_x, "y": shape.hot_y})
        });
        let boxes: Vec<_> =
            parts.iter().map(|it| json!([it.x, it.y, it.width, it.height, packs(it)])).collect();
        let head = json!({
            "width": picture.map_or(0, |picture| picture.size().width()),
            "height": picture.map_or(0, |picture| picture.size().height()),
            "live": self.film.is_live(),
            "lost": self.film.is_lost(),
            "monitor": self.film.monitor(),
            "pointer": place(self.film.pointed()),
            "laser": place(self.film.laser(time_us)),
            "look": look,
            "parts": boxes,
        })
        .to_string();
        let mut bytes = Vec::new();
        bytes.extend(u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(head.as_bytes());
        if let Some(picture) = picture {
            parts.iter().try_for_each(|part| pixels(picture, *part, &mut bytes))?;
        }
        if look.is_some() {
            bytes.extend(self.film.cursor().rgba());
        }
        Ok(bytes)
    }
}

/// The film says of itself that it is lost.
fn undecodable(error: &DecodeError) {
    tracing::debug!(%error, "a frame cannot be decoded");
}

const fn packs(part: &Rect) -> bool {
    part.pixels() >= WORTH
}

/// Adds a part as the page is told that it comes.
fn pixels(picture: &Picture, part: Rect, to: &mut Vec<u8>) -> io::Result<()> {
    if !packs(&part) {
        rgba(picture, part, to);
        return Ok(());
    }
    let mut plain = Vec::new();
    rgba(picture, part, &mut plain);
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let packed = qoi::encode_to_vec(&plain, side(part.width), side(part.height));
    to.extend(packed.map_err(io::Error::other)?);
    Ok(())
}

const fn across(size: Size) -> usize {
    size.width().div_ceil(TILE)
}

impl Damage {
    /// Nothing of the picture is as the page has it.
    fn all(&mut self) {
        self.size = None;
    }

    /// A part is another; of a picture of another size all is.
    fn part(&mut self, size: Option<Size>, part: Rect) {
        let Some(size) = size.filter(|size| self.size == Some(*size)) else {
            self.size = None;
            return;
        };
        let across = across(size);
        for row in part.y / TILE..(part.y + part.height).div_ceil(TILE) {
            let row = row * across;
            let tiles = row + part.x / TILE..row + (part.x + part.width).div_ceil(TILE).min(across);
            if let Some(tiles) = self.tiles.get_mut(tiles) {
                tiles.fill(true);
            }
        }
    }

    /// A page that had the picture `before`, but for what this says, is to be given `now`.
    fn between(mut self, before: Option<&Picture>, now: Option<&Picture>) -> Self {
        let (Some(before), Some(now)) = (before, now) else { return Self::default() };
        let size = now.size();
        if self.size != Some(size) || before.size() != size {
            return Self::default();
        }
        let across = across(size);
        let rows = before.pixels().chunks(size.width()).zip(now.pixels().chunks(size.width()));
        for (y, (before, now)) in rows.enumerate() {
            let tiles = self.tiles.iter_mut().skip(y / TILE * across);
            for ((before, now), tile) in before.chunks(TILE).zip(now.chunks(TILE)).zip(tiles) {
                *tile |= before != now;
            }
        }
        self
    }

    /// What changed; then nothing has.
    fn take(&mut self, size: Option<Size>) -> Vec<Rect> {
        let Some(size) = size else {
            self.size = None;
            return Vec::new();
        };
        let (across, down) = (across(size), size.height().div_ceil(TILE));
        if self.size != Some(size) {
            (self.size, self.tiles) = (Some(size), vec![false; across * down]);
            return vec![size.rect()];
        }
        let parts = rects_of_tiles(size, &self.tiles);
        self.tiles.fill(false);
        if parts.len() > MAX_PARTS { vec![size.rect()] } else { parts }
    }
}

#[cfg(test)]
mod tests {
    use deskside_screen::View as Pixels;

    use super::*;

    #[test]
    fn damage_is_runs_of_tiles_and_all_of_another_size() {
        let size = Size::new(150, 100).unwrap();
        let mut damage = Damage::default();
        assert_eq!(damage.take(None), []);
        assert_eq!(damage.take(Some(size)), [size.rect()]);
        assert_eq!(damage.take(Some(size)), []);
        damage.part(Some(size), Rect { x: 60, y: 10, width: 16, height: 16 });
        damage.part(Some(size), Rect { x: 144, y: 96, width: 6, height: 4 });
        let runs = [
            Rect { x: 0, y: 0, width: 128, height: 64 },
            Rect { x: 128, y: 64, width: 22, height: 36 },
        ];
        assert_eq!(damage.take(Some(size)), runs);
        for y in [0, 64] {
            damage.part(Some(size), Rect { x: 64, y, width: 16, height: 16 });
        }
        assert_eq!(damage.take(Some(size)), [Rect { x: 64, y: 0, width: 64, height: 100 }]);
        let other = Size::new(64, 64).unwrap();
        damage.part(Some(other), Rect { x: 0, y: 0, width: 1, height: 1 });
        assert_eq!(damage.take(Some(other)), [other.rect()]);
        damage.all();
        assert_eq!(damage.take(Some(other)), [other.rect()]);
    }

    #[test]
    fn many_parts_are_the_whole() {
        let size = Size::new(32 * TILE, 9 * TILE).unwrap();
        let mut damage = Damage::default();
        damage.take(Some(size));
        for tile in 0..=MAX_PARTS {
            let (x, y) = (tile % 8 * 4 * TILE + tile / 8 % 2 * TILE, tile / 8 * TILE);
            damage.part(Some(size), Rect { x, y, width: 1, height: 1 });
        }
        assert_eq!(damage.take(Some(size)), [size.rect()]);
        assert_eq!(damage.take(Some(size)), []);
    }

    #[test]
    fn large_parts_are_packed_and_small_ones_are_not() {
        let size = Size::new(200, 100).unwrap();
        let bytes: Vec<u8> =
            (0..size.pixels() * 4).map(|at| u8::try_from(at / 37 % 251).unwrap()).collect();
        let picture = Picture::of(&Pixels::new(size, 4 * size.width(), &bytes).unwrap());
        for (part, packed) in
            [(size.rect(), true), (Rect { x: 64, y: 0, width: 64, height: 64 }, false)]
        {
            let (mut plain, mut told) = (Vec::new(), Vec::new());
            rgba(&picture, part, &mut plain);
            pixels(&picture, part, &mut told).unwrap();
            assert_eq!(packs(&part), packed);
            if packed {
                assert!(told.len() < plain.len());
                told = qoi::decode_to_vec(&told).unwrap().1;
            }
            assert_eq!(told, plain);
        }
    }

    #[test]
    fn a_jump_damages_what_is_another_there() {
        let size = Size::new(150, 100).unwrap();
        let picture = |size: Size, others: &[usize]| {
            let mut bytes = vec![7; 4 * size.pixels()];
            others.iter().for_each(|at| bytes[4 * at] = 8);
            Picture::of(&Pixels::new(size, 4 * size.width(), &bytes).unwrap())
        };
        let (before, now) = (picture(size, &[]), picture(size, &[70, 99 * 150 + 149]));
        let shown = || {
            let mut damage = Damage::default();
            damage.take(Some(size));
            damage
        };
        let parts = |damage: Damage| { damage }.take(Some(size));
        let tiles = [
            Rect { x: 64, y: 0, width: 64, height: 64 },
            Rect { x: 128, y: 64, width: 22, height: 36 },
        ];
        assert_eq!(parts(shown().between(Some(&before), Some(&now))), tiles);
        assert_eq!(parts(shown().between(Some(&now), Some(&now))), []);
        // What the page had not been given yet stays.
        let mut behind = shown();
        behind.part(Some(size), Rect { x: 0, y: 0, width: 1, height: 1 });
        let first = Rect { x: 0, y: 0, width: 64, height: 64 };
        assert_eq!(parts(behind.between(Some(&now), Some(&now))), [first]);
        // A page that has nothing, or a picture of another size, is given all of it.
        let other = picture(Size::new(1, 1).unwrap(), &[]);
        for damage in [
            Damage::default().between(Some(&before), Some(&now)),
            shown().between(Some(&other), Some(&now)),
            shown().between(None, Some(&now)),
        ] {
            assert_eq!(parts(damage), [size.rect()]);
        }
    }
}
