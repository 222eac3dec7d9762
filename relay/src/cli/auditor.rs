//! `auditor add|list|remove`: for whom recordings are sealed, and what that does to those of before.

use deskside_protocol::policy::{Policy, Recording};
use serde_json::{Value, json};

use super::policy::object;
use super::say::{Say, table};
use crate::clock;
use crate::node::Node;
use crate::policy;
use crate::recipient;
use crate::store::Technician;

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

/// Takes the keys of somebody who was revoked out of the policy, where nobody else has them. Never an
/// error: whatever becomes of the keys, the revocation counts.
pub(super) async fn forget(node: &Node, login: &str) -> Forgotten {
    let keys = match keys_of(node, login).await {
        Ok(keys) => keys,
        Err(error) => {
            return Forgotten {
                keys: Became::Unread { why: format!("{error:#}") },
                unknown: false,
            };
        }
    };
    let became = if keys.gone.is_empty() {
        Became::None
    } else {
        match policy::remove_auditors(node, &keys.gone, clock::seconds()).await {
            Ok(policy) => Became::Gone(Box::new(policy)),
            Err(error) => Became::Stay { keys: keys.gone, why: crate::chain(&error) },
        }
    };
    Forgotten { keys: became, unknown: keys.unknown }
}

/// The keys of a login that are in the policy and nobody else's.
struct Keys {
    gone: Vec<String>,
    /// There may be another: nobody wrote down which one came with an enrolment.
    unknown: bool,
}

async fn keys_of(node: &Node, login: &str) -> anyhow::Result<Keys> {
    let people = node.store().technicians().await?;
    let held = policy::current(node).await?;
    let counts = |recipient: &String| {
        people.iter().any(|who| who.revoked_at.is_none() && who.recipient == *recipient)
    };
    let own = || people.iter().filter(|who| who.login == login);
    let mut gone: Vec<String> = own()
        .map(|who| who.recipient.clone())
        .filter(|recipient| held.auditors.contains(recipient) && !counts(recipient))
        .collect();
    gone.sort_unstable();
    gone.dedup();
    let is_auditor = |who: &Technician| who.roles.split(',').any(|it| it == "auditor");
    let unknown = own().any(|who| who.recipient.is_empty() && is_auditor(who));
    Ok(Keys { gone, unknown })
}

/// What became of the keys of somebody who was revoked.
pub(super) struct Forgotten {
    keys: Became,
    /// There may be another key, which nobody wrote down.
    unknown: bool,
}

/// What became of the keys that are known.
enum Became {
    /// There are none.
    None,
    Gone(Box<Policy>),
    Stay {
        keys: Vec<String>,
        why: String,
    },
    /// It cannot be read which they are.
    Unread {
        why: String,
    },
}

impl Forgotten {
    /// For a person, behind the sentence about the certificates.
    pub(super) fn words(&self) -> String {
        let mut words = match &self.keys {
            Became::None => String::new(),
            Became::Gone(policy) => format!("\n{} {OLD}", sealed(policy)),
            Became::Stay { keys, why } => format!(
                "\nMind: recordings are still sealed for this auditor ({}), since the policy cannot be \
                 signed anew: {why}. Where the authority's key is at hand: deskside-relay auditor remove.",
                keys.join(", ")
            ),
            Became::Unread { why } => format!(
                "\nMind: recordings may still be sealed for this login, since its keys cannot be read: \
                 {why}. deskside-relay doctor, then auditor list and auditor remove."
            ),
        };
        if self.unknown {
            words.push_str(
                "\nRecordings may still be sealed for a key of this auditor's that was not written down \
                 at that time: deskside-relay auditor list, then auditor remove.",
            );
        }
        words
    }

    /// For scripts. Beside known keys there may be unknown ones.
    pub(super) fn object(&self) -> Value {
        let unknown = self.unknown;
        match &self.keys {
            Became::None if unknown => json!({"state": "unknown", "unknown": true}),
            Became::None => Value::Null,
            Became::Gone(policy) => json!({
                "state": "removed", "policy": policy.serial, "auditors": policy.auditors,
                "unknown": unknown,
            }),
            Became::Stay { keys, why } => {
                json!({"state": "stays", "recipients": keys, "why": why, "unknown": unknown})
            }
            Became::Unread { why } => json!({"state": "unread", "why": why, "unknown": unknown}),
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

#[cfg(test)]
mod tests {
    use deskside_link::random::System;
    use sqlx::SqlitePool;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;
    use crate::node::Places;

    #[tokio::test]
    async fn a_policy_that_cannot_be_read_is_a_sentence_and_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let places = || Places::under(folder.path().join("relay"));
        let started =
            Node::start(places(), "Example Help", clock::seconds(), &mut System::new()).await;
        drop(started.unwrap());
        let options = SqliteConnectOptions::new().filename(places().data.join("relay.db"));
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::query("UPDATE policies SET signed = x'00'").execute(&pool).await.unwrap();
        let node = Node::open(places()).await.unwrap();
        let forgotten = forget(&node, "bob").await;
        assert_eq!(forgotten.object()["state"], "unread");
        assert!(forgotten.words().contains("may still be sealed for this login"));
    }
}
