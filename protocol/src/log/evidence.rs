//! Holds a recording against what the relay's log says of its session: it began with this very
//! block, and ended with that one.

use thiserror::Error;

use super::head::{Head, SignedHead};
use super::leaf::{Leaf, What};
use super::proof::{MAX_PROOF, verify_inclusion};
use super::tree::{Hash, leaf_hash};
use crate::key::PublicKey;
use crate::note::MAX_NOTE;
use crate::session::SessionId;
use crate::wire::record::{LogLeaf, LogProof};

/// Entries of one proof at most: with paths of 64 hashes they fit a signal of 256 KiB.
pub const MAX_LEAVES: usize = 64;
/// A proof as encoded, at most: 64 entries of at most 2.4 KiB each, a head, and a note of at most
/// 24 KiB. That fits a signal of 256 KiB.
pub const MAX_ENCODED: usize = 192 * 1024 + MAX_NOTE;

/// What a proof does not show, or shows otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Over a maximum, or not of the expected form.
    #[error("the proof from the relay's log cannot be read")]
    Malformed,
    /// By none of the keys that the caller knows.
    #[error("the head of the log is not signed by the relay")]
    Head,
    /// A path does not lead to the head's root.
    #[error("entry {index} is not in the log under this head")]
    NotIncluded {
        /// Of the entry.
        index: u64,
    },
    /// An entry is of another session, or out of order.
    #[error("entry {index} does not belong to this session's proof")]
    Foreign {
        /// Of the entry.
        index: u64,
    },
    /// Nothing says that the session began.
    #[error("the log does not know this session")]
    NoOpen,
    /// It began with another block.
    #[error("the log says that the session began with another recording")]
    OtherOpen,
    /// The recording is closed, and nothing says that the session has ended.
    #[error("the log does not say that this session has ended, and the recording does")]
    NoClose,
    /// It ended with another block.
    #[error(
        "the log says that the recording ended with another block: this is not the last state of it"
    )]
    OtherClose,
    /// The beginning or the end stands there twice.
    #[error("the log says twice that the session began or ended")]
    Twice,
}

/// What is known of a recording.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Its session.
    pub session: SessionId,
    /// Chain hash of its first block, the HEADER.
    pub first: Hash,
    /// Chain hash of its last block, where that is a CLOSE.
    pub last: Option<Hash>,
    /// Keys of the node: that of the recording, and those that the caller knows besides.
    pub keys: &'a [PublicKey],
}

/// What the log says of a session, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The head that the proofs are under.
    pub head: Head,
    /// Number and time (microseconds since 1970-01-01 UTC) of OPEN.
    pub opened: (u64, u64),
    /// Likewise of CLOSE; `None` where the session had no end yet.
    pub closed: Option<(u64, u64)>,
    /// How often the recording was handed out, as far as the proof goes.
    pub accesses: u64,
    /// Whether it is kept beyond its time.
    pub held: bool,
    /// Whether its seals were destroyed.
    pub shredded: bool,
}

/// The entries of a proof that concern the recording itself.
#[derive(Default)]
struct Found {
    open: Option<(u64, u64)>,
    close: Option<(u64, u64)>,
    accesses: u64,
    held: bool,
    shredded: bool,
}

impl Claim<'_> {
    /// Judges a proof.
    ///
    /// # Errors
    /// The first [`Flaw`].
    pub fn judge(&self, proof: &LogProof) -> Result<Logged, Flaw> {
        let signed = SignedHead::parse(proof.head.as_bytes()).map_err(|_| Flaw::Malformed)?;
        if !self.keys.iter().any(|key| signed.verify(key).is_ok()) {
            return Err(Flaw::Head);
        }
        if proof.leaves.len() > MAX_LEAVES {
            return Err(Flaw::Malformed);
        }
        let head = signed.head;
        let (mut found, mut next) = (Found::default(), 0);
        for entry in &proof.leaves {
            self.included(entry, &head)?;
            if entry.index < next {
                return Err(Flaw::Foreign { index: entry.index });
            }
            next = entry.index.saturating_add(1);
            // What a later version logs is proven and says nothing to this one.
            if let Ok(leaf) = Leaf::decode(&entry.leaf) {
                self.take(&leaf, entry.index, &mut found)?;
            }
        }
        let Found { open, close, accesses, held, shredded } = found;
        if self.last.is_some() && close.is_none() {
            return Err(if open.is_some() { Flaw::NoClose } else { Flaw::NoOpen });
        }
        let opened = open.ok_or(Flaw::NoOpen)?;
        Ok(Logged { head, opened, closed: close, accesses, held, shredded })
    }

    fn included(&self, entry: &LogLeaf, head: &Head) -> Result<(), Flaw> {
        let path = path(&entry.path).ok_or(Flaw::Malformed)?;
        let leaf = leaf_hash(&entry.leaf);
        verify_inclusion(&leaf, entry.index, head.size, &path, &head.root)
            .map_err(|_| Flaw::NotIncluded { index: entry.index })
    }

    fn take(&self, leaf: &Leaf, index: u64, found: &mut Found) -> Result<(), Flaw> {
        if leaf.session != self.session {
            return Err(Flaw::Foreign { index });
        }
        match leaf.what {
            What::Open { .. } if found.open.is_some() => return Err(Flaw::Twice),
            What::Open { header } if header != Some(self.first) => return Err(Flaw::OtherOpen),
            What::Open { .. } => found.open = Some((index, leaf.time_us)),
            What::Close { .. } if found.close.is_some() => return Err(Flaw::Twice),
            What::Close { last, .. } if last != self.last => return Err(Flaw::OtherClose),
            What::Close { .. } => found.close = Some((index, leaf.time_us)),
            What::Access { .. } => found.accesses += 1,
            What::Hold { held, .. } => found.held = held,
            What::Shred { .. } => found.shredded = true,
        }
        Ok(())
    }
}

/// Hashes as they travel. `None` where one is no hash, or they are too many.
#[must_use]
pub fn path(hashes: &[bytes::Bytes]) -> Option<Vec<Hash>> {
    let hashes = (hashes.len() <= MAX_PROOF).then_some(hashes)?;
    hashes.iter().map(|hash| hash.as_ref().try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;
    use crate::log::head::origin;
    use crate::log::proof;
    use crate::log::tree::fold;
    use zeroize::Zeroizing;

    const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);
    const OTHER: SessionId = SessionId::from_bytes([0x0f; 16]);

    fn node() -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([2; 32]))
    }

    fn leaf(session: SessionId, what: What) -> Leaf {
        Leaf { session, what, time_us: 7 }
    }

    fn open(first: u8) -> Leaf {
        leaf(SESSION, What::Open { header: Some([first; 32]) })
    }

    fn close(last: u8) -> Leaf {
        leaf(SESSION, What::Close { last: Some([last; 32]), reason: 1 })
    }

    /// The log of these entries, and the proof of those at `wanted`.
    fn proof(log: &[Leaf], wanted: &[u64]) -> LogProof {
        let entries: Vec<_> = log.iter().map(Leaf::encode).collect();
        let hashes: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let size = log.len() as u64;
        let mut nodes = |level: u32, index: u64| {
            let begin = usize::try_from(index << level).unwrap();
            fold(&hashes[begin..begin + (1 << level)]).ok_or(())
        };
        let root = proof::root(size, &mut nodes).unwrap();
        let head = Head { origin: origin(&node().public()), size, root }.sign(&node());
        let leaf = |index: &u64| LogLeaf {
            index: *index,
            leaf: entries[usize::try_from(*index).unwrap()].clone().into(),
            path: proof::inclusion(*index, size, &mut nodes)
                .unwrap()
                .iter()
                .map(|hash| hash.to_vec().into())
                .collect(),
        };
        LogProof { leaves: wanted.iter().map(leaf).collect(), head: head.encode(), note: None }
    }

    fn judged(proof: &LogProof, last: Option<u8>) -> Result<Logged, Flaw> {
        let keys = [node().public()];
        let last = last.map(|last| [last; 32]);
        Claim { session: SESSION, first: [1; 32], last, keys: &keys }.judge(proof)
    }

    #[test]
    fn a_recording_that_is_in_the_log_is_found_there() {
        let other = leaf(OTHER, What::Open { header: None });
        let held = leaf(SESSION, What::Hold { held: true, commitment: [0; 32] });
        let log = [other, open(1), other, close(2), held];
        let logged = judged(&proof(&log, &[1, 3, 4]), Some(2)).unwrap();
        assert_eq!((logged.opened, logged.closed), ((1, 7), Some((3, 7))));
        assert_eq!((logged.head.size, logged.held, logged.shredded), (5, true, false));
        assert_eq!(judged(&proof(&log, &[1]), None).unwrap().closed, None);
    }

    #[test]
    fn each_lie_has_its_name() {
        let log = [open(1), close(2), leaf(OTHER, What::Open { header: None }), open(1), close(2)];
        for (wanted, last, flaw) in [
            (&[0_u64][..], Some(2), Flaw::NoClose),
            (&[1], Some(2), Flaw::NoOpen),
            (&[], None, Flaw::NoOpen),
            (&[0, 1], Some(3), Flaw::OtherClose),
            (&[0, 1], None, Flaw::OtherClose),
            (&[1, 0], Some(2), Flaw::Foreign { index: 0 }),
            (&[0, 1, 2], Some(2), Flaw::Foreign { index: 2 }),
            (&[0, 1, 3], Some(2), Flaw::Twice),
            (&[0, 1, 4], Some(2), Flaw::Twice),
        ] {
            assert_eq!(judged(&proof(&log, wanted), last), Err(flaw), "{wanted:?} {last:?}");
        }
        assert_eq!(judged(&proof(&[open(9)], &[0]), None), Err(Flaw::OtherOpen));
        let good = proof(&log, &[0, 1]);
        let moved = LogLeaf { index: 3, ..good.leaves[0].clone() };
        let moved = LogProof { leaves: vec![moved], ..good.clone() };
        assert_eq!(judged(&moved, None), Err(Flaw::NotIncluded { index: 3 }));
        let stranger = LogProof { head: String::new(), ..good.clone() };
        assert_eq!(judged(&stranger, Some(2)), Err(Flaw::Malformed));
        let other = SigningKey::from_seed(Zeroizing::new([3; 32]));
        let signed = SignedHead::parse(good.head.as_bytes()).unwrap().head.sign(&other);
        let signed = LogProof { head: signed.encode(), ..good };
        assert_eq!(judged(&signed, Some(2)), Err(Flaw::Head));
    }
}
