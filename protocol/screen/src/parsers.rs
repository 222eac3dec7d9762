//! Every parser that reads a stranger's bytes, each as one function, as
//! `deskside_protocol::parsers` has them: the fuzz targets in `fuzz/` and the replay of their corpora
//! in `tests/corpus.rs` call exactly these.

use bytes::Bytes;

use crate::blocks::Grid;
use crate::layout::Layout;
use crate::{Decoder, Frame, Piece, Rect, Size};

/// Panics where a parser breaks its promise; what is merely malformed is fine.
pub type Check = fn(&[u8]);

/// All parsers by name: the fuzz target's and the corpus folder's.
#[must_use]
pub const fn all() -> &'static [(&'static str, Check)] {
    &[("screen_frames", frames), ("screen_layout", layout), ("screen_piece", piece)]
}

/// Runs one of them; `false` where there is none of this name.
#[must_use]
pub fn check(name: &str, bytes: &[u8]) -> bool {
    let found = all().iter().find(|(known, _)| *known == name);
    found.is_some_and(|(_, check)| {
        check(bytes);
        true
    })
}

/// A picture that does not end with its tiles and blocks.
const SIZE: (usize, usize) = (150, 70);

fn size() -> Option<Size> {
    Size::new(SIZE.0, SIZE.1).ok()
}

/// What it encodes to is what was read, where that was valid.
fn layout(bytes: &[u8]) {
    let Some(grid) = size().map(Grid::new) else { return };
    let mut rest = bytes;
    if let Ok(layout) = Layout::decode(grid, &mut rest) {
        let mut again = Vec::new();
        layout.encode(grid, &mut again);
        let read = bytes.len() - rest.len();
        assert!(bytes.get(..read) == Some(&again), "a layout has two forms");
    }
}

/// Frames one behind the other, each with a byte whose lowest bits say that it is fresh and renewed,
/// and the two lengths of its parts, of two bytes each.
fn frames(bytes: &[u8]) {
    let (Some(size), Ok(mut decoder)) = (size(), Decoder::new()) else { return };
    let (mut rest, mut number) = (bytes, 0);
    while let Some((head, behind)) = rest.split_first_chunk::<5>() {
        let [flags, exact_low, exact_high, residual_low, residual_high] = *head;
        let exact = usize::from(u16::from_le_bytes([exact_low, exact_high]));
        let residual = usize::from(u16::from_le_bytes([residual_low, residual_high]));
        let Some((exact, behind)) = behind.split_at_checked(exact) else { return };
        let Some((residual, behind)) = behind.split_at_checked(residual) else { return };
        rest = behind;
        number += 1;
        let frame = Frame {
            number,
            size,
            fresh: flags & 1 == 1,
            renewed: flags & 2 == 2,
            exact: Bytes::copy_from_slice(exact),
            residual: Bytes::copy_from_slice(residual),
            pieces: 0,
        };
        if decoder.frame(&frame).is_ok() {
            assert!(decoder.picture().is_some_and(|it| it.size() == size), "another picture");
        }
    }
}

/// A piece of an empty picture.
fn piece(bytes: &[u8]) {
    let (Some(size), Ok(mut decoder)) = (size(), Decoder::new()) else { return };
    let Ok(mut encoder) = crate::Encoder::new(size) else { return };
    let black = vec![0; size.pixels() * 4];
    let Ok(view) = crate::View::new(size, size.width() * 4, &black) else { return };
    let Ok(Some(first)) = encoder.frame(&view, &[], std::time::Duration::ZERO) else { return };
    assert!(decoder.frame(&first.frame).is_ok(), "an honest frame");
    let rect = Rect { x: 0, y: 0, width: 64, height: 48 };
    let jpeg = Bytes::copy_from_slice(bytes);
    let _shown_or_refused = decoder.piece(&Piece { frame: 1, rect, jpeg });
}
