//! What opens a bucket, from a file in the form that other programs of that world keep it in:
//!
//! ```text
//! [default]
//! aws_access_key_id = ...
//! aws_secret_access_key = ...
//! aws_session_token = ...        (may be missing)
//! ```
//!
//! The first section counts; the file has to be its owner's alone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

/// Longer is no such file: three lines of 100 characters, with room for a long token.
const LONGEST: u64 = 16 * 1024;

/// The file with the keys cannot be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// Not there, or not readable.
    #[error("the archive's keys in {} cannot be read", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may read it.
    #[error("others may read the archive's keys in {}: chmod 600 it", .0.display())]
    Open(PathBuf),
    /// Something else.
    #[error(
        "{} has no lines aws_access_key_id = ... and aws_secret_access_key = ... in its first section",
        .0.display()
    )]
    Form(PathBuf),
}

/// Keys of a bucket.
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
    pub(super) token: Option<Zeroizing<String>>,
}

pub(super) fn read(path: &Path) -> Result<Keys, CredentialsError> {
    let file = |source| CredentialsError::File { path: path.into(), source };
    let about = fs::metadata(path).map_err(file)?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(CredentialsError::Open(path.into()));
    }
    let form = || CredentialsError::Form(path.into());
    if about.len() > LONGEST {
        return Err(form());
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(file)?);
    parse(&text).ok_or_else(form)
}

fn parse(text: &str) -> Option<Keys> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut section = lines.filter(|line| !line.starts_with(['#', ';'])).skip_while(|line| {
        // What stands before the first section is in none.
        !line.starts_with('[')
    });
    section.next()?;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in section.take_while(|line| !line.starts_with('[')) {
        let (name, value) = line.split_once('=')?;
        let value = Zeroizing::new(value.trim().to_owned());
        match name.trim() {
            "aws_access_key_id" => id = Some(value.as_str().to_owned()),
            "aws_secret_access_key" => secret = Some(value),
            "aws_session_token" => token = Some(value),
            _ => {}
        }
    }
    let present = |text: &str| !text.is_empty();
    Some(Keys {
        id: id.filter(|id| present(id))?,
        secret: secret.filter(|secret| present(secret))?,
        token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_section_counts() {
        let text = "# mine\n[desk]\naws_access_key_id = A\n aws_secret_access_key=B=\nregion = x\n\
                    [other]\naws_access_key_id = C\naws_session_token = D\n";
        let keys = parse(text).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.as_str()), ("A", "B="));
        assert!(keys.token.is_none());
        for bad in ["", "[x]", "aws_access_key_id = A\naws_secret_access_key = B", "[x]\nnonsense"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(parse("[x]\naws_access_key_id =\naws_secret_access_key = B").is_none());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        assert!(matches!(read(&path), Err(CredentialsError::File { .. })));
        fs::write(&path, "[x]\naws_access_key_id = A\naws_secret_access_key = B\n").unwrap();
        let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        allow(0o640);
        assert!(matches!(read(&path), Err(CredentialsError::Open(_))));
        allow(0o600);
        assert_eq!(read(&path).ok().unwrap().id, "A");
        fs::write(&path, "[x]\n").unwrap();
        assert!(matches!(read(&path), Err(CredentialsError::Form(_))));
    }
}
