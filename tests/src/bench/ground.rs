//! A relay process with a policy of ours, and somebody enrolled there whose key the light ends use.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use deskside_protocol::policy::Recording;
use tempfile::TempDir;

use crate::light::Access;
use crate::relay::Relay;
use crate::technician::Technician;

/// What every measurement stands on.
pub(super) struct Ground {
    pub(super) relay: Relay,
    pub(super) access: Arc<Access>,
    folder: TempDir,
}

impl Ground {
    /// A relay in a fresh folder under `under`, which records or not.
    pub(super) fn new(under: &Path, rule: Recording) -> anyhow::Result<Self> {
        // All of a bench's ends are at one address, which stands for many.
        Self::with(under, rule, &["--unlimited", "127.0.0.0/8"])
    }

    /// As [`Self::new`], with words of one's own for `serve`.
    pub(super) fn with(under: &Path, rule: Recording, words: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(under).context("make a folder")?;
        let relay = Relay::start_with(&folder.path().join("relay"), words)?;
        let alice = Technician::enrolled(&folder.path().join("alice"), relay.token()?)?;
        relay.change_policy(|policy| policy.recording = rule)?;
        let ticket = alice.ticket("A bench")?;
        let access = Arc::new(Access::read(alice.home(), ticket)?);
        Ok(Self { relay, access, folder })
    }

    /// The technician.
    pub(super) fn technician(&self) -> Technician {
        Technician::new(&self.home())
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
