//! One recording's file: appended to block by block, whole blocks only.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deskside_protocol::recording::{Kind, Next, Packets, State, WriteError, Writer};
use thiserror::Error;

use super::disk::Disk;

/// A block did not reach the file, which is as it was before.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The disk refuses.
    #[error("the disk refuses")]
    Disk(#[from] io::Error),
    /// The block itself cannot be made.
    #[error(transparent)]
    Block(#[from] WriteError),
}

/// Room that is kept free behind the packets for the relay's own last blocks, some 2 KiB, so that a
/// recording that ran into a full disk is still closed: 16 pages.
const RESERVE: u64 = 64 * 1024;
/// Room that is set aside at once, beyond that: an eighth of the file, within these bounds, so that
/// neither ten thousand idle sessions nor one busy one cost much.
const AHEAD: std::ops::RangeInclusive<u64> = 64 * 1024..=8 * 1024 * 1024;

/// The file, and whether something in it may not be on the disk yet.
#[derive(Debug)]
pub(super) struct Unsynced {
    disk: Box<dyn Disk>,
    dirty: AtomicBool,
}

impl Unsynced {
    /// Forces what was written to the disk, where anything was.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.dirty.swap(false, Ordering::AcqRel) { self.disk.sync() } else { Ok(()) }
    }
}

/// Chain and file in step.
#[derive(Debug)]
pub(super) struct Spool {
    file: Arc<Unsynced>,
    writer: Writer,
    length: u64,
    /// Up to where room is set aside; all there is where the file system cannot do that.
    reserved: u64,
}

impl Spool {
    /// A new file, readable by the owner only.
    pub(super) fn create(path: &Path) -> Result<Self, SpoolError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Self::begin(Box::new(file))
    }

    /// A recording on an empty disk.
    pub(super) fn begin(disk: Box<dyn Disk>) -> Result<Self, SpoolError> {
        let (writer, preamble) = Writer::create();
        disk.write_all_at(&preamble, 0)?;
        Ok(Self::on(disk, writer, preamble.len() as u64))
    }

    /// Goes on behind `length` bytes with a chain that stands at `state`.
    pub(super) fn resume(disk: Box<dyn Disk>, state: State, length: u64) -> Self {
        Self::on(disk, Writer::resume(state), length)
    }

    fn on(disk: Box<dyn Disk>, writer: Writer, length: u64) -> Self {
        let file = Arc::new(Unsynced { disk, dirty: AtomicBool::new(true) });
        Self { file, writer, length, reserved: length }
    }

    pub(super) fn file(&self) -> Arc<Unsynced> {
        self.file.clone()
    }

    pub(super) const fn state(&self) -> &State {
        self.writer.state()
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Appends a block of the relay's own, into the room that was kept for it.
    pub(super) fn append(
        &mut self,
        kind: Kind,
        line: u16,
        time_us: u64,
        body: &[u8],
    ) -> Result<State, SpoolError> {
        // Not kept: ten thousand idle sessions would each keep the room of a seal.
        let mut out = Vec::new();
        let next = self.writer.block(kind, line, time_us, body, &mut out)?;
        self.write(&out, next)?;
        if self.writer.state().is_closed() {
            self.release();
        }
        Ok(*self.writer.state())
    }

    /// Appends a batch of packets, which leaves the reserve as it is.
    pub(super) fn packets(&mut self, packets: &mut Packets) -> Result<(), SpoolError> {
        let next = self.writer.packets(packets)?;
        self.make_room(packets.block().len() as u64)?;
        self.write(packets.block(), next)
    }

    /// Gives back what was set aside and is not needed.
    pub(super) fn release(&mut self) {
        if self.reserved > self.length {
            self.reserved = self.length;
            if let Err(error) = self.file.disk.cut(self.length) {
                tracing::warn!(%error, "room behind a recording cannot be given back");
            }
        }
    }

    /// Sees to it that a block fits and the reserve behind it.
    fn make_room(&mut self, block: u64) -> io::Result<()> {
        let needed = self.length.saturating_add(block).saturating_add(RESERVE);
        if needed <= self.reserved {
            return Ok(());
        }
        let ahead = (self.length / 8).clamp(*AHEAD.start(), *AHEAD.end());
        let from = self.reserved.max(self.length);
        let wish = needed.saturating_add(ahead);
        let set_aside = |to: u64| self.file.disk.reserve(from, to).map(|()| to);
        self.reserved = match set_aside(wish).or_else(|_| set_aside(needed)) {
            Ok(to) => to,
            Err(error) if is_full(&error) => return Err(error),
            // Not every file system can do it; then a write finds out that the disk is full.
            Err(_) => u64::MAX,
        };
        Ok(())
    }

    /// One write. A part that was written is cut off again, so that the file holds whole blocks.
    fn write(&mut self, block: &[u8], next: Next) -> Result<(), SpoolError> {
        if let Err(error) = self.file.disk.write_all_at(block, self.length) {
            // What was set aside goes too where the file system can do no other; it is set aside
            // anew before the next packets.
            self.reserved = self.length;
            if let Err(cut) = self.file.disk.cut(self.length) {
                tracing::error!(error = %cut, "a torn block cannot be cut off");
            }
            return Err(error.into());
        }
        self.file.dirty.store(true, Ordering::Release);
        self.length += block.len() as u64;
        self.writer.commit(next);
        Ok(())
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::recording::{Reader, Step};
    use deskside_protocol::session::End;

    #[test]
    fn the_file_reads_back_as_a_chain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dsr");
        let mut spool = Spool::create(&path).unwrap();
        spool.append(Kind::Event, 0, 5, b"").unwrap();
        let mut packets = Packets::new(0, 6, 0);
        packets.run(End::Agent, 10, 6, b"0123456789abc").unwrap();
        spool.packets(&mut packets).unwrap();

        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(spool.length(), bytes.len() as u64);
        let (mut reader, mut rest, mut kinds) = (Reader::new(), bytes.as_slice(), Vec::new());
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            kinds.push(block.header.kind);
        }
        assert_eq!(kinds, [Kind::Event, Kind::Packets]);
        assert_eq!(reader.finish(rest).unwrap(), *spool.state());
    }

    #[test]
    fn a_recording_is_never_begun_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dsr");
        let _first = Spool::create(&path).unwrap();
        assert!(matches!(Spool::create(&path), Err(SpoolError::Disk(_))));
    }

    #[test]
    fn a_full_disk_leaves_whole_blocks() {
        // /dev/full takes no byte, as a full disk does.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut spool = Spool::resume(Box::new(full), State::start(), 10);
        let before = *spool.state();
        assert!(matches!(spool.append(Kind::Event, 0, 5, b"x"), Err(SpoolError::Disk(_))));
        assert_eq!((*spool.state(), spool.length()), (before, 10));
    }
}
