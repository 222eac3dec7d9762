//! The organisation's authority key: who holds it says who is a technician and who may audit.
//!
//! It lies in a folder of its own, so that it can be moved off the relay's machine. It is read for
//! each signature and kept nowhere; with the folder gone the relay serves on, and only enrolling
//! people and changing the policy wait until it is back.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::random::Random;
use thiserror::Error;

use crate::keyfile;

/// File name of the seed inside the authority's folder.
pub const FILE: &str = "authority.key";
/// And of the one that follows it, until it counts.
pub const NEXT: &str = "authority.next";

/// Why the authority cannot sign.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// Not in its folder.
    #[error(
        "the organisation's authority key is not in {}: bring the folder back (or name it with \
         --authority), do this again, and move it away after",
        folder.display()
    )]
    Away {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A key lies there, and it is not this organisation's.
    #[error("the authority key in {} belongs to another organisation", folder.display())]
    Foreign {
        /// Where it was found.
        folder: PathBuf,
    },
    /// There, and unreadable.
    #[error("the authority key in {} cannot be read", folder.display())]
    Unreadable {
        /// Where it was found.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The authority's folder, whether or not it is here.
#[derive(Debug, Clone)]
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// The authority whose key would lie in this folder.
    #[must_use]
    pub const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the key lies here, so that whoever runs this machine can use it.
    #[must_use]
    pub fn present(&self) -> bool {
        self.folder.join(FILE).exists()
    }

    /// The first start: takes the key that lies here, or makes one.
    ///
    /// # Errors
    /// [`AuthorityError::Unreadable`].
    pub fn found(&self, random: &mut dyn Random) -> Result<SigningKey, AuthorityError> {
        keyfile::make_folder(&self.folder)
            .and_then(|()| keyfile::read_or_make(&self.folder.join(FILE), random))
            .map_err(|source| AuthorityError::Unreadable { folder: self.folder.clone(), source })
    }

    /// The key that is to follow, which is made where there is none yet.
    ///
    /// # Errors
    /// [`AuthorityError::Unreadable`].
    pub fn next(&self, random: &mut dyn Random) -> Result<SigningKey, AuthorityError> {
        keyfile::read_or_make(&self.folder.join(NEXT), random)
            .map_err(|source| AuthorityError::Unreadable { folder: self.folder.clone(), source })
    }

    /// The key, for one signature; `organisation` is whose it must be. Once that is the key that was
    /// to follow, it takes the place of the one before, which is gone then.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn key(&self, organisation: &PublicKey) -> Result<SigningKey, AuthorityError> {
        let folder = self.folder.clone();
        match keyfile::read(&self.folder.join(FILE)) {
            Ok(key) if key.public() == *organisation => Ok(key),
            Ok(_) => match keyfile::read(&self.folder.join(NEXT)) {
                Ok(next) if next.public() == *organisation => {
                    let placed = keyfile::replace(&self.folder.join(NEXT), &self.folder.join(FILE));
                    placed.map_err(|source| AuthorityError::Unreadable { folder, source })?;
                    Ok(next)
                }
                Ok(_) | Err(_) => Err(AuthorityError::Foreign { folder }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(AuthorityError::Away { folder })
            }
            Err(source) => Err(AuthorityError::Unreadable { folder, source }),
        }
    }

    /// What to do about a key that lies here.
    #[must_use]
    pub fn warning(&self) -> String {
        format!(
            "the organisation's authority key lies on this machine, in {}: whoever runs this \
             machine could name himself auditor. Once people are enrolled, move that folder to a \
             safe place (an encrypted stick, a vault).",
            self.folder.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_link::random::System;

    #[test]
    fn it_is_made_once_and_missed_when_it_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::at(folder.path().join("org"));
        assert!(!authority.present());
        let key = authority.found(&mut System::new()).unwrap();
        assert!(authority.present());
        assert_eq!(authority.found(&mut System::new()).unwrap().public(), key.public());
        assert!(authority.key(&key.public()).is_ok());
        let other = PublicKey::from_bytes([1; 32]);
        let foreign = authority.key(&other).err().unwrap();
        assert!(matches!(foreign, AuthorityError::Foreign { .. }));
        std::fs::rename(folder.path().join("org"), folder.path().join("vault")).unwrap();
        let away = authority.key(&key.public()).err().unwrap();
        assert!(matches!(away, AuthorityError::Away { .. }));
    }
}
