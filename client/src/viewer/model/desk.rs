//! What the window itself knows: the mode, what is opened over the picture, what it asks.

use deskside_protocol::grant::Grant;

use super::{Action, Zoom};

/// What the technician wants of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// To ask the user for something.
    Ask(Grant),
    /// To say a line.
    Say(String),
    /// A picture for the ticket.
    Screenshot,
    /// The session's end.
    End,
}

/// A card in the middle, which has the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// The shortcuts.
    Help,
    /// Whether to ask for mouse and keyboard.
    Control,
    /// Whether to end the session.
    End,
}

/// What stands over the picture, and how that is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desk {
    /// How large.
    pub zoom: Zoom,
    /// Without edges.
    pub full: bool,
    /// The panel is open.
    pub panel: bool,
    /// The mouse opened it: it closes by itself.
    pub hovered: bool,
    /// The chat is to have the keyboard.
    pub to_chat: bool,
    /// Mouse moves show a place and touch nothing.
    pub laser: bool,
    /// What is asked or told in the middle.
    pub card: Option<Card>,
}

impl Desk {
    /// Does what concerns the window alone. Gives what concerns the session.
    pub fn act(&mut self, action: Action) -> Option<Order> {
        match action {
            Action::Panel => {
                self.panel = !self.panel;
                self.hovered = false;
                self.card = None;
            }
            Action::Help => self.toggle(Card::Help),
            Action::Zoom => {
                self.zoom = match self.zoom {
                    Zoom::Actual => Zoom::Fit,
                    Zoom::Fit => Zoom::Actual,
                }
            }
            Action::FullScreen => self.full = !self.full,
            Action::Chat => {
                (self.panel, self.hovered, self.to_chat) = (true, false, true);
                self.card = None;
            }
            Action::Laser => self.laser = !self.laser,
            Action::End => self.toggle(Card::End),
            Action::Screenshot => return Some(Order::Screenshot),
            Action::Ask(grant) => return Some(Order::Ask(grant)),
            // They concern what is seen.
            Action::Monitor(_) | Action::Pan(..) | Action::Mask => {}
        }
        None
    }

    fn toggle(&mut self, card: Card) {
        self.card = (self.card != Some(card)).then_some(card);
    }

    /// A key that a card waits for: yes or no. Gives what concerns the session.
    pub fn answer(&mut self, yes: bool) -> Option<Order> {
        match (self.card.take()?, yes) {
            (Card::Control, true) => Some(Order::Ask(Grant::Control)),
            (Card::End, true) => Some(Order::End),
            (Card::Help, _) | (Card::Control | Card::End, false) => None,
        }
    }

    /// The mouse rests at the upper edge.
    pub fn hover(&mut self) {
        if !self.panel {
            (self.panel, self.hovered) = (true, true);
        }
    }

    /// The mouse left the panel.
    pub fn leave(&mut self) {
        if self.hovered {
            (self.panel, self.hovered) = (false, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_without_a_question() {
        let mut desk = Desk::default();
        assert_eq!(desk.act(Action::End), None);
        assert_eq!(desk.card, Some(Card::End));
        assert_eq!(desk.answer(false), None);
        assert_eq!(desk.card, None);
        assert_eq!(desk.answer(true), None, "nothing was asked");
        desk.act(Action::End);
        assert_eq!(desk.answer(true), Some(Order::End));
        desk.act(Action::Help);
        assert_eq!(desk.answer(true), None);
    }

    #[test]
    fn modes_go_there_and_back() {
        let mut desk = Desk::default();
        for action in [Action::Zoom, Action::FullScreen, Action::Laser, Action::Panel, Action::Help]
        {
            let before = desk.clone();
            desk.act(action);
            assert_ne!(desk, before, "{action:?}");
            desk.act(action);
            assert_eq!(desk, before, "{action:?}");
        }
    }

    #[test]
    fn a_panel_that_the_mouse_opened_closes_with_it_and_no_other() {
        let mut desk = Desk::default();
        desk.hover();
        assert!(desk.panel);
        desk.leave();
        assert!(!desk.panel);
        desk.act(Action::Chat);
        desk.hover();
        desk.leave();
        assert!(desk.panel && desk.to_chat);
        desk.act(Action::Panel);
        desk.hover();
        desk.act(Action::Chat);
        desk.leave();
        assert!(desk.panel, "somebody writes");
    }
}
