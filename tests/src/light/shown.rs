//! An agent whose code waits for somebody.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use deskside_link::Leg;
use deskside_link::leg::Signals;
use deskside_link::random::System;
use deskside_protocol::code::{Code, LIFETIME_SECONDS, Nameplate};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::pairing::agent::{Checks, Waiting};
use deskside_protocol::session::End;
use deskside_protocol::wire::signal::{Open, signal::Kind};

use super::{Half, channel, said};

/// An agent whose code waits at the relay.
#[allow(missing_debug_implementations, reason = "holds a code")]
pub struct Shown {
    signals: Signals,
    waiting: Waiting,
    /// What a person would read aloud.
    pub code: Code,
}

impl Shown {
    /// Opens a code on a leg of its own or of several.
    ///
    /// # Errors
    /// Where the relay does not play its part.
    pub async fn open(link: &JoinLink, leg: &Leg) -> anyhow::Result<Self> {
        let mut signals = leg.open().await?;
        signals.send(Kind::Open(Open {})).await?;
        let Kind::Opened(opened) = said(&mut signals).await? else { bail!("no code was opened") };
        let code = Code::generate(Nameplate::parse(&opened.nameplate)?, &mut System::new());
        let channel = channel(link, &signals)?;
        let allow = GrantSet::all();
        let (waiting, park) = Waiting::start(&code, channel, allow, &mut System::new())?;
        signals.send(Kind::Park(park)).await?;
        let Kind::Parked(_) = said(&mut signals).await? else { bail!("no code was parked") };
        Ok(Self { signals, waiting, code })
    }

    /// Waits until the code has expired. Gives its public part.
    ///
    /// # Errors
    /// Where the relay says something else, or nothing for a minute more than a code lives.
    pub async fn expired(mut self) -> anyhow::Result<String> {
        let patience = Duration::from_secs(u64::from(LIFETIME_SECONDS) + 60);
        let said = tokio::time::timeout(patience, self.signals.receive()).await;
        let said = said.context("a code does not expire")??;
        let expired = matches!(said, Kind::CodeEnded(ended) if ended.expired);
        ensure!(expired, "a code that waits hears something else");
        Ok(self.code.nameplate().to_string())
    }

    /// Answers whoever has the code, and takes the session.
    ///
    /// # Errors
    /// Where nobody comes, or somebody who has not.
    pub async fn answer(self, link: &JoinLink) -> anyhow::Result<Half> {
        let Self { mut signals, waiting, .. } = self;
        let Kind::PairingOffer(offer) = said(&mut signals).await? else { bail!("no offer came") };
        let revocations = signals.welcome.revocations.clone().context("find revocations")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let checks = Checks { now, revocations: &revocations };
        let (paired, _, answer) = waiting.receive(&offer, checks)?;
        signals.send(Kind::PairingAnswer(answer)).await?;
        Half::begin(link, End::Agent, signals, paired).await
    }
}
