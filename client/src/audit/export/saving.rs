//! What is made of a recording is there whole or not at all: it is written beside its place, and moved
//! there once it is done. Who breaks it off finds nothing of it left.

use std::future::Future;
use std::io::{self, BufWriter};
use std::path::Path;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use crate::audit::source::{Source, opened};
use crate::audit::tape::Tape;
use crate::cli::SourceArgs;
use crate::failure::Failure;
use crate::home::Home;

/// The file in the making.
pub(in crate::audit) type Out = BufWriter<NamedTempFile>;

/// What came of it.
#[derive(Debug)]
pub(in crate::audit) struct Saved<T> {
    pub(in crate::audit) made: T,
    /// How many the file has.
    pub(in crate::audit) bytes: u64,
    /// What is to be said of the recording.
    pub(in crate::audit) warning: Option<String>,
}

/// Opens the recording and saves at `path` what `make` writes of it, in a thread of its own; shows on
/// `bar` how far it is. Ctrl-C breaks it off.
///
/// # Errors
/// As [`Source::tape`]; what `make` says, and the disk; exit 1 where somebody broke it off.
pub(in crate::audit) async fn saved_from<T: Send + 'static>(
    source: Source,
    wish: SourceArgs,
    home: &Home,
    (path, bar): (&Path, ProgressBar),
    make: impl FnOnce(&Tape, &mut Out) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<Saved<T>> {
    let (recording, home) = (source.path().to_owned(), home.clone());
    let making = move |out: &mut Out| {
        let mut tape = opened(&recording, &wish, &home)?;
        tape.watched(bar.clone());
        let made = make(&tape, out)?;
        bar.finish_and_clear();
        anyhow::Ok((made, tape.warning()))
    };
    let ((made, warning), bytes) = unless(tokio::signal::ctrl_c(), path, making).await?;
    Ok(Saved { made, bytes, warning })
}

/// Saves what `write` writes, unless it is broken off before. Gives its bytes too. The thread that
/// writes is left to itself then: it has no name any more to write to, and the program ends.
async fn unless<T: Send + 'static>(
    broken_off: impl Future<Output = io::Result<()>>,
    path: &Path,
    write: impl FnOnce(&mut Out) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<(T, u64)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let file = file.with_context(|| format!("save {}", path.display()))?;
    let (unfinished, to) = (file.path().to_owned(), path.to_owned());
    let writing = tokio::task::spawn_blocking(move || saved(file, &to, write));
    tokio::select! {
        written = writing => written.context("save")?,
        pressed = broken_off => {
            pressed.context("listen for Ctrl-C")?;
            match std::fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("remove {}", unfinished.display()))
                }
                Ok(()) | Err(_) => Err(Failure::new(Exit::Other, "broken off: nothing was saved").into()),
            }
        }
    }
}

fn saved<T>(
    file: NamedTempFile,
    path: &Path,
    write: impl FnOnce(&mut Out) -> anyhow::Result<T>,
) -> anyhow::Result<(T, u64)> {
    let saving = || format!("save {}", path.display());
    let mut out = BufWriter::new(file);
    let made = write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error).with_context(saving)?;
    file.as_file().sync_all().with_context(saving)?;
    let bytes = file.as_file().metadata().with_context(saving)?.len();
    file.persist(path).map_err(|error| error.error).with_context(saving)?;
    Ok((made, bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc;

    use super::*;
    use crate::failure::exit_of;

    #[tokio::test]
    async fn what_is_broken_off_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (go_on, waits) = mpsc::channel::<()>();
        let write = move |out: &mut Out| {
            out.write_all(b"half")?;
            out.flush()?;
            begun.send(out.get_ref().path().exists()).unwrap();
            waits.recv()?;
            Ok(())
        };
        let broken_off = async {
            assert!(begins.await.unwrap());
            Ok(())
        };
        let error = unless(broken_off, &path, write).await.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Other);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // And what goes on behind it brings nothing back.
        go_on.send(()).unwrap();
        let (made, bytes) =
            unless(std::future::pending(), &path, |out: &mut Out| Ok(out.write_all(b"whole")?))
                .await
                .unwrap();
        assert_eq!((made, bytes, std::fs::read(&path).unwrap()), ((), 5, b"whole".to_vec()));
    }
}
