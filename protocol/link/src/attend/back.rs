//! Coming back to a session: several legs are dialled, on the first that stands the end proves that
//! the session is its own, and the relay says where the session is now.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::PublicKey;
use deskside_protocol::label::Label;
use deskside_protocol::reattach::{Claim, NONCE};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Challenge, Proof, Reattach, signal::Kind};
use quinn::Connection;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::presence::{Do, Presence};
use super::{AttendError, Attendee, Given, ResumeError};
use crate::leg::{self, DialError, Dialler, Greeting, Leg, LegError, Signals};
use crate::random::System;

/// A relay has this long from `Reattach` to `Session`.
const PROOF_TIMEOUT: Duration = Duration::from_secs(5);
/// Dials under way at once: one every two seconds, each given up after ten.
const MAX_DIALS: usize = 8;

/// A session that was found again.
pub(super) struct Returned {
    pub(super) leg: Leg,
    pub(super) signals: Signals,
    pub(super) given: Given,
}

/// What became of coming back so far.
pub(super) enum Step {
    /// A leg stands, and is proved now.
    Reached,
    /// A dial failed; others go on.
    Unreached(DialError),
    /// The session is here.
    Returned(Box<Returned>),
    /// What was reached did not lead to the session.
    Failed(ResumeError),
}

/// Coming back. All tasks end with this.
pub(super) struct Return {
    attendee: Arc<Attendee>,
    /// Where the relay may be.
    links: Vec<JoinLink>,
    /// Whether another line is asked for.
    fresh_line: bool,
    /// Each gives the node key too by which the relay was known.
    dials: JoinSet<Result<(Connection, Dialler, PublicKey), DialError>>,
    proofs: JoinSet<Result<Returned, ResumeError>>,
    /// The session as it was, where we know.
    held: Option<Given>,
}

impl Return {
    pub(super) fn new(attendee: Arc<Attendee>, fresh_line: bool) -> Self {
        let links = links(&attendee.link, &attendee.relays);
        let (dials, proofs) = (JoinSet::new(), JoinSet::new());
        Self { attendee, links, fresh_line, dials, proofs, held: None }
    }

    /// Dials the relay at the place whose turn it is, in another task.
    pub(super) fn dial(&mut self, dialler: &Dialler, turn: usize) {
        let places = self.links.len();
        let (place, address) = (turn.checked_rem(places), turn.checked_div(places));
        let (Some(place), Some(address)) = (place, address) else { return };
        let Some(link) = self.links.get(place).cloned() else { return };
        if self.dials.len() >= MAX_DIALS {
            return;
        }
        let (dialler, attendee) = (dialler.clone(), self.attendee.clone());
        self.dials.spawn(async move {
            let mut node = link.node;
            let greeting = Greeting::new(&link, &attendee.leg_key)?;
            let connection = match dialler.dial(&link, &greeting, address).await {
                Err(DialError::WrongRelay { origin }) => {
                    // The session goes on under the node key that it began with.
                    let moved = leg::again(&dialler, &link, address, &attendee.software).await;
                    let link = moved.ok_or(DialError::WrongRelay { origin })?;
                    let greeting = Greeting::new(&link, &attendee.leg_key)?;
                    node = link.node;
                    dialler.dial(&link, &greeting, address).await?
                }
                dialled => dialled?,
            };
            Ok((connection, dialler, node))
        });
    }

    /// Breaks off: the old leg is there after all.
    pub(super) fn stay(&mut self) {
        self.dials = JoinSet::new();
    }

    /// What happens next; waits for ever where nothing is under way. Loses nothing when cancelled.
    pub(super) async fn next(&mut self, held: Option<Given>) -> Step {
        self.held = held;
        loop {
            tokio::select! {
                Some(dialled) = self.dials.join_next() => match dialled {
                    Ok(Ok((connection, dialler, node))) => {
                        self.prove(connection, dialler, node);
                        return Step::Reached;
                    }
                    Ok(Err(error)) => return Step::Unreached(error),
                    Err(error) => tracing::debug!(%error, "a dial broke off"),
                },
                Some(proved) = self.proofs.join_next() => match proved {
                    Ok(Ok(returned)) => return Step::Returned(Box::new(returned)),
                    Ok(Err(error)) => return Step::Failed(error),
                    Err(error) => {
                        tracing::debug!(%error, "a proof broke off");
                        return Step::Failed(AttendError::Unexpected.into());
                    }
                },
                else => std::future::pending().await,
            }
        }
    }

    /// The other dials are given up: of two proofs the relay takes the newer, and it has to be the
    /// one that we use.
    fn prove(&mut self, connection: Connection, dialler: Dialler, node: PublicKey) {
        self.dials = JoinSet::new();
        self.proofs = JoinSet::new();
        let link = JoinLink { node, ..self.attendee.link.clone() };
        let leg = Leg::new(link, connection, dialler, &self.attendee.software);
        let (attendee, fresh_line, held) = (self.attendee.clone(), self.fresh_line, self.held);
        self.proofs.spawn(async move {
            let reattached = reattach(&leg, &attendee, fresh_line, held);
            let reattached = tokio::time::timeout(PROOF_TIMEOUT, reattached).await;
            let (signals, given) = reattached.map_err(|_| AttendError::TimedOut)??;
            Ok(Returned { leg, signals, given })
        });
    }
}

/// Goes on with the session of a program that is no more, until the grace time is over.
pub(super) async fn resume(
    attendee: Arc<Attendee>,
    fresh_line: bool,
) -> Result<Returned, ResumeError> {
    let mut presence = Presence::away(attendee.grace, Instant::now());
    let mut back = Return::new(attendee, fresh_line);
    // Whichever family the relay turns out to have, the socket follows.
    let dialler = Dialler::bind((Ipv4Addr::UNSPECIFIED, 0).into()).map_err(DialError::from)?;
    let mut last = None;
    loop {
        while let Some(due) = presence.poll(Instant::now(), &mut System::new()) {
            match due {
                Do::Dial(turn) => back.dial(&dialler, turn),
                Do::GiveUp(_) => return Err(last.unwrap_or(AttendError::TimedOut.into())),
                Do::Tell(_) | Do::Nudge | Do::Stay | Do::Resend => {}
            }
        }
        let step = tokio::select! {
            step = back.next(None) => step,
            () = at(presence.poll_timeout()) => continue,
        };
        match step {
            Step::Reached => presence.handle_proving(true),
            Step::Unreached(error) => last = Some(error.into()),
            Step::Returned(returned) => return Ok(*returned),
            Step::Failed(error) if error.is_final() => return Err(error),
            Step::Failed(error) => {
                presence.handle_proving(false);
                last = Some(error);
            }
        }
    }
}

/// Until then; for ever where there is no time.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl ResumeError {
    /// Whether another leg would lead to the same.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::Ended(_) | Self::Gone => true,
            Self::Attend(error) => matches!(error, AttendError::Unexpected),
            Self::Dial(_) => false,
        }
    }
}

/// The greetings, the token, the proof; then what the relay gives for the session.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
async fn reattach(
    leg: &Leg,
    attendee: &Attendee,
    fresh_line: bool,
    held: Option<Given>,
) -> Result<(Signals, Given), ResumeError> {
    let mut signals = leg.open().await.map_err(refused)?;
    let token = Bytes::copy_from_slice(&attendee.token);
    signals.send(Kind::Reattach(Reattach { token, fresh_line })).await.map_err(refused)?;
    let mut claimed = None;
    loop {
        match signals.receive().await.map_err(refused)? {
            Kind::Challenge(challenge) => {
                let label = Label::from_bytes(&challenge.label).ok_or(AttendError::Unexpected)?;
                claimed = Some(label);
                let proof = prove(leg, attendee, label, &challenge)?;
                signals.send(proof).await.map_err(refused)?;
            }
            Kind::Session(session) => {
                let given = Given::read(&session)?;
                // A later line may have come about behind the challenge.
                let later = fresh_line || held.is_some_and(|held| given.line > held.line);
                let ours = given.session == attendee.binding.session
                    && (later || claimed.is_none_or(|label| label == given.own))
                    && held.is_none_or(|held| given.follows(&held));
                if !ours {
                    return Err(AttendError::Unexpected.into());
                }
                return Ok((signals, given));
            }
            Kind::Closed(closed) => return Err(ResumeError::Ended(closed)),
            _ => return Err(AttendError::Unexpected.into()),
        }
    }
}

/// The answer to a node's challenge on `leg`, for our `label`.
pub(super) fn prove(
    leg: &Leg,
    attendee: &Attendee,
    label: Label,
    challenge: &Challenge,
) -> Result<Kind, AttendError> {
    let nonce: &[u8; NONCE] =
        challenge.nonce.as_ref().try_into().map_err(|_| AttendError::Unexpected)?;
    let exporter = &leg.exporter()?;
    let claim = Claim { session: attendee.binding.session, label, nonce, exporter };
    let signature = Bytes::copy_from_slice(&claim.sign(&attendee.session_key));
    Ok(Kind::Proof(Proof { signature }))
}

/// A refusal that will not change is told from a leg that was lost.
fn refused(error: LegError) -> ResumeError {
    match &error {
        // A relay of a version to which nobody can come back takes it for a bad request.
        LegError::Refused(refused)
            if [Code::NotFound as i32, Code::BadRequest as i32].contains(&refused.code) =>
        {
            ResumeError::Gone
        }
        LegError::Refused(_) | LegError::Lost(_) | LegError::Unexpected => {
            ResumeError::Attend(error.into())
        }
    }
}

/// The join link, then the same relay at its other addresses.
fn links(link: &JoinLink, relays: &[String]) -> Vec<JoinLink> {
    let mut links = vec![link.clone()];
    for relay in relays {
        match elsewhere(link, relay) {
            Some(link) if !links.contains(&link) => links.push(link),
            Some(_) => {}
            None => tracing::warn!(%relay, "the policy names a relay that is no host:port"),
        }
    }
    links
}

fn elsewhere(link: &JoinLink, relay: &str) -> Option<JoinLink> {
    let (host, port) = relay.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok()?;
    (!host.is_empty()).then(|| JoinLink { host: host.to_owned(), port, ..link.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::key::PublicKey;

    #[test]
    fn every_address_has_the_key_of_the_join_link() {
        let key = PublicKey::from_bytes([7; 32]);
        let link = JoinLink {
            host: "relay.example".to_owned(),
            port: 4433,
            organisation: key,
            node: key,
            webpki: false,
        };
        let relays = ["[2001:db8::1]:1", "other.example:2", "bad", ":3", "relay.example:4433"];
        let links = links(&link, &relays.map(str::to_owned));
        let origins: Vec<String> = links.iter().map(JoinLink::origin).collect();
        assert_eq!(origins, ["relay.example:4433", "[2001:db8::1]:1", "other.example:2"]);
        assert!(links.iter().all(|link| link.node == key));
    }
}
