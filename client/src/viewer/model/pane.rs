//! Where the picture stands in the window, and which place of the picture a place of the window is.

use deskside_paint::Patch;

/// How large the picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zoom {
    /// One pixel for each of the user's. A window that is smaller shows a part of it.
    #[default]
    Actual,
    /// All of it, as large as it fits.
    Fit,
}

/// A picture in a window. Sizes are in pixels, width first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pane {
    /// Of the user's picture.
    pub picture: (usize, usize),
    /// Of the window.
    pub window: (usize, usize),
    /// How large.
    pub zoom: Zoom,
    /// Pixels of the picture that are left of the window and above it.
    pan: (usize, usize),
}

impl Pane {
    /// The whole picture's size as it is shown.
    #[must_use]
    pub fn shown(&self) -> (usize, usize) {
        let ((width, height), (across, down)) = (self.picture, self.window);
        if self.zoom == Zoom::Actual || width == 0 || height == 0 {
            return self.picture;
        }
        // The narrower of both ways decides; the other follows, rounded.
        let (wide, high) = (across * height, down * width);
        if wide <= high {
            (across.max(1), ((across * height + width / 2) / width).max(1))
        } else {
            (((down * width + height / 2) / height).max(1), down.max(1))
        }
    }

    /// Which part of the shown picture is in the window, and where its corner stands there.
    #[must_use]
    pub fn view(&self) -> (Patch, (usize, usize)) {
        let shown = self.shown();
        let along = |shown: usize, window: usize, pan: usize| {
            let length = shown.min(window);
            (pan.min(shown - length), length, (window - length) / 2)
        };
        let (x, width, left) = along(shown.0, self.window.0, self.pan.0);
        let (y, height, top) = along(shown.1, self.window.1, self.pan.1);
        (Patch { x, y, width, height }, (left, top))
    }

    /// Whether a part of the picture is out of the window.
    #[must_use]
    pub fn pans(&self) -> bool {
        let shown = self.shown();
        shown.0 > self.window.0 || shown.1 > self.window.1
    }

    /// Moves the view over the picture, as far as there is any.
    pub fn pan(&mut self, right: i64, down: i64) {
        let shown = self.shown();
        let moved = |pan: usize, by: i64, shown: usize, window: usize| {
            let most = shown.saturating_sub(window);
            let by_whole = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
            let pan = pan.min(most);
            if by < 0 {
                pan.saturating_sub(by_whole)
            } else {
                pan.saturating_add(by_whole).min(most)
            }
        };
        self.pan.0 = moved(self.pan.0, right, shown.0, self.window.0);
        self.pan.1 = moved(self.pan.1, down, shown.1, self.window.1);
    }

    /// The place of the picture under a place of the window; the nearest where it is beside it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a window's sides are small")]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn place(&self, x: f64, y: f64) -> (usize, usize) {
        let (part, corner) = self.view();
        let shown = self.shown();
        let along = |at: f64, corner: usize, start: usize, shown: usize, picture: usize| {
            let at = at - corner as f64 + start as f64;
            let place = at * picture as f64 / shown.max(1) as f64;
            (place.floor().max(0.0) as usize).min(picture.saturating_sub(1))
        };
        (
            along(x, corner.0, part.x, shown.0, self.picture.0),
            along(y, corner.1, part.y, shown.1, self.picture.1),
        )
    }

    /// Where in the window a place of the picture stands, which may be outside of it.
    #[must_use]
    pub fn spot(&self, x: i64, y: i64) -> (i64, i64) {
        let (part, corner) = self.view();
        let shown = self.shown();
        let along = |at: i64, corner: usize, start: usize, shown: usize, picture: usize| {
            let whole = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
            at * whole(shown) / whole(picture).max(1) - whole(start) + whole(corner)
        };
        (
            along(x, corner.0, part.x, shown.0, self.picture.0),
            along(y, corner.1, part.y, shown.1, self.picture.1),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(picture: (usize, usize), window: (usize, usize), zoom: Zoom) -> Pane {
        Pane { picture, window, zoom, ..Pane::default() }
    }

    #[test]
    fn at_its_own_size_it_fills_the_window_from_the_corner() {
        let pane = pane((1920, 1080), (1920, 1080), Zoom::Actual);
        assert_eq!(pane.view(), (Patch { x: 0, y: 0, width: 1920, height: 1080 }, (0, 0)));
        assert!(!pane.pans());
        assert_eq!(pane.place(0.0, 4.9), (0, 4));
        assert_eq!(pane.place(5000.0, -3.0), (1919, 0));
        assert_eq!(pane.spot(40, 50), (40, 50));
    }

    #[test]
    fn a_larger_window_has_it_in_the_middle() {
        let pane = pane((100, 50), (300, 51), Zoom::Actual);
        assert_eq!(pane.view().1, (100, 0));
        assert_eq!(pane.place(100.0, 0.0), (0, 0));
        assert_eq!(pane.spot(99, 49), (199, 49));
    }

    #[test]
    fn a_smaller_window_pans_as_far_as_there_is_any() {
        let mut pane = pane((1920, 1080), (800, 600), Zoom::Actual);
        assert!(pane.pans());
        pane.pan(100, 5000);
        assert_eq!(pane.view(), (Patch { x: 100, y: 480, width: 800, height: 600 }, (0, 0)));
        assert_eq!(pane.place(10.0, 20.0), (110, 500));
        assert_eq!(pane.spot(110, 500), (10, 20));
        pane.pan(-200, -1);
        assert_eq!((pane.view().0.x, pane.view().0.y), (0, 479));
        // A window that grows takes back what it has room for.
        pane.window = (1920, 700);
        assert_eq!(pane.view().0, Patch { x: 0, y: 380, width: 1920, height: 700 });
    }

    #[test]
    fn fitting_keeps_the_proportions_both_ways() {
        let fit = |window| pane((1920, 1080), window, Zoom::Fit);
        assert_eq!(fit((960, 2000)).shown(), (960, 540));
        assert_eq!(fit((960, 2000)).view().1, (0, 730));
        assert_eq!(fit((4000, 540)).shown(), (960, 540));
        assert_eq!(fit((3840, 2160)).shown(), (3840, 2160));
        assert_eq!(fit((1366, 768)).shown(), (1365, 768));
        let half = fit((960, 540));
        assert_eq!(
            (half.place(480.0, 270.0), half.place(959.9, 539.9)),
            ((960, 540), (1919, 1079))
        );
        assert_eq!(half.spot(960, 540), (480, 270));
        assert!(!half.pans());
        assert_eq!(pane((0, 0), (9, 9), Zoom::Fit).place(3.0, 3.0), (0, 0));
    }
}
