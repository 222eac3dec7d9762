//! Signing keys on disk: 32 bytes of seed in an owner-only file, and nothing else in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use deskside_protocol::key::SigningKey;
use deskside_protocol::random::Random;
use zeroize::Zeroizing;

/// Reads a key.
///
/// # Errors
/// What the file system says, or `InvalidData` where the file does not hold exactly 32 bytes.
pub fn read(path: &Path) -> io::Result<SigningKey> {
    let mut seed = Zeroizing::new([0; 32]);
    let mut file = File::open(path)?;
    file.read_exact(seed.as_mut()).map_err(|error| {
        if error.kind() == ErrorKind::UnexpectedEof { not_a_key() } else { error }
    })?;
    if file.read(&mut [0])? > 0 {
        return Err(not_a_key());
    }
    Ok(SigningKey::from_seed(seed))
}

/// Reads the key, or makes a new one where there is none. It is on disk before it is used.
///
/// # Errors
/// As [`read`].
pub fn read_or_make(path: &Path, random: &mut dyn Random) -> io::Result<SigningKey> {
    match read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    let key = SigningKey::generate(random);
    let fresh = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(key.seed().as_ref())?;
    file.sync_all()?;
    replace(&fresh, path)?;
    Ok(key)
}

/// Puts the key at `from` in the place of the one at `to`, on disk when this returns.
///
/// # Errors
/// What the file system says.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes a folder that only its owner may enter, where it is missing.
///
/// # Errors
/// What the file system says.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn not_a_key() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a key file holds exactly 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_link::random::System;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_and_is_the_owners() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        make_folder(&inner).unwrap();
        make_folder(&inner).unwrap();
        assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let path = inner.join("node.key");
        let made = read_or_make(&path, &mut System::new()).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = read_or_make(&path, &mut System::new()).unwrap();
        assert_eq!(made.public(), again.public());
    }

    #[test]
    fn a_file_of_another_length_is_not_a_key_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        for length in [0, 31, 33] {
            fs::write(&path, vec![1; length]).unwrap();
            let error = read_or_make(&path, &mut System::new()).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert_eq!(fs::read(&path).unwrap().len(), length);
        }
    }
}
