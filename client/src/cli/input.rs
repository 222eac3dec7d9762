//! The words of `deskside input` and `deskside clipboard`.

use std::io::Read as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deskside_protocol::exit::Exit;

use crate::commands::Act;
use crate::failure::Failure;

const AFTER: &str = "\
deskside input key ctrl+alt+t Return          two combinations, one after the other
deskside input type 'Grüße aus Köln'          whatever the keyboard's layout there
printf 'ls\\n' | deskside input type -         line breaks press Return
deskside input type --masked - < password     in no recording; a line break at the end is left out
deskside input click 640 400 --double         pixels of the user's desktop
deskside input scroll 0 3                     three notches down, where the pointer is

The user allows control once for the session. While their own hand is on mouse and keyboard, while
a question to them stands, and in Deskside's own window, nothing is done: exit code 3 says so.";

const KEYS: &str = "\
Keys are meant by their position, under the names of an English keyboard (deskside input type is
for text). In any case of letters:

  a to z, 0 to 9, F1 to F24, Return, Escape, Backspace, Tab, Space, Insert, Delete, Home, End,
  PageUp, PageDown, Up, Down, Left, Right, Print, Pause, Menu, CapsLock, NumLock, ScrollLock
  minus, equal, bracketleft, bracketright, backslash, semicolon, apostrophe, grave, comma, period,
  slash, less (or the characters themselves)
  KP_0 to KP_9, KP_Enter, KP_Plus, KP_Minus, KP_Multiply, KP_Divide, KP_Period
  ctrl, shift, alt, super, and on the right: rctrl, rshift, altgr, rsuper";

/// The longest text from standard input, in bytes; what is too long for the command is said there.
const MAX_INPUT: u64 = 1024 * 1024;

/// `deskside input`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER)]
pub struct InputArgs {
    /// The session, or the first digits of its id; needed only when several are open
    #[arg(long, value_name = "ID", global = true)]
    pub session: Option<String>,
    #[command(subcommand)]
    #[allow(missing_docs, reason = "a doc comment here would become the program's help")]
    pub what: InputCommand,
}

/// `deskside input ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum InputCommand {
    /// Press keys, such as Return or ctrl+alt+t
    #[command(after_help = KEYS)]
    Key {
        /// Keys that go down together, joined by +
        #[arg(required = true, value_name = "COMBO")]
        combos: Vec<String>,
    },
    /// Type a text
    Type {
        /// The text, or - to read it from standard input
        #[arg(value_name = "TEXT|-", allow_hyphen_values = true)]
        text: String,
        /// Keep it out of the recording: a password, from standard input
        #[arg(long)]
        masked: bool,
    },
    /// Click at a place of the desktop
    #[command(allow_negative_numbers = true)]
    Click {
        /// Pixels from the left
        x: i32,
        /// Pixels from the top
        y: i32,
        /// 1 left, 2 middle, 3 right, 8 back, 9 forward
        #[arg(long, value_name = "N", default_value_t = 1)]
        button: u32,
        /// Click twice
        #[arg(long)]
        double: bool,
        /// Count the pixels on this monitor, from 1, instead of on the whole desktop
        #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
        monitor: Option<u32>,
    },
    /// Move the pointer to a place of the desktop
    #[command(allow_negative_numbers = true)]
    Move {
        /// Pixels from the left
        x: i32,
        /// Pixels from the top
        y: i32,
        /// Count the pixels on this monitor, from 1, instead of on the whole desktop
        #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
        monitor: Option<u32>,
    },
    /// Turn the wheel
    #[command(allow_negative_numbers = true)]
    Scroll {
        /// Notches to the right; to the left where it is negative
        #[arg(value_name = "DX")]
        right: f64,
        /// Notches down; up where it is negative
        #[arg(value_name = "DY")]
        down: f64,
        /// At this place instead of where the pointer is
        #[arg(long, value_names = ["X", "Y"], num_args = 2)]
        at: Option<Vec<i32>>,
    },
}

impl InputCommand {
    /// The monitor on which its place is meant; `None`: on the whole desktop.
    #[must_use]
    pub const fn monitor(&self) -> Option<u32> {
        match self {
            Self::Click { monitor, .. } | Self::Move { monitor, .. } => *monitor,
            Self::Key { .. } | Self::Type { .. } | Self::Scroll { .. } => None,
        }
    }

    /// What it means, on a monitor with this upper left corner.
    ///
    /// # Errors
    /// Exit 2: what no mouse or keyboard does, or standard input that is no text.
    pub fn act(self, corner: (i32, i32)) -> anyhow::Result<Act> {
        let on = |x: i32, y: i32| (x.saturating_add(corner.0), y.saturating_add(corner.1));
        Ok(match self {
            Self::Key { combos } => Act::keys(&combos)?,
            Self::Type { text, masked: true } if text == "-" => {
                let text = typed()?;
                Act::text(text.strip_suffix('\n').unwrap_or(&text))?.masked()
            }
            Self::Type { masked: true, .. } => {
                let why = "what stands in a command line is seen by others: \
                           deskside input type --masked - reads standard input";
                return Err(Failure::new(Exit::Usage, why).into());
            }
            Self::Type { text, .. } if text == "-" => Act::text(&typed()?)?,
            Self::Type { text, .. } => Act::text(&text)?,
            Self::Click { x, y, button, double, .. } => Act::click(on(x, y), button, double)?,
            Self::Move { x, y, .. } => Act::point(on(x, y)),
            Self::Scroll { right, down, at } => {
                let at = at.and_then(|at| Some((*at.first()?, *at.get(1)?)));
                Act::scroll(right, down, at)?
            }
        })
    }
}

/// `deskside clipboard`.
#[derive(Debug, Clone, Args)]
pub struct ClipboardArgs {
    /// The session, or the first digits of its id; needed only when several are open
    #[arg(long, value_name = "ID", global = true)]
    pub session: Option<String>,
    #[command(subcommand)]
    #[allow(missing_docs, reason = "a doc comment here would become the program's help")]
    pub what: ClipboardCommand,
}

/// `deskside clipboard ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum ClipboardCommand {
    /// Print the text that is copied there; nothing where it is no text, or a secret
    Get,
    /// Copy a text there, for the user or deskside input to paste
    Set {
        /// The text, or - to read it from standard input
        #[arg(value_name = "TEXT|-", allow_hyphen_values = true)]
        text: String,
    },
}

/// Standard input as it is.
pub(super) fn typed() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let input = std::io::stdin().lock().take(MAX_INPUT);
    std::io::BufReader::new(input).read_to_end(&mut bytes).context("read standard input")?;
    let text = String::from_utf8(bytes);
    text.map_err(|_| Failure::new(Exit::Usage, "standard input is no text in UTF-8").into())
}
