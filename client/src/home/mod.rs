//! This person's own folder: long-term key, account, auditor's identity, spent codes, open
//! sessions. Owner-only, every file written whole or not at all. Nothing here talks to anyone.

mod account;
mod auditor;
mod kept;
mod log;
pub mod private;
mod runtime;
mod spent;

pub use account::Account;
pub use auditor::AuditorIdentity;
pub use kept::{Claim, Kept, KeptSessions};
pub use spent::SpentCodes;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use deskside_link::tails::Tails;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::SigningKey;
use zeroize::Zeroizing;

use crate::failure::Failure;

const KEY: &str = "key";
const ACCOUNT: &str = "account.json";

/// What of the environment decides where things are.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DESKSIDE_HOME`.
    pub home: Option<OsString>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<OsString>,
}

impl Environment {
    /// The process's own. An empty variable counts as none.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self { home: variable("DESKSIDE_HOME"), runtime: variable("XDG_RUNTIME_DIR") }
    }
}

/// The configuration folder.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
    environment: Environment,
}

impl Home {
    /// Opens the folder, and makes it (0700) where it is missing.
    ///
    /// # Errors
    /// A folder that cannot be made, is another user's, or that others may write to.
    pub fn open(environment: Environment) -> anyhow::Result<Self> {
        let folder = match &environment.home {
            Some(home) => std::path::absolute(home).context("find DESKSIDE_HOME")?,
            None => directories::ProjectDirs::from("", "", "deskside")
                .context("this account has no home folder: set DESKSIDE_HOME")?
                .config_dir()
                .to_owned(),
        };
        private::folder(&folder, private::Others::MayLook)?;
        Ok(Self { folder, environment })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The long-term key, if there is one.
    ///
    /// # Errors
    /// A file that cannot be read or is no key.
    pub fn key(&self) -> anyhow::Result<Option<SigningKey>> {
        let path = self.folder.join(KEY);
        let Some(text) = private::read(&path)? else { return Ok(None) };
        let text = std::str::from_utf8(&text).unwrap_or_default().trim();
        let seed = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).unwrap_or_default());
        let seed: [u8; 32] = seed
            .as_slice()
            .try_into()
            .map_err(|_| Failure::new(Exit::Other, format!("{} is not a key", path.display())))?;
        Ok(Some(SigningKey::from_seed(Zeroizing::new(seed))))
    }

    /// Keeps the long-term key.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_key(&self, key: &SigningKey) -> anyhow::Result<()> {
        let text = Zeroizing::new(HEXLOWER.encode(key.seed().as_ref()) + "\n");
        private::write(&self.folder.join(KEY), text.as_bytes())
    }

    /// The account, if this person has enrolled.
    ///
    /// # Errors
    /// A file that cannot be read or is no account.
    pub fn account(&self) -> anyhow::Result<Option<Account>> {
        let path = self.folder.join(ACCOUNT);
        let Some(text) = private::read(&path)? else { return Ok(None) };
        let account = Account::parse(&text);
        account.with_context(|| format!("read {}", path.display())).map(Some)
    }

    /// Keeps the account.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_account(&self, account: &Account) -> anyhow::Result<()> {
        private::write(&self.folder.join(ACCOUNT), account.to_text()?.as_bytes())
    }

    /// Remembers that a policy of `serial` was seen, so that no older one is taken again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_policy_serial(&self, serial: u64) -> anyhow::Result<()> {
        match self.account()? {
            Some(account) if account.policy_serial < serial => {
                self.keep_account(&Account { policy_serial: serial, ..account })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Key and account of somebody who has enrolled.
    ///
    /// # Errors
    /// Exit 3 for somebody who has not.
    pub fn enrolled(&self) -> anyhow::Result<(SigningKey, Account)> {
        match (self.key()?, self.account()?) {
            (Some(key), Some(account)) => Ok((key, account)),
            _ => {
                let sentence = "you are not enrolled on this computer: run deskside enroll TOKEN with the token from whoever runs your relay";
                Err(Failure::new(Exit::Refused, sentence).into())
            }
        }
    }

    /// Keeps a note that could not be written to its ticket, and says where.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_note(&self, session: &str, text: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join("notes");
        private::folder(&folder, private::Others::KeepOut)?;
        let path = folder.join(format!("{session}.txt"));
        private::write(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The note of `session` is on its ticket by now: one that was kept is not needed.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget_note(&self, session: &str) -> anyhow::Result<()> {
        let path = self.folder.join("notes").join(format!("{session}.txt"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The auditor's identity of this folder.
    #[must_use]
    pub fn auditor(&self) -> AuditorIdentity {
        AuditorIdentity::at(&self.folder)
    }

    /// The codes that were tried from this folder.
    #[must_use]
    pub fn spent_codes(&self) -> SpentCodes {
        SpentCodes::at(&self.folder)
    }

    /// The sessions that are open, for the case that this program dies.
    ///
    /// # Errors
    /// A folder that is another user's or open to others.
    pub fn kept_sessions(&self) -> anyhow::Result<KeptSessions> {
        KeptSessions::at(&self.folder)
    }

    /// What was stated in each session: its last words stay here.
    #[must_use]
    pub fn tails(&self) -> Tails {
        Tails::in_folder(self.folder.join("tails"))
    }

    /// The folder of control sockets, made where it is missing.
    ///
    /// # Errors
    /// A folder that is another user's or open to others.
    pub fn runtime(&self) -> anyhow::Result<PathBuf> {
        let folder = runtime::folder(&self.folder, &self.environment);
        private::folder(&folder, private::Others::KeepOut)?;
        Ok(folder)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::account::tests::{certificate_of, join, key};
    pub(crate) use super::kept::tests::kept;
    use super::*;
    use crate::failure::exit_of;

    pub(crate) fn home_in(folder: &Path) -> Home {
        let home = Some(folder.join("home").into_os_string());
        Home::open(Environment { home, runtime: None }).unwrap()
    }

    #[test]
    fn a_key_comes_back_and_is_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        assert!(home.key().unwrap().is_none());
        let key = SigningKey::from_seed(Zeroizing::new([5; 32]));
        home.keep_key(&key).unwrap();
        assert_eq!(home.key().unwrap().unwrap().public(), key.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode =
                |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(home.path().join(KEY)), 0o600);
            assert_eq!(mode(home.path().to_owned()), 0o700);
            assert_eq!(mode(home.runtime().unwrap()), 0o700);
        }
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        std::fs::write(home.path().join(KEY), "zz").unwrap();
        assert!(home.key().err().unwrap().to_string().contains("is not a key"));
    }

    #[test]
    fn a_note_is_kept_until_it_is_on_its_ticket() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        home.forget_note("00").unwrap();
        let path = home.keep_note("00", "text").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        home.forget_note("00").unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn somebody_unknown_is_told_to_enrol() {
        let folder = tempfile::tempdir().unwrap();
        let error = home_in(folder.path()).enrolled().err().unwrap();
        assert_eq!(exit_of(&error), Exit::Refused);
        assert!(error.to_string().contains("deskside enroll"));
    }
}
