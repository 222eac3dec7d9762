//! A relay process with a policy of ours, and somebody enrolled there whose key the light ends use.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use data_encoding::{BASE64, HEXLOWER};
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::record::Signed;
use prost::Message as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::relay::Relay;
use crate::technician::Technician;

/// What every measurement stands on.
pub(super) struct Ground {
    pub(super) relay: Relay,
    pub(super) access: Arc<Access>,
    folder: TempDir,
}

/// What the light ends need to meet at a relay.
pub(super) struct Access {
    pub(super) link: JoinLink,
    pub(super) key: SigningKey,
    pub(super) certificate: Signed,
    pub(super) ticket: String,
}

impl Ground {
    /// A relay in a fresh folder under `under`, which records or not.
    pub(super) fn new(under: &Path, rule: Recording) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(under).context("make a folder")?;
        let relay = Relay::start(&folder.path().join("relay"))?;
        let alice = Technician::enrolled(&folder.path().join("alice"), relay.token()?)?;
        relay.change_policy(|policy| policy.recording = rule)?;
        let ticket = alice.ticket("A bench")?;
        let access = Arc::new(Access::read(alice.home(), ticket)?);
        Ok(Self { relay, access, folder })
    }

    /// The technician's folder.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("alice")
    }

    /// CPU seconds of the relay so far.
    pub(super) fn relay_cpu(&self) -> anyhow::Result<f64> {
        super::watch::cpu(self.relay.process.id())
    }
}

impl Access {
    /// What enrolling left in the technician's folder.
    pub(super) fn read(home: &Path, ticket: String) -> anyhow::Result<Self> {
        let text = fs::read_to_string(home.join("key")).context("read a key")?;
        let seed = HEXLOWER.decode(text.trim().as_bytes()).context("read a key")?;
        let seed: [u8; 32] = seed.try_into().ok().context("read a key")?;
        let account = fs::read(home.join("account.json")).context("read an account")?;
        let account: Value = serde_json::from_slice(&account).context("read an account")?;
        let text = |name: &str| account[name].as_str().context("read an account");
        let certificate =
            BASE64.decode(text("certificate")?.as_bytes()).context("read a certificate")?;
        Ok(Self {
            link: text("join")?.parse().context("read a join link")?,
            key: SigningKey::from_seed(seed.into()),
            certificate: Signed::decode(certificate.as_slice()).context("read a certificate")?,
            ticket,
        })
    }
}
