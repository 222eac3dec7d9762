//! Where this program writes: answers to standard output, for a person or one JSON object a line;
//! log and errors to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use deskside_protocol::exit::Exit;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Say {
    json: bool,
}

impl Say {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// One answer: an object for scripts, or `text` for a person.
    pub(super) fn answer(
        self,
        object: &Value,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{object}")?;
        } else {
            let text = text();
            write!(out, "{text}")?;
            if !text.ends_with('\n') {
                writeln!(out)?;
            }
        }
        Ok(out.flush()?)
    }

    /// Several of a kind: an object each for scripts, or one aligned table for a person.
    pub(super) fn rows(
        self,
        objects: &[Value],
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            return objects.iter().try_for_each(|object| self.answer(object, String::new));
        }
        self.answer(&Value::Null, text)
    }

    /// The last word of a command that failed.
    pub(super) fn failed(self, sentence: &str, exit: Exit) {
        if self.json {
            let object = json!({"event": "error", "error": sentence, "exit": exit.code()});
            if self.answer(&object, String::new).is_ok() {
                return;
            }
        }
        eprintln!("deskside-relay: {sentence}");
    }
}

/// A table with its columns aligned.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut all = vec![header.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()];
    all.extend_from_slice(rows);
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or(0);
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The log, on standard error; `RUST_LOG` says how much.
pub(super) fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour);
    // A second start in one process (tests) keeps the first log.
    if log.with_writer(io::stderr).try_init().is_err() {
        tracing::debug!("the log was started before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters() {
        let rows =
            [vec!["möller".to_owned(), "x".to_owned()], vec!["b".to_owned(), "y".to_owned()]];
        assert_eq!(table(&["LOGIN", "N"], &rows), "LOGIN   N\nmöller  x\nb       y\n");
    }
}
