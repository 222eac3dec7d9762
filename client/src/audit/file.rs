//! A recording's file: opened, and walked through with room for one block.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::path::Path;

use deskside_protocol::exit::Exit;
use deskside_protocol::recording::{Block, Fault, Reader, Step};

use crate::failure::Failure;

/// Bytes asked of the file at once.
const READ: usize = 1024 * 1024;

/// Opens it.
///
/// # Errors
/// Exit 5.
pub(super) fn file(path: &Path) -> anyhow::Result<File> {
    File::open(path).map_err(|error| {
        let sentence = if error.kind() == ErrorKind::NotFound {
            format!("there is no file {}, and it is not a session's id", path.display())
        } else {
            unreadable(path)
        };
        anyhow::Error::from(error).context(Failure::new(Exit::NotFound, sentence))
    })
}

pub(super) fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

/// Shows the blocks that `from` gives one by one, and last the fault at which they end, if they do;
/// no more of them once `seen` breaks off.
///
/// # Errors
/// What the disk says.
pub(super) fn walk(
    mut from: impl Read,
    mut seen: impl FnMut(Result<&Block<'_>, Fault>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut reader = Reader::new();
    let mut buffer = Vec::new();
    loop {
        let mut rest = buffer.as_slice();
        let wanted = loop {
            match reader.next(&mut rest) {
                Ok(Step::Block(block)) => {
                    if seen(Ok(&block)).is_break() {
                        return Ok(());
                    }
                }
                Ok(Step::NeedMore(wanted)) => break wanted,
                Err(fault) => {
                    // It is the last word either way.
                    let _over = seen(Err(fault));
                    return Ok(());
                }
            }
        };
        let taken = buffer.len() - rest.len();
        buffer.drain(..taken);
        let missing = wanted.max(READ).saturating_sub(buffer.len()) as u64;
        from.by_ref().take(missing).read_to_end(&mut buffer)?;
        if buffer.len() < wanted.max(1) {
            if let Err(fault) = reader.finish(&buffer) {
                let _over = seen(Err(fault));
            }
            return Ok(());
        }
    }
}
