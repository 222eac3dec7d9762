//! How the policy changes: by its authority's signature, and never backwards.

use deskside_protocol::identity::certificate::MAX_NAME;
use deskside_protocol::policy::{MAX_AUDITORS, Policy, PolicyError};
use deskside_protocol::text;
use deskside_protocol::wire::record::Signed;
use jiff::Timestamp;
use prost::Message as _;
use thiserror::Error;

use crate::authority::AuthorityError;
use crate::node::Node;
use crate::recipient::{self, NotARecipient};
use crate::store::{StoreError, StoredPolicy};

/// Why the policy stays as it is.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// Written before the one in force.
    #[error(
        "this policy has serial {serial}, and serial {held} is in force: somebody changed it since. \
         Start again from `deskside-relay policy show`"
    )]
    Older {
        /// Of the file.
        serial: u64,
        /// In force.
        held: u64,
    },
    /// Would be over before it began.
    #[error("this policy ended on {0}: give it a later end")]
    Ended(Timestamp),
    /// A certificate could not hold it.
    #[error("the policy's organisation takes 1 to 128 bytes without control characters")]
    Organisation,
    /// A word that this version does not know: most likely a slip.
    #[error("the policy says {0:?}, which this version does not know: is it a typing mistake?")]
    Unknown(String),
    /// One of its auditors is none.
    #[error("the auditor {recipient:?} in this policy: {source}")]
    Auditor {
        /// As written.
        recipient: String,
        /// What is wrong.
        source: NotARecipient,
    },
    /// Unreadable.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The authority cannot sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The auditor to add.
    #[error(transparent)]
    NewAuditor(#[from] AuditorError),
    /// The auditor to remove is none.
    #[error("the policy names no auditor {0}: deskside-relay auditor list")]
    NoSuchAuditor(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody becomes an auditor.
#[derive(Debug, Error)]
pub enum AuditorError {
    /// Needed and missing.
    #[error("an auditor needs an age identity: its recipient has to come along")]
    Missing,
    /// Malformed.
    #[error(transparent)]
    Recipient(#[from] NotARecipient),
    /// The policy has no room.
    #[error("the policy has no room for another auditor")]
    TooMany,
    /// The next policy cannot be written.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// The policy in force, opened.
///
/// # Errors
/// [`ChangeError`].
pub async fn current(node: &Node) -> Result<Policy, ChangeError> {
    Ok(node.rules().policy().await?.policy.clone())
}

/// Puts a written policy in force. A copy of the one in force (the same serial) gets the next
/// serial by itself; a lower serial is refused, since somebody changed the policy meanwhile.
///
/// # Errors
/// [`ChangeError`].
pub async fn set(node: &Node, wished: Policy, now: u64) -> Result<Policy, ChangeError> {
    let held = current(node).await?.serial;
    if wished.serial < held {
        return Err(ChangeError::Older { serial: wished.serial, held });
    }
    let serial = wished.serial.max(held.saturating_add(1));
    let wished = Policy { serial, issued: timestamp(now)?, ..wished };
    put(node, wished, now).await
}

/// Reads a policy that a person wrote. Ends skip words that they do not know; a person's slip
/// would silently take a grant away, so here each word must be known.
///
/// # Errors
/// [`ChangeError::Policy`] or [`ChangeError::Unknown`].
pub fn parse_written(text: &str) -> Result<Policy, ChangeError> {
    let policy = Policy::parse(text)?;
    let table = |text: &str| {
        text.parse::<toml::Table>().map_err(|error| PolicyError::Malformed(error.to_string()))
    };
    // With every key that there is, also those that are written only where they say something.
    let mut whole = policy.clone();
    (whole.masking, whole.note.chat, whole.note.pictures) = (false, true, false);
    let (written, known) = (table(text)?, table(&whole.to_toml()?)?);
    for (name, value) in &written {
        let known = known.get(name).ok_or_else(|| ChangeError::Unknown(name.clone()))?;
        let (value, known) = (words(value), words(known));
        if let Some(word) = value.iter().find(|word| name != "auditors" && !known.contains(word)) {
            return Err(ChangeError::Unknown((*word).to_owned()));
        }
    }
    Ok(policy)
}

/// The words of a list, or the names of a table.
fn words(value: &toml::Value) -> Vec<&str> {
    match value.as_table() {
        Some(table) => table.keys().map(String::as_str).collect(),
        None => value.as_array().into_iter().flatten().filter_map(toml::Value::as_str).collect(),
    }
}

/// Adds an auditor. Unchanged where the policy names him already.
///
/// # Errors
/// [`ChangeError`].
pub async fn add_auditor(node: &Node, recipient: &str, now: u64) -> Result<Policy, ChangeError> {
    let held = current(node).await?;
    match with_auditor(held.clone(), recipient, now)? {
        Some(next) => put(node, next, now).await,
        None => Ok(held),
    }
}

/// Removes auditors: what is recorded from now on is not sealed for them. What was sealed before stays so.
///
/// # Errors
/// [`ChangeError::NoSuchAuditor`] where one of them is none; then nothing has changed.
pub async fn remove_auditors(
    node: &Node,
    recipients: &[String],
    now: u64,
) -> Result<Policy, ChangeError> {
    let mut next = successor(current(node).await?, now)?;
    for recipient in recipients {
        let before = next.auditors.len();
        next.auditors.retain(|known| known != recipient);
        if next.auditors.len() == before {
            return Err(ChangeError::NoSuchAuditor(recipient.clone()));
        }
    }
    put(node, next, now).await
}

/// The policy that follows `held`: the next serial, issued now.
///
/// # Errors
/// [`PolicyError::Malformed`] for a time that no calendar has.
pub fn successor(held: Policy, now: u64) -> Result<Policy, PolicyError> {
    Ok(Policy { serial: held.serial.saturating_add(1), issued: timestamp(now)?, ..held })
}

/// Whether a text can be an organisation's name: certificates hold it, and users see it.
#[must_use]
pub fn is_organisation(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && text::visible(name) == name
}

async fn put(node: &Node, policy: Policy, now: u64) -> Result<Policy, ChangeError> {
    if policy.ends <= policy.issued {
        return Err(ChangeError::Ended(policy.ends));
    }
    if !is_organisation(&policy.organisation) {
        return Err(ChangeError::Organisation);
    }
    for recipient in &policy.auditors {
        recipient::check(recipient)
            .map_err(|source| ChangeError::Auditor { recipient: recipient.clone(), source })?;
    }
    let authority = node.authority().key(&node.organisation())?;
    let signed: Signed = policy.sign(&authority)?;
    let stored = StoredPolicy { serial: policy.serial, signed: signed.encode_to_vec() };
    if !node.store().set_policy(&stored, now).await? {
        let held = current(node).await?.serial;
        return Err(ChangeError::Older { serial: policy.serial, held });
    }
    Ok(policy)
}

fn timestamp(now: u64) -> Result<Timestamp, PolicyError> {
    let seconds = i64::try_from(now).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_err(|error| PolicyError::Malformed(error.to_string()))
}

/// The next policy, with one auditor more; `None` where it names the auditor already.
///
/// # Errors
/// [`AuditorError::Missing`], [`AuditorError::Recipient`] or
/// [`AuditorError::TooMany`].
pub fn with_auditor(
    policy: Policy,
    recipient: &str,
    now: u64,
) -> Result<Option<Policy>, AuditorError> {
    if recipient.is_empty() {
        return Err(AuditorError::Missing);
    }
    recipient::check(recipient)?;
    if policy.auditors.iter().any(|known| known == recipient) {
        return Ok(None);
    }
    if policy.auditors.len() >= MAX_AUDITORS {
        return Err(AuditorError::TooMany);
    }
    let mut next = successor(policy, now)?;
    next.auditors.push(recipient.to_owned());
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Places;
    use crate::recipient::EXAMPLE;
    use deskside_link::random::System;

    const NOW: u64 = 1_795_305_600;

    async fn founded() -> (Node, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::under(folder.path().join("relay"));
        let (node, _) = Node::start(places, "Example Help", NOW, &mut System::new()).await.unwrap();
        (node, folder)
    }

    #[tokio::test]
    async fn a_copy_gets_the_next_serial_and_an_outdated_copy_is_refused() {
        let (node, _folder) = founded().await;
        let copy = current(&node).await.unwrap();
        assert_eq!((copy.serial, copy.retention_days), (1, 365));
        let edited = Policy { retention_days: 30, ..copy.clone() };
        assert_eq!(set(&node, edited, NOW + 5).await.unwrap().serial, 2);
        let error = set(&node, copy.clone(), NOW + 6).await.unwrap_err();
        assert!(matches!(error, ChangeError::Older { serial: 1, held: 2 }));
        assert_eq!(set(&node, Policy { serial: 9, ..copy }, NOW).await.unwrap().serial, 9);
        let signed = node.policy().await.unwrap();
        assert!(Policy::open(&signed, &node.organisation(), NOW, 9).is_ok());
    }

    #[tokio::test]
    async fn what_would_break_every_session_is_refused() {
        let (node, folder) = founded().await;
        let copy = current(&node).await.unwrap();
        let bad = |wished: Policy| set(&node, wished, NOW);
        let ended = Policy { ends: copy.issued, ..copy.clone() };
        assert!(matches!(bad(ended).await, Err(ChangeError::Ended(_))));
        let auditor = Policy { auditors: vec!["age1x".into()], ..copy.clone() };
        assert!(matches!(bad(auditor).await, Err(ChangeError::Auditor { .. })));
        let nameless = Policy { organisation: String::new(), ..copy.clone() };
        assert!(matches!(bad(nameless).await, Err(ChangeError::Organisation)));
        std::fs::remove_dir_all(folder.path().join("relay-authority")).unwrap();
        assert!(matches!(bad(copy.clone()).await, Err(ChangeError::Authority(_))));
        assert_eq!(current(&node).await.unwrap(), copy);
    }

    #[tokio::test]
    async fn an_auditor_is_added_once() {
        let (node, _folder) = founded().await;
        for _ in 0..2 {
            let policy = add_auditor(&node, EXAMPLE, NOW).await.unwrap();
            assert_eq!((policy.serial, policy.auditors.len()), (2, 1));
        }
        assert!(add_auditor(&node, "age1x", NOW).await.is_err());
    }

    #[tokio::test]
    async fn an_auditor_is_removed_and_was_one() {
        let (node, folder) = founded().await;
        let both = [EXAMPLE.to_owned(), "age1x".to_owned()];
        add_auditor(&node, EXAMPLE, NOW).await.unwrap();
        let error = remove_auditors(&node, &both, NOW).await.unwrap_err();
        assert!(matches!(&error, ChangeError::NoSuchAuditor(unknown) if unknown == "age1x"));
        assert_eq!(current(&node).await.unwrap().auditors.len(), 1, "all or nothing");
        let policy = remove_auditors(&node, &both[..1], NOW).await.unwrap();
        assert_eq!((policy.serial, policy.auditors.len()), (3, 0));
        add_auditor(&node, EXAMPLE, NOW).await.unwrap();
        std::fs::remove_dir_all(folder.path().join("relay-authority")).unwrap();
        let error = remove_auditors(&node, &both[..1], NOW).await.unwrap_err();
        assert!(matches!(error, ChangeError::Authority(_)));
    }

    #[tokio::test]
    async fn a_slip_of_the_pen_is_named() {
        let (node, _folder) = founded().await;
        let toml = current(&node).await.unwrap().to_toml().unwrap();
        assert_eq!(parse_written(&toml).unwrap(), current(&node).await.unwrap());
        let said = toml.replace("file_names", "pictures = true\nfile_names");
        let said = said.replace("retention_days", "masking = true\nretention_days");
        assert_eq!(parse_written(&said).unwrap(), current(&node).await.unwrap());
        for (from, to, word) in [
            ("\"view\"", "\"veiw\"", "veiw"),
            ("retention_days", "retention_days = 1\nretentoin_days", "retentoin_days"),
            ("file_names", "file_names = true\nfile_nmaes", "file_nmaes"),
            ("file_names", "chat = false\nchta = true\nfile_names", "chta"),
            ("file_names", "pictures = false\npicture = true\nfile_names", "picture"),
        ] {
            let error = parse_written(&toml.replace(from, to)).unwrap_err();
            assert!(matches!(&error, ChangeError::Unknown(known) if known == word), "{error}");
        }
    }
}
