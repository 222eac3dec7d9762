//! `policy show|set FILE`, and the sentence after each change.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use deskside_protocol::policy::{MAX_POLICY, Policy};
use serde_json::{Value, json};

use super::NotThere;
use super::config::Wrong;
use super::say::Say;
use crate::clock;
use crate::node::Node;
use crate::policy;

pub(super) async fn show(node: &Node, say: Say) -> anyhow::Result<()> {
    let policy = policy::current(node).await?;
    let toml = policy.to_toml()?;
    let object = object(&policy)?;
    say.answer(&object, || format!("# Signed by the organisation {}\n{toml}", node.organisation()))
}

pub(super) async fn set(node: &Node, file: &Path, say: Say) -> anyhow::Result<()> {
    let size = match fs::metadata(file) {
        Ok(about) => about.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(NotThere(format!("there is no file {}", file.display())).into());
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
    };
    if usize::try_from(size).map_or(true, |size| size > MAX_POLICY) {
        return Err(Wrong(format!("{} is too large for a policy", file.display())).into());
    }
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let wished = policy::parse_written(&text)?;
    let policy = policy::set(node, wished, clock::seconds()).await?;
    in_force(&policy, say)
}

/// After a change.
pub(super) fn in_force(policy: &Policy, say: Say) -> anyhow::Result<()> {
    say.answer(&object(policy)?, || {
        format!(
            "Policy {} is in force: auditors {}, grants {}. It holds until {}.",
            policy.serial,
            policy.auditors.len(),
            policy.grants,
            policy.ends,
        )
    })
}

pub(super) fn object(policy: &Policy) -> anyhow::Result<Value> {
    Ok(json!({"policy": serde_json::to_value(policy)?}))
}
