//! The recording that is meant, as a file: one that lies here, or a copy from a page or from the relay
//! that goes again afterwards. The relay logs who asked and why before it hands out a byte.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::session::SessionId;
use tempfile::TempDir;

use super::bundle;
use super::judge::organisation;
use super::seals::{self, Identities};
use super::tape::Tape;
use super::{Wish, fetch, log};
use crate::arrival::{Arrived, arrive};
use crate::cli::SourceArgs;
use crate::failure::Failure;
use crate::home::Home;
use crate::ledger::catch_up;
use crate::relay::Relay as _;

/// A recording's file, with its proof beside it where there is one.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    /// Where it is a copy, what goes with it.
    _copy: Option<TempDir>,
}

impl Source {
    /// Finds the recording, or fetches it for the purpose `kind`.
    ///
    /// # Errors
    /// Exit 2 where a session is given without a reason, and the relay's refusal. A file that is not
    /// there is found out by who opens it.
    pub(super) async fn find(args: &SourceArgs, home: &Home, kind: Access) -> anyhow::Result<Self> {
        let path = Path::new(&args.recording);
        if bundle::is_page(path) {
            let (folder, path) = bundle::unpack(path)?;
            return Ok(Self { path, _copy: Some(folder) });
        }
        if path.exists() || args.recording.parse::<SessionId>().is_err() {
            return Ok(Self { path: path.to_owned(), _copy: None });
        }
        let wish = Wish::new(&args.recording, args.reader.reason.as_deref().unwrap_or_default())?;
        let Arrived { account, mut leg, .. } = arrive(home).await?;
        let folder = tempfile::tempdir().context("make room for the recording")?;
        let path = folder.path().join("recording.dsr");
        let fetched = async {
            catch_up(home, &mut leg, &account.join.node).await?;
            fetch(&mut leg, &wish, &path, kind).await?;
            if let Some(proof) = log::proof(&mut leg, wish.session()).await? {
                log::keep(&path, &proof)?;
            }
            anyhow::Ok(())
        };
        let fetched = fetched.await;
        leg.bye().await;
        fetched?;
        Ok(Self { path, _copy: Some(folder) })
    }

    /// Where it lies, as long as this lives.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Judges it and opens its seals. Blocks.
    ///
    /// # Errors
    /// As [`Tape::open`]; exit 2 for an identity or an organisation's key that is none.
    pub(super) fn tape(&self, args: &SourceArgs, home: &Home) -> anyhow::Result<Tape> {
        opened(&self.path, args, home)
    }
}

/// As [`Source::tape`], of a file that somebody else keeps there.
///
/// # Errors
/// As [`Source::tape`].
pub(super) fn opened(path: &Path, args: &SourceArgs, home: &Home) -> anyhow::Result<Tape> {
    let known = organisation(args.reader.org.as_deref(), home)?;
    Tape::open(path, known, &identities(args.reader.identity.as_deref(), home)?)
}

/// Those of the file that was named, else one's own.
fn identities(file: Option<&Path>, home: &Home) -> anyhow::Result<Identities> {
    if let Some(file) = file {
        return seals::identities(file);
    }
    let own = home.auditor();
    if !own.is_kept() {
        let sentence = "only an auditor can read a recording: --identity AGE_IDENTITY_FILE says which \
                        one you are";
        return Err(Failure::new(Exit::Usage, sentence).into());
    }
    seals::identities(&own.path())
}
