//! Feeds a recording of any length through the verifier, with room for one block.

use std::io::{self, Read};

use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::{Reader, Report, Step, Verifier};

/// Bytes asked of the file at once.
const READ: usize = 1024 * 1024;

/// An organisation, by its key of today and those of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Organisation {
    pub(super) key: PublicKey,
    pub(super) former: Vec<PublicKey>,
}

/// Judges what `from` gives, against `organisation` where it is known.
///
/// # Errors
/// What the disk says; everything that is wrong with the recording is in the report.
pub(super) fn judge(mut from: impl Read, organisation: Option<Organisation>) -> io::Result<Report> {
    let (key, former) = organisation.map(|known| (known.key, known.former)).unzip();
    let verifier = Verifier::new(key).or_former(former.unwrap_or_default());
    let (mut reader, mut verifier) = (Reader::new(), verifier);
    let mut buffer = Vec::new();
    loop {
        let mut rest = buffer.as_slice();
        let wanted = loop {
            match reader.next(&mut rest) {
                Ok(Step::Block(block)) => verifier.feed(&block),
                Ok(Step::NeedMore(wanted)) => break wanted,
                Err(fault) => {
                    verifier.broken(fault);
                    return Ok(verifier.finish());
                }
            }
        };
        let taken = buffer.len() - rest.len();
        buffer.drain(..taken);
        let missing = wanted.max(READ).saturating_sub(buffer.len()) as u64;
        from.by_ref().take(missing).read_to_end(&mut buffer)?;
        if buffer.len() < wanted.max(1) {
            if let Err(fault) = reader.finish(&buffer) {
                verifier.broken(fault);
            }
            return Ok(verifier.finish());
        }
    }
}
