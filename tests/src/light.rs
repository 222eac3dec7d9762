//! Ends without a screen, a person or a disk: what an agent and a technician's program say to the
//! relay and to each other, and nothing else, so that the relay is what is measured. `hostile` makes
//! liars of them.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use deskside_link::attend::{Attendee, Given};
use deskside_link::leg::Signals;
use deskside_link::line::{self, Line, Listener, Plan};
use deskside_link::random::System;
use deskside_link::{Leg, line::LineError};
use deskside_protocol::code::{Code, LIFETIME_SECONDS, Nameplate};
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::pairing::Paired;
use deskside_protocol::pairing::agent::{Checks, Waiting};
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::recording::Binding;
use deskside_protocol::session::End;
use deskside_protocol::statement::Statement;
use deskside_protocol::transcript::{ChannelIdentifier, policy_hash};
use deskside_protocol::wire::record::{Reason, Signed};
use deskside_protocol::wire::signal::{
    Confirmed, EndSession, Join, Joined, Open, PairingAnswer, PairingOffer, signal::Kind,
};
use deskside_protocol::witness::Witness;
use prost::Message as _;
use serde_json::Value;

/// How the light ends name themselves.
const SOFTWARE: &str = "deskside-bench/0";
/// The relay has this long for each answer: a bench that waits longer measures nothing.
const STEP: Duration = Duration::from_secs(30);
/// The relay cannot open a seal, so anything of a seal's usual length will do.
const SEAL: [u8; 700] = [b'a'; 700];

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

/// One end of a session.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Half {
    signals: Signals,
    witness: Witness,
    paired: Paired,
    /// What the relay gave.
    pub given: Given,
}

/// Both ends of a session.
#[allow(missing_debug_implementations, reason = "holds secret keys")]
pub struct Met {
    /// The public part of the code by which they met.
    pub nameplate: String,
    /// The agent's.
    pub agent: Half,
    /// The technician's.
    pub technician: Half,
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

    /// Makes the line to an agent that waits for it.
    ///
    /// # Errors
    /// Where it does not come about.
    pub async fn dial(&mut self, leg: &Leg) -> anyhow::Result<Line> {
        let line = line::dial(&leg.lines(), &self.plan()).await?;
        self.seal().await?;
        Ok(line)
    }

    /// As [`Half::dial`], without a seal.
    ///
    /// # Errors
    /// Where it does not come about.
    pub async fn dial_unsealed(&self, leg: &Leg) -> anyhow::Result<Line> {
        Ok(line::dial(&leg.lines(), &self.plan()).await?)
    }

    /// Takes the line of a technician's program that dials.
    ///
    /// # Errors
    /// Where it does not come about.
    pub async fn take(&mut self, leg: &Leg) -> anyhow::Result<Line> {
        let listener = Listener::bind(&leg.lines(), self.given.own)?;
        let line = listener.accept(&self.plan()).await?;
        self.seal().await?;
        Ok(line)
    }

    /// This agent, as it would come back to its session.
    #[must_use]
    pub fn attendee(&self, link: &JoinLink) -> Attendee {
        Attendee {
            end: End::Agent,
            session_key: self.paired.session_key.clone(),
            binding: Binding {
                session: self.given.session,
                transcript: self.paired.transcript_hash,
            },
            node: link.node,
            token: self.given.token,
            leg_key: SigningKey::generate(&mut System::new()),
            link: link.clone(),
            relays: Vec::new(),
            grace: STEP,
            software: SOFTWARE.to_owned(),
        }
    }

    /// The other end's key.
    #[must_use]
    pub const fn peer_key(&self) -> PublicKey {
        self.paired.peer_key
    }

    /// The first statement of this end on its line, after `change`; signed by `key`, where that is
    /// another than the session's.
    #[must_use]
    pub fn states(
        &self,
        end: End,
        line: &Line,
        key: Option<&SigningKey>,
        change: impl FnOnce(&mut Statement),
    ) -> Signed {
        let mut statement = Statement {
            session: self.given.session,
            end,
            line: self.given.line,
            number: 0,
            previous: None,
            secrets: line.secrets().sha256(),
            time_us: 0,
            heard: None,
            checkpoint: None,
            streams: Vec::new(),
            datagrams: None,
            last: false,
        };
        change(&mut statement);
        statement.sign(key.unwrap_or(&self.paired.session_key))
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
    ///
    /// # Errors
    /// Where the relay does not close it.
    pub async fn end(mut self) -> anyhow::Result<()> {
        let reason = Reason::TechnicianEnded as i32;
        self.technician.signals.send(Kind::EndSession(EndSession { reason })).await?;
        tokio::try_join!(self.agent.closed(), self.technician.closed())?;
        Ok(())
    }

    /// Makes the line, and gives both ends of it: the agent's, the technician's.
    ///
    /// # Errors
    /// Where it does not come about.
    pub async fn line(&mut self, agent: &Leg, technician: &Leg) -> anyhow::Result<(Line, Line)> {
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
