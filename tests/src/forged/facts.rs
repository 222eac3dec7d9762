//! Under which policy a forged recording is.

use anyhow::Context as _;
use deskside_decode::forge::{self, Who};
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::Binding;
use deskside_protocol::wire::record::Header;

/// The head of a recording of a session with this subject.
pub(super) fn header(auditor: &str, subject: &str) -> anyhow::Result<(Header, Binding)> {
    let policy = policy(auditor)?.sign(&forge::key(Who::Authority))?;
    forge::header(policy, subject).context("make the head of a recording")
}

fn policy(auditor: &str) -> anyhow::Result<Policy> {
    let (issued, ends) = ("2026-11-22T00:00:00Z".parse()?, "2027-11-22T00:00:00Z".parse()?);
    Ok(Policy { auditors: vec![auditor.to_owned()], ..Policy::first("Example", issued, ends) })
}
