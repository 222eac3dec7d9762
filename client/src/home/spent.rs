//! Codes that were tried from here. A code is good for one pairing run; typing a refused one again
//! gives nobody a second guess, so this program refuses it by itself for as long as it could live.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use deskside_protocol::code::Code;
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};

use super::private;

/// How long a code is remembered, in seconds: its 10 minutes of life and 10 of rest.
pub(super) const REMEMBERED_SECONDS: u64 = 20 * 60;
/// The most codes remembered: one a second for the whole time. The oldest goes first.
const MAX_CODES: usize = 1200;

/// The list, in its file.
#[derive(Debug, Clone)]
pub struct SpentCodes {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    salt: String,
    codes: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    hash: String,
    until: u64,
}

impl SpentCodes {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Takes `code` for one pairing run at `now` (seconds since the epoch): false where it was
    /// taken before. Two programs at once cannot both get true.
    ///
    /// # Errors
    /// What the disk says; then the code must not be tried.
    pub fn claim(&self, code: &Code, now: u64) -> anyhow::Result<bool> {
        let _lock = self.lock()?;
        let mut stored = self.load()?;
        stored.codes.retain(|entry| entry.until > now);
        let hash = hashed(&stored.salt, code);
        if stored.codes.iter().any(|entry| entry.hash == hash) {
            return Ok(false);
        }
        if stored.codes.len() >= MAX_CODES {
            stored.codes.remove(0);
        }
        stored.codes.push(Entry { hash, until: now.saturating_add(REMEMBERED_SECONDS) });
        let text = serde_json::to_vec(&stored).context("write the list of spent codes")?;
        private::write(&self.path(), &text)?;
        Ok(true)
    }

    /// Whether `code` was taken before, without taking it: to say so before anyone is dialled.
    ///
    /// # Errors
    /// What the disk says.
    pub fn contains(&self, code: &Code, now: u64) -> anyhow::Result<bool> {
        let stored = self.load()?;
        let hash = hashed(&stored.salt, code);
        Ok(stored.codes.iter().any(|entry| entry.until > now && entry.hash == hash))
    }

    fn path(&self) -> PathBuf {
        self.folder.join("spent-codes.json")
    }

    /// Held until dropped; the file itself is replaced, so it cannot carry the lock.
    fn lock(&self) -> anyhow::Result<File> {
        let file =
            File::create(self.folder.join("spent-codes.lock")).context("open a lock file")?;
        file.lock().context("wait for the list of spent codes")?;
        Ok(file)
    }

    /// A list that is missing or damaged starts afresh: it is a second line of defence, the
    /// user's computer spends codes itself.
    fn load(&self) -> anyhow::Result<Stored> {
        let text = private::read(&self.path())?;
        match text.and_then(|text| serde_json::from_slice(&text).ok()) {
            Some(stored) => Ok(stored),
            None => Ok(Stored { salt: salt()?, codes: Vec::new() }),
        }
    }
}

fn salt() -> anyhow::Result<String> {
    let mut salt = [0; 16];
    let filled = ring::rand::SystemRandom::new().fill(&mut salt);
    filled.map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(HEXLOWER.encode(&salt))
}

fn hashed(salt: &str, code: &Code) -> String {
    let fields = deskside_protocol::lv::encode(&[salt.as_bytes(), code.digits()]);
    HEXLOWER.encode(digest(&SHA256, &fields).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Code {
        Code::parse(text).ok().unwrap()
    }

    /// Any eleven digits with the check digit that fits.
    fn codes() -> impl Iterator<Item = Code> {
        (10_000_000_000_u64..)
            .flat_map(|body| (0..10).map(move |check| body * 10 + check))
            .filter_map(|number| Code::parse(&number.to_string()).ok())
    }

    #[test]
    fn a_code_is_taken_once_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let spent = SpentCodes::at(folder.path());
        let first = codes().next().unwrap();
        assert!(!spent.contains(&first, 100).unwrap());
        assert!(spent.claim(&first, 100).unwrap());
        assert!(spent.contains(&first, 100).unwrap());
        assert!(!spent.claim(&code(&first.grouped()), 100 + REMEMBERED_SECONDS - 1).unwrap());
        assert!(spent.claim(&first, 100 + REMEMBERED_SECONDS).unwrap());
        let text = std::fs::read_to_string(folder.path().join("spent-codes.json")).unwrap();
        assert!(!text.contains(std::str::from_utf8(first.digits()).unwrap()));
    }

    #[test]
    fn the_list_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let spent = SpentCodes::at(folder.path());
        let codes_of = (0..MAX_CODES).map(|n| Entry { hash: n.to_string(), until: 1000 }).collect();
        let full = Stored { salt: String::new(), codes: codes_of };
        private::write(&spent.path(), &serde_json::to_vec(&full).unwrap()).unwrap();
        assert!(spent.claim(&codes().next().unwrap(), 10).unwrap());
        assert_eq!(spent.load().unwrap().codes.len(), MAX_CODES);
    }
}
