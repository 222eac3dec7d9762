//! Channels: the classes of traffic on a line, and who goes first.

use crate::wire::message;

/// A class of traffic on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Consent, grants, lifecycle, statements.
    Control,
    /// What the screen shows.
    Screen,
    /// Pointer moves.
    Pointer,
    /// Keys and buttons.
    Input,
    /// Clipboard text.
    Clipboard,
    /// Chat.
    Chat,
    /// A shell.
    Shell,
    /// Single commands.
    Command,
    /// Files.
    File,
}

/// One row a channel: number on the wire, priority of its QUIC streams (higher goes first, so that
/// a bulk transfer is not felt in the screen).
const TABLE: [(Channel, message::Channel, i32); 9] = [
    (Channel::Pointer, message::Channel::Pointer, 80),
    (Channel::Input, message::Channel::Input, 80),
    (Channel::Control, message::Channel::Control, 70),
    (Channel::Screen, message::Channel::Screen, 60),
    (Channel::Shell, message::Channel::Shell, 50),
    (Channel::Command, message::Channel::Command, 40),
    (Channel::Clipboard, message::Channel::Clipboard, 30),
    (Channel::Chat, message::Channel::Chat, 30),
    (Channel::File, message::Channel::File, 10),
];

impl Channel {
    /// Every channel, most urgent first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(channel, _, _)| *channel)
    }

    /// The number on the wire.
    #[must_use]
    pub fn to_wire(self) -> message::Channel {
        self.row().map_or(message::Channel::Unspecified, |(_, wire, _)| *wire)
    }

    /// The channel of a number on the wire; `None` for one that this version does not know.
    #[must_use]
    pub fn from_wire(number: i32) -> Option<Self> {
        let known = message::Channel::try_from(number).ok()?;
        TABLE.iter().find(|(_, wire, _)| *wire == known).map(|(channel, _, _)| *channel)
    }

    /// As people and scripts call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Screen => "screen",
            Self::Pointer => "pointer",
            Self::Input => "input",
            Self::Clipboard => "clipboard",
            Self::Chat => "chat",
            Self::Shell => "shell",
            Self::Command => "command",
            Self::File => "file",
        }
    }

    /// The priority of its QUIC streams.
    #[must_use]
    pub fn priority(self) -> i32 {
        self.row().map_or(0, |(_, _, priority)| *priority)
    }

    fn row(self) -> Option<&'static (Self, message::Channel, i32)> {
        TABLE.iter().find(|(known, _, _)| *known == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_before_screen_and_screen_before_files() {
        let order = [Channel::Input, Channel::Control, Channel::Screen, Channel::Shell];
        let order = order.into_iter().chain([Channel::Command, Channel::Chat, Channel::File]);
        assert!(order.map(Channel::priority).is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn wire_numbers_come_back() {
        for channel in Channel::all() {
            assert_eq!(Channel::from_wire(channel.to_wire() as i32), Some(channel));
        }
        assert_eq!(Channel::from_wire(0), None);
    }
}
