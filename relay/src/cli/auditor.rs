//! `auditor add|list|remove`: for whom recordings are sealed, and what that does to those of before.

use deskside_protocol::policy::{Policy, Recording};
use serde_json::{Value, json};

use super::policy::object;
use super::say::{Say, table};
use crate::clock;
use crate::node::Node;
use crate::policy;
use crate::recipient;

/// What a key that is not named any more still opens.
const OLD: &str =
    "What was sealed for that key before stays readable with it: only later recordings are not.";

pub(super) async fn add(node: &Node, recipient: &str, say: Say) -> anyhow::Result<()> {
    let before = policy::current(node).await?.serial;
    let policy = policy::add_auditor(node, recipient, clock::seconds()).await?;
    say.answer(&object(&policy)?, || {
        if policy.serial == before {
            return format!("That is an auditor already. {}", sealed(&policy));
        }
        format!(
            "{} Recordings of before are readable only with the keys that they were sealed for.",
            sealed(&policy)
        )
    })
}

pub(super) async fn list(node: &Node, say: Say) -> anyhow::Result<()> {
    let policy = policy::current(node).await?;
    let people = node.store().technicians().await?;
    let (mut objects, mut rows) = (Vec::new(), Vec::new());
    for recipient in &policy.auditors {
        let mut holders = people.iter().filter(|who| who.recipient == *recipient);
        let who = holders.clone().find(|who| who.revoked_at.is_none()).or_else(|| holders.next());
        let (login, name) = who.map_or(("", ""), |who| (&who.login, &who.name));
        let revoked = who.is_some_and(|who| who.revoked_at.is_some());
        objects.push(json!({
            "recipient": recipient, "login": login, "name": name, "revoked": revoked,
        }));
        let state = match (who, revoked) {
            (None, _) => "named by key",
            (Some(_), true) => "REVOKED: remove the key",
            (Some(_), false) => "enrolled",
        };
        rows.push([recipient.as_str(), login, name, state].map(str::to_owned).to_vec());
    }
    say.rows(&objects, || match rows.is_empty() {
        true => without(&policy),
        false => table(&["RECIPIENT", "LOGIN", "NAME", "STATE"], &rows),
    })
}

pub(super) async fn remove(node: &Node, recipient: String, say: Say) -> anyhow::Result<()> {
    recipient::check(&recipient)
        .map_err(policy::AuditorError::from)
        .map_err(policy::ChangeError::from)?;
    let policy = policy::remove_auditors(node, &[recipient], clock::seconds()).await?;
    say.answer(&warned(&policy)?, || format!("{} {OLD}", sealed(&policy)))
}

/// Takes the keys of somebody who was revoked out of the policy, where nobody else has them. Gives the
/// policy where it changed; where it cannot be signed, the keys that stay and why.
pub(super) async fn forget(node: &Node, login: &str) -> anyhow::Result<Forgotten> {
    let people = node.store().technicians().await?;
    let held = policy::current(node).await?;
    let counts = |recipient: &String| {
        people.iter().any(|who| who.revoked_at.is_none() && who.recipient == *recipient)
    };
    let mut gone: Vec<String> = people
        .iter()
        .filter(|who| who.login == login && held.auditors.contains(&who.recipient))
        .map(|who| who.recipient.clone())
        .filter(|recipient| !counts(recipient))
        .collect();
    gone.sort_unstable();
    gone.dedup();
    if gone.is_empty() {
        let unknown = people.iter().any(|who| {
            who.login == login
                && who.recipient.is_empty()
                && who.roles.split(',').any(|it| it == "auditor")
        });
        return Ok(if unknown { Forgotten::Unknown } else { Forgotten::Nothing });
    }
    Ok(match policy::remove_auditors(node, &gone, clock::seconds()).await {
        Ok(policy) => Forgotten::Gone(Box::new(policy)),
        Err(error) => Forgotten::Stays { keys: gone, why: crate::chain(&error) },
    })
}

/// What became of the keys of somebody who was revoked.
pub(super) enum Forgotten {
    Nothing,
    /// Nobody wrote down which key came with this auditor.
    Unknown,
    Gone(Box<Policy>),
    Stays {
        keys: Vec<String>,
        why: String,
    },
}

impl Forgotten {
    /// For a person, behind the sentence about the certificates.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Unknown => {
                "\nRecordings may still be sealed for this auditor's key, which was not written \
                 down at that time: deskside-relay auditor list, then auditor remove."
                    .to_owned()
            }
            Self::Gone(policy) => format!("\n{} {OLD}", sealed(policy)),
            Self::Stays { keys, why } => format!(
                "\nMind: recordings are still sealed for this auditor ({}), since the policy cannot be \
                 signed anew: {why}. Where the authority's key is at hand: deskside-relay auditor remove.",
                keys.join(", ")
            ),
        }
    }

    /// For scripts.
    pub(super) fn object(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Unknown => json!({"state": "unknown"}),
            Self::Gone(policy) => {
                json!({"state": "removed", "policy": policy.serial, "auditors": policy.auditors})
            }
            Self::Stays { keys, why } => json!({"state": "stays", "recipients": keys, "why": why}),
        }
    }
}

/// After a change.
fn sealed(policy: &Policy) -> String {
    match policy.auditors.len() {
        0 => format!("Policy {} is in force. {}", policy.serial, without(policy)),
        1 => format!(
            "Policy {} is in force: new sessions are sealed for one auditor.",
            policy.serial
        ),
        many => {
            format!(
                "Policy {} is in force: new sessions are sealed for {many} auditors.",
                policy.serial
            )
        }
    }
}

/// What no auditor at all means.
fn without(policy: &Policy) -> String {
    match policy.recording {
        Recording::Required => {
            "WARNING: there is no auditor, and recording is required: from now on NOBODY CAN CONNECT, until \
             one is added (deskside-relay auditor add RECIPIENT) or enrolled."
        }
        Recording::BestEffort => {
            "WARNING: there is no auditor: from now on sessions are NOT RECORDED, until one is added \
             (deskside-relay auditor add RECIPIENT) or enrolled."
        }
        Recording::Off => "There is no auditor, and nothing is recorded.",
    }
    .to_owned()
}

/// The policy for scripts, with the warning where there is one.
fn warned(policy: &Policy) -> anyhow::Result<Value> {
    let mut object = object(policy)?;
    if policy.auditors.is_empty()
        && policy.recording != Recording::Off
        && let Some(fields) = object.as_object_mut()
    {
        fields.insert("warning".to_owned(), without(policy).into());
    }
    Ok(object)
}
