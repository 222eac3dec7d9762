//! Pairing by the code: one run, whatever comes of it.

use std::time::Duration;

use anyhow::Context as _;
use deskside_link::Leg;
use deskside_link::attend::Given;
use deskside_link::leg::{LegError, Signals};
use deskside_link::random::System;
use deskside_protocol::code::Code;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::pairing::technician::{Offered, Request};
use deskside_protocol::pairing::{Paired, PairingError};
use deskside_protocol::policy::{Policy, Recording};
use deskside_protocol::text::visible;
use deskside_protocol::transcript::{ChannelIdentifier, MAX_SUBJECT, policy_hash};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::{
    Confirmed, Join, Joined, PairingFailed, PairingOffer, signal::Kind,
};

use super::Technician;
use crate::failure::{Failure, OrExit as _};
use crate::output::now;
use crate::relay::unanswered;

/// Relay and agent have this long for each step.
const STEP: Duration = Duration::from_secs(45);

/// An agent that proved to have the code, and the session that the relay gave for it.
pub(super) struct Meeting {
    pub(super) signals: Signals,
    pub(super) paired: Paired,
    pub(super) policy: Policy,
    /// The same, as it was signed.
    pub(super) signed: Signed,
    pub(super) node: PublicKey,
    pub(super) given: Given,
    pub(super) subject: String,
}

/// Joins the agent that shows `code`.
pub(super) async fn meet(
    technician: &Technician<'_>,
    leg: &Leg,
    code: &Code,
) -> anyhow::Result<Meeting> {
    let spent = technician.home.spent_codes();
    if spent.contains(code, now())? {
        return Err(tried_before().into());
    }
    let mut signals = leg.open().await.map_err(unanswered)?;
    let (policy, channel) = rules(technician, &signals)?;
    let join = Join { nameplate: code.nameplate().to_string(), ticket: technician.ticket.clone() };
    signals.send(Kind::Join(join)).await.map_err(unanswered)?;
    let Kind::Joined(joined) = step(&mut signals).await? else { return Err(unexpected()) };
    let subject = shortened(&joined.subject);
    let (offered, offer) = offer(technician, code, &channel, &joined, &subject)?;
    // From here on the code is spent, here as at the agent.
    if !spent.claim(code, now())? {
        return Err(tried_before().into());
    }
    let paired = confirm(&mut signals, offered, offer).await?;
    let Kind::Session(session) = step(&mut signals).await? else { return Err(unexpected()) };
    let given = Given::read(&session).or_exit_as_is(Exit::NoConnection)?;
    let node = channel.node_key;
    let signed = signals.welcome.policy.clone().unwrap_or_default();
    Ok(Meeting { signals, paired, policy, signed, node, given, subject })
}

/// The policy in force, and the channel that it is part of.
fn rules(
    technician: &Technician<'_>,
    signals: &Signals,
) -> anyhow::Result<(Policy, ChannelIdentifier)> {
    let account = &technician.account;
    let join = &account.join;
    let signed = signals.welcome.policy.as_ref().context("the relay sent no policy")?;
    let policy = Policy::open(signed, &join.organisation, now(), account.policy_serial)
        .or_exit_as_is(Exit::Refused)?;
    technician.home.keep_policy_serial(policy.serial)?;
    if policy.recording == Recording::Required && policy.auditors.is_empty() {
        let text = "the policy requires recording and names no auditor: whoever runs the relay \
                    runs deskside-relay auditor add RECIPIENT";
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let channel = ChannelIdentifier {
        relay_origin: signals.welcome.relay_origin.clone(),
        node_key: join.node,
        organisation_key: join.organisation,
        policy_hash: policy_hash(signed),
    };
    Ok((policy, channel))
}

fn offer(
    technician: &Technician<'_>,
    code: &Code,
    channel: &ChannelIdentifier,
    joined: &Joined,
    subject: &str,
) -> anyhow::Result<(Offered, PairingOffer)> {
    let request = Request {
        certificate: &technician.account.certificate,
        ticket: &technician.ticket,
        subject,
        grants: technician.wished,
    };
    let key = &technician.key;
    Offered::start(code, channel, joined, key, request, &mut System::new())
        .or_exit_as_is(Exit::NoConnection)
}

/// Sends the offer and checks the agent's tag.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
async fn confirm(
    signals: &mut Signals,
    offered: Offered,
    offer: PairingOffer,
) -> anyhow::Result<Paired> {
    signals.send(Kind::PairingOffer(offer)).await.map_err(unanswered)?;
    let answer = match step(signals).await? {
        Kind::PairingAnswer(answer) => answer,
        Kind::PairingFailed(failed) => {
            return Err(Failure::new(Exit::Code, failure(&failed)).into());
        }
        _ => return Err(unexpected()),
    };
    let (paired, _answered) = offered.receive(&answer).or_exit(
        Exit::Code,
        "whoever answered does not have that code: ask the user for the new one",
    )?;
    signals.send(Kind::Confirmed(Confirmed {})).await.map_err(unanswered)?;
    Ok(paired)
}

async fn step(signals: &mut Signals) -> anyhow::Result<Kind> {
    let said = tokio::time::timeout(STEP, signals.receive()).await;
    let slow =
        |_| Failure::new(Exit::NoConnection, "the relay or the user's program took too long");
    said.map_err(slow)?.map_err(unanswered)
}

/// Why the run failed, and what follows from it where the relay says so.
fn failure(failed: &PairingFailed) -> String {
    let cause = PairingError::sentence(failed.cause);
    let follows = visible(failed.text.trim());
    if follows.is_empty() { cause.to_owned() } else { format!("{cause} ({follows})") }
}

fn tried_before() -> Failure {
    let text = "that code was tried from here before, and a code is good for one try: \
                ask the user for the one shown now";
    Failure::new(Exit::Code, text)
}

fn unexpected() -> anyhow::Error {
    unanswered(LegError::Unexpected)
}

/// The subject as it fits the pairing: cut at a character.
fn shortened(subject: &str) -> String {
    let mut short = String::new();
    for character in subject.chars() {
        if short.len() + character.len_utf8() > MAX_SUBJECT {
            break;
        }
        short.push(character);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_a_failed_run_is_said_beside_its_cause() {
        let failed = PairingFailed { cause: 2, text: "one more locks\u{7}".to_owned() };
        let said = failure(&failed);
        assert!(said.ends_with("type it anew (one more locks\u{fffd})"), "{said}");
        let failed = PairingFailed { cause: 2, text: String::new() };
        assert_eq!(failure(&failed), PairingError::sentence(2));
    }

    #[test]
    fn a_long_subject_is_cut_at_a_character() {
        let subject = "ü".repeat(MAX_SUBJECT);
        let short = shortened(&subject);
        assert_eq!(short.len(), MAX_SUBJECT);
        assert!(subject.starts_with(&short));
        assert_eq!(shortened("Printer"), "Printer");
    }
}
