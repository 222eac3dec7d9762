//! A recording inside a page: between two lines that nothing else on the page can be, as base64. Made
//! by `export`, taken out again by `verify`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::BASE64;
use deskside_protocol::exit::Exit;
use tempfile::TempDir;

use super::log::proof_file;
use crate::failure::{Failure, OrExit as _};

/// The line before the recording.
pub(super) const RECORDING: &str =
    "<script type=\"application/octet-stream\" id=\"deskside-recording\">";
/// The line before its proof.
pub(super) const PROOF: &str = "<script type=\"application/octet-stream\" id=\"deskside-proof\">";
/// The line behind either.
pub(super) const END: &str = "</script>";
/// What every page begins with.
const BEGIN: &[u8] = b"<!DOCTYPE html>";
/// Bytes of a line at the most: a picture as large as an export makes.
const MAX_LINE: u64 = 80 * 1024 * 1024;

/// Whether the file is a page.
pub(super) fn is_page(path: &Path) -> bool {
    let mut begin = [0; BEGIN.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == BEGIN
}

/// The recording of a page, with its proof beside it, in a folder that goes again.
///
/// # Errors
/// Exit 7 for a page that holds no recording, or that is cut or altered there.
pub(super) fn unpack(page: &Path) -> anyhow::Result<(TempDir, PathBuf)> {
    let unreadable = || format!("{} cannot be read", page.display());
    let file = File::open(page).or_exit(Exit::NotFound, unreadable())?;
    let folder = tempfile::tempdir().context("make room for the recording")?;
    let path = folder.path().join("recording.dsr");
    let mut lines = Lines { from: BufReader::new(file), line: Vec::new() };
    let mut found = (false, false);
    while lines.next().or_exit(Exit::NotFound, unreadable())? {
        let (seen, to) = match lines.line.as_slice() {
            line if line == RECORDING.as_bytes() => (&mut found.0, path.clone()),
            line if line == PROOF.as_bytes() => (&mut found.1, proof_file(&path)),
            _ => continue,
        };
        if std::mem::replace(seen, true) {
            return Err(damaged(page, "holds two recordings"));
        }
        let out = BufWriter::new(File::create(to).context("make room for the recording")?);
        if !block(&mut lines, out)? {
            return Err(damaged(page, "is cut or altered where the recording stands in it"));
        }
    }
    if found.0 { Ok((folder, path)) } else { Err(damaged(page, "holds no recording")) }
}

fn damaged(page: &Path, what: &str) -> anyhow::Error {
    Failure::new(Exit::Verification, format!("{} {what}", page.display())).into()
}

/// Writes what stands up to the end; `false` where it is not base64, or without an end.
fn block(lines: &mut Lines<impl BufRead>, mut out: impl Write) -> anyhow::Result<bool> {
    while lines.next().context("read the page")? {
        if lines.line == END.as_bytes() {
            out.flush().context("make room for the recording")?;
            return Ok(true);
        }
        let Ok(bytes) = BASE64.decode(&lines.line) else { return Ok(false) };
        out.write_all(&bytes).context("make room for the recording")?;
    }
    Ok(false)
}

/// A file line by line, with a bound.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next one, without its line feed; `false` at the end.
    fn next(&mut self) -> std::io::Result<bool> {
        self.line.clear();
        let read = self.from.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.line)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;

    fn unpacked(page: &str) -> anyhow::Result<(Vec<u8>, Option<Vec<u8>>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.html");
        std::fs::write(&path, page).unwrap();
        let (_copy, path) = unpack(&path)?;
        Ok((std::fs::read(&path).unwrap(), std::fs::read(proof_file(&path)).ok()))
    }

    #[test]
    fn what_is_in_comes_out() {
        let page =
            format!("<!DOCTYPE html>\n<p>\n{RECORDING}\naGVs\nbG8=\n{END}\n{PROOF}\nAAE=\n{END}\n");
        assert_eq!(unpacked(&page).unwrap(), (b"hello".to_vec(), Some(vec![0, 1])));
        let unproven = page.split(PROOF).next().unwrap();
        assert_eq!(unpacked(unproven).unwrap(), (b"hello".to_vec(), None));
    }

    #[test]
    fn what_is_not_whole_is_exit_7() {
        for page in [
            "<!DOCTYPE html>\n".to_owned(),
            format!("{RECORDING}\naGVs\n"),
            format!("{RECORDING}\n*\n{END}\n"),
            format!("{RECORDING}\naGVs\n{END}\n{RECORDING}\naGVs\n{END}\n"),
            format!("<p>{RECORDING}\naGVs\n{END}\n"),
        ] {
            assert_eq!(exit_of(&unpacked(&page).unwrap_err()), Exit::Verification, "{page}");
        }
    }
}
