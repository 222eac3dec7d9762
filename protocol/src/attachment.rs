//! Files of a ticket: how large and how many, and what one may be called.

/// The most bytes of one file: a 4K screen of photos has some 20 MiB as PNG.
pub const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// The most files of one ticket: their list has 20 KiB at most.
pub const MAX_FILES: u64 = 64;
/// The most bytes of all files of one ticket.
pub const MAX_ALL: u64 = 256 * 1024 * 1024;
/// The longest name, in bytes.
pub const MAX_NAME: usize = 200;

/// Whether a file may be called so, on any computer: one component of a path, nothing hidden, nothing
/// that a terminal or a file system takes for something else, no space at either end.
#[must_use]
pub fn is_name(name: &str) -> bool {
    const FOREIGN: &str = "/\\:*?\"<>|";
    (1..=MAX_NAME).contains(&name.len())
        && name.trim() == name
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.chars().any(|c| FOREIGN.contains(c))
        && crate::text::visible(name) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_every_computer_takes() {
        for good in ["a", "error message.png", "Fehler für Börse.png", &"x".repeat(MAX_NAME)] {
            assert!(is_name(good), "{good}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in [
            "",
            ".",
            "..",
            ".bashrc",
            "a/b",
            "a\\b",
            "C:x",
            "a\n",
            "\u{1b}[2J",
            "a\u{202e}gnp.exe",
            " a",
            "a ",
            "a.",
            "nul?",
            &long,
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
