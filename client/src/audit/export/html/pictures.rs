//! Pictures of the screen for a page: as it was when something happened and just after that, and every
//! now and then, as many as a page bears.

use crate::audit::Tape;
use crate::audit::export::canvas::Canvas;
use crate::audit::export::moment::png;
use crate::audit::export::screen::{self, Sight};

/// Pictures on a page at the most.
const MAX_PICTURES: usize = 240;
/// Bytes of them as PNG, all together; base64 makes a third more of them.
const MAX_BYTES: usize = 48 * 1024 * 1024;
/// What happened shows on the screen by then: a second picture waits so long.
const SETTLE_US: u64 = 500_000;
/// And where nothing happened there is one after so long, or after a part of the span.
const REST_US: u64 = 10_000_000;

/// When pictures are wanted: at each of `happened` and behind it, in between after a while, thinned out
/// evenly.
fn moments(sight: Sight, happened: &[u64]) -> Vec<u64> {
    let (from_us, to_us) = (sight.span.from_us, sight.span.to_us);
    let rest = REST_US.max((to_us - from_us) / MAX_PICTURES as u64 + 1);
    let regular = (from_us..to_us).step_by(usize::try_from(rest).unwrap_or(usize::MAX));
    let after = happened.iter().map(|time| time.saturating_add(SETTLE_US).min(to_us));
    let at = happened.iter().copied();
    let mut all: Vec<u64> = regular.chain(at).chain(after).chain([to_us]).collect();
    all.sort_unstable();
    // What follows within a moment is one.
    all.dedup_by(|next, kept| *next < kept.saturating_add(SETTLE_US) && *next != to_us);
    let every = all.len().div_ceil(MAX_PICTURES).max(1);
    all.into_iter().step_by(every).collect()
}

/// A picture of the screen as PNG, and since when it was so.
pub(super) type Taken = (u64, Vec<u8>);

/// Pictures in the order of time, each another than the one before; none where nobody watched.
///
/// # Errors
/// As [`screen::at_each`].
pub(super) fn taken(tape: &Tape, sight: Sight, happened: &[u64]) -> anyhow::Result<Vec<Taken>> {
    let Some((width, height)) = screen::size(tape, sight.span)? else { return Ok(Vec::new()) };
    let mut album = Album::new(MAX_BYTES);
    let mut canvas = Canvas::new(width, height);
    screen::at_each(tape, sight, &moments(sight, happened), &mut canvas, |since_us, canvas| {
        if album.wants() && !canvas.is_dark() {
            album.put(since_us, png(canvas)?);
        }
        Ok(())
    })?;
    Ok(album.pictures.into_iter().map(|(_, taken)| taken).collect())
}

/// Pictures as far as there is room: where they are too many every other one goes, all along the
/// session, so that its end is not without.
#[derive(Debug)]
struct Album {
    /// With their numbers among those that it was shown.
    pictures: Vec<(usize, Taken)>,
    bytes: usize,
    /// Bytes of them at the most.
    room: usize,
    /// How many it was shown.
    shown: usize,
    /// Of so many one is kept.
    every: usize,
}

impl Album {
    const fn new(room: usize) -> Self {
        Self { pictures: Vec::new(), bytes: 0, room, shown: 0, every: 1 }
    }

    /// Whether there is a place for the next one.
    const fn wants(&mut self) -> bool {
        self.shown += 1;
        (self.shown - 1).is_multiple_of(self.every)
    }

    fn put(&mut self, since_us: u64, png: Vec<u8>) {
        let again = self.pictures.last().is_some_and(|(_, (_, last))| *last == png);
        if again || png.len() > self.room {
            return;
        }
        self.bytes += png.len();
        self.pictures.push((self.shown - 1, (since_us, png)));
        while self.bytes > self.room {
            self.every *= 2;
            self.pictures.retain(|(number, _)| number.is_multiple_of(self.every));
            self.bytes = self.pictures.iter().map(|(_, (_, png))| png.len()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::export::Span;

    #[test]
    fn an_album_that_is_full_is_thinned_out_evenly() {
        let mut album = Album::new(80);
        for number in 0..100_u64 {
            if album.wants() {
                album.put(number, number.to_le_bytes().to_vec());
            }
        }
        let times: Vec<u64> = album.pictures.iter().map(|(_, (since_us, _))| *since_us).collect();
        assert_eq!(times, [0, 16, 32, 48, 64, 80, 96]);
        assert_eq!(album.bytes, 8 * times.len());
        album.put(200, 96_u64.to_le_bytes().to_vec());
        assert_eq!(album.pictures.len(), times.len(), "it is the same picture");
        album.put(200, vec![0; 81]);
        assert_eq!(
            (album.pictures.len(), album.every),
            (times.len(), 16),
            "there is no room for it"
        );
    }

    #[test]
    fn moments_follow_what_happened_and_are_bounded() {
        let sight = |to_us| Sight { span: Span { from_us: 0, to_us }, cursor: true, dims: false };
        let happened = [1_000_000, 1_100_000, 14_000_000];
        let wanted = [0, 1_000_000, 1_500_000, 10_000_000, 14_000_000, 14_500_000, 15_000_000];
        assert_eq!(moments(sight(15_000_000), &happened), wanted);
        let many: Vec<u64> = (0..5_000).map(|second| second * 1_000_000).collect();
        let hour = moments(sight(5_000_000_000), &many);
        assert!(hour.len() > MAX_PICTURES / 2 && hour.len() <= MAX_PICTURES, "{}", hour.len());
    }
}
