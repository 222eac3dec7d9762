//! The auditor's age identity: the only key that opens recordings. It is made here and never
//! leaves this folder; the relay learns its recipient.
//!
//! While a relay has not yet said whether it is needed it waits under another name, so that no
//! crash can leave recordings sealed to a key that nobody holds.

use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use anyhow::Context as _;
use zeroize::Zeroizing;

use super::private;

const KEPT: &str = "auditor.age-identity";
const WAITING: &str = "auditor.age-identity.waiting";

/// The identity, in its file, as `age -d -i` reads it.
#[derive(Debug, Clone)]
pub struct AuditorIdentity {
    folder: PathBuf,
}

impl AuditorIdentity {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where it is kept, once it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(KEPT)
    }

    /// Whether this folder holds an auditor's identity.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.path().exists()
    }

    /// The recipient to register: of the identity that is kept, that waits, or of a new one that
    /// now waits.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn recipient(&self) -> anyhow::Result<Recipient> {
        for name in [KEPT, WAITING] {
            if let Some(text) = private::read(&self.folder.join(name))? {
                return Ok(parse(&text).with_context(|| format!("read {name}"))?.to_public());
            }
        }
        let identity = Identity::generate();
        private::write(&self.folder.join(WAITING), text_of(&identity).as_bytes())?;
        Ok(identity.to_public())
    }

    /// Ends the waiting: keeps the identity where the policy lists it, else wipes it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn settle(&self, listed: bool) -> anyhow::Result<()> {
        let waiting = self.folder.join(WAITING);
        let settled = match (waiting.exists(), listed) {
            (false, _) => Ok(()),
            (true, true) => std::fs::rename(&waiting, self.path()),
            (true, false) => std::fs::remove_file(&waiting),
        };
        settled.context("settle the auditor's identity")
    }
}

/// The first X25519 identity of an age identity file.
fn parse(text: &[u8]) -> anyhow::Result<Identity> {
    let text = std::str::from_utf8(text).context("parse an age identity")?;
    let key = text.lines().map(str::trim).find(|line| line.starts_with("AGE-SECRET-KEY-1"));
    let parsed = key.context("find an age identity")?.parse();
    parsed.map_err(|fault: &str| anyhow::anyhow!(fault))
}

/// The shape that `age-keygen` writes.
fn text_of(identity: &Identity) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "# Opens recordings of Deskside. Keep a copy where the relay's people cannot read it.\n\
         # public key: {}\n{}\n",
        identity.to_public(),
        identity.to_string().expose_secret(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_waits_until_the_policy_lists_it() {
        let folder = tempfile::tempdir().unwrap();
        let auditor = AuditorIdentity::at(folder.path());
        let recipient = auditor.recipient().unwrap().to_string();
        assert_eq!(auditor.recipient().unwrap().to_string(), recipient, "the same one waits");
        assert!(!auditor.is_kept());
        auditor.settle(true).unwrap();
        assert!(auditor.is_kept());
        assert_eq!(auditor.recipient().unwrap().to_string(), recipient);
        auditor.settle(false).unwrap();
        assert!(auditor.is_kept(), "what is kept is never wiped");
    }

    #[test]
    fn an_identity_that_nobody_needs_is_wiped() {
        let folder = tempfile::tempdir().unwrap();
        let auditor = AuditorIdentity::at(folder.path());
        auditor.recipient().unwrap();
        auditor.settle(false).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn age_itself_reads_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let auditor = AuditorIdentity::at(folder.path());
        let recipient = auditor.recipient().unwrap();
        auditor.settle(true).unwrap();
        let sealed = age::encrypt(&recipient, b"secrets").unwrap();
        let file =
            age::IdentityFile::from_file(auditor.path().to_str().unwrap().to_owned()).unwrap();
        let identities = file.into_identities().unwrap();
        let opened = age::Decryptor::new(sealed.as_slice()).unwrap();
        let mut text = Vec::new();
        let mut reader = opened.decrypt(identities.iter().map(|i| i.as_ref() as _)).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
        assert_eq!(text, b"secrets");
    }
}
