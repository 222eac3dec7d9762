//! Where the bodies of files go, and whether the session's policy has them go there.

use deskside_decode::{Entry, Half, Item};
use deskside_protocol::channel::Channel;
use deskside_protocol::policy::{FileBodies, Policy};
use deskside_protocol::recording::verify::Facts;
use deskside_protocol::wire::message::message::Kind;

/// Whether the policy under which the session was paired has the bodies of files recorded; of one that
/// cannot be read nobody is accused.
pub(super) fn are_recorded(facts: Option<&Facts>) -> bool {
    let policy = facts.map(|it| Policy::open_at_any_time(&it.policy, &it.organisation_key));
    policy.and_then(Result::ok).is_some_and(|it| it.file_bodies == FileBodies::Recorded)
}

/// On which stream, and by whom, an entry sends the bodies of a transfer over a line of their own.
pub(super) fn apart(entry: &Entry) -> Option<Half> {
    let Item::Message(message) = &entry.item else { return None };
    let apart = match &message.kind {
        Some(Kind::FilePut(put)) => put.apart,
        Some(Kind::FileGet(get)) => get.apart,
        Some(Kind::FileReady(ready)) => ready.apart,
        Some(_) | None => false,
    };
    let stream = entry.stream.filter(|_| apart && entry.channel == Some(Channel::File))?;
    Some(Half { stream, from: entry.from })
}
