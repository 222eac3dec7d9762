//! The keyboard: the host key's commands are the window's own, a card or the chat may have it, and
//! everything else goes to the user's computer by its position.

use deskside_protocol::wire::message::{Typed, message::Kind};
use egui::Event;
use winit::event::{ElementState, Ime, KeyEvent, WindowEvent};
use winit::keyboard::{Key, KeyCode, PhysicalKey};
use winit::platform::modifier_supplement::KeyEventExtModifierSupplement as _;

use super::super::model::{Action, Card, Turn, usage};
use super::open::Open;

/// Bytes of one text at the most: the protocol's own limit.
const MAX_TYPED: usize = 1024;

impl Open {
    /// Whether something that lies over the picture has the keyboard.
    pub(super) fn typing(&self) -> bool {
        self.desk.panel && self.context.egui_wants_keyboard_input()
    }

    pub(super) fn key(&mut self, event: &WindowEvent, key: &KeyEvent, synthetic: bool) -> bool {
        let down = key.state == ElementState::Pressed;
        if synthetic {
            // Keys that were down already when the window got the keyboard are nobody's.
            return false;
        }
        let code = match key.physical_key {
            PhysicalKey::Code(code) => code,
            PhysicalKey::Unidentified(_) => return false,
        };
        if !down && let Some(kind) = usage(code).and_then(|usage| self.held.key(usage, false)) {
            // What went down there comes up there, whatever has the keyboard meanwhile.
            self.front.act(kind);
        }
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
        if down && let Some(kind) = self.held.key(usage, true) {
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
    pub(super) fn composed(&mut self, event: &WindowEvent, ime: &Ime) -> bool {
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
    pub(super) fn may_act(&mut self) -> bool {
        if self.model.controls() {
            return true;
        }
        if self.model.is_live() && !self.model.view_only && self.model.asked.is_empty() {
            self.ask(Card::Control);
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
