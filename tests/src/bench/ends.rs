//! Ends without a screen, a person or a disk: what an agent and a technician's program say to the
//! relay and to each other, and nothing else, so that the relay is what is measured.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use deskside_link::attend::Given;
use deskside_link::leg::Signals;
use deskside_link::line::{self, Line, Listener, Plan};
use deskside_link::random::System;
use deskside_link::{Leg, line::LineError};
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::pairing::Paired;
use deskside_protocol::pairing::agent::{Checks, Waiting};
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::recording::Binding;
use deskside_protocol::session::End;
use deskside_protocol::transcript::{ChannelIdentifier, policy_hash};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{
    Confirmed, EndSession, Join, Joined, Open, PairingAnswer, signal::Kind,
};
use deskside_protocol::witness::Witness;

use super::ground::Access;

/// How the light ends name themselves.
const SOFTWARE: &str = "deskside-bench/0";
/// The relay has this long for each answer: a bench that waits longer measures nothing.
const STEP: Duration = Duration::from_secs(30);
/// The relay cannot open a seal, so anything of a seal's usual length will do.
const SEAL: [u8; 700] = [b'a'; 700];

/// A leg of its own, as every agent has one.
pub(super) async fn agent_leg(access: &Access) -> anyhow::Result<Leg> {
    let key = SigningKey::generate(&mut System::new());
    Leg::dial(&access.link, &key, SOFTWARE).await.context("dial as an agent")
}

/// A leg of the technician's.
pub(super) async fn technician_leg(access: &Access) -> anyhow::Result<Leg> {
    Leg::dial(&access.link, &access.key, SOFTWARE).await.context("dial as a technician")
}

/// One end of a session.
pub(super) struct Half {
    signals: Signals,
    witness: Witness,
    paired: Paired,
    pub(super) given: Given,
}

/// Both ends of a session.
pub(super) struct Met {
    pub(super) agent: Half,
    pub(super) technician: Half,
}

/// Opens a code on the agent's leg, and joins it on the technician's.
pub(super) async fn pair(access: &Access, agent: &Leg, technician: &Leg) -> anyhow::Result<Met> {
    let mut shown = Shown::open(&access.link, agent).await?;
    let mut signals = technician.open().await?;
    let channel = channel(&access.link, &signals)?;
    let nameplate = shown.code.nameplate().to_string();
    signals.send(Kind::Join(Join { nameplate, ticket: access.ticket.clone() })).await?;
    let Kind::Joined(joined) = said(&mut signals).await? else { bail!("the relay did not join") };
    let (offered, offer) = offer(access, &shown.code, &channel, &joined)?;
    signals.send(Kind::PairingOffer(offer)).await?;
    let agreed = shown.answer().await?;
    let Kind::PairingAnswer(answer) = said(&mut signals).await? else { bail!("no answer came") };
    let paired = confirm(&mut signals, offered, &answer).await?;
    Ok(Met {
        agent: Half::begin(&access.link, End::Agent, shown.signals, agreed).await?,
        technician: Half::begin(&access.link, End::Technician, signals, paired).await?,
    })
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

/// An agent whose code waits at the relay.
struct Shown {
    signals: Signals,
    /// Spent by the first answer.
    waiting: Option<Waiting>,
    code: Code,
}

impl Shown {
    async fn open(link: &JoinLink, leg: &Leg) -> anyhow::Result<Self> {
        let mut signals = leg.open().await?;
        signals.send(Kind::Open(Open {})).await?;
        let Kind::Opened(opened) = said(&mut signals).await? else { bail!("no code was opened") };
        let code = Code::generate(Nameplate::parse(&opened.nameplate)?, &mut System::new());
        let channel = channel(link, &signals)?;
        let allow = GrantSet::all();
        let (waiting, park) = Waiting::start(&code, channel, allow, &mut System::new())?;
        signals.send(Kind::Park(park)).await?;
        let Kind::Parked(_) = said(&mut signals).await? else { bail!("no code was parked") };
        Ok(Self { signals, waiting: Some(waiting), code })
    }

    async fn answer(&mut self) -> anyhow::Result<Paired> {
        let Kind::PairingOffer(offer) = said(&mut self.signals).await? else {
            bail!("no offer came");
        };
        let revocations = self.signals.welcome.revocations.clone().context("find revocations")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let checks = Checks { now, revocations: &revocations };
        let waiting = self.waiting.take().context("spend a code")?;
        let (paired, _, answer) = waiting.receive(&offer, checks)?;
        self.signals.send(Kind::PairingAnswer(answer)).await?;
        Ok(paired)
    }
}

fn offer(
    access: &Access,
    code: &Code,
    channel: &ChannelIdentifier,
    joined: &Joined,
) -> anyhow::Result<(Offered, deskside_protocol::wire::signal::PairingOffer)> {
    let request = Request {
        certificate: &access.certificate,
        ticket: &access.ticket,
        subject: &joined.subject,
        grants: GrantSet::all(),
    };
    Ok(Offered::start(code, channel, joined, &access.key, request, &mut System::new())?)
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

impl Half {
    async fn begin(
        link: &JoinLink,
        end: End,
        mut signals: Signals,
        paired: Paired,
    ) -> anyhow::Result<Self> {
        let Kind::Session(session) = said(&mut signals).await? else { bail!("no session came") };
        let given = Given::read(&session)?;
        let binding = Binding { session: given.session, transcript: paired.transcript_hash };
        let witness = Witness::new(end, paired.session_key.clone(), link.node, binding);
        Ok(Self { signals, witness, paired, given })
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            own: self.given.own,
            peer: self.given.peer,
            key: &self.paired.session_key,
            peer_key: self.paired.peer_key,
        }
    }

    /// Hands over a seal, where the relay records, and waits for its receipt.
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes is signed or refused")]
    async fn seal(&mut self) -> anyhow::Result<()> {
        if !self.given.recorded {
            return Ok(());
        }
        let seal = self.witness.seal(self.given.line, Bytes::from_static(&SEAL));
        self.signals.send(Kind::Seal(seal)).await?;
        loop {
            match said(&mut self.signals).await? {
                Kind::Receipt(receipt) => return Ok(self.witness.receipt(&receipt)?),
                other => self.heard(other).await?,
            }
        }
    }

    /// Signs whatever comes until the session is closed.
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes is signed or refused")]
    async fn closed(&mut self) -> anyhow::Result<()> {
        loop {
            match said(&mut self.signals).await? {
                Kind::Closed(_) => return Ok(()),
                other => self.heard(other).await?,
            }
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes is not for a bench")]
    async fn heard(&mut self, said: Kind) -> anyhow::Result<()> {
        match said {
            Kind::Checkpoint(checkpoint) => {
                let signed = self.witness.checkpoint(&checkpoint.note)?;
                self.signals.send(Kind::EndSignature(signed)).await?;
            }
            Kind::CloseProposal(proposal) => {
                let signed = self.witness.close(&proposal)?;
                self.signals.send(Kind::CloseSignature(signed)).await?;
            }
            Kind::Peer(_) => {}
            other => bail!("that does not belong into a bench: {other:?}"),
        }
        Ok(())
    }
}

impl Met {
    /// The technician ends the session; both sign its closing.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        let reason = Reason::TechnicianEnded as i32;
        self.technician.signals.send(Kind::EndSession(EndSession { reason })).await?;
        tokio::try_join!(self.agent.closed(), self.technician.closed())?;
        Ok(())
    }

    /// Makes the line, and gives both ends of it: the agent's, the technician's.
    pub(super) async fn line(
        &mut self,
        agent: &Leg,
        technician: &Leg,
    ) -> anyhow::Result<(Line, Line)> {
        let listener = Listener::bind(&agent.lines(), self.agent.given.own)?;
        let (plan, peer) = (self.agent.plan(), self.technician.plan());
        let through = technician.lines();
        let lines = tokio::try_join!(listener.accept(&plan), line::dial(&through, &peer));
        let lines = lines.map_err(|error: LineError| error)?;
        tokio::try_join!(self.agent.seal(), self.technician.seal())?;
        ensure!(self.agent.given.session == self.technician.given.session, "two sessions");
        Ok(lines)
    }
}
