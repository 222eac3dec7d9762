//! Mouse and keyboard of an X11 display: XTEST does it, XInput 2 tells what the user does himself. On
//! connections of its own, so that a key never waits behind a picture.
//!
//! What would press a button of this program's own windows, or type into them, is not done: the
//! display's X-Resource extension says whose a window is.

mod layout;
mod listening;
mod own;
mod typing;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use self::own::Own;
use self::typing::Typist;
use super::ear::Ear;
use crate::desktop::DesktopError;
use crate::desktop::hands::{Fingers, GoOn, HandError, Told};
use crate::hand::{Ledger, Mark, Touch};

/// What an X server of today adds to Linux's number of a key.
const FIRST_KEY: u8 = 8;

impl From<ConnectionError> for HandError {
    fn from(error: ConnectionError) -> Self {
        Self::Display(error.to_string())
    }
}

impl From<ReplyError> for HandError {
    fn from(error: ReplyError) -> Self {
        Self::Display(error.to_string())
    }
}

impl From<ReplyOrIdError> for HandError {
    fn from(error: ReplyOrIdError) -> Self {
        Self::Display(error.to_string())
    }
}

/// Mouse and keyboard of one display.
pub(in crate::desktop) struct X11Hand {
    keyboard: Keyboard,
    typist: Typist,
    /// Ends with this value.
    _listening: Ear,
}

/// The connection that does it, with the ledger of what it did.
struct Keyboard {
    connection: RustConnection,
    root: Window,
    own: Own,
    ledger: Arc<Mutex<Ledger>>,
}

impl X11Hand {
    /// Opens `display`; `told` hears of the user's own hand as long as this lives.
    pub(in crate::desktop) fn open(display: &str, told: Told) -> Result<Self, HandError> {
        let (connection, root) = connect(display)?;
        let version = connection.xtest_get_version(2, 2);
        version
            .map_err(|_| HandError::Unable("XTEST"))?
            .reply()
            .map_err(|_| HandError::Unable("XTEST"))?;
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let listening = listening::listen(display, ledger.clone(), told)?;
        let own = Own::of(&connection);
        let typist = Typist::new(&connection)?;
        let keyboard = Keyboard { connection, root, own, ledger };
        Ok(Self { keyboard, typist, _listening: listening })
    }
}

impl Fingers for X11Hand {
    fn touch(&mut self, touch: Touch) -> Result<(), HandError> {
        let keyboard = &self.keyboard;
        match touch {
            Touch::Move(x, y) => keyboard.move_to(x, y)?,
            Touch::Button(button, down) => {
                if down {
                    keyboard.own.spares_pointer(&keyboard.connection, keyboard.root)?;
                }
                keyboard.button(button, down)?;
            }
            Touch::Key(code, down) => {
                if down {
                    keyboard.own.spares_focus(&keyboard.connection, keyboard.root)?;
                }
                keyboard.key(code.saturating_add(FIRST_KEY), down)?;
            }
        }
        // A slow server gets the newest move next, and not all that were made meanwhile.
        keyboard.finish()
    }

    fn text(&mut self, text: &str, go_on: GoOn<'_>) -> Result<(), HandError> {
        self.typist.type_text(&self.keyboard, text, go_on)
    }
}

impl Drop for X11Hand {
    fn drop(&mut self) {
        if let Err(error) = self.typist.put_back(&self.keyboard) {
            tracing::debug!(%error, "the keyboard's spare keys keep what was typed with them");
        }
        // A server may drop what it has not read yet of a connection that is closed.
        if let Err(error) = self.keyboard.finish() {
            tracing::warn!(%error, "keys may be held down still");
        }
    }
}

impl Keyboard {
    /// Returns once the server has done everything before.
    fn finish(&self) -> Result<(), HandError> {
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }

    fn move_to(&self, x: i32, y: i32) -> Result<(), HandError> {
        // The server keeps it on its screen; the protocol has 16 bits.
        let place = |at: i32| i16::try_from(at.clamp(0, i16::MAX.into())).unwrap_or(i16::MAX);
        self.fake(Mark::Motion, MOTION_NOTIFY_EVENT, 0, (place(x), place(y)))
    }

    fn button(&self, button: u8, down: bool) -> Result<(), HandError> {
        let kind = if down { BUTTON_PRESS_EVENT } else { BUTTON_RELEASE_EVENT };
        self.fake(Mark::Button(button, down), kind, button, (0, 0))
    }

    /// By the server's own number.
    fn key(&self, code: u8, down: bool) -> Result<(), HandError> {
        let kind = if down { KEY_PRESS_EVENT } else { KEY_RELEASE_EVENT };
        self.fake(Mark::Key(code, down), kind, code, (0, 0))
    }

    fn fake(&self, mark: Mark, kind: u8, detail: u8, at: (i16, i16)) -> Result<(), HandError> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.note(mark, Instant::now());
        drop(ledger);
        let (x, y) = at;
        self.connection.xtest_fake_input(kind, detail, x11rb::CURRENT_TIME, self.root, x, y, 0)?;
        Ok(())
    }
}

fn connect(display: &str) -> Result<(RustConnection, Window), HandError> {
    let refused = |cause: String| {
        HandError::Desktop(DesktopError::Connect { display: display.to_owned(), cause })
    };
    let (connection, number) =
        x11rb::connect(Some(display)).map_err(|error| refused(error.to_string()))?;
    let root = connection.setup().roots.get(number).map(|screen| screen.root);
    let root = root.ok_or_else(|| refused("no such screen".to_owned()))?;
    Ok((connection, root))
}
