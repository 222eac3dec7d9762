//! What this computer remembers of organisations: who has helped here before, and the highest serial
//! of each one's policy, so that nobody brings an old policy back.
//!
//! One JSON file in the agent's folder, owner-only, written beside itself and renamed, so that a
//! crash leaves the old or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use deskside_link::folder;
use deskside_protocol::key::PublicKey;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::consent::Standing;

/// Organisations that are remembered; a computer has dealings with a few.
pub const MAX_KNOWN: usize = 256;
/// Technicians that are blocked, of all organisations.
pub const MAX_BLOCKED: usize = 256;
/// Bytes of the file that are read: 512 entries of at most 1 KiB.
const MAX_FILE: u64 = 512 * 1024;
/// Characters of an organisation's name that are kept.
const MAX_NAME: usize = 128;
const FILE: &str = "known.json";

/// Why something is not remembered.
#[derive(Debug, Error)]
pub enum KnownError {
    /// This organisation has shown a newer policy here before.
    #[error(
        "the organisation's policy has serial {offered}, and this computer has seen {seen}: an old one was brought back"
    )]
    OlderPolicy {
        /// The highest serial seen.
        seen: u64,
        /// What was offered now.
        offered: u64,
    },
    /// No more room.
    #[error("this computer knows {MAX_KNOWN} organisations already: remove some from {}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged. Nothing is forgotten silently.
    #[error("{} is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// No more room for those who are blocked.
    #[error("this computer blocks {MAX_BLOCKED} technicians already: remove some from {}", path.display())]
    TooManyBlocked {
        /// The file.
        path: PathBuf,
    },
    /// The folder or the file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Content {
    /// By public key, in hex.
    organisations: BTreeMap<String, Organisation>,
    /// Logins of technicians whom the user did not ask for, by the public key of who signed them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    blocked: BTreeMap<String, BTreeSet<String>>,
    /// Keys of organisations that were followed by others, as both said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    followed: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Organisation {
    /// As it called itself at first.
    name: String,
    /// Of its policies.
    serial: u64,
}

/// The memory of one agent folder.
#[derive(Debug)]
pub struct Known {
    path: PathBuf,
    content: Content,
}

impl Known {
    /// Reads the memory in `folder`; a missing file is an empty memory.
    ///
    /// # Errors
    /// [`KnownError::File`] or [`KnownError::Damaged`].
    pub fn load(folder: &Path) -> Result<Self, KnownError> {
        let path = folder.join(FILE);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, content: Content::default() });
            }
            Err(cause) => return Err(KnownError::File { path, cause }),
        };
        let mut text = String::new();
        if let Err(cause) = file.take(MAX_FILE).read_to_string(&mut text) {
            return Err(KnownError::File { path, cause });
        }
        match serde_json::from_str(&text) {
            Ok(content) => Ok(Self { path, content }),
            Err(error) => Err(KnownError::Damaged { path, cause: error.to_string() }),
        }
    }

    /// The key that an organisation has today, as far as this computer has seen.
    #[must_use]
    pub fn today(&self, organisation: &PublicKey) -> PublicKey {
        let followed = &self.content.followed;
        let mut at = *organisation;
        // Each step is another one, so that there are no more than there are keys.
        for _ in 0..followed.len() {
            let next = followed.get(&at.to_string()).and_then(|next| key(next));
            at = next.unwrap_or(at);
        }
        at
    }

    /// The organisation of the key `old` has `new` from now on, which both have signed: what was
    /// remembered of it goes on, and the old key is taken for it no more. On the disk before it
    /// returns.
    ///
    /// # Errors
    /// [`KnownError`]; then nothing has changed.
    pub fn succeed(&mut self, old: &PublicKey, new: &PublicKey) -> Result<(), KnownError> {
        let (old, new) = (old.to_string(), new.to_string());
        let mut content = self.content.clone();
        if let Some(before) = content.organisations.remove(&old) {
            let serial = before.serial;
            let known = content.organisations.entry(new.clone()).or_insert(before);
            known.serial = known.serial.max(serial);
        }
        if let Some(mut logins) = content.blocked.remove(&old) {
            content.blocked.entry(new.clone()).or_default().append(&mut logins);
        }
        // No way back: that would be a circle.
        content.followed.remove(&new);
        content.followed.insert(old, new);
        if content.followed.len() > MAX_KNOWN {
            return Err(KnownError::Full { path: self.path.clone() });
        }
        self.write(&content)?;
        self.content = content;
        Ok(())
    }

    /// How an organisation of this key and name stands with this computer.
    #[must_use]
    pub fn standing(&self, organisation: &PublicKey, name: &str) -> Standing {
        let known = &self.content.organisations;
        if known.contains_key(&organisation.to_string()) {
            Standing::Known
        } else if known.values().any(|other| other.name == kept(name)) {
            Standing::NameOfAnother
        } else {
            Standing::New
        }
    }

    /// The lowest serial that a policy of this organisation may have.
    #[must_use]
    pub fn min_serial(&self, organisation: &PublicKey) -> u64 {
        self.content.organisations.get(&organisation.to_string()).map_or(0, |known| known.serial)
    }

    /// Remembers an organisation and its policy's serial, on the disk before it returns. Call it
    /// once the user has let the technician in: who was refused stays unknown.
    ///
    /// # Errors
    /// [`KnownError`]; then nothing has changed.
    pub fn remember(
        &mut self,
        organisation: &PublicKey,
        name: &str,
        serial: u64,
    ) -> Result<(), KnownError> {
        let seen = self.min_serial(organisation);
        if serial < seen {
            return Err(KnownError::OlderPolicy { seen, offered: serial });
        }
        let mut content = self.content.clone();
        let first = Organisation { name: kept(name), serial };
        let known = content.organisations.entry(organisation.to_string()).or_insert(first);
        known.serial = serial;
        if content.organisations.len() > MAX_KNOWN {
            return Err(KnownError::Full { path: self.path.clone() });
        }
        self.write(&content)?;
        self.content = content;
        Ok(())
    }

    /// Whether the user said of this technician that he did not ask for him.
    #[must_use]
    pub fn is_blocked(&self, organisation: &PublicKey, login: &str) -> bool {
        let logins = self.content.blocked.get(&organisation.to_string());
        logins.is_some_and(|logins| logins.contains(&kept(login)))
    }

    /// Blocks a technician on this computer, on the disk before it returns. A person takes it back
    /// by hand, in the file.
    ///
    /// # Errors
    /// [`KnownError`]; then nothing has changed.
    pub fn block(&mut self, organisation: &PublicKey, login: &str) -> Result<(), KnownError> {
        let mut content = self.content.clone();
        content.blocked.entry(organisation.to_string()).or_default().insert(kept(login));
        if content.blocked.values().map(BTreeSet::len).sum::<usize>() > MAX_BLOCKED {
            return Err(KnownError::TooManyBlocked { path: self.path.clone() });
        }
        self.write(&content)?;
        self.content = content;
        Ok(())
    }

    fn write(&self, content: &Content) -> Result<(), KnownError> {
        let failed = |cause| KnownError::File { path: self.path.clone(), cause };
        let text = serde_json::to_vec_pretty(content).map_err(|error| failed(error.into()))?;
        // Another agent of the same folder may write at the same time.
        let next = self.path.with_extension(format!("{}.next", std::process::id()));
        folder::replace(&self.path, &next, &text).map_err(failed)
    }
}

fn key(hex: &str) -> Option<PublicKey> {
    PublicKey::try_from(HEXLOWER.decode(hex.as_bytes()).ok()?.as_slice()).ok()
}

fn kept(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PublicKey = PublicKey::from_bytes([1; 32]);
    const OTHER: PublicKey = PublicKey::from_bytes([2; 32]);

    #[test]
    fn what_was_remembered_is_there_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("agent");
        let mut known = Known::load(&folder).unwrap();
        assert_eq!(known.standing(&ONE, "Example IT"), Standing::New);
        known.remember(&ONE, "Example IT", 3).unwrap();

        let known = Known::load(&folder).unwrap();
        assert_eq!(known.standing(&ONE, "Another name"), Standing::Known);
        assert_eq!(known.standing(&OTHER, "Example IT"), Standing::NameOfAnother);
        assert_eq!(known.standing(&OTHER, "Other"), Standing::New);
        assert_eq!((known.min_serial(&ONE), known.min_serial(&OTHER)), (3, 0));
    }

    #[test]
    fn an_older_policy_is_refused_and_a_newer_one_raises_the_bar() {
        let home = tempfile::tempdir().unwrap();
        let mut known = Known::load(home.path()).unwrap();
        known.remember(&ONE, "Example IT", 3).unwrap();
        known.remember(&ONE, "Example IT", 3).unwrap();
        known.remember(&ONE, "Example IT", 5).unwrap();
        let error = known.remember(&ONE, "Example IT", 4).unwrap_err();
        assert!(matches!(error, KnownError::OlderPolicy { seen: 5, offered: 4 }));
        assert_eq!(Known::load(home.path()).unwrap().min_serial(&ONE), 5);
    }

    #[test]
    fn a_technician_is_blocked_for_one_organisation_and_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let mut known = Known::load(home.path()).unwrap();
        known.remember(&ONE, "Example IT", 3).unwrap();
        known.block(&ONE, "mallory").unwrap();
        known.block(&ONE, "mallory").unwrap();
        let mut known = Known::load(home.path()).unwrap();
        assert!(known.is_blocked(&ONE, "mallory"));
        assert!(!known.is_blocked(&ONE, "alice") && !known.is_blocked(&OTHER, "mallory"));
        assert_eq!(known.standing(&ONE, "Example IT"), Standing::Known);
        for number in 1..MAX_BLOCKED {
            known.block(&OTHER, &number.to_string()).unwrap();
        }
        let error = known.block(&OTHER, "one more").unwrap_err();
        assert!(matches!(error, KnownError::TooManyBlocked { .. }));
    }

    #[test]
    fn another_key_of_the_same_organisation_is_known_and_the_old_one_is_over() {
        const NEW: PublicKey = PublicKey::from_bytes([3; 32]);
        let home = tempfile::tempdir().unwrap();
        let mut known = Known::load(home.path()).unwrap();
        known.remember(&ONE, "Example IT", 3).unwrap();
        known.block(&ONE, "mallory").unwrap();
        known.succeed(&ONE, &NEW).unwrap();
        let mut known = Known::load(home.path()).unwrap();
        assert_eq!(known.standing(&NEW, "Example IT"), Standing::Known);
        assert_eq!((known.min_serial(&NEW), known.today(&ONE)), (3, NEW));
        assert!(known.is_blocked(&NEW, "mallory"));
        assert_eq!(known.standing(&ONE, "Example IT"), Standing::NameOfAnother);
        // Another step, and no circle.
        known.succeed(&NEW, &OTHER).unwrap();
        assert_eq!((known.today(&ONE), known.today(&NEW)), (OTHER, OTHER));
        known.succeed(&OTHER, &ONE).unwrap();
        assert_eq!(known.today(&OTHER), known.today(&ONE));
    }

    #[test]
    fn a_damaged_file_is_named_and_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(FILE), "{").unwrap();
        let error = Known::load(home.path()).unwrap_err();
        assert!(matches!(error, KnownError::Damaged { .. }));
    }

    #[test]
    fn the_memory_is_bounded() {
        let home = tempfile::tempdir().unwrap();
        let mut known = Known::load(home.path()).unwrap();
        for number in 0..MAX_KNOWN {
            let entry = Organisation { name: "x".repeat(MAX_NAME), serial: u64::MAX };
            let key = PublicKey::from_bytes([u8::try_from(number).unwrap(); 32]);
            known.content.organisations.insert(key.to_string(), entry);
        }
        known.write(&known.content).unwrap();
        let mut known = Known::load(home.path()).unwrap();
        let mut stranger = [0; 32];
        stranger[0] = 1;
        let error = known.remember(&PublicKey::from_bytes(stranger), "y", 1).unwrap_err();
        assert!(matches!(error, KnownError::Full { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("agent");
        let mut known = Known::load(&folder).unwrap();
        known.remember(&ONE, "Example IT", 1).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
    }
}
