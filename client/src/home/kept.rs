//! Sessions that are open, as they are kept for the case that this program dies: one owner-only
//! file each, rewritten now and then, removed when the session ends in order.
//!
//! A file is a line with the session's secret key and a JSON text. A lock beside it says that a
//! living program holds the session; the file itself is replaced and cannot carry it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::{BASE64, HEXLOWER};
use deskside_protocol::exit::Exit;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::reattach::TOKEN;
use deskside_protocol::session::SessionId;
use deskside_protocol::transcript::HASH;
use deskside_protocol::wire::record::Signed;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::private;
use crate::failure::Failure;
use crate::note::Record;

/// Behind a session's id in the names of its file and of its lock.
const FILE: &str = ".session";
const LOCK: &str = ".lock";
/// The largest file: a full record has 1,152 entries of 320 bytes, each of which JSON may write
/// as six.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// The most sessions that are looked at: as many as a day has, ten times.
const MAX_SESSIONS: usize = 100;

/// A session as it is kept.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
#[derive(Clone)]
pub struct Kept {
    /// The session.
    pub session: SessionId,
    /// Our key for it.
    pub session_key: SigningKey,
    /// The agent's.
    pub peer_key: PublicKey,
    /// What both ends agreed on when they paired.
    pub transcript_hash: [u8; HASH],
    /// The relay's node key.
    pub node: PublicKey,
    /// Locates the session at the relay.
    pub token: [u8; TOKEN],
    /// The policy under which the session began, as it was signed.
    pub policy: Signed,
    /// The ticket's number.
    pub ticket: String,
    /// What it is about.
    pub subject: String,
    /// What the technician wished for.
    pub requested: GrantSet,
    /// Whether the session is for looking only.
    pub view_only: bool,
    /// Whether the relay records.
    pub recorded: bool,
    /// When the program was last known to live, in seconds since the epoch.
    pub alive: u64,
    /// How long the session waits from then on, in seconds.
    pub grace: u64,
    /// What happened so far.
    pub record: Record,
}

/// The JSON part.
#[derive(Serialize, Deserialize)]
struct Stored {
    session: String,
    peer_key: String,
    transcript: String,
    node: String,
    token: String,
    policy: String,
    ticket: String,
    subject: String,
    requested: u32,
    view_only: bool,
    recorded: bool,
    alive: u64,
    grace: u64,
    record: Record,
}

impl Kept {
    /// When the session ends if nobody comes back to it, in seconds since the epoch.
    #[must_use]
    pub const fn ends(&self) -> u64 {
        self.alive.saturating_add(self.grace)
    }

    fn to_bytes(&self) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
        let stored = Stored {
            session: self.session.to_string(),
            peer_key: self.peer_key.to_string(),
            transcript: hex(&self.transcript_hash),
            node: self.node.to_string(),
            token: hex(&self.token),
            policy: BASE64.encode(&self.policy.encode_to_vec()),
            ticket: self.ticket.clone(),
            subject: self.subject.clone(),
            requested: self.requested.bits(),
            view_only: self.view_only,
            recorded: self.recorded,
            alive: self.alive,
            grace: self.grace,
            record: self.record.clone(),
        };
        let text = serde_json::to_vec(&stored).context("write the session")?;
        let secret = Zeroizing::new(hex(self.session_key.seed().as_ref()));
        // Sized beforehand: a buffer that grows leaves a copy of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len() + 1 + text.len()));
        bytes.extend_from_slice(secret.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&text);
        Ok(bytes)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let at = bytes.iter().position(|byte| *byte == b'\n')?;
        let (secret, text) = bytes.split_at_checked(at)?;
        let secret = Zeroizing::new(HEXLOWER.decode(secret).ok()?);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(secret.as_slice()).ok()?);
        let stored: Stored = serde_json::from_slice(text).ok()?;
        let key = |text: &str| PublicKey::try_from(unhex(text)?.as_slice()).ok();
        let policy = BASE64.decode(stored.policy.as_bytes()).ok()?;
        Some(Self {
            session: stored.session.parse().ok()?,
            session_key: SigningKey::from_seed(seed),
            peer_key: key(&stored.peer_key)?,
            transcript_hash: unhex(&stored.transcript)?.try_into().ok()?,
            node: key(&stored.node)?,
            token: unhex(&stored.token)?.try_into().ok()?,
            policy: Signed::decode(policy.as_slice()).ok()?,
            ticket: stored.ticket,
            subject: stored.subject,
            requested: GrantSet::from_bits(stored.requested),
            view_only: stored.view_only,
            recorded: stored.recorded,
            alive: stored.alive,
            grace: stored.grace,
            record: stored.record,
        })
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(text.as_bytes()).ok()
}

/// The folder of sessions that are kept.
#[derive(Debug, Clone)]
pub struct KeptSessions {
    folder: PathBuf,
}

/// The right to a session that is kept: no other program has it meanwhile.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    lock: PathBuf,
    /// Held until dropped.
    _held: File,
}

impl KeptSessions {
    /// Makes the folder where it is missing.
    pub(super) fn at(home: &Path) -> anyhow::Result<Self> {
        let folder = home.join("sessions");
        private::folder(&folder, private::Others::KeepOut)?;
        Ok(Self { folder })
    }

    /// Takes `session`; `None` while another program holds it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn claim(&self, session: &str) -> anyhow::Result<Option<Claim>> {
        let lock = self.folder.join(format!("{session}{LOCK}"));
        let held = File::create(&lock).context("open a lock file")?;
        match held.try_lock() {
            Ok(()) => {
                let path = self.folder.join(format!("{session}{FILE}"));
                Ok(Some(Claim { path, lock, _held: held }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("take a lock"),
        }
    }

    /// The ids of sessions that are kept, by whomever they are held.
    ///
    /// # Errors
    /// What the disk says.
    pub fn ids(&self) -> anyhow::Result<Vec<String>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder).context("list the kept sessions")? {
            let name = entry.context("list the kept sessions")?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(FILE));
            if let Some(id) = id.filter(|id| id.parse::<SessionId>().is_ok())
                && ids.len() < MAX_SESSIONS
            {
                ids.push(id.to_owned());
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// The sessions of programs that died. Files that cannot be read are left out.
    ///
    /// # Errors
    /// What the disk says.
    pub fn orphans(&self) -> anyhow::Result<Vec<Kept>> {
        let mut orphans = Vec::new();
        for id in self.ids()? {
            let Some(claim) = self.claim(&id)? else { continue };
            match claim.read() {
                Ok(kept) => orphans.extend(kept),
                Err(error) => tracing::debug!(error = format!("{error:#}"), "a kept session"),
            }
        }
        Ok(orphans)
    }
}

impl Claim {
    /// The session as it was last kept; `None` where it is kept no more.
    ///
    /// # Errors
    /// What the disk says, or a file that is damaged.
    pub fn read(&self) -> anyhow::Result<Option<Kept>> {
        let Some(bytes) = private::read_up_to(&self.path, MAX_FILE)? else { return Ok(None) };
        let damaged = || {
            let path = self.path.display();
            let sentence = format!("{path} is damaged, and its session is lost: remove the file");
            Failure::new(Exit::Other, sentence)
        };
        Ok(Some(Kept::parse(&bytes).ok_or_else(damaged)?))
    }

    /// Keeps the session as it is now, whole or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&self, kept: &Kept) -> anyhow::Result<()> {
        private::write(&self.path, &kept.to_bytes()?)
    }

    /// The session is over: nothing of it stays.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(self) -> anyhow::Result<()> {
        for path in [&self.path, &self.lock] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "kept_tests.rs"]
pub(crate) mod tests;
