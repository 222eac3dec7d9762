//! The host key: one key that never goes to the user's computer. Alone it opens the panel; held down
//! it makes commands of other keys. So no key that means something there is ever taken away.

use clap::ValueEnum;
use deskside_protocol::grant::Grant;
use winit::keyboard::KeyCode;

use super::super::texts;

/// Which key is the host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum HostKey {
    /// The right one of the two Ctrl keys
    #[default]
    RightCtrl,
    /// The key with a menu on it, beside it
    Menu,
    /// Pause
    Pause,
    /// Scroll Lock
    ScrollLock,
}

impl HostKey {
    const fn code(self) -> KeyCode {
        match self {
            Self::RightCtrl => KeyCode::ControlRight,
            Self::Menu => KeyCode::ContextMenu,
            Self::Pause => KeyCode::Pause,
            Self::ScrollLock => KeyCode::ScrollLock,
        }
    }

    /// As it is written on the key.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RightCtrl => "Right Ctrl",
            Self::Menu => "Menu",
            Self::Pause => "Pause",
            Self::ScrollLock => "Scroll Lock",
        }
    }
}

/// What the technician can do beside seeing, pointing and typing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Opens or closes the panel.
    Panel,
    /// Shows the shortcuts, or hides them.
    Help,
    /// Between one pixel for each and all of it.
    Zoom,
    /// Full screen, or not.
    FullScreen,
    /// Another monitor, from 1; 0 is all of them.
    Monitor(u32),
    /// Moves the view: steps to the right, and down.
    Pan(i64, i64),
    /// To the chat, to write.
    Chat,
    /// A picture for the ticket.
    Screenshot,
    /// The pointer that only shows.
    Laser,
    /// Keeps what is typed out of the recording, or no longer.
    Mask,
    /// Asks the user for something.
    Ask(Grant),
    /// Ends the session, after a question.
    End,
}

/// Letters and what they do, as the list of shortcuts shows them.
pub const LETTERS: [(char, Action); 14] = [
    ('h', Action::Help),
    ('f', Action::FullScreen),
    ('z', Action::Zoom),
    ('l', Action::Laser),
    ('p', Action::Mask),
    ('s', Action::Screenshot),
    ('w', Action::Chat),
    ('c', Action::Ask(Grant::Control)),
    ('v', Action::Ask(Grant::Clipboard)),
    ('x', Action::Ask(Grant::Command)),
    ('t', Action::Ask(Grant::Shell)),
    ('d', Action::Ask(Grant::File)),
    ('r', Action::Ask(Grant::Reboot)),
    ('q', Action::End),
];

/// The letter of an action, where it has one.
#[must_use]
pub fn letter(action: Action) -> Option<char> {
    LETTERS.iter().find(|(_, known)| *known == action).map(|(letter, _)| *letter)
}

/// What a key turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A command.
    Act(Action),
    /// Nothing more.
    Taken,
    /// Not ours: it goes on.
    Pass,
}

/// The host key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Host {
    key: HostKey,
    down: bool,
    /// Something was done with it: letting go opens no panel.
    used: bool,
}

impl Host {
    /// With this key.
    #[must_use]
    pub const fn new(key: HostKey) -> Self {
        Self { key, down: false, used: false }
    }

    /// A key goes down or up; `letter` is what it writes without modifiers.
    pub fn turn(&mut self, code: KeyCode, letter: Option<char>, down: bool) -> Turn {
        if code == self.key.code() {
            let alone = !down && std::mem::replace(&mut self.down, down) && !self.used;
            self.used &= self.down;
            self.down = down;
            return if alone { Turn::Act(Action::Panel) } else { Turn::Taken };
        }
        if !self.down || !down {
            // What was pressed before the host key has to be let go of there.
            return Turn::Pass;
        }
        self.used = true;
        action(code, letter).map_or(Turn::Taken, Turn::Act)
    }

    /// The window lost the keyboard.
    pub const fn forget(&mut self) {
        self.down = false;
        self.used = false;
    }
}

fn action(code: KeyCode, letter: Option<char>) -> Option<Action> {
    let digits = [
        (KeyCode::Digit0, 0),
        (KeyCode::Digit1, 1),
        (KeyCode::Digit2, 2),
        (KeyCode::Digit3, 3),
        (KeyCode::Digit4, 4),
        (KeyCode::Digit5, 5),
        (KeyCode::Digit6, 6),
        (KeyCode::Digit7, 7),
        (KeyCode::Digit8, 8),
        (KeyCode::Digit9, 9),
    ];
    if let Some((_, monitor)) = digits.iter().find(|(digit, _)| *digit == code) {
        return Some(Action::Monitor(*monitor));
    }
    let arrows = [
        (KeyCode::ArrowLeft, Action::Pan(-1, 0)),
        (KeyCode::ArrowRight, Action::Pan(1, 0)),
        (KeyCode::ArrowUp, Action::Pan(0, -1)),
        (KeyCode::ArrowDown, Action::Pan(0, 1)),
    ];
    if let Some((_, pan)) = arrows.iter().find(|(arrow, _)| *arrow == code) {
        return Some(*pan);
    }
    let letter = letter?.to_lowercase().next()?;
    LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, action)| *action)
}

/// The list of shortcuts: what is pressed with the host key, and what it does.
#[must_use]
pub fn list() -> Vec<(String, String)> {
    let letters = LETTERS
        .iter()
        .map(|(letter, action)| (letter.to_ascii_uppercase().to_string(), texts::action(*action)));
    let more = [
        (texts::ALONE.to_owned(), texts::action(Action::Panel)),
        ("1 … 9".to_owned(), texts::MONITOR_BY_NUMBER.to_owned()),
        ("0".to_owned(), texts::action(Action::Monitor(0))),
        (texts::ARROWS.to_owned(), texts::action(Action::Pan(0, 0))),
    ];
    more.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: KeyCode = KeyCode::ControlRight;

    #[test]
    fn alone_it_opens_the_panel_and_with_another_key_it_does_not() {
        let mut host = Host::new(HostKey::RightCtrl);
        assert_eq!(host.turn(HOST, None, true), Turn::Taken);
        assert_eq!(host.turn(HOST, None, true), Turn::Taken, "it repeats");
        assert_eq!(host.turn(HOST, None, false), Turn::Act(Action::Panel));
        host.turn(HOST, None, true);
        assert_eq!(host.turn(KeyCode::KeyF, Some('F'), true), Turn::Act(Action::FullScreen));
        assert_eq!(host.turn(KeyCode::KeyB, Some('b'), true), Turn::Taken);
        assert_eq!(host.turn(HOST, None, false), Turn::Taken);
        host.turn(HOST, None, true);
        assert_eq!(host.turn(HOST, None, false), Turn::Act(Action::Panel), "it begins anew");
    }

    #[test]
    fn what_it_is_not_held_for_goes_on() {
        let mut host = Host::new(HostKey::RightCtrl);
        for (code, down) in [(KeyCode::KeyF, true), (KeyCode::ControlLeft, true)] {
            assert_eq!(host.turn(code, Some('f'), down), Turn::Pass);
        }
        host.turn(HOST, None, true);
        assert_eq!(host.turn(KeyCode::ControlLeft, None, false), Turn::Pass);
        host.forget();
        assert_eq!(host.turn(KeyCode::KeyF, Some('f'), true), Turn::Pass);
        assert_eq!(host.turn(HOST, None, false), Turn::Taken, "it was let go of elsewhere");
        let mut other = Host::new(HostKey::Menu);
        assert_eq!(other.turn(HOST, None, true), Turn::Pass);
    }

    #[test]
    fn digits_go_by_their_place_and_letters_by_what_they_write() {
        assert_eq!(action(KeyCode::Digit2, Some('é')), Some(Action::Monitor(2)));
        assert_eq!(action(KeyCode::KeyQ, Some('a')), None);
        assert_eq!(action(KeyCode::KeyA, Some('q')), Some(Action::End));
        assert_eq!(action(KeyCode::ArrowUp, None), Some(Action::Pan(0, -1)));
    }

    #[test]
    fn every_letter_and_action_is_there_once_and_has_words() {
        for (at, (letter, action)) in LETTERS.iter().enumerate() {
            let rest = &LETTERS[at + 1..];
            assert!(rest.iter().all(|(other, same)| other != letter && same != action));
        }
        for grant in Grant::all().filter(|grant| *grant != Grant::View) {
            assert!(letter(Action::Ask(grant)).is_some(), "{grant:?}");
        }
        assert!(list().iter().all(|(keys, what)| !keys.is_empty() && !what.is_empty()));
    }
}
