//! Copy and paste with other programs: the join link comes from a mail.

use std::fmt;

use egui::{Event, Key, OutputCommand, RawInput};

/// Characters that are taken from the clipboard: what is pasted here is a link or a sentence.
const MAX_PASTED: usize = 4096;

/// The system's clipboard, opened when it is needed first and kept, since under X11 whoever copied
/// has to be there when somebody pastes.
#[derive(Default)]
pub(super) struct Clipboard(Option<arboard::Clipboard>);

impl fmt::Debug for Clipboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clipboard").finish_non_exhaustive()
    }
}

impl Clipboard {
    /// Turns the keys that mean copy, cut and paste into what they mean.
    pub(super) fn paste(&mut self, input: &mut RawInput) {
        let meant: Vec<Event> = input.events.iter().filter_map(|event| self.meant(event)).collect();
        input.events.extend(meant);
    }

    fn meant(&mut self, event: &Event) -> Option<Event> {
        let Event::Key { key, pressed: true, modifiers, .. } = event else { return None };
        match (*key, modifiers.command, modifiers.shift) {
            (Key::V, true, _) | (Key::Insert, false, true) => Some(Event::Paste(self.text()?)),
            (Key::C, true, _) => Some(Event::Copy),
            (Key::X, true, _) => Some(Event::Cut),
            _ => None,
        }
    }

    /// Takes in what was copied here.
    pub(super) fn copy(&mut self, commands: &[OutputCommand]) {
        for command in commands {
            if let OutputCommand::CopyText(text) = command
                && let Some(clipboard) = self.open()
                && let Err(error) = clipboard.set_text(text.as_str())
            {
                tracing::debug!(%error, "nothing was copied");
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        match self.open()?.get_text() {
            Ok(text) => Some(text.chars().take(MAX_PASTED).collect()),
            Err(error) => {
                tracing::debug!(%error, "nothing to paste");
                None
            }
        }
    }

    fn open(&mut self) -> Option<&mut arboard::Clipboard> {
        if self.0.is_none() {
            match arboard::Clipboard::new() {
                Ok(clipboard) => self.0 = Some(clipboard),
                Err(error) => tracing::debug!(%error, "there is no clipboard"),
            }
        }
        self.0.as_mut()
    }
}
