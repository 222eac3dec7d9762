//! What the relay's log says as a whole, by walking every entry from the first.

use std::collections::BTreeMap;

use deskside_protocol::exit::Exit;
use deskside_protocol::log::tile::{self, Content, WIDTH};
use deskside_protocol::log::tree::leaf_hash;
use deskside_protocol::log::{Frontier, Head, Leaf, TilePath, What};
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::signal::LogTileAsk;
use deskside_protocol::wire::signal::signal::Kind;

use crate::failure::Failure;
use crate::relay::{Relay, request, unexpected};

/// Sessions that a walk remembers at most, of some 100 bytes each: a hundred a day for 27 years.
const MAX_SESSIONS: usize = 1_000_000;

/// Fetches every entry under `head`, gives each to `take` with its number (`None` for one of a later
/// version), and computes the root over them. Nothing that `take` was given counts before this
/// returns.
///
/// # Errors
/// What `take` says; exit 7 where the entries are not those of the head.
pub(in crate::audit) async fn entries(
    relay: &mut impl Relay,
    head: &Head,
    mut take: impl FnMut(u64, Option<Leaf>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut tree = Frontier::default();
    for bundle in 0..head.size.div_ceil(WIDTH) {
        let Some(wanted) = TilePath::of(Content::Entries, bundle, head.size) else { break };
        let path = wanted.to_string();
        let ask = Kind::LogTileAsk(LogTileAsk { path: path.clone() });
        let Kind::LogTile(tile) = request(relay, ask).await? else { return Err(unexpected()) };
        let (entries, used) = tile::entries(&tile.content);
        if entries.len() != usize::from(wanted.width) || used != tile.content.len() {
            let what = format!("the relay's log is not whole: {path} has not what it should");
            return Err(wrong(&what));
        }
        for entry in entries {
            take(tree.size(), Leaf::decode(entry).ok())?;
            tree.push(leaf_hash(entry));
        }
    }
    if tree.root() == head.root {
        return Ok(());
    }
    Err(wrong("the entries of the relay's log are not those that it signed"))
}

fn wrong(what: &str) -> anyhow::Error {
    Failure::new(Exit::Verification, what.to_owned()).into()
}

/// A session as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) struct Known {
    /// Microseconds since the epoch.
    pub(in crate::audit) opened_us: u64,
    /// Whether the log says that a recording was begun and was not given up.
    pub(in crate::audit) recorded: bool,
}

/// What a walk over the whole log has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::audit) struct Walk {
    /// Sessions that began.
    pub(in crate::audit) opened: u64,
    /// Sessions that ended.
    pub(in crate::audit) closed: u64,
    /// How often a recording was handed out.
    pub(in crate::audit) accesses: u64,
    /// How often one was held or released.
    pub(in crate::audit) holds: u64,
    /// Recordings whose seals were destroyed.
    pub(in crate::audit) shredded: u64,
    /// Entries of a later version.
    pub(in crate::audit) unknown: u64,
    /// Sessions that began and did not end.
    pub(in crate::audit) open: u64,
    /// Every session that the log knows.
    pub(in crate::audit) sessions: BTreeMap<SessionId, Known>,
}

impl Walk {
    fn take(&mut self, leaf: &Leaf) {
        match leaf.what {
            What::Open { header } => {
                self.opened += 1;
                self.open += 1;
                let known = Known { opened_us: leaf.time_us, recorded: header.is_some() };
                self.sessions.insert(leaf.session, known);
            }
            What::Close { last, .. } => {
                self.closed += 1;
                if let Some(known) = self.sessions.get_mut(&leaf.session) {
                    self.open = self.open.saturating_sub(1);
                    known.recorded &= last.is_some();
                }
            }
            What::Access { .. } => self.accesses += 1,
            What::Hold { .. } => self.holds += 1,
            What::Shred { .. } => self.shredded += 1,
        }
    }
}

/// Fetches every entry under `head`, and counts.
///
/// # Errors
/// Exit 7 where the entries are not those of the head, or name more sessions than this remembers.
pub(in crate::audit) async fn walk(relay: &mut impl Relay, head: &Head) -> anyhow::Result<Walk> {
    let mut walk = Walk::default();
    let take = |_, leaf: Option<Leaf>| {
        match leaf {
            Some(leaf) => walk.take(&leaf),
            None => walk.unknown += 1,
        }
        if walk.sessions.len() > MAX_SESSIONS {
            return Err(wrong("the relay's log has more sessions than this program takes"));
        }
        Ok(())
    };
    entries(relay, head, take).await?;
    Ok(walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::LogTile;

    fn leaves() -> Vec<Vec<u8>> {
        let whats = [
            What::Open { header: Some([1; 32]) },
            What::Open { header: Some([2; 32]) },
            What::Open { header: None },
            What::Close { last: Some([3; 32]), reason: 1 },
            What::Shred { last: Some([3; 32]) },
            What::Close { last: None, reason: 6 },
        ];
        let sessions = [1, 2, 3, 1, 1, 2].map(|byte| SessionId::from_bytes([byte; 16]));
        let entries = whats
            .into_iter()
            .zip(sessions)
            .map(|(what, session)| Leaf { session, what, time_us: 5 }.encode());
        entries.chain([b"of a later version".to_vec()]).collect()
    }

    fn head(entries: &[Vec<u8>]) -> Head {
        let mut tree = Frontier::default();
        for entry in entries {
            tree.push(leaf_hash(entry));
        }
        Head { origin: "deskside-log/a".into(), size: tree.size(), root: tree.root() }
    }

    async fn walked(entries: &[Vec<u8>], head: &Head) -> anyhow::Result<Walk> {
        let mut content = Vec::new();
        for entry in entries {
            tile::put_entry(&mut content, entry);
        }
        let answer = Kind::LogTile(LogTile { content: content.into() });
        let mut relay = Scripted::answering([answer]);
        let done = walk(&mut relay, head).await;
        let path = format!("tile/entries/000.p/{}", head.size);
        assert_eq!(relay.questions, [Kind::LogTileAsk(LogTileAsk { path })]);
        done
    }

    #[tokio::test]
    async fn a_walk_counts_and_knows_what_was_recorded() {
        let entries = leaves();
        let walk = walked(&entries, &head(&entries)).await.unwrap();
        assert_eq!((walk.opened, walk.closed, walk.open), (3, 2, 1));
        assert_eq!((walk.shredded, walk.unknown), (1, 1));
        let recorded: Vec<_> = walk.sessions.values().map(|known| known.recorded).collect();
        assert_eq!(recorded, [true, false, false], "the second was given up, the third never was");
    }

    #[tokio::test]
    async fn entries_that_are_not_those_of_the_head_are_exit_7() {
        let entries = leaves();
        let head = head(&entries);
        let mut other = entries.clone();
        other.swap(0, 1);
        for wrong in [&entries[1..], &entries[..6], &[&entries[..], &entries[..1]].concat(), &other]
        {
            let error = walked(wrong, &head).await.unwrap_err();
            assert_eq!(exit_of(&error), Exit::Verification);
        }
    }
}
