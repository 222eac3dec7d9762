//! Peer text on its way to a person: nothing in it may move a cursor, change a colour or turn the
//! reading direction of what stands beside it.

use std::borrow::Cow;

/// `text` with control and direction characters replaced by U+FFFD; line breaks too.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |_| false)
}

/// As [`visible`], but line breaks stay: for notes and descriptions.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c == '\n')
}

fn replaced(text: &str, allowed: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| !allowed(c) && is_harmful(c);
    if text.contains(harmful) { text.replace(harmful, "\u{FFFD}").into() } else { text.into() }
}

/// Controls (C0, C1), line and paragraph separators, and the bidirectional formatting characters
/// of Unicode's annex 9 as well as zero-width ones that hide differences between names.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_does_not_reach_the_terminal() {
        assert_eq!(visible("Alice\x1b[2J\nNg"), "Alice\u{FFFD}[2J\u{FFFD}Ng");
        assert_eq!(visible_lines("a\nb\r"), "a\nb\u{FFFD}");
        assert_eq!(visible("\u{202E}gnp.exe"), "\u{FFFD}gnp.exe");
        assert!(matches!(visible("Müller 東京"), Cow::Borrowed(_)));
    }
}
