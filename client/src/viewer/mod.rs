//! The technician's window: the user's screen, and over it what can be done.
//!
//! `line` brings pictures and takes keys, on one line of the session after the other; [`Sight`] holds
//! the picture, [`model`] what else is known, [`view`] draws it, `window` is the system's. The window
//! lives on the program's first thread, the session on others: they meet in [`Front`].

mod clipboard;
mod front;
pub(crate) mod line;
pub mod model;
pub mod sight;
pub(crate) mod texts;
pub mod view;
mod window;

pub use self::clipboard::Clipboard;
pub use self::front::{Front, Seen, Wake, Wanted, Wishes};
pub use self::sight::Sight;
pub use self::window::{Ground, NoWindow, Seat};
