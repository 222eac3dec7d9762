//! `authority requests|sign|import`: signatures by a key that is somewhere else.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::NotThere;
use super::config::Wrong;
use super::rotate;
use super::say::{Say, table};
use crate::authority::Authority;
use crate::clock;
use crate::node::{Node, Places};
use crate::offline::rotation::{Rotated, Rotating};
use crate::offline::{self, MAX_PAPER, Requests, Signatures, Wanted};

pub(super) async fn requests(node: &Node, output: Option<&Path>, say: Say) -> anyhow::Result<()> {
    let requests = offline::collect(node).await?;
    let written = match output {
        Some(_) if requests.wanted.is_empty() => None,
        Some(path) => {
            write(path, &requests.to_text()?)?;
            Some(path)
        }
        None => None,
    };
    let object = json!({"requests": requests.wanted, "file": written});
    say.answer(&object, || match (requests.wanted.is_empty(), written) {
        (true, _) => "Nothing waits for a signature.".to_owned(),
        (false, None) => shown(&requests.wanted),
        (false, Some(path)) => format!(
            "{}\nWritten to {}. On the machine that has the organisation's key:\n\n  \
             deskside-relay authority sign {} --authority DIR --output SIGNED\n",
            shown(&requests.wanted),
            path.display(),
            path.display(),
        ),
    })
}

/// Only the key's folder is needed, and no relay.
pub(super) fn sign(
    authority: &Path,
    file: &Path,
    output: &Path,
    yes: bool,
    say: Say,
) -> anyhow::Result<()> {
    let text = read(file)?;
    let authority = Authority::at(authority.to_owned());
    if Rotating::is(&text) {
        return rotate::sign(&authority, &text, output, yes, say);
    }
    let requests = Requests::parse(&text).map_err(offline::OfflineError::from)?;
    let key = authority.key(&requests.organisation)?;
    if !yes && !agreed(&shown(&requests.wanted))? {
        return Err(Wrong("nothing was signed".to_owned()).into());
    }
    let signatures = offline::sign_all(&key, &requests, clock::seconds())?;
    write(output, &signatures.to_text()?)?;
    let object = json!({"signed": requests.wanted, "file": output});
    say.answer(&object, || {
        format!(
            "Signed {}. Bring {} back to the relay:\n\n  deskside-relay authority import {}\n",
            requests.wanted.len(),
            output.display(),
            output.display(),
        )
    })
}

pub(super) async fn import(places: Places, file: &Path, say: Say) -> anyhow::Result<()> {
    let text = read(file)?;
    if Rotated::is(&text) {
        return rotate::import(places, &text, say).await;
    }
    let signatures = Signatures::parse(&text).map_err(offline::OfflineError::from)?;
    let node = Node::open(places).await?;
    let logins = offline::import(&node, &signatures, clock::seconds()).await?;
    say.answer(&json!({"enrolled": logins}), || {
        format!(
            "Taken in for {}. Whoever enrols now runs the same `deskside enroll` again.",
            logins.join(", ")
        )
    })
}

/// A person reads what is to be signed, and says so.
pub(super) fn agreed(shown: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let text = "somebody has to read the requests before they are signed: run this on a \
                    terminal, or read them and add --yes";
        return Err(Wrong(text.to_owned()).into());
    }
    let mut err = io::stderr().lock();
    write!(err, "{shown}\nSign all of this? Type yes: ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().take(64).read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn shown(wanted: &[Wanted]) -> String {
    let rows: Vec<_> = wanted
        .iter()
        .map(|wanted| {
            let time =
                wanted.valid_seconds.map_or_else(|| "a year".to_owned(), |s| format!("{s} s"));
            let what = if wanted.renewal { "a later end" } else { "new" };
            vec![
                wanted.login.clone(),
                wanted.name.clone(),
                wanted.roles.clone(),
                time,
                what.to_owned(),
                wanted.key.chars().take(16).collect(),
            ]
        })
        .collect();
    table(&["LOGIN", "NAME", "ROLES", "FOR", "WHAT", "KEY"], &rows)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(NotThere(format!("there is no file {}", file.display())).into());
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
    };
    let mut text = Vec::new();
    let read = opened.take(MAX_PAPER as u64 + 1).read_to_end(&mut text);
    read.with_context(|| format!("read {}", file.display()))?;
    Ok(text)
}

pub(super) fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("write {}", file.display()))
}
