//! Crypto-shredding: a recording without its seals, which nobody can open any more and everybody can
//! still verify. The chain and everything that is signed stay as they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use deskside_protocol::recording::Kind;
use deskside_protocol::recording::format::{BLOCK_HEADER, MAGIC, VERSION};
use deskside_protocol::recording::reader::shred as without;

use super::resume::{ResumeError, blocks};

/// Zeros that are written over a seal at once.
const ZEROS: [u8; 4096] = [0; 4096];

/// Takes the seals out of the recording at `path`. The new file is on the disk before it takes the
/// old one's place, and then the seals are overwritten where they stood: a file system that writes
/// elsewhere than it is told (as most flash does below it) keeps them for a while all the same.
/// Gives the new length. Done twice it changes nothing. Waits for the disk.
///
/// # Errors
/// [`ResumeError`]; the recording is then as it was, but for a disk that failed at the very end.
pub(crate) fn shred(path: &Path) -> Result<u64, ResumeError> {
    let old = OpenOptions::new().read(true).write(true).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            ResumeError::Missing
        } else {
            ResumeError::Disk(error)
        }
    })?;
    let fresh = path.with_extension("shredding");
    let (length, seals) = match copy(&old, &fresh) {
        Ok(copied) => copied,
        Err(error) => {
            if let Err(left) = fs::remove_file(&fresh)
                && left.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(file = %fresh.display(), error = %left, "a half copy cannot be removed");
            }
            return Err(error);
        }
    };
    fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    for (at, end) in seals {
        overwrite(&old, at, end)?;
    }
    old.sync_data()?;
    Ok(length)
}

/// Where the bodies of seals stand.
type Seals = Vec<(u64, u64)>;

fn copy(old: &File, fresh: &Path) -> Result<(u64, Seals), ResumeError> {
    let new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(fresh)?;
    let mut new = BufWriter::new(new);
    new.write_all(&MAGIC)?;
    new.write_all(&VERSION.to_be_bytes())?;
    let (mut seals, mut written) = (Seals::new(), Ok(()));
    blocks(old, |block| {
        if written.is_err() {
            return;
        }
        written = match without(block) {
            Some(shredded) => {
                let body = block.offset + BLOCK_HEADER as u64;
                if block.header.kind == Kind::Seal && !block.is_shredded() {
                    seals.push((body, body + block.body.len() as u64));
                }
                new.write_all(&shredded)
            }
            None => [&block.header.encode()[..], block.body, &block.hash]
                .iter()
                .try_for_each(|part| new.write_all(part)),
        };
    })?;
    written?;
    // A torn tail, which a recording that was given up may have, stays behind.
    let new = new.into_inner().map_err(io::IntoInnerError::into_error)?;
    new.sync_all()?;
    Ok((new.metadata()?.len(), seals))
}

fn overwrite(file: &File, from: u64, end: u64) -> io::Result<()> {
    let mut at = from;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(ZEROS.len()).min(ZEROS.len());
        file.write_all_at(ZEROS.get(..left).unwrap_or(&ZEROS), at)?;
        at += left as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::recording::{Reader, Step, Writer};

    /// A file with two seals, and its last chain hash.
    fn file(path: &Path) -> [u8; 32] {
        let (mut writer, preamble) = Writer::create();
        let mut bytes = preamble.to_vec();
        for kind in [Kind::Event, Kind::Seal, Kind::Packets, Kind::Seal, Kind::Event] {
            let next = writer.block(kind, 0, 5, &[0xee; 9000], &mut bytes).unwrap();
            writer.commit(next);
        }
        fs::write(path, bytes).unwrap();
        *writer.state().hash()
    }

    fn kinds(bytes: &[u8]) -> (Vec<(Kind, bool)>, [u8; 32]) {
        let (mut reader, mut rest, mut kinds) = (Reader::new(), bytes, Vec::new());
        while let Step::Block(block) = reader.next(&mut rest).unwrap() {
            kinds.push((block.header.kind, block.is_shredded()));
        }
        (kinds, *reader.finish(rest).unwrap().hash())
    }

    #[test]
    fn the_seals_are_gone_and_the_chain_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dsr");
        let hash = file(&path);
        // Another name for the old file: what becomes of it.
        let old = folder.path().join("old");
        fs::hard_link(&path, &old).unwrap();
        let length = shred(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, length);
        let (found, last) = kinds(&bytes);
        let expected = [Kind::Event, Kind::Seal, Kind::Packets, Kind::Seal, Kind::Event];
        assert_eq!(found, expected.map(|kind| (kind, kind == Kind::Seal)));
        assert_eq!(last, hash);
        let sealed =
            |bytes: &[u8]| bytes.windows(9000).filter(|some| *some == [0xee; 9000]).count();
        assert_eq!((sealed(&bytes), sealed(&fs::read(&old).unwrap())), (3, 3));
        assert_eq!(shred(&path).unwrap(), length);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_was_altered_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dsr");
        file(&path);
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(shred(&path), Err(ResumeError::Tampered { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(matches!(shred(&folder.path().join("b.dsr")), Err(ResumeError::Missing)));
    }
}
