//! Progress, for whoever shows it.

use deskside_protocol::file::{Entry, Fault, RelativePath};

use crate::report::FileReport;

/// Hears how a transfer goes. Called on the transfer's own task: it has to be quick.
pub trait Progress: Sync {
    /// A file begins.
    fn began(&self, entry: &Entry) {
        let _unused = entry;
    }

    /// Its first bytes were there already.
    fn resumed(&self, bytes: u64) {
        let _unused = bytes;
    }

    /// So many more bytes of it have gone or come.
    fn moved(&self, bytes: u64) {
        let _unused = bytes;
    }

    /// A file has landed, or will not. On the sender's side the next one may have begun before.
    fn ended(&self, file: &FileReport) {
        let _unused = file;
    }

    /// Something is not sent, or could not be made.
    fn skipped(&self, path: &RelativePath, why: &Fault) {
        let _unused = (path, why);
    }
}

/// Nobody looks.
impl Progress for () {}
