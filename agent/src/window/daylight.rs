//! Light or dark, as the desktop has it. Windows and macOS tell winit; X11 desktops say it in their
//! settings (the XSETTINGS specification, version 0.5), which are read once, when the window opens.

use egui::Theme;

/// The theme of the desktop, where it says which.
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn of_desktop() -> Option<Theme> {
    match x11::settings() {
        Ok(settings) => theme(&settings?),
        Err(error) => {
            tracing::debug!(%error, "the desktop's settings cannot be read");
            None
        }
    }
}

/// winit knows it on these systems.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) const fn of_desktop() -> Option<Theme> {
    None
}

/// Looks through the settings: `Gtk/ApplicationPreferDarkTheme`, else a theme whose name says so.
fn theme(settings: &[u8]) -> Option<Theme> {
    let mut reader = Reader { rest: settings, big: *settings.first()? == 1 };
    reader.take(8)?;
    let count = reader.u32()?;
    let mut named = None;
    for _ in 0..count.min(MAX_SETTINGS) {
        let (name, value) = reader.setting()?;
        match (name, value) {
            (b"Gtk/ApplicationPreferDarkTheme", Value::Number(1..)) => return Some(Theme::Dark),
            (b"Net/ThemeName", Value::Text(text)) => {
                let dark = String::from_utf8_lossy(text).to_lowercase().contains("dark");
                named = Some(if dark { Theme::Dark } else { Theme::Light });
            }
            _ => {}
        }
    }
    named
}

/// Settings that are looked at; desktops have some forty.
const MAX_SETTINGS: u32 = 1024;

enum Value<'a> {
    Number(u32),
    Text(&'a [u8]),
    Other,
}

struct Reader<'a> {
    rest: &'a [u8],
    big: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Fills up to four bytes.
    fn padded(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let taken = self.take(bytes)?;
        self.take(bytes.next_multiple_of(4) - bytes)?;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn setting(&mut self) -> Option<(&'a [u8], Value<'a>)> {
        let kind = *self.take(2)?.first()?;
        let length = self.u16()?;
        let name = self.padded(length.into())?;
        let _last_change = self.u32()?;
        let value = match kind {
            0 => Value::Number(self.u32()?),
            1 => {
                let length = usize::try_from(self.u32()?).ok()?;
                Value::Text(self.padded(length)?)
            }
            2 => {
                self.take(8)?;
                Value::Other
            }
            _ => return None,
        };
        Some((name, value))
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod x11 {
    use thiserror::Error;
    use x11rb::errors::{ConnectError, ConnectionError, ReplyError};
    use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _};

    /// Words of four bytes that are read: 64 KiB.
    const MAX_WORDS: u32 = 16 * 1024;

    #[derive(Debug, Error)]
    pub(super) enum NoSettings {
        #[error(transparent)]
        Connect(#[from] ConnectError),
        #[error(transparent)]
        Connection(#[from] ConnectionError),
        #[error(transparent)]
        Reply(#[from] ReplyError),
    }

    /// The property of whoever keeps the settings; `None` where nobody does.
    pub(super) fn settings() -> Result<Option<Vec<u8>>, NoSettings> {
        let (connection, screen) = x11rb::connect(None)?;
        let selection = format!("_XSETTINGS_S{screen}");
        let selection = connection.intern_atom(false, selection.as_bytes())?.reply()?.atom;
        let owner = connection.get_selection_owner(selection)?.reply()?.owner;
        if owner == x11rb::NONE {
            return Ok(None);
        }
        let property = connection.intern_atom(false, b"_XSETTINGS_SETTINGS")?.reply()?.atom;
        let any = AtomEnum::ANY;
        let read = connection.get_property(false, owner, property, any, 0, MAX_WORDS)?;
        Ok(Some(read.reply()?.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification lays it out, in this order of bytes.
    fn settings(entries: &[(&str, Result<u32, &str>)], big: bool) -> Vec<u8> {
        let u32 = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let u16 = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let padded = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend(text.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        };
        let mut bytes = vec![u8::from(big), 0, 0, 0];
        bytes.extend(u32(7));
        bytes.extend(u32(u32::try_from(entries.len()).unwrap()));
        for (name, value) in entries {
            bytes.extend([u8::from(value.is_err()), 0]);
            bytes.extend(u16(u16::try_from(name.len()).unwrap()));
            padded(&mut bytes, name);
            bytes.extend(u32(7));
            match value {
                Ok(number) => bytes.extend(u32(*number)),
                Err(text) => {
                    bytes.extend(u32(u32::try_from(text.len()).unwrap()));
                    padded(&mut bytes, text);
                }
            }
        }
        bytes
    }

    #[test]
    fn a_theme_that_is_called_dark_is_dark() {
        for big in [false, true] {
            let of = |name| {
                settings(&[("Net/DoubleClickTime", Ok(400)), ("Net/ThemeName", Err(name))], big)
            };
            assert_eq!(theme(&of("Adwaita-dark")), Some(Theme::Dark));
            assert_eq!(theme(&of("Greybird")), Some(Theme::Light));
            let prefers = [("Gtk/ApplicationPreferDarkTheme", Ok(1)), ("Net/ThemeName", Err("X"))];
            assert_eq!(theme(&settings(&prefers, big)), Some(Theme::Dark));
        }
    }

    #[test]
    fn what_is_cut_off_says_nothing() {
        let whole = settings(&[("Net/ThemeName", Err("Adwaita-dark"))], false);
        for end in 0..whole.len() {
            assert_eq!(theme(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(theme(&settings(&[], true)), None);
    }
}
