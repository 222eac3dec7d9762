//! Replays fuzz corpora: an input that once broke a parser never does again. Each crate with parsers
//! brings its own by `#[path]`.

use std::path::{Path, PathBuf};

/// A parser by the name of its fuzz target and of its corpus.
pub(crate) type Parser = (&'static str, fn(&[u8]));

/// The corpora of a crate whose manifest lies in `crate_root`.
pub(crate) fn corpora(crate_root: &str) -> PathBuf {
    Path::new(crate_root).join("fuzz/corpus")
}

/// Every parser has a target and a corpus, and keeps its promise on it; every corpus has a parser.
pub(crate) fn replay(crate_root: &str, parsers: &[Parser]) {
    let corpora = corpora(crate_root);
    let targets = corpora.parent().unwrap().join("Cargo.toml");
    let targets = std::fs::read_to_string(targets).unwrap();
    for (name, check) in parsers {
        assert!(targets.contains(&format!("name = \"{name}\"")), "no fuzz target: {name}");
        let inputs = std::fs::read_dir(corpora.join(name));
        let inputs: Vec<_> = inputs.unwrap_or_else(|_| panic!("no corpus: {name}")).collect();
        assert!(!inputs.is_empty(), "the corpus of {name} is empty");
        for input in inputs {
            check(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }
    for folder in std::fs::read_dir(corpora).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(
            parsers.iter().any(|(known, _)| *known == name),
            "a corpus without a parser: {name}"
        );
    }
}
