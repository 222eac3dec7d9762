//! What has gone over, told to the user as it goes.

use deskside_files::{Fault, FileReport, NameError, Progress, RelativePath, Report};

use crate::consent::Direction;
use crate::events::{Event, Show};

/// Tells the user what has gone over.
pub(super) struct Told<'a, N> {
    pub(super) show: &'a Show,
    pub(super) direction: Direction,
    /// Whether people are told each name.
    pub(super) named: bool,
    /// Where a path lies, for people.
    pub(super) name: N,
}

impl<N: Fn(&RelativePath) -> String + Sync> Progress for Told<'_, N> {
    fn ended(&self, file: &FileReport) {
        let (direction, name) = (self.direction, &(self.name)(&file.path));
        match (&file.sha256, &file.failed) {
            (Some(sha256), None) => {
                let (bytes, named) = (file.bytes, self.named);
                self.show.tell(&Event::File { direction, name, bytes, sha256, named });
            }
            (_, failed) => {
                let why = failed.as_ref().map_or("", |failed| &failed.text);
                self.show.tell(&Event::FileFailed { direction, name, why });
            }
        }
    }

    fn skipped(&self, path: &RelativePath, why: &Fault) {
        let (direction, name) = (self.direction, &(self.name)(path));
        self.show.tell(&Event::FileFailed { direction, name, why: &why.text });
    }
}

impl<N: Fn(&RelativePath) -> String + Sync> Told<'_, N> {
    /// Tells the sum, where no names were told.
    pub(super) fn all(&self, report: &Report) {
        let files = u64::try_from(report.landed().count()).unwrap_or(u64::MAX);
        if !self.named {
            let (direction, bytes) = (self.direction, report.bytes());
            self.show.tell(&Event::Files { direction, files, bytes });
        }
    }
}

/// A path as it lies under the folder. One that would be too long travels without its beginning.
pub(super) fn beneath(above: &RelativePath, path: &RelativePath) -> String {
    let parts = path.components().iter().cloned();
    let whole: Result<RelativePath, NameError> =
        parts.into_iter().try_fold(above.clone(), |path, part| path.join(part));
    whole.as_ref().unwrap_or(path).to_string()
}
