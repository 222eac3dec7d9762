//! The mouse: over what lies over the picture it is the overlay's; else its buttons and places go to
//! the user's computer, or only show him something.

use std::time::{Duration, Instant};

use deskside_protocol::wire::message::{PointerAt, Wheel, message::Kind, pointer_at::Use};
use egui::{Rect, pos2};
use winit::event::{MouseButton, MouseScrollDelta, WindowEvent};

use super::open::Open;

/// How long the mouse rests at the upper edge until the panel opens.
const REST: Duration = Duration::from_millis(500);
/// Points below the panel that still belong to it.
const NEAR: f32 = 40.0;
/// What one notch of a wheel is (as in the protocol), and the pixels that a touchpad moves for it.
const NOTCH: f64 = 120.0;
const NOTCH_PIXELS: f64 = 50.0;
/// Where the mouse is.
#[derive(Debug, Default)]
pub(super) struct Mouse {
    /// In pixels of the window.
    pub(super) at: Option<(f64, f64)>,
    /// It moved, and the user's computer does not know.
    news: bool,
    /// Since when it rests at the upper edge.
    pub(super) edge: Option<Instant>,
    /// The user sees where it is.
    shown: bool,
    /// The overlay has it: what goes down there comes up there.
    grabbed: bool,
    /// Parts of notches that are not said yet: right, down.
    wheel: (f64, f64),
}

impl Mouse {
    pub(super) fn rests_at(&self, open: bool) -> Option<Instant> {
        self.edge.filter(|_| !open).map(|since| since + REST)
    }

    pub(super) const fn rested(&mut self) {
        self.edge = None;
    }

    #[allow(clippy::cast_possible_truncation, reason = "places in a window")]
    pub(super) fn is_over(&self, taken: &[Rect], scale: f32) -> bool {
        let Some((x, y)) = self.at else { return false };
        let place = pos2(x as f32, y as f32) / scale.max(0.1);
        taken.iter().any(|rect| rect.contains(place))
    }
}

impl Open {
    pub(super) fn moved(&mut self, event: &WindowEvent, at: (f64, f64)) -> bool {
        self.mouse.at = Some(at);
        let edge = at.1 < 2.0 && !self.held.drags();
        self.mouse.edge =
            if edge { self.mouse.edge.or_else(|| Some(Instant::now())) } else { None };
        self.leave(at.1);
        let over = self.mouse.is_over(&self.taken, self.context.pixels_per_point());
        if over || self.mouse.grabbed {
            self.overlay_hears(event);
            return true;
        }
        self.mouse.news = true;
        let stirred = self.desk.panel || self.desk.card.is_some();
        if stirred {
            self.overlay_hears(event);
        }
        stirred
    }

    /// A panel that the mouse opened closes when it is far from it.
    #[allow(clippy::cast_possible_truncation, reason = "a place in a window")]
    fn leave(&mut self, y: f64) {
        let scale = self.context.pixels_per_point().max(0.1);
        let lowest = self.taken.iter().map(|rect| rect.bottom()).fold(0.0, f32::max);
        if self.desk.hovered && lowest > 0.0 && y as f32 / scale > lowest + NEAR && !self.typing() {
            self.desk.leave();
            self.stirred = true;
        }
    }

    /// Says where the mouse is, where that is news.
    pub(super) fn point(&mut self) {
        if !std::mem::take(&mut self.mouse.news) {
            return;
        }
        let how = match (self.desk.laser, self.model.controls()) {
            (true, _) if self.model.is_live() => Use::Show,
            (false, true) => Use::Move,
            (true | false, _) => return,
        };
        self.mouse.shown = how == Use::Show;
        let (x, y) = self.place();
        self.front.point(PointerAt { r#use: how.into(), x, y });
    }

    /// The place that the user saw is no more.
    pub(super) fn hide(&mut self) {
        if std::mem::take(&mut self.mouse.shown) {
            let (x, y) = self.place();
            self.front.point(PointerAt { r#use: Use::Hide.into(), x, y });
        }
    }

    pub(super) fn button(&mut self, event: &WindowEvent, button: MouseButton, down: bool) -> bool {
        let number = number(button);
        let place = self.place();
        if !down && let Some(kind) = number.and_then(|it| self.held.button(it, false, place)) {
            // What went down there comes up there, whatever lies under the mouse meanwhile.
            self.front.act(kind);
            return false;
        }
        let over = self.mouse.is_over(&self.taken, self.context.pixels_per_point());
        if over || self.mouse.grabbed {
            self.mouse.grabbed = down;
            self.overlay_hears(event);
            return true;
        }
        if self.desk.card.is_some() {
            return false;
        }
        if self.typing() {
            // A click beside the panel leaves what is written there.
            self.overlay_hears(event);
        }
        let Some(number) = number else { return false };
        if !down || self.desk.laser || !self.may_act() {
            return true;
        }
        // The button says where; a move on its way would be older.
        self.mouse.news = false;
        if let Some(kind) = self.held.button(number, true, place) {
            self.front.act(kind);
        }
        false
    }

    pub(super) fn wheel(&mut self, event: &WindowEvent, delta: MouseScrollDelta) -> bool {
        if self.mouse.is_over(&self.taken, self.context.pixels_per_point()) {
            self.overlay_hears(event);
            return true;
        }
        if !self.model.controls() || self.desk.laser || self.desk.card.is_some() {
            return false;
        }
        // winit counts what moves the content right and down; the wheel itself turns the other way.
        let (right, down) = match delta {
            MouseScrollDelta::LineDelta(x, y) => (f64::from(-x) * NOTCH, f64::from(-y) * NOTCH),
            MouseScrollDelta::PixelDelta(by) => {
                (-by.x * NOTCH / NOTCH_PIXELS, -by.y * NOTCH / NOTCH_PIXELS)
            }
        };
        let (right, down) = (self.mouse.wheel.0 + right, self.mouse.wheel.1 + down);
        self.mouse.wheel = (right.fract(), down.fract());
        #[allow(clippy::cast_possible_truncation, reason = "a hand turns no wheel that far")]
        let (right, down) = (right.trunc() as i32, down.trunc() as i32);
        if (right, down) != (0, 0) {
            self.front.act(Kind::Wheel(Wheel { right, down, ..wheel_at(self.place()) }));
        }
        false
    }
}

/// A button's number in the protocol.
const fn number(button: MouseButton) -> Option<u32> {
    match button {
        MouseButton::Left => Some(1),
        MouseButton::Middle => Some(2),
        MouseButton::Right => Some(3),
        MouseButton::Back => Some(8),
        MouseButton::Forward => Some(9),
        MouseButton::Other(_) => None,
    }
}

fn wheel_at((x, y): (i32, i32)) -> Wheel {
    Wheel { x, y, ..Wheel::default() }
}
