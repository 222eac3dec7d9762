//! A technician at an agent's door, step by step.

use anyhow::bail;
use deskside_link::Leg;
use deskside_link::leg::Signals;
use deskside_link::random::System;
use deskside_protocol::code::Code;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::pairing::Paired;
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::session::End;
use deskside_protocol::wire::signal::{
    Confirmed, Join, Joined, PairingAnswer, PairingOffer, signal::Kind,
};

use super::{Access, Half, channel, said};

/// A technician at the door of an agent, before his offer.
#[allow(missing_debug_implementations, reason = "holds a code")]
pub struct Joining {
    signals: Signals,
    link: JoinLink,
    code: Code,
    /// What the agent parked.
    pub joined: Joined,
}

impl Joining {
    /// Asks the relay for whoever shows `code`.
    ///
    /// # Errors
    /// Where the relay refuses.
    pub async fn knock(access: &Access, leg: &Leg, code: &Code) -> anyhow::Result<Self> {
        let mut signals = leg.open().await?;
        let nameplate = code.nameplate().to_string();
        signals.send(Kind::Join(Join { nameplate, ticket: access.ticket.clone() })).await?;
        let Kind::Joined(joined) = said(&mut signals).await? else {
            bail!("the relay did not join")
        };
        Ok(Self { signals, link: access.link.clone(), code: code.clone(), joined })
    }

    /// An honest offer of whoever has `access`, with the wish for `grants`.
    ///
    /// # Errors
    /// Where the agent parked what is no half of a pairing.
    pub fn offer(
        &self,
        access: &Access,
        grants: GrantSet,
    ) -> anyhow::Result<(Offered, PairingOffer)> {
        let channel = channel(&self.link, &self.signals)?;
        let request = Request {
            certificate: &access.certificate,
            ticket: &access.ticket,
            subject: &self.joined.subject,
            grants,
        };
        let (code, joined) = (&self.code, &self.joined);
        let random = &mut System::new();
        Ok(Offered::start(code, &channel, joined, &access.key, request, random)?)
    }

    /// Sends an offer of whatever kind, and gives what comes back.
    ///
    /// # Errors
    /// Where the relay refuses.
    pub async fn ask(&mut self, offer: PairingOffer) -> anyhow::Result<Kind> {
        self.signals.send(Kind::PairingOffer(offer)).await?;
        said(&mut self.signals).await
    }

    /// Checks the answer, confirms it, and takes the session.
    ///
    /// # Errors
    /// Where the answer is not the agent's, or the relay gives no session.
    pub async fn confirm(
        mut self,
        offered: Offered,
        answer: &PairingAnswer,
    ) -> anyhow::Result<Half> {
        let paired = confirm(&mut self.signals, offered, answer).await?;
        Half::begin(&self.link, End::Technician, self.signals, paired).await
    }
}

async fn confirm(
    signals: &mut Signals,
    offered: Offered,
    answer: &PairingAnswer,
) -> anyhow::Result<Paired> {
    let (paired, _answered) = offered.receive(answer)?;
    signals.send(Kind::Confirmed(Confirmed {})).await?;
    Ok(paired)
}
