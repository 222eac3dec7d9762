//! What the two ends agreed on when they were paired: the same for every line of the session, and
//! after a restart of this program.

use std::time::Duration;

use anyhow::Context as _;
use deskside_link::attend::{Attendee, Given};
use deskside_link::line::Plan;
use deskside_link::random::System;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::identity::rotation::follow_authority;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::pairing::Paired;
use deskside_protocol::pairing::agent::Technician;
use deskside_protocol::policy::{Policy, PolicyError};
use deskside_protocol::reattach::TOKEN;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::statement::Parties;
use deskside_protocol::transcript::HASH;
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::PolicyNow;

use super::{Agent, now};
use crate::SOFTWARE;
use crate::consent::Visitor;
use crate::gate::Record;
use crate::kept::Kept;

/// What came of a pairing.
pub(super) struct Met {
    pub(super) session: SessionId,
    pub(super) paired: Paired,
    pub(super) technician: Technician,
    pub(super) policy: Policy,
    pub(super) signed_policy: Signed,
}

#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub(super) struct Bond {
    pub(super) session: SessionId,
    session_key: SigningKey,
    peer_key: PublicKey,
    transcript: [u8; HASH],
    /// Where the relay is.
    relay: JoinLink,
    /// Where else it may be.
    elsewhere: Vec<String>,
    pub(super) policy: Policy,
    signed_policy: Signed,
    pub(super) visitor: Visitor,
    /// What the technician signed to wish for.
    pub(super) requested: GrantSet,
}

impl Bond {
    /// Of a pairing that has just come about.
    pub(super) fn made(agent: &Agent, met: Met) -> Self {
        let certificate = met.technician.certificate;
        let policy = met.policy;
        let relay = agent.settings.relay.clone();
        let visitor = Visitor {
            standing: agent.known.standing(&relay.organisation, &policy.organisation),
            organisation: policy.organisation.clone(),
            name: certificate.name,
            login: certificate.login,
            ticket: met.technician.ticket,
            subject: met.technician.subject,
        };
        Self {
            session: met.session,
            session_key: met.paired.session_key,
            peer_key: met.paired.peer_key,
            transcript: met.paired.transcript_hash,
            elsewhere: policy.relays.clone(),
            relay,
            policy,
            signed_policy: met.signed_policy,
            visitor,
            requested: met.technician.requested,
        }
    }

    /// Of an earlier process. The relay is looked for where it is now said to be, too, and known by the
    /// keys of then: one that has others by now proves it. A policy that ended meanwhile still rules
    /// the session that was paired under it.
    pub(super) fn kept(kept: &Kept, link: &JoinLink) -> Result<Self, PolicyError> {
        let JoinLink { organisation, node, .. } = kept.relay;
        let relay = JoinLink { organisation, node, ..link.clone() };
        let policy = Policy::open_at_any_time(&kept.policy, &organisation)?;
        let mut elsewhere = policy.relays.clone();
        if kept.relay.origin() != relay.origin() {
            elsewhere.insert(0, kept.relay.origin());
        }
        Ok(Self {
            session: kept.session,
            session_key: kept.session_key.clone(),
            peer_key: kept.peer_key,
            transcript: kept.transcript,
            relay,
            elsewhere,
            policy,
            signed_policy: kept.policy.clone(),
            visitor: kept.visitor.clone(),
            requested: kept.requested,
        })
    }

    /// What the relay says of the policy in the middle of the session: what it is now, where the
    /// organisation has signed that and it is no older one.
    pub(super) fn policy_now(&self, now: &PolicyNow) -> anyhow::Result<Policy> {
        let organisation = follow_authority(&self.relay.organisation, &now.organisations)?;
        let signed = now.policy.as_ref().context("find a policy")?;
        let policy = Policy::open_at_any_time(signed, &organisation)?;
        let (serial, seen) = (policy.serial, self.policy.serial);
        if serial < seen { Err(PolicyError::Stale { serial, seen }.into()) } else { Ok(policy) }
    }

    /// For a restart of this program.
    pub(super) fn to_keep(&self, token: [u8; TOKEN], lease: Record) -> Kept {
        let written = now();
        Kept {
            relay: self.relay.clone(),
            session: self.session,
            session_key: self.session_key.clone(),
            peer_key: self.peer_key,
            transcript: self.transcript,
            token,
            policy: self.signed_policy.clone(),
            visitor: self.visitor.clone(),
            requested: self.requested,
            lease,
            written,
            ends: written.saturating_add(self.policy.grace_seconds.into()),
        }
    }

    /// How long the session waits for an end that was lost.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.policy.grace_seconds.into())
    }

    /// We, as the relay will know us again. A leg shows a key; an agent's is thrown away with the
    /// process and names nobody.
    pub(super) fn attendee(&self, token: [u8; TOKEN]) -> Attendee {
        Attendee {
            end: End::Agent,
            session_key: self.session_key.clone(),
            binding: Binding { session: self.session, transcript: self.transcript },
            node: self.relay.node,
            token,
            leg_key: SigningKey::generate(&mut System::new()),
            link: self.relay.clone(),
            relays: self.elsewhere.clone(),
            grace: self.grace(),
            software: SOFTWARE.to_owned(),
        }
    }

    /// Who states to whom what went over a line.
    pub(super) fn parties(&self) -> Parties {
        let (session, end) = (self.session, End::Agent);
        Parties { session, end, key: self.session_key.clone(), peer: self.peer_key }
    }

    /// One line of the session.
    pub(super) const fn plan(&self, given: &Given) -> Plan<'_> {
        self.plan_with(given.own, given.peer)
    }

    /// A line by these labels.
    pub(super) const fn plan_with(&self, own: Label, peer: Label) -> Plan<'_> {
        Plan { own, peer, key: &self.session_key, peer_key: self.peer_key }
    }
}
