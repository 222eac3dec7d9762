//! The relay over a leg.

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::signal::RecordingFetch;
use deskside_protocol::wire::signal::signal::Kind;

use super::Relay;

/// A leg.
#[derive(Debug)]
pub struct Dialled;

/// Dials.
///
/// # Errors
/// Exit 6 where nobody answers, 7 where it is another relay.
#[allow(clippy::unused_async, reason = "wired with the leg")]
pub async fn dial(_join: &JoinLink, _key: &SigningKey) -> anyhow::Result<Dialled> {
    anyhow::bail!("not wired to the leg yet")
}

impl Relay for Dialled {
    type Body = tokio::io::Empty;

    async fn ask(&mut self, _: Kind) -> anyhow::Result<Kind> {
        anyhow::bail!("not wired to the leg yet")
    }

    async fn fetch(&mut self, _: RecordingFetch) -> anyhow::Result<(Kind, Self::Body)> {
        anyhow::bail!("not wired to the leg yet")
    }
}
