//! The window's pixels: the picture with the user's pointer in it, its edges, and what lies over it.
//! Only what changed is made anew.

use deskside_paint::{Painter, Patch, Scaler, Target};
use deskside_screen::Rect;
use egui::epaint::{ClippedPrimitive, Primitive};

use super::super::model::{Pane, Zoom};
use super::super::sight::{Damage, Sight};

/// Around a picture that is smaller than its window.
const GROUND: u32 = 0x0012_161c;

/// What egui laid out last, and where.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pub(crate) primitives: Vec<ClippedPrimitive>,
    pub(crate) scale: f32,
    /// What it covers, within the window.
    pub(crate) covers: Option<Patch>,
}

impl Overlay {
    /// With what egui laid out for a window of this size.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub(crate) fn new(primitives: Vec<ClippedPrimitive>, scale: f32, window: Patch) -> Self {
        let patch = |primitive: &ClippedPrimitive| {
            let Primitive::Mesh(mesh) = &primitive.primitive else { return None };
            let rect = mesh.calc_bounds().intersect(primitive.clip_rect);
            if !rect.is_positive() {
                return None;
            }
            let low = |place: f32| (place * scale).floor().clamp(0.0, 65_536.0) as usize;
            let high = |place: f32| (place * scale).ceil().clamp(0.0, 65_536.0) as usize;
            let (x, y) = (low(rect.min.x), low(rect.min.y));
            let (width, height) = (high(rect.max.x) - x, high(rect.max.y) - y);
            Patch { x, y, width, height }.within(window)
        };
        let covers = primitives.iter().filter_map(patch).reduce(Patch::with);
        Self { primitives, scale, covers }
    }
}

/// What is drawn, and how.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    pub(crate) pane: Pane,
    /// The picture is not of the moment.
    pub(crate) dimmed: bool,
    /// The user's pointer is drawn, since it is not the technician's own.
    pub(crate) pointer: bool,
    scaler: Scaler,
    /// Where the pointer was drawn, and which look of it.
    pointed: Option<(Patch, u64)>,
}

/// What has to be shown besides the picture's own changes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Anew {
    /// Everything.
    pub(crate) all: bool,
    /// What lay over it before.
    pub(crate) before: Option<Patch>,
    /// What lies over it now has changed.
    pub(crate) overlay: bool,
}

impl Canvas {
    const fn window(&self) -> Patch {
        Patch { x: 0, y: 0, width: self.pane.window.0, height: self.pane.window.1 }
    }

    /// Draws what changed, and gives where.
    pub(crate) fn draw(
        &mut self,
        target: &mut Target<'_>,
        sight: &mut Sight,
        anew: Anew,
        (overlay, painter): (&Overlay, &Painter),
    ) -> Vec<Patch> {
        let damage = sight.take_damage();
        let mut patches = match damage {
            Damage::None if !anew.all => Vec::new(),
            Damage::Parts(parts) if !anew.all => {
                parts.iter().filter_map(|part| self.patch(*part)).collect()
            }
            Damage::None | Damage::Parts(_) | Damage::All => vec![self.window()],
        };
        self.follow(sight, &mut patches);
        patches.extend(anew.before.and_then(|before| before.within(self.window())));
        if let Some(covers) = overlay.covers {
            // What is half transparent can only be drawn once, and then all of it.
            let touched = patches.iter().any(|patch| patch.within(covers).is_some());
            if touched || anew.overlay {
                patches.push(covers);
            }
        }
        for patch in &patches {
            self.compose(target, sight, *patch);
        }
        let over = overlay.covers.filter(|covers| patches.contains(covers));
        if over.is_some() {
            painter.paint(target, &overlay.primitives, overlay.scale);
        }
        patches
    }

    /// Where a part of the picture stands in the window.
    fn patch(&mut self, part: Rect) -> Option<Patch> {
        let Rect { x, y, width, height } = part;
        let part = Patch { x, y, width, height };
        let part = match self.pane.zoom {
            Zoom::Actual => part,
            Zoom::Fit => {
                self.fit();
                self.scaler.touched(part)
            }
        };
        let (view, corner) = self.pane.view();
        let seen = part.within(view)?;
        let (x, y) = (seen.x - view.x + corner.0, seen.y - view.y + corner.1);
        Some(Patch { x, y, ..seen })
    }

    fn fit(&mut self) {
        let (from, to) = (self.pane.picture, self.pane.shown());
        if !self.scaler.is(from, to) {
            self.scaler = Scaler::new(from, to);
        }
    }

    /// The pointer leaves the one place and comes to another.
    fn follow(&mut self, sight: &Sight, patches: &mut Vec<Patch>) {
        let drawn = self.pointer.then(|| self.pointer(sight)).flatten();
        let now = drawn.map(|(_, patch)| (patch, sight.pointer.version));
        if now != self.pointed {
            patches.extend(self.pointed.and_then(|(old, _)| old.within(self.window())));
            patches.extend(now.map(|(patch, _)| patch));
        }
        self.pointed = now;
    }

    /// Where the pointer's corner stands, and what it covers.
    fn pointer(&self, sight: &Sight) -> Option<((i64, i64), Patch)> {
        let (shape, (x, y)) = (sight.pointer.shape()?, sight.pointed()?);
        let (x, y) = self.pane.spot(x, y);
        let (x, y) = (x - i64::from(shape.hot.0), y - i64::from(shape.hot.1));
        let width = shape.stamp.width;
        let height = shape.stamp.pixels.len() / width.max(1);
        let cut = |at: i64, length: usize| {
            let end = at + i64::try_from(length).unwrap_or(0);
            let start = usize::try_from(at.max(0)).ok()?;
            Some((start, usize::try_from(end).ok()?.checked_sub(start)?))
        };
        let ((left, width), (top, height)) = (cut(x, width)?, cut(y, height)?);
        let patch = Patch { x: left, y: top, width, height }.within(self.window())?;
        Some(((x, y), patch))
    }

    /// Makes a part of the window anew.
    fn compose(&mut self, target: &mut Target<'_>, sight: &Sight, patch: Patch) {
        let (view, corner) = self.pane.view();
        let place = Patch { x: corner.0, y: corner.1, ..view };
        let Some(picture) = sight.picture() else { return target.fill(patch, GROUND) };
        let Some(seen) = patch.within(place) else { return target.fill(patch, GROUND) };
        if seen != patch {
            target.fill(patch, GROUND);
        }
        let from = (seen.x - corner.0 + view.x, seen.y - corner.1 + view.y);
        match self.pane.zoom {
            Zoom::Actual => target.copy(seen, picture.pixels(), self.pane.picture.0, from),
            Zoom::Fit => {
                self.fit();
                let part = Patch { x: from.0, y: from.1, ..seen };
                self.scaler.draw(picture.pixels(), part, target, corner);
            }
        }
        if let (true, Some(shape)) = (self.pointer, sight.pointer.shape())
            && let Some((at, covers)) = self.pointer(sight)
            && let Some(within) = covers.within(seen)
        {
            target.stamp(&shape.stamp, at, within);
        }
        if self.dimmed {
            target.dim(seen);
        }
    }
}
