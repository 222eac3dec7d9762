//! One name in a folder, from a peer or a person: nothing in it may lead anywhere else, on any
//! system that either end may run.

use std::fmt;

use thiserror::Error;

/// Bytes of a component at most: what ext4, NTFS (in its units) and APFS take.
pub const MAX_COMPONENT: usize = 255;
/// Before the name of a file that is still arriving.
pub const PART_PREFIX: &str = ".";
/// Behind the name of a file that is still arriving. No transfer may name such a file.
pub const PART_SUFFIX: &str = ".deskside-part";

/// Names that are devices on Windows in every folder, with any extension
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
/// Devices with a digit behind them, where the superscripts one to three count as digits too.
const NUMBERED: [&str; 2] = ["COM", "LPT"];

/// Why a name is not taken. Its text is a sentence for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing.
    #[error("a name is empty")]
    Empty,
    /// Over [`MAX_COMPONENT`].
    #[error("a name is longer than {MAX_COMPONENT} bytes")]
    Long,
    /// No text at all.
    #[error("a name is not UTF-8")]
    NotText,
    /// `.` or `..`.
    #[error("`.` and `..` are not names of files")]
    Dots,
    /// A slash, backslash or colon.
    #[error("a name may not hold `/`, `\\` or `:`")]
    Separator,
    /// NUL, a line break, an escape character or the like.
    #[error("a name may not hold control characters")]
    Control,
    /// A dot or space at its end, which Windows drops.
    #[error("a name may not end with a dot or a space")]
    Trailing,
    /// `CON`, `nul.txt` and their like.
    #[error("this is the name of a device on Windows")]
    Device,
    /// A file of ours that is still arriving.
    #[error("names that end with `{PART_SUFFIX}` are kept for files that are still arriving")]
    Part,
    /// More than [`super::MAX_COMPONENTS`] components, or over [`super::MAX_PATH`] bytes.
    #[error("a path is too long or too deep")]
    Path,
    /// `/etc/passwd`, as a person typed it.
    #[error(
        "agent: paths begin in the folder that the user has allowed: leave out the leading slash"
    )]
    Absolute,
    /// `a/../b`, as a person typed it.
    #[error("agent: paths live in the folder that the user has allowed: `..` leads nowhere")]
    Upward,
}

/// A name that stands for one file or folder in the folder where it is used, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Component(String);

impl Component {
    /// Takes a name.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check(&name).map(|()| Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::visible(&self.0))
    }
}

impl AsRef<std::path::Path> for Component {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

fn check(name: &str) -> Result<(), NameError> {
    match name {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        _ if name.len() > MAX_COMPONENT => Err(NameError::Long),
        _ if name.contains(char::is_control) => Err(NameError::Control),
        _ if name.contains(['/', '\\', ':']) => Err(NameError::Separator),
        _ if name.ends_with(['.', ' ']) => Err(NameError::Trailing),
        _ if is_device(name) => Err(NameError::Device),
        _ if name.to_ascii_lowercase().ends_with(PART_SUFFIX) => Err(NameError::Part),
        _ => Ok(()),
    }
}

/// Windows looks at what stands before the first dot, without spaces at its end.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let stem = stem.to_ascii_uppercase();
    let numbered = |device: &&str| {
        let mut rest = stem.strip_prefix(*device).unwrap_or_default().chars();
        let digit = rest.next().is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'));
        digit && rest.next().is_none()
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED.iter().any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken() {
        let long = "x".repeat(MAX_COMPONENT);
        let names = [
            "a",
            "report.pdf",
            ".profile",
            "..a",
            "a..b",
            "...a",
            "Müller 東京.txt",
            "CONTENT",
            "COM",
            "COM10",
            "LPTX",
            "null",
            "aux-file",
            "con_",
            "a b",
            "~",
            "-rf",
            "%2e%2e",
            &long,
        ];
        for name in names {
            assert_eq!(Component::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn each_bad_name_has_its_reason() {
        let long = "x".repeat(MAX_COMPONENT + 1);
        let cases = [
            (NameError::Empty, vec![""]),
            (NameError::Dots, vec![".", ".."]),
            (NameError::Long, vec![&long]),
            (NameError::Control, vec!["a\0b", "a\nb", "\x1b[2J", "a\x7f", "a\u{85}"]),
            (NameError::Separator, vec!["a/b", "/", "a\\b", "C:", "a:stream", "../x", "..\\x"]),
            (NameError::Trailing, vec!["a.", "a ", "...", " ", ".. ", ". ."]),
            (
                NameError::Device,
                vec![
                    "CON",
                    "con",
                    "Nul.txt",
                    "aux.tar.gz",
                    "PRN .x",
                    "COM1",
                    "com0.log",
                    "LPT9",
                    "COM¹",
                    "lpt³.a",
                    "CONIN$",
                    "conout$.x",
                    "NUL .a",
                ],
            ),
            (NameError::Part, vec![".a.deskside-part", "a.DESKSIDE-PART", ".deskside-part"]),
        ];
        for (reason, names) in cases {
            for name in names {
                assert_eq!(Component::new(name), Err(reason), "{name:?}");
            }
        }
    }

    #[test]
    fn a_name_is_shown_without_what_turns_the_line() {
        let name = Component::new("\u{202E}gnp.exe").unwrap();
        assert_eq!(name.to_string(), "\u{FFFD}gnp.exe");
        assert_eq!(name.as_str(), "\u{202E}gnp.exe");
    }
}
