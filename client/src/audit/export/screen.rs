//! The user's screen as a recording shows it: at its pace, or at some moments. It is dark until there is
//! a picture, and dimmed while nobody watches.

use std::ops::ControlFlow;

use deskside_decode::{Entry, Item};
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::message::Kind;
use deskside_screen::{MAX_PIXELS, Size};
use deskside_story::{Film, Turn};

use super::canvas::Canvas;
use super::span::Span;
use crate::audit::Tape;
use crate::failure::Failure;

/// Pictures that follow each other sooner are one: 30 a second.
pub(super) const FRAME_US: u64 = 33_333;
/// Entries of different streams come as they were acknowledged, which is never so much later than
/// what they follow.
const LATE_US: u64 = 60_000_000;

/// How the screen is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) span: Span,
    /// With the user's pointer.
    pub(super) cursor: bool,
    /// Dimmed while nobody watches.
    pub(super) dims: bool,
}

/// The size that all pictures of `span` fit into; `None` where there is none.
///
/// # Errors
/// As [`Tape::play`]; exit 1 where it is larger than any screen.
pub(super) fn size(tape: &Tape, span: Span) -> anyhow::Result<Option<(usize, usize)>> {
    let (mut width, mut height) = (0, 0);
    tape.play(|entry| {
        if let Item::Message(message) = &entry.item
            && let Some(Kind::ScreenFrame(frame)) = &message.kind
            && entry.time_us <= span.to_us
            && let Ok(size) = Size::new(frame.width as usize, frame.height as usize)
        {
            (width, height) = (size.width().max(width), size.height().max(height));
        }
        until(entry, span.to_us)
    })?;
    if width * height > MAX_PIXELS {
        let sentence =
            format!("the pictures together take {width} x {height} pixels, which is too much");
        return Err(Failure::new(Exit::Other, sentence).into());
    }
    Ok((width > 0).then_some((width, height)))
}

/// Whether anything before `to_us` can come behind this entry.
fn until(entry: &Entry, to_us: u64) -> ControlFlow<()> {
    if entry.time_us > to_us.saturating_add(LATE_US) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// The screen as it was at `at_us`.
///
/// # Errors
/// As [`Tape::play`].
pub(super) fn at(tape: &Tape, at_us: u64) -> anyhow::Result<Film> {
    let mut film = Film::new();
    film.skim();
    tape.play(|entry| {
        if entry.time_us <= at_us {
            // What cannot be decoded leaves the picture as it was.
            let _as_before = film.feed(entry);
        }
        until(entry, at_us)
    })?;
    let _as_before = film.settle();
    Ok(film)
}

/// The film as far as it is looked at.
struct Watched {
    film: Film,
    sight: Sight,
}

impl Watched {
    fn new(sight: Sight) -> Self {
        Self { film: Film::new(), sight }
    }

    /// Goes on, and says whether what is seen is another.
    fn feed(&mut self, entry: &Entry) -> bool {
        let live = self.film.is_live();
        // What cannot be decoded leaves the picture as it was.
        let turns = self.film.feed(entry).unwrap_or_default();
        let other = |turn: &Turn| match turn {
            Turn::Picture(_) => true,
            Turn::Shape | Turn::Places => self.sight.cursor,
            Turn::Nothing => false,
        };
        turns.iter().any(other) || live != self.film.is_live()
    }

    fn draw(&self, canvas: &mut Canvas) {
        canvas.draw(&self.film, self.sight.cursor);
        if self.sight.dims && !self.film.is_live() {
            canvas.dim();
        }
    }
}

/// Shows `seen` the screen as it is when the span begins, and then whenever it is another, at most 30
/// times a second, each with its time.
///
/// # Errors
/// As [`Tape::play`]; what `seen` says, which ends it.
pub(super) fn each(
    tape: &Tape,
    sight: Sight,
    canvas: &mut Canvas,
    mut seen: impl FnMut(u64, &Canvas) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Span { from_us, to_us } = sight.span;
    let (mut watched, mut pace) = (Watched::new(sight), Pace::new(from_us));
    let mut told = Ok(());
    let mut show = |watched: &Watched, time_us: u64| {
        watched.draw(canvas);
        seen(time_us, canvas)
    };
    tape.play(|entry| {
        told = pace.due(entry.time_us.min(to_us)).map_or(Ok(()), |due| show(&watched, due));
        if told.is_ok()
            && entry.time_us <= to_us
            && watched.feed(entry)
            && let Some(now) = pace.changed(entry.time_us)
        {
            told = show(&watched, now);
        }
        if told.is_err() { ControlFlow::Break(()) } else { until(entry, to_us) }
    })?;
    told?;
    pace.due(to_us).map_or(Ok(()), |due| show(&watched, due))
}

/// Shows `seen` the screen as it was at each of `moments`, which are in order and inside the span, with
/// the time since when it was so; nothing where it is as at the moment before.
///
/// # Errors
/// As for [`each`].
pub(super) fn at_each(
    tape: &Tape,
    sight: Sight,
    moments: &[u64],
    canvas: &mut Canvas,
    mut seen: impl FnMut(u64, &Canvas) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Span { from_us, to_us } = sight.span;
    let mut watched = Watched::new(sight);
    watched.film.skim();
    let (mut now_us, mut since_us, mut told) = (0, Some(from_us), Ok(()));
    let mut next = moments.iter().peekable();
    let mut show = |watched: &mut Watched, since_us: u64| {
        let _as_before = watched.film.settle();
        watched.draw(canvas);
        watched.film.skim();
        seen(since_us, canvas)
    };
    tape.play(|entry| {
        now_us = entry.time_us.max(now_us);
        // What stood there up to now is the picture of all moments that are over.
        let over = std::iter::from_fn(|| next.next_if(|moment| **moment < now_us)).count() > 0;
        if over && let Some(since_us) = since_us.take() {
            told = show(&mut watched, since_us);
        }
        if entry.time_us <= to_us && watched.feed(entry) {
            since_us = Some(now_us.clamp(from_us, to_us));
        }
        if told.is_err() { ControlFlow::Break(()) } else { until(entry, to_us) }
    })?;
    told?;
    match since_us.filter(|_| next.peek().is_some()) {
        Some(since_us) => show(&mut watched, since_us),
        None => Ok(()),
    }
}

/// When a picture is shown, so that none follows another too soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    from_us: u64,
    now_us: u64,
    last_us: Option<u64>,
    waits: bool,
}

impl Pace {
    const fn new(from_us: u64) -> Self {
        Self { from_us, now_us: 0, last_us: None, waits: true }
    }

    /// The time at which what waits was to be shown, if that is over by `time_us`.
    fn due(&mut self, time_us: u64) -> Option<u64> {
        self.now_us = self.now_us.max(time_us);
        let due = self.last_us.map_or(self.from_us, |last| last.saturating_add(FRAME_US));
        if !self.waits || due > self.now_us || self.now_us < self.from_us {
            return None;
        }
        (self.waits, self.last_us) = (false, Some(due));
        Some(due)
    }

    /// It is another since `time_us`: the time at which that is shown, if that is now.
    fn changed(&mut self, time_us: u64) -> Option<u64> {
        self.now_us = self.now_us.max(time_us);
        let due = self.last_us.map_or(self.from_us, |last| last.saturating_add(FRAME_US));
        if self.now_us < due || self.last_us.is_none() {
            self.waits = true;
            return None;
        }
        (self.waits, self.last_us) = (false, Some(self.now_us));
        Some(self.now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_times_and_never_follow_too_soon() {
        let mut pace = Pace::new(1_000_000);
        let mut shown = Vec::new();
        for change in [5, 900_000, 1_100_000, 1_110_000, 1_120_000, 2_000_000] {
            shown.extend(pace.due(change));
            shown.extend(pace.changed(change));
        }
        assert_eq!(shown, [1_000_000, 1_100_000, 1_133_333, 2_000_000]);
        assert_eq!((pace.due(3_000_000), pace.changed(3_000_000)), (None, Some(3_000_000)));
        assert_eq!(pace.changed(3_000_001), None);
        assert_eq!(pace.due(3_033_332), None);
        assert_eq!(pace.due(3_100_000), Some(3_033_333));
        // A relay may have written any time.
        assert_eq!(pace.changed(u64::MAX), Some(u64::MAX));
        assert_eq!((pace.due(u64::MAX), pace.changed(u64::MAX)), (None, Some(u64::MAX)));
    }
}
