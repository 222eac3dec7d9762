//! The words of `cp`, read and looked at before anybody is asked: which side is the user's, what is
//! there on this one.

use std::io;
use std::path::{Path, PathBuf};

use deskside_protocol::exit::Exit;
use deskside_protocol::file::{Destination, NameError, RelativePath};

use crate::cli::CpArgs;
use crate::control::{CopyWay, CopyWish};
use crate::failure::Failure;

/// In front of a path on the user's computer.
const THERE: &str = "agent:";

/// One word of the command line.
enum Side<'a> {
    Here(&'a str),
    There(&'a str),
}

/// What `args` ask for; relative paths here begin at `base`.
///
/// # Errors
/// Exit 2 for words that do not fit together, 5 for what is not there on this side.
pub fn wish(args: &CpArgs, base: &Path) -> Result<CopyWish, Failure> {
    let (last, first) = args.paths.split_last().ok_or_else(|| usage(BOTH.to_owned()))?;
    let sources: Vec<_> = first.iter().map(|word| side(word)).collect::<Result<_, _>>()?;
    let way = match side(last)? {
        Side::There(into) => put(&sources, into, args.recursive, base)?,
        Side::Here(local) => get(&sources, local, base)?,
    };
    Ok(CopyWish { way, recursive: args.recursive, resume: args.resume })
}

const BOTH: &str = "write what to copy, and last where to";

fn usage(sentence: String) -> Failure {
    Failure::new(Exit::Usage, sentence)
}

fn side(word: &str) -> Result<Side<'_>, Failure> {
    if let Some(path) = word.strip_prefix(THERE) {
        return Ok(Side::There(path));
    }
    if word.is_empty() {
        return Err(usage("a path is empty: write . for this folder".to_owned()));
    }
    let before_slash = word.split('/').next().unwrap_or_default();
    if before_slash.contains(':') {
        let sentence = format!(
            "{word} looks like a path on another computer: the user's is written agent:PATH, a \
             local name with a colon ./{word}"
        );
        return Err(usage(sentence));
    }
    Ok(Side::Here(word))
}

fn put(sources: &[Side<'_>], into: &str, recursive: bool, base: &Path) -> Result<CopyWay, Failure> {
    let mut local = Vec::new();
    for source in sources {
        let Side::Here(word) = source else {
            let sentence = "both sides are on the user's computer: copy within it with deskside \
                            exec -- cp FROM TO";
            return Err(usage(sentence.to_owned()));
        };
        local.push(source_here(word, recursive, base)?);
    }
    let there = Destination::parse(into).map_err(|error| wrong_there(into, &error))?;
    let exact = there.is_exact(local.len());
    Ok(CopyWay::Put { local, into: there.path.to_wire(), exact })
}

fn get(sources: &[Side<'_>], local: &str, base: &Path) -> Result<CopyWay, Failure> {
    let mut paths = Vec::new();
    for source in sources {
        let Side::There(path) = source else {
            let sentence = "no side is the user's computer: write agent:PATH for what is there";
            return Err(usage(sentence.to_owned()));
        };
        paths.push(path_there(path)?);
    }
    let wished = base.join(local);
    match std::fs::metadata(&wished) {
        Ok(is) if is.is_dir() => {}
        Ok(_) if paths.len() > 1 || local.ends_with('/') => {
            return Err(usage(format!("{local} is no folder, and several files need one")));
        }
        Ok(_) => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unseen(local, &error));
        }
        Err(_) if paths.len() > 1 || local.ends_with('/') => {
            return Err(Failure::new(Exit::NotFound, format!("there is no folder {local}")));
        }
        Err(_) => {
            let folder = wished.parent().unwrap_or(base);
            if !folder.is_dir() {
                let sentence = format!("there is no folder {}", folder.display());
                return Err(Failure::new(Exit::NotFound, sentence));
            }
        }
    }
    Ok(CopyWay::Get { paths, local: wished })
}

/// A file or folder on this side, as it is there now.
fn source_here(word: &str, recursive: bool, base: &Path) -> Result<PathBuf, Failure> {
    let path = base.join(word);
    let is = std::fs::metadata(&path).map_err(|error| unseen(word, &error))?;
    if is.is_dir() && !recursive {
        let sentence = format!("{word} is a folder: add --recursive to copy all that is in it");
        return Err(usage(sentence));
    }
    if !is.is_dir() && !is.is_file() {
        return Err(usage(format!("{word} is neither a file nor a folder")));
    }
    Ok(path)
}

fn unseen(word: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        return Failure::new(Exit::NotFound, format!("there is no {word}"));
    }
    Failure::new(Exit::Other, format!("look at {word}: {error}"))
}

/// A path under the allowed folder.
fn path_there(text: &str) -> Result<Vec<String>, Failure> {
    Ok(RelativePath::parse(text).map_err(|error| wrong_there(text, &error))?.to_wire())
}

fn wrong_there(text: &str, error: &NameError) -> Failure {
    usage(format!("{THERE}{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::SessionArgs;

    struct Here(tempfile::TempDir);

    impl Here {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a.txt"), "a").unwrap();
            std::fs::write(folder.path().join("b:c"), "b").unwrap();
            std::fs::create_dir(folder.path().join("logs")).unwrap();
            Self(folder)
        }

        fn asked(&self, words: &str) -> Result<CopyWish, Failure> {
            let recursive = words.contains("-r ");
            let paths = words.split(' ').filter(|word| *word != "-r").map(str::to_owned).collect();
            let session = SessionArgs::default();
            wish(&CpArgs { session, recursive, resume: false, paths }, self.0.path())
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
    }

    fn words(path: &str) -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn files_go_there() {
        let here = Here::new();
        for (line, local, into, exact) in [
            ("a.txt agent:", vec!["a.txt"], "", false),
            ("a.txt agent:x/y.txt", vec!["a.txt"], "x/y.txt", true),
            ("a.txt agent:x/", vec!["a.txt"], "x", false),
            ("a.txt ./b:c agent:x", vec!["a.txt", "./b:c"], "x", false),
            ("-r logs a.txt agent:./x//y", vec!["logs", "a.txt"], "x/y", false),
        ] {
            let local = local.into_iter().map(|name| here.at(name)).collect();
            let expected = CopyWay::Put { local, into: words(into), exact };
            assert_eq!(here.asked(line).unwrap().way, expected, "{line}");
        }
    }

    #[test]
    fn files_come_here() {
        let here = Here::new();
        for (line, paths, local) in [
            ("agent:x/y.txt .", vec!["x/y.txt"], "."),
            ("agent:x/y.txt new.txt", vec!["x/y.txt"], "new.txt"),
            ("agent:x a.txt", vec!["x"], "a.txt"),
            ("agent:x agent:y logs", vec!["x", "y"], "logs"),
            ("-r agent: logs", vec![""], "logs"),
        ] {
            let paths = paths.into_iter().map(words).collect();
            let expected = CopyWay::Get { paths, local: here.at(local) };
            assert_eq!(here.asked(line).unwrap().way, expected, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_is_said_before_anybody_is_asked() {
        let here = Here::new();
        for (line, exit, part) in [
            ("a.txt logs", Exit::Usage, "no side is the user's"),
            ("agent:a agent:b", Exit::Usage, "both sides"),
            ("a.txt agent:x logs", Exit::Usage, "no side"),
            ("agent:x a.txt agent:y", Exit::Usage, "both sides"),
            ("b:c agent:", Exit::Usage, "./b:c"),
            ("logs agent:", Exit::Usage, "--recursive"),
            ("none.txt agent:", Exit::NotFound, "there is no none.txt"),
            ("agent:x agent:y a.txt", Exit::Usage, "no folder"),
            ("agent:x agent:y none", Exit::NotFound, "no folder none"),
            ("agent:x none/", Exit::NotFound, "no folder"),
            ("agent:x none/y.txt", Exit::NotFound, "no folder"),
            ("agent:/etc/passwd .", Exit::Usage, "leading slash"),
            ("agent:x/../../y .", Exit::Usage, "leads nowhere"),
            ("a.txt agent:con.txt", Exit::Usage, "device"),
            ("/dev/null agent:", Exit::Usage, "neither"),
        ] {
            let failure = here.asked(line).unwrap_err();
            assert_eq!(failure.exit, exit, "{line}: {failure}");
            assert!(failure.sentence.contains(part), "{line}: {failure}");
        }
        let deep = format!("agent:{} .", "x/".repeat(65));
        assert_eq!(here.asked(&deep).unwrap_err().exit, Exit::Usage);
    }
}
