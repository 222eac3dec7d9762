//! The window as the system sees it. It lives on the program's first thread; the session lives on
//! others and reaches it through [`Front`].

mod canvas;
mod input;
mod open;
mod shell;

use std::thread;

use anyhow::{Context as _, anyhow};
use winit::error::{EventLoopError, OsError};
use winit::event_loop::EventLoop;

use super::clipboard::Clipboard;
use super::front::{Front, Wake, Wishes};
use super::model::HostKey;

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum NoWindow {
    /// The system has no windows for us.
    #[error("the display cannot be used: {0}")]
    Display(#[from] EventLoopError),
    /// What reads the keyboard is not installed.
    #[error("the libraries libxkbcommon and libxkbcommon-x11 are missing")]
    Libraries,
    /// It did not make one.
    #[error("the display makes no window: {0}")]
    Window(#[from] OsError),
    /// Its pixels cannot be set.
    #[error("the window cannot be drawn: {0}")]
    Pixels(String),
}

// Its error may hold what belongs to the window's thread.
impl From<softbuffer::SoftBufferError> for NoWindow {
    fn from(error: softbuffer::SoftBufferError) -> Self {
        Self::Pixels(error.to_string())
    }
}

/// A session's place in front of a window.
#[derive(Debug)]
pub struct Seat {
    pub(crate) front: Front,
    pub(crate) wishes: Wishes,
    pub(crate) clipboard: Clipboard,
}

/// winit takes for granted that these are there, and panics without them.
#[cfg(all(unix, not(target_os = "macos")))]
fn has_keyboard_libraries() -> bool {
    xkbcommon_dl::xkbcommon_option().is_some()
        && xkbcommon_dl::x11::xkbcommon_x11_option().is_some()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
const fn has_keyboard_libraries() -> bool {
    true
}

/// A display that windows can be made on.
#[allow(missing_debug_implementations, reason = "an event loop has nothing to show")]
pub struct Ground(EventLoop<Wake>);

impl Ground {
    /// Connects to the display.
    ///
    /// # Errors
    /// [`NoWindow`].
    pub fn new() -> Result<Self, NoWindow> {
        if !has_keyboard_libraries() {
            return Err(NoWindow::Libraries);
        }
        Ok(Self(EventLoop::with_user_event().build()?))
    }

    /// Runs `session` on another thread, and its window on this one, which has to be the program's
    /// first. The window opens with the first picture and closes with the session. A window that is
    /// lost on the way takes nothing with it: the session goes on in the terminal.
    ///
    /// # Errors
    /// The session's own.
    pub fn run<T: Send + 'static>(
        self,
        host: HostKey,
        session: impl FnOnce(Seat) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let proxy = self.0.create_proxy();
        let (front, wishes) = Front::new(move |wake| {
            // A window that is closed has nothing to draw.
            let _closed = proxy.send_event(wake);
        });
        let (proxy, clipboard) = (self.0.create_proxy(), Clipboard::of_system());
        let seat = Seat { front: front.clone(), wishes, clipboard: clipboard.clone() };
        let (done, result) = std::sync::mpsc::sync_channel(1);
        let running = thread::Builder::new().name("session".to_owned()).spawn(move || {
            let result = session(seat);
            let _nobody_waits = done.send(result);
            let _window_gone = proxy.send_event(Wake::Close);
        });
        let running = running.context("start the session")?;
        if let Err(error) = shell::run(self.0, front, host, clipboard) {
            tracing::error!(%error, "the window is lost; the session goes on in the terminal");
        }
        let result = result.recv();
        if running.join().is_err() {
            return Err(anyhow!("the session failed"));
        }
        result.context("end the session")?
    }
}
