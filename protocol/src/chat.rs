//! A line of chat: what may be said, checked the same way by whoever says it and whoever reads it.

use thiserror::Error;

use crate::text;
use crate::wire::message::Said;

/// Bytes of one line at most: more than anybody types on a line, and a window shows it whole.
pub const MAX_SAID: usize = 2_000;

/// Why a line is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChatError {
    /// There is nothing in it.
    #[error("a message needs some words")]
    Empty,
    /// Over [`MAX_SAID`].
    #[error("a message has at most {MAX_SAID} bytes: say it in two")]
    TooLong,
}

/// A line as it travels and as it may be shown: without space around it, line breaks as spaces, and
/// what could move a cursor replaced.
///
/// # Errors
/// [`ChatError`].
pub fn line(text: &str) -> Result<String, ChatError> {
    // Checked first: a peer's text may be as long as a message.
    if text.len() > MAX_SAID {
        return Err(ChatError::TooLong);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Err(ChatError::Empty);
    }
    Ok(text::visible(&words.join(" ")).into_owned())
}

/// As [`line()`], for what a peer sent.
///
/// # Errors
/// [`ChatError`].
pub fn heard(said: &Said) -> Result<String, ChatError> {
    line(&said.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_safe_and_bounded() {
        assert_eq!(line("  Is the\n lamp  on? ").as_deref(), Ok("Is the lamp on?"));
        assert_eq!(line("\u{1b}[2J").as_deref(), Ok("\u{FFFD}[2J"));
        assert_eq!(line(&"x".repeat(MAX_SAID)).map(|line| line.len()), Ok(MAX_SAID));
        assert_eq!(line(&"x".repeat(MAX_SAID + 1)), Err(ChatError::TooLong));
        for empty in ["", " ", "\n\t"] {
            assert_eq!(heard(&Said { text: empty.to_owned() }), Err(ChatError::Empty));
        }
    }
}
