//! Pictures of the screen for a page: as it was when something happened and just after that, and every
//! now and then, as many as a page bears.

use crate::audit::Tape;
use crate::audit::export::moment::png;
use crate::audit::export::screen::{self, Canvas, Sight};

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

/// Shows `seen` the pictures as PNG, each once, with the time from which it was to be seen. Gives how
/// many; none where nobody watched.
///
/// # Errors
/// As [`screen::each`].
pub(super) fn each(
    tape: &Tape,
    sight: Sight,
    happened: &[u64],
    mut seen: impl FnMut(u64, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let Some((width, height)) = screen::size(tape, sight.span)? else { return Ok(0) };
    let moments = moments(sight, happened);
    let mut next = moments.iter().peekable();
    let (mut count, mut room) = (0, MAX_BYTES);
    let mut shown: Option<(u64, Canvas)> = None;
    let mut last = Vec::new();
    let mut put = |time_us: u64, canvas: &Canvas| {
        let png = png(canvas)?;
        if png.len() <= room && png != last {
            room -= png.len();
            count += 1;
            seen(time_us, &png)?;
            last = png;
        }
        anyhow::Ok(())
    };
    let mut canvas = Canvas::new(width, height);
    screen::each(tape, sight, &mut canvas, |time_us, canvas| {
        // What stood there up to now is the picture of all moments that are over.
        let mut due = false;
        while next.next_if(|moment| **moment < time_us).is_some() {
            due = true;
        }
        if let Some((since_us, before)) = shown.take_if(|_| due)
            && !before.is_dark()
        {
            put(since_us, &before)?;
        }
        shown = Some((time_us, canvas.clone()));
        Ok(())
    })?;
    let over = shown.filter(|(_, canvas)| next.peek().is_some() && !canvas.is_dark());
    if let Some((since_us, canvas)) = over {
        put(since_us, &canvas)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::export::Span;

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
