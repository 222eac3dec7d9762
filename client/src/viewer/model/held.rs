//! What the technician holds down at the user's computer: so that everything is let go of, once.

use std::collections::BTreeSet;

use deskside_protocol::wire::message::{Button, Key, message::Kind};

/// Keys and buttons at once at the most: more than anybody has fingers.
const MAX_HELD: usize = 32;

/// Keys by their USB HID usage, buttons by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    keys: BTreeSet<u32>,
    buttons: BTreeSet<u32>,
}

impl Held {
    /// What has to be said of a key: nothing where it is held already, or let go of without.
    pub fn key(&mut self, usage: u32, down: bool) -> Option<Kind> {
        changed(&mut self.keys, usage, down).then_some(Kind::Key(Key { usage, down }))
    }

    /// The same for a button at a place of the desktop.
    pub fn button(&mut self, button: u32, down: bool, (x, y): (i32, i32)) -> Option<Kind> {
        let said = Kind::Button(Button { button, down, x, y });
        changed(&mut self.buttons, button, down).then_some(said)
    }

    /// Whether anything is held.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.keys.is_empty() || !self.buttons.is_empty()
    }

    /// Whether a button is held: something is being dragged.
    #[must_use]
    pub fn drags(&self) -> bool {
        !self.buttons.is_empty()
    }

    /// Lets go of everything, at a place of the desktop.
    pub fn release(&mut self, (x, y): (i32, i32)) -> Vec<Kind> {
        let keys = std::mem::take(&mut self.keys).into_iter();
        let keys = keys.map(|usage| Kind::Key(Key { usage, down: false }));
        let buttons = std::mem::take(&mut self.buttons).into_iter();
        let buttons = buttons.map(|button| Kind::Button(Button { button, down: false, x, y }));
        buttons.chain(keys).collect()
    }

    /// Keeps count of what was said, whoever said it.
    pub fn said(&mut self, kind: &Kind) {
        if let Kind::Key(key) = kind {
            changed(&mut self.keys, key.usage, key.down);
        } else if let Kind::Button(button) = kind {
            changed(&mut self.buttons, button.button, button.down);
        }
    }
}

fn changed(held: &mut BTreeSet<u32>, which: u32, down: bool) -> bool {
    if !down {
        return held.remove(&which);
    }
    held.len() < MAX_HELD && held.insert(which)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_repeats_is_said_once_and_let_go_once() {
        let mut held = Held::default();
        assert!(held.key(4, true).is_some());
        assert!(held.key(4, true).is_none());
        assert!(held.any() && !held.drags());
        assert!(held.key(4, false).is_some());
        assert!(held.key(4, false).is_none());
        assert!(held.key(5, false).is_none(), "it was pressed in another window");
        assert!(!held.any());
    }

    #[test]
    fn everything_is_let_go_of_and_nothing_twice() {
        let mut held = Held::default();
        held.key(0xe1, true);
        held.button(1, true, (0, 0));
        assert!(held.drags());
        let let_go = held.release((7, 8));
        assert_eq!(
            let_go,
            [
                Kind::Button(Button { button: 1, down: false, x: 7, y: 8 }),
                Kind::Key(Key { usage: 0xe1, down: false }),
            ]
        );
        assert!(held.release((0, 0)).is_empty());
        for usage in 0..100 {
            held.key(usage, true);
        }
        assert_eq!(held.release((0, 0)).len(), MAX_HELD);
    }
}
