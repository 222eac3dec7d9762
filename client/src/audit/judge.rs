//! Walks through a recording of any length with room for one block, and judges it.

use std::io::{self, Read};
use std::ops::ControlFlow;

use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::{Block, Fault, Reader, Report, Step, Verifier};

/// Bytes asked of the file at once.
const READ: usize = 1024 * 1024;

/// An organisation, by its key of today and those of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    pub(super) key: PublicKey,
    pub(super) former: Vec<PublicKey>,
}

/// Judges what `from` gives, against `organisation` where it is known.
///
/// # Errors
/// What the disk says; everything that is wrong with the recording is in the report.
pub(super) fn judge(from: impl Read, organisation: Option<Organisation>) -> io::Result<Report> {
    let (key, former) = organisation.map(|known| (known.key, known.former)).unzip();
    let mut verifier = Verifier::new(key).or_former(former.unwrap_or_default());
    walk(from, |next| {
        match next {
            Ok(block) => verifier.feed(block),
            Err(fault) => verifier.broken(fault),
        }
        ControlFlow::Continue(())
    })?;
    Ok(verifier.finish())
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
