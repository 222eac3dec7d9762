//! A file of vectors in the making: comments behind `#`, all else hex (or one text a line).

use std::fmt::{Debug, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

/// Bytes on a line.
const WIDTH: usize = 32;

/// One file.
pub(crate) struct Sheet {
    name: &'static str,
    text: String,
}

impl Sheet {
    /// A file `name`.txt that begins with `preface`, whose lines are comments already.
    pub(crate) fn new(name: &'static str, preface: &str) -> Self {
        Self { name, text: preface.to_owned() }
    }

    /// A heading.
    pub(crate) fn part(&mut self, title: &str) {
        writeln!(self.text, "\n# === {title}").unwrap();
    }

    /// Bytes with their name above.
    pub(crate) fn hex(&mut self, name: &str, bytes: &[u8]) {
        writeln!(self.text, "# {name}").unwrap();
        for line in bytes.chunks(WIDTH) {
            writeln!(self.text, "{}", HEXLOWER.encode(line)).unwrap();
        }
    }

    /// Bytes that are text: as comments, then as hex.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        writeln!(self.text, "# {name}").unwrap();
        for line in text.lines() {
            writeln!(self.text, "{}", format!("#   {line}").trim_end()).unwrap();
        }
        for line in text.as_bytes().chunks(WIDTH) {
            writeln!(self.text, "{}", HEXLOWER.encode(line)).unwrap();
        }
    }

    /// Bytes that must fail, with the failure.
    pub(crate) fn fails(&mut self, name: &str, bytes: &[u8], failure: impl Debug) {
        self.hex(&format!("{name}\n# fails: {failure:?}"), bytes);
    }

    /// A line of a list of texts.
    pub(crate) fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").unwrap();
    }

    /// Compares with the file, or writes it.
    pub(crate) fn pinned(self) {
        let path = path(self.name);
        if std::env::var_os("DESKSIDE_BLESS").is_some() {
            std::fs::write(&path, &self.text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == self.text, "{} is not what this version makes", path.display());
    }
}

/// Where the vectors of `name` are.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{name}.txt"))
}
