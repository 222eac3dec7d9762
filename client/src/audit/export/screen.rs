//! The user's screen as a recording shows it, drawn onto a canvas that keeps one size: smaller
//! pictures stand in its middle. It is dark until there is a picture, and dimmed while nobody watches.

use std::ops::ControlFlow;

use deskside_decode::{Entry, Item};
use deskside_protocol::exit::Exit;
use deskside_protocol::wire::message::CursorShape;
use deskside_protocol::wire::message::message::Kind;
use deskside_screen::{MAX_PIXELS, Picture, Rect, Size};
use deskside_story::{Film, Turn};

use super::span::Span;
use crate::audit::Tape;
use crate::failure::Failure;

/// Pictures that follow each other sooner are one: 30 a second.
pub(super) const FRAME_US: u64 = 33_333;
/// Entries of different streams come as they were acknowledged, which is never so much later than
/// what they follow.
const LATE_US: u64 = 60_000_000;
/// Bytes of a pixel.
pub(super) const PIXEL: usize = 4;

/// How the screen is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) span: Span,
    /// With the user's pointer.
    pub(super) cursor: bool,
    /// Dimmed while nobody watches.
    pub(super) dims: bool,
}

/// Pixels: red, green, blue, opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) rgba: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let mut canvas = Self { width, height, rgba: Vec::new() };
        canvas.clear();
        canvas
    }

    fn clear(&mut self) {
        self.rgba.clear();
        self.rgba.extend([0, 0, 0, u8::MAX].repeat(self.width * self.height));
    }

    /// Draws what the film shows now.
    pub(super) fn draw(&mut self, film: &Film, cursor: bool) {
        let Some(picture) = film.picture() else { return self.clear() };
        let (width, height) = (picture.size().width(), picture.size().height());
        let (left, top) =
            (self.width.saturating_sub(width) / 2, self.height.saturating_sub(height) / 2);
        if (width, height) == (self.width, self.height) {
            self.rgba.clear();
            rgba(picture, picture.size().rect(), &mut self.rgba);
        } else {
            self.clear();
            self.inset(picture, (left, top));
        }
        if cursor
            && let Some(shape) = film.cursor().shape()
            && let Some((x, y)) = film.pointed()
        {
            let corner = (x - i64::from(shape.hot_x), y - i64::from(shape.hot_y));
            self.stamp(shape, corner, (left, top), (width, height));
        }
    }

    /// Shows that what is seen is how it was.
    fn dim(&mut self) {
        let dim = |pixel: &mut [u8; PIXEL]| pixel.iter_mut().take(3).for_each(|part| *part /= 2);
        self.rgba.as_chunks_mut().0.iter_mut().for_each(dim);
    }

    /// Whether nothing is to be seen on it.
    pub(super) fn is_dark(&self) -> bool {
        self.rgba
            .as_chunks::<PIXEL>()
            .0
            .iter()
            .all(|[red, green, blue, _]| *red | *green | *blue == 0)
    }

    /// A picture that is smaller, row by row; what is larger is cut.
    fn inset(&mut self, picture: &Picture, (left, top): (usize, usize)) {
        let width = picture.size().width().min(self.width);
        let mut row = Vec::with_capacity(width * PIXEL);
        for y in 0..picture.size().height().min(self.height) {
            row.clear();
            rgba(picture, Rect { x: 0, y, width, height: 1 }, &mut row);
            let at = ((top + y) * self.width + left) * PIXEL;
            if let Some(place) = self.rgba.get_mut(at..at + row.len()) {
                place.copy_from_slice(&row);
            }
        }
    }

    /// The pointer, whose colours are multiplied by its alpha already, as far as it is in the picture.
    fn stamp(
        &mut self,
        shape: &CursorShape,
        corner: (i64, i64),
        (left, top): (usize, usize),
        (width, height): (usize, usize),
    ) {
        let columns = usize::try_from(shape.width).unwrap_or_default().max(1);
        for (at, pixel) in shape.bgra.as_chunks::<PIXEL>().0.iter().enumerate() {
            let place = |corner: i64, at: usize, limit: usize| {
                let place = usize::try_from(corner.checked_add_unsigned(at as u64)?).ok()?;
                (place < limit).then_some(place)
            };
            let (Some(x), Some(y)) =
                (place(corner.0, at % columns, width), place(corner.1, at / columns, height))
            else {
                continue;
            };
            let at = ((top + y) * self.width + left + x) * PIXEL;
            let Some(under) = self.rgba.get_mut(at..at + 3) else { continue };
            let [blue, green, red, alpha] = *pixel;
            for (under, over) in under.iter_mut().zip([red, green, blue]) {
                let through = u16::from(*under) * u16::from(u8::MAX - alpha) / u16::from(u8::MAX);
                *under = u8::try_from(through + u16::from(over)).unwrap_or(u8::MAX);
            }
        }
    }
}

/// Adds a part of a picture, row by row.
fn rgba(picture: &Picture, rect: Rect, to: &mut Vec<u8>) {
    for y in rect.y..rect.y + rect.height {
        for pixel in picture.row(rect.x, y, rect.width) {
            let [blue, green, red, _] = pixel.to_le_bytes();
            to.extend([red, green, blue, u8::MAX]);
        }
    }
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
    tape.play(|entry| {
        if entry.time_us <= at_us {
            // What cannot be decoded leaves the picture as it was.
            let _as_before = film.feed(entry);
        }
        until(entry, at_us)
    })?;
    Ok(film)
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
    let (mut film, mut pace) = (Film::new(), Pace::new(from_us));
    let mut told = Ok(());
    let mut show = |film: &Film, time_us: u64| {
        canvas.draw(film, sight.cursor);
        if sight.dims && !film.is_live() {
            canvas.dim();
        }
        seen(time_us, canvas)
    };
    tape.play(|entry| {
        told = pace.due(entry.time_us.min(to_us)).map_or(Ok(()), |due| show(&film, due));
        if told.is_ok() && entry.time_us <= to_us {
            let live = film.is_live();
            // What cannot be decoded leaves the picture as it was.
            let turns = film.feed(entry).unwrap_or_default();
            let other = |turn: &Turn| match turn {
                Turn::Picture(_) => true,
                Turn::Shape | Turn::Places => sight.cursor,
                Turn::Nothing => false,
            };
            if (turns.iter().any(other) || live != film.is_live())
                && let Some(now) = pace.changed(entry.time_us)
            {
                told = show(&film, now);
            }
        }
        if told.is_err() { ControlFlow::Break(()) } else { until(entry, to_us) }
    })?;
    told?;
    pace.due(to_us).map_or(Ok(()), |due| show(&film, due))
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
    use deskside_screen::View;

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

    #[test]
    fn a_smaller_picture_stands_in_the_middle_and_a_larger_one_is_cut() {
        let size = Size::new(2, 1).unwrap();
        let view = View::new(size, 8, &[1, 2, 3, 0, 4, 5, 6, 0]).unwrap();
        let mut canvas = Canvas::new(4, 3);
        assert!(canvas.is_dark());
        canvas.inset(&Picture::of(&view), (1, 1));
        let lit: Vec<_> = canvas.rgba.chunks(4).map(|pixel| pixel[0]).collect();
        assert_eq!(lit, [0, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0, 0]);
        assert_eq!(canvas.rgba[20..24], [3, 2, 1, 255]);
        let mut narrow = Canvas::new(1, 1);
        narrow.inset(&Picture::of(&view), (0, 0));
        assert_eq!(narrow.rgba, [3, 2, 1, 255]);
        canvas.dim();
        assert_eq!(canvas.rgba[20..24], [1, 1, 0, 255]);
    }

    #[test]
    fn a_pointer_lies_over_the_picture_and_is_cut_at_its_edge() {
        let mut canvas = Canvas::new(3, 2);
        let bgra: Vec<u8> = [[0, 0, 200, 255], [50, 0, 0, 127]].concat();
        let shape =
            CursorShape { width: 2, height: 1, bgra: bgra.into(), ..CursorShape::default() };
        canvas.rgba.fill(100);
        canvas.stamp(&shape, (1, 0), (0, 1), (3, 1));
        canvas.stamp(&shape, (-1, -1), (0, 0), (3, 2));
        assert_eq!(canvas.rgba[..12], [100; 12]);
        assert_eq!(canvas.rgba[12..16], [100; 4]);
        assert_eq!(canvas.rgba[16..20], [200, 0, 0, 100]);
        assert_eq!(canvas.rgba[20..23], [50, 50, 100]);
    }
}
