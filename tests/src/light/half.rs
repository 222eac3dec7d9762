//! An end that has met the other one, and both of them.

use anyhow::{bail, ensure};
use bytes::Bytes;
use deskside_link::attend::{Attendee, Given};
use deskside_link::leg::Signals;
use deskside_link::line::{self, Line, Listener, Plan};
use deskside_link::random::System;
use deskside_link::{Leg, line::LineError};
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::pairing::Paired;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::End;
use deskside_protocol::statement::Statement;
use deskside_protocol::wire::record::{Reason, Signed};
use deskside_protocol::wire::signal::{EndSession, signal::Kind};
use deskside_protocol::witness::Witness;

use super::{SOFTWARE, STEP, said};

/// The relay cannot open a seal, so anything of a seal's usual length will do.
const SEAL: [u8; 700] = [b'a'; 700];

/// One end of a session.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Half {
    pub(super) signals: Signals,
    witness: Witness,
    pub(super) paired: Paired,
    /// Number of the last files line; 0: there was none.
    pub(super) files: u32,
    /// What the relay gave.
    pub given: Given,
}

impl Half {
    pub(super) async fn begin(
        link: &JoinLink,
        end: End,
        mut signals: Signals,
        paired: Paired,
    ) -> anyhow::Result<Self> {
        let Kind::Session(session) = said(&mut signals).await? else { bail!("no session came") };
        let given = Given::read(&session)?;
        let binding = Binding { session: given.session, transcript: paired.transcript_hash };
        let witness = Witness::new(end, paired.session_key.clone(), link.node, binding);
        Ok(Self { signals, witness, paired, files: 0, given })
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
        let mut statement =
            Statement::first(self.given.session, end, self.given.line, line.secrets().sha256());
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
    pub(super) async fn heard(&mut self, said: Kind) -> anyhow::Result<()> {
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
