//! Ends without a screen, a person or a disk: what an agent and a technician's program say to the
//! relay and to each other, and nothing else, so that the relay is what is measured. `hostile` makes
//! liars of them.

mod files;
mod half;
mod joining;
mod shown;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use data_encoding::{BASE64, HEXLOWER};
use deskside_link::Leg;
use deskside_link::leg::Signals;
use deskside_link::random::System;
use deskside_protocol::code::Code;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::transcript::{ChannelIdentifier, policy_hash};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::signal::Kind;
use prost::Message as _;
use serde_json::Value;

pub use self::half::{Half, Met};
pub use self::joining::Joining;
pub use self::shown::Shown;

/// How the light ends name themselves.
const SOFTWARE: &str = "deskside-bench/0";

/// The relay has this long for each answer: a bench that waits longer measures nothing.
const STEP: Duration = Duration::from_secs(30);

/// A leg of its own, as every agent has one.
///
/// # Errors
/// Where the relay is not there.
pub async fn agent_leg(access: &Access) -> anyhow::Result<Leg> {
    let key = SigningKey::generate(&mut System::new());
    Leg::dial(&access.link, &key, SOFTWARE).await.context("dial as an agent")
}

/// A leg of the technician's.
///
/// # Errors
/// Where the relay is not there.
pub async fn technician_leg(access: &Access) -> anyhow::Result<Leg> {
    Leg::dial(&access.link, &access.key, SOFTWARE).await.context("dial as a technician")
}

/// What the light ends need to meet at a relay.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Access {
    /// Where the relay is.
    pub link: JoinLink,
    /// The technician's long-term key.
    pub key: SigningKey,
    /// And certificate.
    pub certificate: Signed,
    /// What all sessions are about.
    pub ticket: String,
}

impl Access {
    /// What enrolling left in a technician's folder.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn read(home: &Path, ticket: String) -> anyhow::Result<Self> {
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

/// Opens a code on the agent's leg, and joins it on the technician's.
///
/// # Errors
/// Where the relay does not play its part.
pub async fn pair(access: &Access, agent: &Leg, technician: &Leg) -> anyhow::Result<Met> {
    let shown = Shown::open(&access.link, agent).await?;
    let code = shown.code.clone();
    let both = tokio::try_join!(shown.answer(&access.link), join(access, technician, &code));
    let (agent, technician) = both?;
    Ok(Met { nameplate: code.nameplate().to_string(), agent, technician })
}

/// Joins whoever shows `code`, as the technician.
///
/// # Errors
/// Where relay or agent refuse.
pub async fn join(access: &Access, leg: &Leg, code: &Code) -> anyhow::Result<Half> {
    let mut joining = Joining::knock(access, leg, code).await?;
    let (offered, offer) = joining.offer(access, GrantSet::all())?;
    let Kind::PairingAnswer(answer) = joining.ask(offer).await? else { bail!("no answer came") };
    joining.confirm(offered, &answer).await
}

async fn said(signals: &mut Signals) -> anyhow::Result<Kind> {
    let said = tokio::time::timeout(STEP, signals.receive()).await;
    Ok(said.context("the relay took too long")??)
}

fn channel(link: &JoinLink, signals: &Signals) -> anyhow::Result<ChannelIdentifier> {
    let policy = signals.welcome.policy.as_ref().context("find the policy")?;
    Ok(ChannelIdentifier {
        relay_origin: signals.welcome.relay_origin.clone(),
        node_key: link.node,
        organisation_key: link.organisation,
        policy_hash: policy_hash(policy),
    })
}
