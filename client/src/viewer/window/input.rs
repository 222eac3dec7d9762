//! What the technician does with mouse and keyboard: it goes to what lies over the picture, to the
//! window itself, or to the user's computer.

use deskside_protocol::wire::message::{Masking, message::Kind};
use winit::event::{ElementState, WindowEvent};

use super::super::model::{Action, Card, Order};
use super::open::Open;

/// Pixels that one step moves the view.
const STEP: i64 = 160;
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

    pub(super) fn overlay_hears(&mut self, event: &WindowEvent) {
        if self.state.on_window_event(&self.window, event).repaint {
            self.stirred = true;
        }
    }

    pub(super) fn ask(&mut self, card: Card) {
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
            Action::Mask => self.mask(),
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

    /// A passage of typed text that is not in the recording begins, or ends.
    fn mask(&mut self) {
        if !self.may_act() {
            return;
        }
        self.release();
        let on = !self.model.masks.own;
        self.front.change(|model, _| model.masks.own = on);
        self.front.act(Kind::Masking(Masking { on }));
    }

    fn watch(&mut self, monitor: u32) {
        if usize::try_from(monitor).is_ok_and(|it| it <= self.model.monitors.len()) {
            self.release();
            self.front.want(|wanted| {
                wanted.monitor = monitor;
                wanted.tries = wanted.tries.wrapping_add(1);
            });
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
    pub(super) fn release(&mut self) {
        for kind in self.held.release(self.place()) {
            self.front.act(kind);
        }
    }

    /// The mouse's place on the user's desktop.
    pub(super) fn place(&self) -> (i32, i32) {
        let (x, y) = self.mouse.at.unwrap_or_default();
        let (x, y) = self.canvas.pane.place(x, y);
        let (left, top) = self.front.sight().corner();
        let whole = |side: usize| i32::try_from(side).unwrap_or(i32::MAX);
        (left.saturating_add(whole(x)), top.saturating_add(whole(y)))
    }
}
