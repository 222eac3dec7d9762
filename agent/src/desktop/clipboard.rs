//! What the user copied, as text, lent to a holder of a permit for the clipboard.
//!
//! Text in and out is arboard's; that something was copied is told by the display, so that nothing
//! is looked at again and again. What a password manager marks as a secret never leaves here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::gate::{self, Permit};

/// Bytes of the longest text that is lent or taken.
pub(super) const MAX_TEXT: usize = 131_072;

/// A display that is not busy tells within this time that something was copied.
const TOLD: Duration = Duration::from_secs(1);

/// Why the clipboard cannot be used.
#[derive(Debug, Error)]
pub enum ClipboardError {
    /// There is no display.
    #[error("this computer has no clipboard that Deskside can use")]
    None,
    /// A text is over 131,072 bytes.
    #[error("a text of {0} bytes is too long: {MAX_TEXT} are allowed")]
    TooLong(usize),
    /// The display refused, or went away.
    #[error("the clipboard could not be used: {0}")]
    Display(String),
}

/// What the clipboard holds, as far as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Present {
    /// Counts what was copied; 0: it is not known yet.
    pub(super) number: u64,
    /// It is not for others.
    pub(super) secret: bool,
}

/// The clipboard of a display. A clone is the same; what was set stays as long as one lives, since
/// under X11 whoever copied has to be there when somebody pastes.
#[derive(Clone)]
pub struct Clipboard {
    display: Option<String>,
    opened: Arc<Mutex<Option<arboard::Clipboard>>>,
}

impl std::fmt::Debug for Clipboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clipboard").field("display", &self.display).finish_non_exhaustive()
    }
}

impl Clipboard {
    /// Of a display as `DISPLAY` names it; without one there is no clipboard.
    #[must_use]
    pub fn new(display: Option<&str>) -> Self {
        Self { display: display.map(str::to_owned), opened: Arc::default() }
    }

    /// Lends it.
    ///
    /// # Errors
    /// [`ClipboardError`].
    pub async fn lend(&self, permit: Permit<gate::Clipboard>) -> Result<Lent, ClipboardError> {
        let display = self.display.clone().ok_or(ClipboardError::None)?;
        let (telling, present) = watch::channel(Present::default());
        let watched = tokio::task::spawn_blocking(move || watching(&display, telling));
        let watched =
            watched.await.map_err(|error| ClipboardError::Display(error.to_string()))??;
        let (permit, clipboard, last) = (Arc::new(permit), self.clone(), String::new());
        Ok(Lent { permit, clipboard, present, told: 0, last, _watched: watched })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut arboard::Clipboard) -> Result<T, arboard::Error>,
    ) -> Result<T, ClipboardError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: arboard::Error| ClipboardError::Display(error.to_string());
        let clipboard = match &mut *opened {
            Some(clipboard) => clipboard,
            none => none.insert(arboard::Clipboard::new().map_err(failed)?),
        };
        work(clipboard).map_err(failed)
    }
}

#[cfg(unix)]
type Watched = super::x11::Ear;
#[cfg(not(unix))]
type Watched = ();

#[cfg(unix)]
fn watching(display: &str, telling: watch::Sender<Present>) -> Result<Watched, ClipboardError> {
    super::x11::watch_clipboard(display, telling)
}

#[cfg(not(unix))]
fn watching(_display: &str, _telling: watch::Sender<Present>) -> Result<Watched, ClipboardError> {
    Err(ClipboardError::None)
}

/// A clipboard that is lent, as long as its permit holds.
pub struct Lent {
    permit: Arc<Permit<gate::Clipboard>>,
    clipboard: Clipboard,
    present: watch::Receiver<Present>,
    /// The last of what was copied that was looked at.
    told: u64,
    /// What both ends have: it is told to neither again.
    last: String,
    _watched: Watched,
}

impl std::fmt::Debug for Lent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent").field("permit", &self.permit).finish_non_exhaustive()
    }
}

impl Lent {
    /// Waits until the user copies another text. Loses nothing when cancelled.
    ///
    /// # Errors
    /// [`ClipboardError`].
    pub async fn copied(&mut self) -> Result<String, ClipboardError> {
        loop {
            let told = self.told;
            let Ok(number) =
                self.present.wait_for(|present| present.number > told).await.map(|it| it.number)
            else {
                return std::future::pending().await;
            };
            // What was there before is not copied now.
            let text = if number > 1 { self.read().await? } else { String::new() };
            self.told = number;
            if !text.is_empty() && text != self.last {
                self.last.clone_from(&text);
                return Ok(text);
            }
        }
    }

    /// The text that is there now; empty where there is none, where it is a secret, or too long.
    ///
    /// # Errors
    /// [`ClipboardError`].
    pub async fn text(&mut self) -> Result<String, ClipboardError> {
        if self.present.wait_for(|present| present.number > 0).await.is_err() {
            return Ok(String::new());
        }
        self.told = self.present.borrow().number;
        let text = self.read().await?;
        self.last.clone_from(&text);
        Ok(text)
    }

    /// Copies a text for the user to paste.
    ///
    /// # Errors
    /// [`ClipboardError`].
    pub async fn set(&mut self, text: String) -> Result<(), ClipboardError> {
        if text.len() > MAX_TEXT {
            return Err(ClipboardError::TooLong(text.len()));
        }
        self.last.clone_from(&text);
        let before = self.present.borrow().number;
        self.blocking(move |clipboard| clipboard.set_text(text)).await?;
        // Until it is told that this is no secret, whatever was there before.
        let told = self.present.wait_for(|present| present.number > before);
        if timeout(TOLD, told).await.is_err() {
            tracing::debug!("the display does not tell what was copied");
        }
        Ok(())
    }

    /// What it is lent under.
    #[must_use]
    pub fn permit(&self) -> Arc<Permit<gate::Clipboard>> {
        self.permit.clone()
    }

    async fn read(&self) -> Result<String, ClipboardError> {
        if self.present.borrow().secret {
            return Ok(String::new());
        }
        let text = self.blocking(|clipboard| match clipboard.get_text() {
            Err(arboard::Error::ContentNotAvailable) => Ok(String::new()),
            text => text,
        });
        // It may have become a secret meanwhile.
        let text = text.await?;
        let secret = self.present.borrow().secret;
        Ok(if secret || text.len() > MAX_TEXT { String::new() } else { text })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut arboard::Clipboard) -> Result<T, arboard::Error> + Send + 'static,
    ) -> Result<T, ClipboardError> {
        let clipboard = self.clipboard.clone();
        let done = tokio::task::spawn_blocking(move || clipboard.with(work)).await;
        done.map_err(|error| ClipboardError::Display(error.to_string()))?
    }
}
