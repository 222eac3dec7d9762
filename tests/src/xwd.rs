//! Reads what `xwd` writes: an independent picture of an X11 display to compare with.
//!
//! The format is `XWDFile.h` of X11: a header of 25 big-endian words, a name, a colour table of 12
//! bytes each, and the pixels.

use anyhow::{Context as _, ensure};

/// Version of the header.
const VERSION: u32 = 7;
/// Pixels as whole values, not as planes.
const Z_PIXMAP: u32 = 2;
/// Bytes of one entry of the colour table.
const COLOUR: usize = 12;

/// A dump, as red, green and blue of each pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Three bytes each.
    pub rgb: Vec<u8>,
}

/// Reads a dump with 32 bits to the pixel and 8 to the colour, as every display of depth 24 has.
///
/// # Errors
/// Names what is different.
pub fn parse(bytes: &[u8]) -> anyhow::Result<Dump> {
    let word = |index: usize| {
        let at = bytes.get(index * 4..).and_then(|rest| rest.first_chunk::<4>());
        at.map(|word| u32::from_be_bytes(*word)).context("read the header of a dump")
    };
    ensure!(word(1)? == VERSION && word(2)? == Z_PIXMAP, "a dump of another kind");
    ensure!(word(11)? == 32, "a dump with {} bits to the pixel", word(11)?);
    let masks = [word(14)?, word(15)?, word(16)?];
    ensure!(masks == [0x00ff_0000, 0x0000_ff00, 0x0000_00ff], "a dump with masks {masks:x?}");
    let little = word(7)? == 0;
    let (width, height, stride) = (word(4)?, word(5)?, word(12)?);
    let start = word(0)? as usize + word(19)? as usize * COLOUR;
    let mut rgb = Vec::new();
    for row in 0..height as usize {
        let at = start + row * stride as usize;
        let row = bytes.get(at..at + width as usize * 4).context("read the pixels of a dump")?;
        for pixel in row.as_chunks::<4>().0 {
            let value =
                if little { u32::from_le_bytes(*pixel) } else { u32::from_be_bytes(*pixel) };
            let [_, red, green, blue] = value.to_be_bytes();
            rgb.extend_from_slice(&[red, green, blue]);
        }
    }
    Ok(Dump { width, height, rgb })
}
