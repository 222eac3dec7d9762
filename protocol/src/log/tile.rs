//! How a log is kept and fetched: tiles of 256 hashes and bundles of 256 entries, under the paths of
//! C2SP tlog-tiles (<https://c2sp.org/tlog-tiles>).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::leaf::MAX_LEAF;
use super::tree::{Hash, fold};
use crate::transcript::HASH;

/// Levels of the tree in one tile.
pub const HEIGHT: u32 = 8;
/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: u64 = 1 << HEIGHT;
/// Bytes of a full tile: 256 hashes of 32.
pub const MAX_TILE: usize = 256 * HASH;
/// Bytes of a bundle at most: 256 entries with their lengths.
pub const MAX_BUNDLE: usize = 256 * (2 + MAX_LEAF);
/// Levels of tiles: 8 of 8 levels each hold 2^64 leaves.
pub const LEVELS: u8 = 8;

/// A text is no path of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not the path of a tile")]
pub struct NotATile;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// The entries themselves.
    Entries,
    /// Hashes of whole tiles of the level below, or of entries at level 0.
    Hashes(u8),
}

/// One tile: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    /// What it holds.
    pub content: Content,
    /// Its number within the level.
    pub index: u64,
    /// How much of it there is: 1 to 256.
    pub width: u16,
}

impl TilePath {
    /// The tile of a level in a log of `size` leaves, as wide as it is there. `None` where it is
    /// empty or there is none.
    #[must_use]
    pub fn of(content: Content, index: u64, size: u64) -> Option<Self> {
        let level = match content {
            Content::Entries => 0,
            Content::Hashes(level) => level,
        };
        let hashes = size.checked_shr(u32::from(level) * HEIGHT).unwrap_or(0);
        let width = hashes.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
        let width = u16::try_from(width).ok()?;
        (width > 0 && level < LEVELS).then_some(Self { content, index, width })
    }

    /// Where the whole tile is, without the width: the path of the file that it grows in.
    #[must_use]
    pub fn file(&self) -> String {
        let mut digits = self.index.to_string();
        while !digits.len().is_multiple_of(3) {
            digits.insert(0, '0');
        }
        let mut path = match self.content {
            Content::Entries => "tile/entries".to_owned(),
            Content::Hashes(level) => format!("tile/{level}"),
        };
        let (mut rest, mut left) = (digits.as_str(), digits.len());
        while let Some((group, behind)) =
            rest.split_at_checked(3).filter(|(group, _)| !group.is_empty())
        {
            left -= group.len();
            path.push_str(if left > 0 { "/x" } else { "/" });
            path.push_str(group);
            rest = behind;
        }
        path
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file())?;
        if u64::from(self.width) < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, NotATile> {
        let read = || {
            let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
            let content = match level {
                "entries" => Content::Entries,
                level => Content::Hashes(level.parse().ok().filter(|level| *level < LEVELS)?),
            };
            let (index, width) = match rest.split_once(".p/") {
                Some((index, width)) => (index, width.parse().ok()?),
                None => (rest, 256),
            };
            let digits: String = index.chars().filter(char::is_ascii_digit).collect();
            Some(Self { content, index: digits.parse().ok()?, width })
        };
        // One tile has one path: no other zeros, groups, signs or widths.
        let read = read().filter(|tile| (1..=256).contains(&tile.width));
        read.filter(|tile| tile.to_string() == text).ok_or(NotATile)
    }
}

/// The hash of the whole subtree (`level`, `index`) of the tree, out of the bytes of the tile that
/// holds it, which [`holding`] names. `None` where the tile is not as wide.
#[must_use]
pub fn node(tile: &[u8], level: u32, index: u64) -> Option<Hash> {
    let within = level % HEIGHT;
    let begin = usize::try_from((index << within) % WIDTH).ok()?;
    let (hashes, _torn) = tile.as_chunks::<HASH>();
    fold(hashes.get(begin..begin.checked_add(1 << within)?)?)
}

/// Level and number of the tile that holds the whole subtree (`level`, `index`) of the tree. `None`
/// above all tiles.
#[must_use]
pub fn holding(level: u32, index: u64) -> Option<(u8, u64)> {
    let tile = u8::try_from(level / HEIGHT).ok().filter(|tile| *tile < LEVELS)?;
    Some((tile, index.checked_shl(level % HEIGHT)? / WIDTH))
}

/// Appends an entry to a bundle: its length in 16 bits, big-endian, and its bytes. An entry is at
/// most [`MAX_LEAF`] long.
pub fn put_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle, and how many bytes of it they take: what is left behind them is torn, or
/// no entry.
#[must_use]
pub fn entries(bundle: &[u8]) -> (Vec<&[u8]>, usize) {
    let (mut all, mut rest) = (Vec::new(), bundle);
    while all.len() < 256 {
        let Some((length, behind)) = rest.split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((entry, behind)) = behind.split_at_checked(length) else { break };
        if entry.is_empty() || entry.len() > MAX_LEAF {
            break;
        }
        all.push(entry);
        rest = behind;
    }
    (all, bundle.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = TilePath { content: Content::Hashes(1), index: 1_234_067, width: 256 };
        assert_eq!(tile.to_string(), "tile/1/x001/x234/067");
        let tile = TilePath { content: Content::Entries, index: 0, width: 7 };
        assert_eq!(tile.to_string(), "tile/entries/000.p/7");
        assert_eq!(tile.file(), "tile/entries/000");
        for text in ["tile/0/000", "tile/7/x001/000.p/255", "tile/entries/x999/x999/999"] {
            assert_eq!(text.parse::<TilePath>().unwrap().to_string(), text);
        }
        for text in [
            "tile/0/0",
            "tile/0/0000",
            "tile/0/001/000",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/8/000",
            "tile/00/000",
            "tile/+1/000",
            "tile/0/../../key",
            "tile/entries/",
            "/tile/0/000",
            "tile/0/000/",
            "checkpoint",
        ] {
            assert_eq!(text.parse::<TilePath>(), Err(NotATile), "{text}");
        }
    }

    /// The example of the specification: 70,000 leaves.
    #[test]
    fn a_log_has_these_tiles() {
        let width = |level, index| {
            TilePath::of(Content::Hashes(level), index, 70_000).map(|tile| tile.width)
        };
        assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (Some(256), Some(112), None));
        assert_eq!((width(1, 0), width(1, 1), width(1, 2)), (Some(256), Some(17), None));
        assert_eq!((width(2, 0), width(3, 0)), (Some(1), None));
        let of_256 = |level| TilePath::of(Content::Hashes(level), 0, 256).map(|tile| tile.width);
        assert_eq!((of_256(0), of_256(1), of_256(2)), (Some(256), Some(1), None));
    }

    #[test]
    fn a_torn_bundle_gives_its_whole_entries() {
        let mut bundle = Vec::new();
        put_entry(&mut bundle, b"first");
        put_entry(&mut bundle, b"second");
        for end in 0..bundle.len() {
            let (read, used) = entries(&bundle[..end]);
            assert_eq!((read.len(), used), if end < 7 { (0, 0) } else { (1, 7) }, "{end}");
        }
        assert_eq!(entries(&bundle).0, [&b"first"[..], b"second"]);
        // What a power cut may leave: zeros.
        assert_eq!(entries(&[0; 64]), (Vec::new(), 0));
    }
}
