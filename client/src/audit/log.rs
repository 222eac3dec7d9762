//! What the relay's log says: of one recording, by proofs that can be kept beside it; and as a
//! whole, by walking every entry from the first.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::evidence::{Claim, Flaw, Logged, MAX_ENCODED};
use deskside_protocol::log::tile::{self, Content, WIDTH};
use deskside_protocol::log::tree::leaf_hash;
use deskside_protocol::log::{Frontier, Head, Leaf, SignedHead, TilePath, What};
use deskside_protocol::recording::Report;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::record::LogProof;
use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::wire::signal::{LogHeadAsk, LogProofAsk, LogTileAsk, refused};
use prost::Message as _;

use crate::failure::Failure;
use crate::ledger::goes_on;
use crate::relay::{Relay, request, unexpected};

/// Sessions that a walk remembers at most, of some 100 bytes each: a hundred a day for 27 years.
const MAX_SESSIONS: usize = 1_000_000;

/// What the log says of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InLog {
    /// It is as the log says.
    Proven(Logged),
    /// It is not.
    Flawed(Flaw),
    /// The log that the ticket's note names is not the beginning of the relay's log.
    Forked,
    /// There is no proof beside the file.
    NoProof,
    /// The relay keeps no log.
    NoLog,
}

impl InLog {
    /// Whether it takes nothing from the recording.
    pub(super) const fn is_sound(&self) -> bool {
        matches!(self, Self::Proven(_) | Self::NoProof | Self::NoLog)
    }
}

/// The file beside a recording that holds its proof.
pub(super) fn proof_file(recording: &Path) -> PathBuf {
    let mut name = OsString::from(recording);
    name.push(".proof");
    name.into()
}

/// Asks for the entries of one session. `None` where the relay keeps no log.
///
/// # Errors
/// The relay's refusal.
pub(super) async fn proof(
    relay: &mut impl Relay,
    session: SessionId,
) -> anyhow::Result<Option<LogProof>> {
    let session = session.as_bytes().to_vec().into();
    let answer = relay.ask(Kind::LogProofAsk(LogProofAsk { session })).await?;
    if let Kind::Refused(refused) = &answer {
        let old = refused.code == refused::Code::BadRequest as i32;
        let unknown = refused.code == refused::Code::NotFound as i32;
        return match (old, unknown) {
            (true, _) => Ok(None),
            // Nothing of it: that is an answer too.
            (_, true) => Ok(Some(LogProof::default())),
            _ => Err(Failure::from(refused).into()),
        };
    }
    let Kind::LogProof(proof) = answer else { return Err(unexpected()) };
    Ok(Some(proof))
}

/// Keeps a proof beside its recording.
///
/// # Errors
/// What the disk says.
pub(super) fn keep(recording: &Path, proof: &LogProof) -> anyhow::Result<()> {
    let path = proof_file(recording);
    std::fs::write(&path, proof.encode_to_vec()).with_context(|| format!("save {}", path.display()))
}

/// Judges a recording by the proof that lies beside it.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn beside(
    recording: &Path,
    report: &Report,
    node: Option<PublicKey>,
) -> anyhow::Result<InLog> {
    let Some(bytes) = kept(recording)? else { return Ok(InLog::NoProof) };
    Ok(encoded(&bytes, report, node))
}

/// The bytes of the proof that lies beside a recording, if one does.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn kept(recording: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let path = proof_file(recording);
    let reading = || format!("read {}", path.display());
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(reading)?,
    };
    let mut bytes = Vec::new();
    // One byte more than there may be shows that it is too long.
    file.take(MAX_ENCODED as u64 + 1).read_to_end(&mut bytes).with_context(reading)?;
    Ok(Some(bytes))
}

/// Judges a recording by a proof as it is kept.
pub(super) fn encoded(bytes: &[u8], report: &Report, node: Option<PublicKey>) -> InLog {
    let proof = decoded(bytes);
    proof.map_or(InLog::Flawed(Flaw::Malformed), |proof| judge(report, &proof, node))
}

/// A proof as it is kept; `None` where it is none.
pub(super) fn decoded(bytes: &[u8]) -> Option<LogProof> {
    if bytes.len() > MAX_ENCODED { None } else { LogProof::decode(bytes).ok() }
}

/// Holds a recording against its proof. `node` is the relay's key of today, where it is known.
pub(super) fn judge(report: &Report, proof: &LogProof, node: Option<PublicKey>) -> InLog {
    // Without these nothing is said of the recording at all.
    let (Some(facts), Some(first)) = (&report.facts, report.first_hash) else {
        return InLog::Flawed(Flaw::Malformed);
    };
    if *proof == LogProof::default() {
        return InLog::Flawed(Flaw::NoOpen);
    }
    let keys: Vec<_> = [Some(facts.node_key), node].into_iter().flatten().collect();
    let last = report.hash.filter(|_| report.closing.is_some());
    let claim = Claim { session: facts.session(), first, last, keys: &keys };
    claim.judge(proof).map_or_else(InLog::Flawed, InLog::Proven)
}

/// Whether the log that `noted` was the head of has become the one of `now`.
///
/// # Errors
/// The relay's refusal.
pub(super) async fn went_on(
    relay: &mut impl Relay,
    noted: &Head,
    node: &PublicKey,
) -> anyhow::Result<bool> {
    let ask = Kind::LogHeadAsk(LogHeadAsk { size: noted.size });
    let Kind::LogHead(answer) = request(relay, ask).await? else { return Err(unexpected()) };
    let now = SignedHead::parse(answer.note.as_bytes()).ok();
    let now = now.filter(|now| now.verify(node).is_ok());
    Ok(now.is_some_and(|now| goes_on(noted, &now.head, &answer).is_ok()))
}

/// A session as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Microseconds since the epoch.
    pub(super) opened_us: u64,
    /// Whether the log says that a recording was begun and was not given up.
    pub(super) recorded: bool,
}

/// What a walk over the whole log has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// Sessions that began.
    pub(super) opened: u64,
    /// Sessions that ended.
    pub(super) closed: u64,
    /// How often a recording was handed out.
    pub(super) accesses: u64,
    /// How often one was held or released.
    pub(super) holds: u64,
    /// Recordings whose seals were destroyed.
    pub(super) shredded: u64,
    /// Entries of a later version.
    pub(super) unknown: u64,
    /// Sessions that began and did not end.
    pub(super) open: u64,
    /// Every session that the log knows.
    pub(super) sessions: BTreeMap<SessionId, Known>,
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

/// Fetches every entry under `head` and computes the root over them.
///
/// # Errors
/// Exit 7 where the entries are not those of the head.
pub(super) async fn walk(relay: &mut impl Relay, head: &Head) -> anyhow::Result<Walk> {
    let wrong = |what: &str| Failure::new(Exit::Verification, what.to_owned());
    let (mut walk, mut tree) = (Walk::default(), Frontier::default());
    for bundle in 0..head.size.div_ceil(WIDTH) {
        let Some(wanted) = TilePath::of(Content::Entries, bundle, head.size) else { break };
        let path = wanted.to_string();
        let ask = Kind::LogTileAsk(LogTileAsk { path: path.clone() });
        let Kind::LogTile(tile) = request(relay, ask).await? else { return Err(unexpected()) };
        let (entries, used) = tile::entries(&tile.content);
        if entries.len() != usize::from(wanted.width) || used != tile.content.len() {
            let what = format!("the relay's log is not whole: {path} has not what it should");
            return Err(wrong(&what).into());
        }
        for entry in entries {
            tree.push(leaf_hash(entry));
            match Leaf::decode(entry) {
                Ok(leaf) => walk.take(&leaf),
                Err(_) => walk.unknown += 1,
            }
        }
        if walk.sessions.len() > MAX_SESSIONS {
            return Err(wrong("the relay's log has more sessions than this program takes").into());
        }
    }
    if tree.root() != head.root {
        let what = "the entries of the relay's log are not those that it signed";
        return Err(wrong(what).into());
    }
    Ok(walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use crate::relay::tests::Scripted;
    use deskside_protocol::wire::signal::{LogTile, Refused};

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

    #[test]
    fn of_a_proof_no_more_is_read_than_one_can_have() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("a.dsr");
        assert_eq!(kept(&recording).unwrap(), None);
        for (length, known) in [(MAX_ENCODED, true), (MAX_ENCODED + 1, false), (1 << 20, false)] {
            // Tag and length of the head take 4 bytes.
            let proof = LogProof { head: "x".repeat(length - 4), ..LogProof::default() };
            assert_eq!(proof.encoded_len(), length);
            keep(&recording, &proof).unwrap();
            let kept = kept(&recording).unwrap().unwrap();
            assert_eq!(kept.len(), length.min(MAX_ENCODED + 1));
            assert_eq!(decoded(&kept).is_some(), known, "{length}");
        }
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

    #[tokio::test]
    async fn a_relay_without_a_log_and_one_that_knows_nothing_are_told_apart() {
        let session = SessionId::from_bytes([1; 16]);
        for (code, expected) in [
            (refused::Code::BadRequest, None),
            (refused::Code::NotFound, Some(LogProof::default())),
        ] {
            let refused = Kind::Refused(Refused { code: code.into(), ..Refused::default() });
            let mut relay = Scripted::answering([refused]);
            assert_eq!(proof(&mut relay, session).await.unwrap(), expected);
        }
        let code = refused::Code::NotPermitted.into();
        let refused = Kind::Refused(Refused { code, ..Refused::default() });
        assert!(proof(&mut Scripted::answering([refused]), session).await.is_err());
    }
}
