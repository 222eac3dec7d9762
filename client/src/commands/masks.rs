//! Arguments of a command that stay out of the recording: where their text comes from, and which
//! arguments hold them.

use std::path::Path;

use deskside_protocol::exit::Exit;
use deskside_protocol::mask::SHOWN;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Bytes of all of them together, at the most.
const MAX_MASKED: usize = 1_024;
/// What each has beside its bytes in the one message that holds them: a tag and a length.
const WRAPPING: usize = 3;

/// A command line, some of which is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Argv {
    /// As it is shown and recorded.
    pub shown: Vec<String>,
    /// Which arguments are masked.
    pub places: Vec<u32>,
    /// What they are.
    pub masked: Vec<String>,
}

impl std::fmt::Debug for Argv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Argv").field("shown", &self.shown).finish_non_exhaustive()
    }
}

/// A text that `--mask` names, and what stands for it in a command line.
pub struct Mask {
    name: String,
    text: Zeroizing<String>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mask").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Mask {
    /// `NAME` is a variable of the environment, `NAME=FILE` a file.
    ///
    /// # Errors
    /// Exit 2 for a name that is none or a variable that is not set, 5 for a file that cannot be read.
    pub fn read(word: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let (name, file) =
            word.split_once('=').map_or((word, None), |(name, file)| (name, Some(file)));
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(letters) {
            let why = "--mask takes a name of letters, digits and _: NAME, or NAME=FILE";
            return Err(Failure::new(Exit::Usage, why));
        }
        let text = match file {
            Some(file) => from_file(Path::new(file))?,
            None => variable(name).ok_or_else(|| {
                let why = format!(
                    "the environment has no {name}: set it, or name a file with --mask {name}=FILE"
                );
                Failure::new(Exit::Usage, why)
            })?,
        };
        Ok(Self { name: name.to_owned(), text: Zeroizing::new(text) })
    }
}

fn from_file(path: &Path) -> Result<String, Failure> {
    let unread = || Failure::new(Exit::NotFound, format!("{} cannot be read", path.display()));
    let mut text = std::fs::read_to_string(path).map_err(|_| unread())?;
    // An editor ends a line where the password has none.
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// An argument as it is shown, and as it is where something in it is masked. What stands in a masked text
/// stands for nothing more.
fn filled(argument: &str, masks: &[Mask], used: &mut [bool]) -> (String, Option<String>) {
    let (mut shown, mut text, mut rest) = (String::new(), String::new(), argument);
    let mut masked = false;
    while let Some((before, behind)) = rest.split_once('{') {
        shown.push_str(before);
        text.push_str(before);
        let named = masks.iter().zip(used.iter_mut()).find_map(|(mask, used)| {
            let after = behind.strip_prefix(&mask.name)?.strip_prefix('}')?;
            *used = true;
            Some((mask, after))
        });
        if let Some((mask, after)) = named {
            shown.push_str(SHOWN);
            text.push_str(&mask.text);
            (rest, masked) = (after, true);
        } else {
            shown.push('{');
            text.push('{');
            rest = behind;
        }
    }
    shown.push_str(rest);
    text.push_str(rest);
    (shown, masked.then_some(text))
}

impl Argv {
    /// `argv` with each `{NAME}` of `masks` in it.
    ///
    /// # Errors
    /// Exit 2: the program itself would be masked, a mask is of no use, or there is too much.
    pub fn new(argv: Vec<String>, masks: &[Mask]) -> Result<Self, Failure> {
        let mut whole = Self { shown: Vec::new(), places: Vec::new(), masked: Vec::new() };
        let mut used = vec![false; masks.len()];
        for (place, argument) in argv.into_iter().enumerate() {
            let (shown, text) = filled(&argument, masks, &mut used);
            if let Some(text) = text {
                whole.places.push(u32::try_from(place).unwrap_or(u32::MAX));
                whole.masked.push(text);
            }
            whole.shown.push(shown);
        }
        if let Some((mask, _)) = masks.iter().zip(&used).find(|(_, used)| !**used) {
            let name = &mask.name;
            let why = format!("--mask {name} is of no use: write {{{name}}} where it belongs");
            return Err(Failure::new(Exit::Usage, why));
        }
        if whole.places.first() == Some(&0) {
            let why = "the program itself is always recorded: mask an argument of it";
            return Err(Failure::new(Exit::Usage, why));
        }
        let bytes: usize = whole.masked.iter().map(|text| text.len() + WRAPPING).sum();
        if bytes > MAX_MASKED {
            let why = format!("masked arguments have at most {MAX_MASKED} bytes together");
            return Err(Failure::new(Exit::Usage, why));
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "PW").then(|| "hunter2".to_owned())
    }

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_is_masked_shows_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pin");
        std::fs::write(&file, "12 34\n").unwrap();
        let pin = Mask::read(&format!("PIN={}", file.display()), environment).unwrap();
        let nested = Mask { name: "N".to_owned(), text: Zeroizing::new("{PW}".to_owned()) };
        let words = argv(&["echo", "{{N}}"]);
        let whole = Argv::new(words, &[Mask::read("PW", environment).unwrap(), nested]);
        assert!(whole.is_err(), "a masked text stands for nothing more, so PW is of no use");
        let masks = [Mask::read("PW", environment).unwrap(), pin];
        let words = argv(&["net", "user", "bob", "-p{PW}", "{PIN}{PW}", "{OTHER}"]);
        let whole = Argv::new(words, &masks).unwrap();
        assert_eq!(
            whole.shown,
            ["net", "user", "bob", "-p[masked]", "[masked][masked]", "{OTHER}"]
        );
        assert_eq!(
            (whole.places, whole.masked),
            (vec![3, 4], argv(&["-phunter2", "12 34hunter2"]))
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        let mask = || Mask::read("PW", environment).unwrap();
        for (words, masks) in [(vec!["{PW}", "x"], vec![mask()]), (vec!["echo", "x"], vec![mask()])]
        {
            assert_eq!(Argv::new(argv(&words), &masks).unwrap_err().exit, Exit::Usage);
        }
        let long = Mask { name: "L".to_owned(), text: Zeroizing::new("x".repeat(1_025)) };
        assert!(Argv::new(argv(&["echo", "{L}"]), &[long]).is_err());
        for (word, exit) in [("", Exit::Usage), ("a b", Exit::Usage), ("NO", Exit::Usage)] {
            assert_eq!(Mask::read(word, environment).unwrap_err().exit, exit);
        }
        assert_eq!(Mask::read("A=/nowhere/x", environment).unwrap_err().exit, Exit::NotFound);
        assert!(!format!("{:?}", mask()).contains("hunter2"));
    }
}
