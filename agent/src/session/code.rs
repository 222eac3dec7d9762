//! Codes: one after the other, each good for one run, until a technician proves to have it.

use std::time::Duration;

use anyhow::Context as _;
use deskside_link::Leg;
use deskside_link::attend::Given;
use deskside_link::leg::{LegError, Signals};
use deskside_link::random::System;
use deskside_protocol::code::{Code, Nameplate};
use deskside_protocol::pairing::agent::{Checks, Technician, Waiting};
use deskside_protocol::pairing::{Paired, PairingError};
use deskside_protocol::policy::Policy;
use deskside_protocol::transcript::{ChannelIdentifier, policy_hash};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::{Open, PairingFailed, PairingOffer, signal::Kind};

use super::bond::{Bond, Met};
use super::wishes::unheard;
use super::{Agent, now};
use crate::events::Event;
use crate::wish::{Wish, Wishes};

/// Failed runs after which the next code waits for a key press.
const MAX_FAILED: u32 = 3;
/// Where nobody is there to wish the next code waits this long instead.
const UNATTENDED_PAUSE: Duration = Duration::from_secs(60);
/// The relay ends a code; this much later we no longer believe that it will.
const EXPIRY_SLACK: Duration = Duration::from_secs(15);
/// The relay has this long for each step of a pairing.
const STEP: Duration = Duration::from_secs(45);

/// A technician who proved to have the code, and the session that the relay gave for it.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub(super) struct Meeting {
    pub(super) signals: Signals,
    pub(super) given: Given,
    pub(super) bond: Bond,
}

/// What became of one code.
enum Run {
    Met(Box<Meeting>),
    Expired,
    /// Somebody tried and could not prove it.
    Failed(Failed),
}

/// Why a run failed.
struct Failed {
    /// In plain words.
    reason: String,
    wrong_code: bool,
}

/// Shows codes until a technician proves to have one.
pub(super) async fn meet(agent: &Agent, leg: &Leg, wishes: &mut Wishes) -> anyhow::Result<Meeting> {
    let mut failed = 0;
    loop {
        let run = tokio::select! {
            run = one_code(agent, leg) => run?,
            never = unheard(wishes, &agent.show) => match never {},
        };
        match run {
            Run::Met(meeting) => return Ok(*meeting),
            Run::Expired => agent.show.tell(&Event::CodeExpired),
            Run::Failed(Failed { reason, wrong_code }) => {
                agent.show.tell(&Event::PairingFailed { reason: &reason, wrong_code });
                failed += 1;
            }
        }
        if failed >= MAX_FAILED {
            failed = 0;
            agent.show.tell(&Event::PressEnter);
            wishes.forget();
            next_code(wishes).await;
        }
    }
}

/// Waits until the user wishes for the next code, or a while where nobody is there to.
async fn next_code(wishes: &mut Wishes) {
    loop {
        match wishes.next().await {
            Some(Wish::NextCode) => return,
            Some(Wish::Stop) => std::future::pending().await,
            // Without a session it comes to nothing.
            Some(_) => {}
            None => return tokio::time::sleep(UNATTENDED_PAUSE).await,
        }
    }
}

async fn one_code(agent: &Agent, leg: &Leg) -> anyhow::Result<Run> {
    let mut signals = leg.open().await?;
    signals.send(Kind::Open(Open {})).await?;
    let Kind::Opened(opened) = step(&mut signals).await? else {
        return Err(LegError::Unexpected.into());
    };
    let nameplate = Nameplate::parse(&opened.nameplate).map_err(|_| LegError::Unexpected)?;
    let code = Code::generate(nameplate, &mut System::new());
    let mut shown = Shown::park(agent, &mut signals, &code).await?;
    let Kind::Parked(_) = step(&mut signals).await? else {
        return Err(LegError::Unexpected.into());
    };
    agent.show.tell(&Event::Code { code: &code, expires_in: opened.expires_in });

    let lifetime = Duration::from_secs(opened.expires_in.into()) + EXPIRY_SLACK;
    let offer = tokio::time::timeout(lifetime, shown.offer(agent, &mut signals, &code)).await;
    let Some(offer) = offer.unwrap_or(Ok(None))? else { return Ok(Run::Expired) };
    drop(code);
    let Shown { waiting, policy, signed_policy } = shown;
    match answer(&mut signals, waiting, &offer).await? {
        Some(Ok((paired, technician, given))) => {
            let session = given.session;
            let met = Met { session, paired, technician, policy, signed_policy };
            let bond = Bond::made(agent, met);
            Ok(Run::Met(Box::new(Meeting { signals, given, bond })))
        }
        Some(Err(failed)) => Ok(Run::Failed(failed)),
        None => {
            let reason = "the session did not come about".to_owned();
            Ok(Run::Failed(Failed { reason, wrong_code: false }))
        }
    }
}

/// A code on the screen, and our half of its run at the relay.
struct Shown {
    waiting: Waiting,
    policy: Policy,
    signed_policy: Signed,
}

impl Shown {
    /// Parks our half under the policy that the relay told last.
    async fn park(agent: &Agent, signals: &mut Signals, code: &Code) -> anyhow::Result<Self> {
        let link = &agent.settings.relay;
        let signed = signals.welcome.policy.as_ref().context("the relay sent no policy")?;
        let seen = agent.known.min_serial(&link.organisation);
        let policy = Policy::open(signed, &link.organisation, now(), seen)?;
        let channel = ChannelIdentifier {
            relay_origin: signals.welcome.relay_origin.clone(),
            node_key: link.node,
            organisation_key: link.organisation,
            policy_hash: policy_hash(signed),
        };
        let (waiting, park) = Waiting::start(code, channel, agent.allow, &mut System::new())?;
        let signed_policy = signed.clone();
        signals.send(Kind::Park(park)).await?;
        Ok(Self { waiting, policy, signed_policy })
    }

    /// Waits for a technician's offer; `None` once the relay has ended the code. A change of policy
    /// meanwhile is no reason for another code: nobody has had a try at this one.
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn offer(
        &mut self,
        agent: &Agent,
        signals: &mut Signals,
        code: &Code,
    ) -> anyhow::Result<Option<PairingOffer>> {
        loop {
            match signals.receive().await? {
                Kind::PairingOffer(offer) => return Ok(Some(offer)),
                Kind::CodeEnded(_) => return Ok(None),
                Kind::Renew(renew) => {
                    signals.welcome.policy = renew.policy;
                    signals.welcome.revocations = renew.revocations;
                    *self = Self::park(agent, signals, code).await?;
                }
                _ => return Err(LegError::Unexpected.into()),
            }
        }
    }
}

/// What a run leads to, or why it failed.
type Agreed = Result<(Paired, Technician, Given), Failed>;

/// Spends the code and checks the offer. `None` where the technician's program did not confirm.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
async fn answer(
    signals: &mut Signals,
    waiting: Waiting,
    offer: &PairingOffer,
) -> anyhow::Result<Option<Agreed>> {
    let revocations = signals.welcome.revocations.clone().unwrap_or_default();
    let checks = Checks { now: now(), revocations: &revocations };
    let (paired, technician, answer) = match waiting.receive(offer, checks) {
        Ok(agreed) => agreed,
        Err(error) => {
            let failed = PairingFailed { cause: error.cause(), text: String::new() };
            signals.send(Kind::PairingFailed(failed)).await?;
            signals.sender.finish();
            let wrong_code = error == PairingError::WrongCode;
            return Ok(Some(Err(Failed { reason: error.to_string(), wrong_code })));
        }
    };
    signals.send(Kind::PairingAnswer(answer)).await?;
    match step(signals).await? {
        Kind::Session(session) => Ok(Some(Ok((paired, technician, Given::read(&session)?)))),
        Kind::CodeEnded(_) => Ok(None),
        _ => Err(LegError::Unexpected.into()),
    }
}

/// The relay's next signal, in the middle of something.
async fn step(signals: &mut Signals) -> anyhow::Result<Kind> {
    let said = tokio::time::timeout(STEP, signals.receive()).await;
    Ok(said.context("the relay took too long")??)
}
