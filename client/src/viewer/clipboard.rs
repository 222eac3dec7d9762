//! This computer's clipboard, on a thread of its own: whoever has the text may take long to give it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

/// Bytes of a text that goes to the other end at the most: the protocol's own limit.
pub(super) const MAX_TEXT: usize = 131_072;
/// Wishes that may wait.
const MAX_WAITING: usize = 8;

enum Wish {
    /// Reads, and calls with a text that is another than the one before.
    News(Box<dyn FnOnce(String) + Send>),
    /// Reads.
    Read(Box<dyn FnOnce(String) + Send>),
    /// Has this text from here on.
    Write(String),
}

/// Where wishes go. A clone is the same; the thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct Clipboard(SyncSender<Wish>);

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::News(_) => "News",
            Self::Read(_) => "Read",
            Self::Write(_) => "Write",
        })
    }
}

impl Clipboard {
    /// The system's, which is opened when it is needed first.
    #[must_use]
    pub fn of_system() -> Self {
        let (wishes, waiting) = sync_channel(MAX_WAITING);
        let tend = move || tend(&waiting);
        if let Err(error) = thread::Builder::new().name("clipboard".to_owned()).spawn(tend) {
            tracing::warn!(%error, "there is no clipboard");
        }
        Self(wishes)
    }

    /// Reads, and calls `heard` with the text where it is another than was read or written last.
    pub(super) fn news(&self, heard: impl FnOnce(String) + Send + 'static) {
        self.wish(Wish::News(Box::new(heard)));
    }

    /// Reads, and calls `heard` with the text where there is one.
    pub(super) fn read(&self, heard: impl FnOnce(String) + Send + 'static) {
        self.wish(Wish::Read(Box::new(heard)));
    }

    /// Has this text from here on.
    pub(super) fn write(&self, text: String) {
        self.wish(Wish::Write(text));
    }

    fn wish(&self, wish: Wish) {
        match self.0.try_send(wish) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::debug!("the clipboard is slow: left out"),
            Err(TrySendError::Disconnected(_)) => tracing::trace!("there is no clipboard"),
        }
    }
}

fn tend(waiting: &Receiver<Wish>) {
    // Kept, since under X11 whoever copied has to be there when somebody pastes.
    let mut open: Option<arboard::Clipboard> = None;
    let mut last = String::new();
    while let Ok(wish) = waiting.recv() {
        if open.is_none() {
            match arboard::Clipboard::new() {
                Ok(clipboard) => open = Some(clipboard),
                Err(error) => tracing::debug!(%error, "there is no clipboard"),
            }
        }
        let Some(clipboard) = open.as_mut() else { continue };
        match wish {
            Wish::Write(text) => match clipboard.set_text(text.as_str()) {
                Ok(()) => last = text,
                Err(error) => tracing::debug!(%error, "nothing was copied"),
            },
            Wish::News(heard) => {
                if let Some(text) = text(clipboard).filter(|text| *text != last) {
                    last.clone_from(&text);
                    heard(text);
                }
            }
            Wish::Read(heard) => {
                if let Some(text) = text(clipboard) {
                    heard(text);
                }
            }
        }
    }
}

fn text(clipboard: &mut arboard::Clipboard) -> Option<String> {
    match clipboard.get_text() {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::debug!(%error, "the clipboard has no text");
            None
        }
    }
}
