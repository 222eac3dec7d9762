//! What the technician does with mouse and keyboard: it goes to what lies over the picture, to the
//! window itself, or to the user's computer.

use std::time::{Duration, Instant};

use deskside_protocol::wire::message::{PointerAt, Typed, Wheel, message::Kind, pointer_at::Use};
use egui::{Event, Rect, pos2};
use winit::event::{ElementState, Ime, KeyEvent, MouseButton, MouseScrollDelta, WindowEvent};
use winit::keyboard::{Key, KeyCode, PhysicalKey};
use winit::platform::modifier_supplement::KeyEventExtModifierSupplement as _;

use super::super::model::{Action, Card, Order, Turn, usage};
use super::open::Open;

/// How long the mouse rests at the upper edge until the panel opens.
const REST: Duration = Duration::from_millis(500);
/// Points below the panel that still belong to it.
const NEAR: f32 = 40.0;
/// Pixels that one step moves the view.
const STEP: i64 = 160;
/// What one notch of a wheel is (as in the protocol), and the pixels that a touchpad moves for it.
const NOTCH: f64 = 120.0;
const NOTCH_PIXELS: f64 = 50.0;
/// Bytes of one text at the most: the protocol's own limit.
const MAX_TYPED: usize = 1024;

/// Where the mouse is.
#[derive(Debug, Default)]
pub(super) struct Mouse {
    /// In pixels of the window.
    at: Option<(f64, f64)>,
    /// It moved, and the user's computer does not know.
    news: bool,
    /// Since when it rests at the upper edge.
    edge: Option<Instant>,
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
    /// Hears of something. Whether it shows.
    #[allow(clippy::wildcard_enum_match_arm, reason = "what else happens changes nothing here")]
    pub(super) fn hear(&mut self, event: &WindowEvent) -> bool {
        match event {
            WindowEvent::CloseRequested => self.ask(Card::End),
            WindowEvent::Resized(_) | WindowEvent::ScaleFactorChanged { .. } => {
                self.overlay_hears(event);
                self.exposed();
                self.stirred = true;
            }
            WindowEvent::Occluded(hidden) => {
                let hidden = *hidden;
                self.front.want(|wanted| wanted.hidden = hidden);
                self.exposed();
                return !hidden;
            }
            WindowEvent::Focused(focused) => self.focused(event, *focused),
            WindowEvent::KeyboardInput { event: key, is_synthetic, .. } => {
                return self.key(event, key, *is_synthetic);
            }
            WindowEvent::Ime(ime) => return self.composed(event, ime),
            WindowEvent::ModifiersChanged(modifiers) => {
                self.ctrl = modifiers.state().control_key();
                self.overlay_hears(event);
                return false;
            }
            WindowEvent::CursorMoved { position, .. } => {
                return self.moved(event, (position.x, position.y));
            }
            WindowEvent::CursorLeft { .. } => {
                self.mouse.edge = None;
                self.hide();
                self.overlay_hears(event);
                return false;
            }
            WindowEvent::MouseInput { state, button, .. } => {
                return self.button(event, *button, *state == ElementState::Pressed);
            }
            WindowEvent::MouseWheel { delta, .. } => return self.wheel(event, *delta),
            _ => return false,
        }
        true
    }

    fn overlay_hears(&mut self, event: &WindowEvent) {
        if self.state.on_window_event(&self.window, event).repaint {
            self.stirred = true;
        }
    }

    fn ask(&mut self, card: Card) {
        self.desk.card = Some(card);
        self.release();
        self.stirred = true;
    }

    fn focused(&mut self, event: &WindowEvent, focused: bool) {
        self.overlay_hears(event);
        if focused {
            let front = self.front.clone();
            self.clipboard.news(move |text| front.copied(text));
        } else {
            self.host.forget();
            self.release();
            self.hide();
        }
    }

    /// Does something.
    pub(super) fn act(&mut self, action: Action) {
        self.stirred = true;
        match action {
            Action::Monitor(number) => self.watch(number),
            Action::Pan(right, down) => {
                self.canvas.pane.pan(right * STEP, down * STEP);
                self.exposed();
            }
            Action::Laser => {
                self.hide();
                self.release();
            }
            Action::Panel
            | Action::Help
            | Action::Zoom
            | Action::FullScreen
            | Action::Chat
            | Action::Screenshot
            | Action::Ask(_)
            | Action::End => {}
        }
        if let Some(order) = self.desk.act(action) {
            self.order(order);
        }
        if self.desk.card.is_some() || self.desk.to_chat {
            self.release();
        }
    }

    fn watch(&mut self, monitor: u32) {
        if usize::try_from(monitor).is_ok_and(|it| it <= self.model.monitors.len()) {
            self.release();
            self.front.want(|wanted| wanted.monitor = monitor);
        }
    }

    /// Something for the session.
    pub(super) fn order(&self, order: Order) {
        let goes = match order {
            Order::Ask(grant) => self.front.change(|model, now| model.ask(grant, now)),
            Order::Say(_) | Order::Screenshot | Order::End => true,
        };
        if goes {
            self.front.order(order);
        }
    }

    /// Lets go of everything at the user's computer.
    fn release(&mut self) {
        for kind in self.held.release(self.place()) {
            self.front.act(kind);
        }
    }

    /// The mouse's place on the user's desktop.
    fn place(&self) -> (i32, i32) {
        let (x, y) = self.mouse.at.unwrap_or_default();
        let (x, y) = self.canvas.pane.place(x, y);
        let (left, top) = self.front.sight().corner();
        let whole = |side: usize| i32::try_from(side).unwrap_or(i32::MAX);
        (left.saturating_add(whole(x)), top.saturating_add(whole(y)))
    }

    /// Whether something that lies over the picture has the keyboard.
    fn typing(&self) -> bool {
        self.desk.panel && self.context.egui_wants_keyboard_input()
    }

    fn key(&mut self, event: &WindowEvent, key: &KeyEvent, synthetic: bool) -> bool {
        let down = key.state == ElementState::Pressed;
        if synthetic {
            // Keys that were down already when the window got the keyboard are nobody's.
            return false;
        }
        let code = match key.physical_key {
            PhysicalKey::Code(code) => code,
            PhysicalKey::Unidentified(_) => return false,
        };
        let letter = match key.key_without_modifiers() {
            Key::Character(text) => text.chars().next(),
            Key::Named(_) | Key::Unidentified(_) | Key::Dead(_) => None,
        };
        match self.host.turn(code, letter, down) {
            Turn::Act(action) => {
                self.act(action);
                return true;
            }
            Turn::Taken => return false,
            Turn::Pass => {}
        }
        if self.desk.card.is_some() && down {
            return self.answer(code, key.repeat);
        }
        if self.typing() {
            return self.type_over(event, code, down);
        }
        if down && code == KeyCode::Escape && self.desk.panel && !self.model.controls() {
            self.act(Action::Panel);
            return true;
        }
        let Some(usage) = usage(code) else { return false };
        if down && !key.repeat && !self.may_act() {
            return true;
        }
        if key.repeat {
            // The user's computer repeats by itself.
            return false;
        }
        if let Some(kind) = self.held.key(usage, down) {
            self.front.act(kind);
        }
        false
    }

    /// Enter says yes to a card, Escape no.
    fn answer(&mut self, code: KeyCode, repeat: bool) -> bool {
        let yes = matches!(code, KeyCode::Enter | KeyCode::NumpadEnter);
        if repeat || !(yes || code == KeyCode::Escape) {
            return false;
        }
        if let Some(order) = self.desk.answer(yes) {
            self.order(order);
        }
        self.stirred = true;
        true
    }

    /// Something is written in the panel.
    fn type_over(&mut self, event: &WindowEvent, code: KeyCode, down: bool) -> bool {
        if down && code == KeyCode::Escape {
            self.context.memory_mut(|memory| {
                if let Some(focused) = memory.focused() {
                    memory.surrender_focus(focused);
                }
            });
            self.stirred = true;
            return true;
        }
        let meant = |key| down && self.ctrl && code == key;
        if meant(KeyCode::KeyV) {
            let front = self.front.clone();
            self.clipboard.read(move |text| front.paste(text));
            return false;
        }
        let cut = [(KeyCode::KeyC, Event::Copy), (KeyCode::KeyX, Event::Cut)];
        let cut = cut.into_iter().find(|(key, _)| meant(*key));
        self.state.egui_input_mut().events.extend(cut.map(|(_, event)| event));
        self.overlay_hears(event);
        true
    }

    /// A text for what is written in the panel.
    pub(super) fn pasted(&mut self, text: String) {
        self.state.egui_input_mut().events.push(Event::Paste(text));
        self.stirred = true;
    }

    /// What was composed of several keys, by an input method or a dead key.
    fn composed(&mut self, event: &WindowEvent, ime: &Ime) -> bool {
        if self.typing() {
            self.overlay_hears(event);
            return true;
        }
        let Ime::Commit(text) = ime else { return false };
        if !self.may_act() {
            return true;
        }
        for text in parts(text) {
            self.front.act(Kind::Typed(Typed { text: text.to_owned() }));
        }
        false
    }

    /// Whether mouse and keyboard are the technician's; else it is asked whether to ask for them.
    fn may_act(&mut self) -> bool {
        if self.model.controls() {
            return true;
        }
        if self.model.is_live() && !self.model.view_only && self.model.asked.is_empty() {
            self.ask(Card::Control);
        }
        false
    }

    fn moved(&mut self, event: &WindowEvent, at: (f64, f64)) -> bool {
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
    fn hide(&mut self) {
        if std::mem::take(&mut self.mouse.shown) {
            let (x, y) = self.place();
            self.front.point(PointerAt { r#use: Use::Hide.into(), x, y });
        }
    }

    fn button(&mut self, event: &WindowEvent, button: MouseButton, down: bool) -> bool {
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
        let number = match button {
            MouseButton::Left => 1,
            MouseButton::Middle => 2,
            MouseButton::Right => 3,
            MouseButton::Back => 8,
            MouseButton::Forward => 9,
            MouseButton::Other(_) => return false,
        };
        if self.desk.laser || (down && !self.may_act()) {
            return true;
        }
        // The button says where; a move on its way would be older.
        self.mouse.news = false;
        if let Some(kind) = self.held.button(number, down, self.place()) {
            self.front.act(kind);
        }
        false
    }

    fn wheel(&mut self, event: &WindowEvent, delta: MouseScrollDelta) -> bool {
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
            let (x, y) = self.place();
            self.front.act(Kind::Wheel(Wheel { right, down, x, y }));
        }
        false
    }
}

/// A text in parts that are short enough.
fn parts(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (part, rest) = text.split_at(text.floor_char_boundary(MAX_TYPED.min(text.len())));
        text = rest;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_goes_in_parts_of_whole_characters() {
        let text = "ü".repeat(1000);
        let said: Vec<&str> = parts(&text).collect();
        assert_eq!(said.concat(), text);
        assert_eq!(said.iter().map(|part| part.len()).collect::<Vec<_>>(), [1024, 976]);
        assert_eq!(parts("").count(), 0);
    }
}
