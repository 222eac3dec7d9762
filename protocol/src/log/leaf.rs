//! What the log holds of a session: that it began and ended, who was handed its recording, that it
//! is kept beyond its time, that its keys were destroyed.
//!
//! Every leaf is one list of five fields, `lv(label, session, hash, number, time)`; the label says
//! what the others mean. Nothing in it names a person: who asked for a recording, and why, is a
//! [`commitment`], whose opening only the relay's database has. So the log can be handed to any
//! auditor, and what is personal can be forgotten without touching the tree.

use thiserror::Error;

use super::tree::Hash;
use crate::lv;
use crate::session::SessionId;
use crate::transcript::sha256;

/// The longest leaf in bytes: five lengths, a label of at most 24, 16, 32, 4 and 8 bytes.
pub const MAX_LEAF: usize = 5 * 4 + 24 + 16 + 32 + 4 + 8;

const OPEN: &[u8] = b"deskside1 leaf open";
const CLOSE: &[u8] = b"deskside1 leaf close";
const ACCESS: &[u8] = b"deskside1 leaf access";
const HOLD: &[u8] = b"deskside1 leaf hold";
const SHRED: &[u8] = b"deskside1 leaf shred";
const COMMITMENT: &[u8] = b"deskside1 leaf commitment";

/// Bytes are no leaf that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not a leaf of the log")]
pub struct NotALeaf;

/// What a recording was handed out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Access {
    /// A copy of the file.
    Download = 1,
    /// To be looked at.
    Replay = 2,
    /// To be turned into something else.
    Export = 3,
    /// To be verified.
    Verification = 4,
}

impl Access {
    /// The kind of this number.
    #[must_use]
    pub const fn from_wire(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Download),
            2 => Some(Self::Replay),
            3 => Some(Self::Export),
            4 => Some(Self::Verification),
            _ => None,
        }
    }

    /// In lists and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Replay => "replay",
            Self::Export => "export",
            Self::Verification => "verification",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The session begins: before its first packet is forwarded.
    Open {
        /// Chain hash of the recording's HEADER block; `None` where nothing is recorded.
        header: Option<Hash>,
    },
    /// The session has ended: after its last packet.
    Close {
        /// Chain hash of the recording's last block; `None` where the recording has no CLOSE.
        last: Option<Hash>,
        /// Number of `record::Reason`.
        reason: u32,
    },
    /// The recording is handed out: before its first byte.
    Access {
        /// What for.
        kind: Access,
        /// Who and why: [`commitment`].
        commitment: Hash,
    },
    /// The recording is kept beyond its time, or no longer.
    Hold {
        /// From now on, or no longer.
        held: bool,
        /// Who and why: [`commitment`].
        commitment: Hash,
    },
    /// The seals of the recording were destroyed: nobody can read it any more.
    Shred {
        /// Chain hash of the last block, which is still the same; `None` where the file had no
        /// CLOSE.
        last: Option<Hash>,
    },
}

/// One entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Of which session.
    pub session: SessionId,
    /// What happened.
    pub what: What,
    /// When, in microseconds since 1970-01-01 UTC, by the relay's clock.
    pub time_us: u64,
}

impl Leaf {
    /// The bytes that the tree is over.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (label, hash, number) = match &self.what {
            What::Open { header } => (OPEN, header.as_ref(), 0),
            What::Close { last, reason } => (CLOSE, last.as_ref(), *reason),
            What::Access { kind, commitment } => (ACCESS, Some(commitment), *kind as u32),
            What::Hold { held, commitment } => (HOLD, Some(commitment), u32::from(*held)),
            What::Shred { last } => (SHRED, last.as_ref(), 0),
        };
        let hash = hash.map(<[u8; 32]>::as_slice).unwrap_or_default();
        lv::encode(&[
            label,
            self.session.as_bytes(),
            hash,
            &number.to_be_bytes(),
            &self.time_us.to_be_bytes(),
        ])
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else.
    ///
    /// # Errors
    /// [`NotALeaf`], also for one of a later version.
    pub fn decode(entry: &[u8]) -> Result<Self, NotALeaf> {
        Self::parts(entry).ok_or(NotALeaf)
    }

    fn parts(entry: &[u8]) -> Option<Self> {
        let [label, session, hash, number, time] = lv::decode(entry).ok()?;
        let hash: Option<Hash> = match hash {
            [] => None,
            hash => Some(hash.try_into().ok()?),
        };
        let number = u32::from_be_bytes(number.try_into().ok()?);
        let what = match (label, hash, number) {
            (OPEN, header, 0) => What::Open { header },
            (CLOSE, last, reason) => What::Close { last, reason },
            (ACCESS, Some(commitment), kind) => {
                What::Access { kind: Access::from_wire(kind)?, commitment }
            }
            (HOLD, Some(commitment), 0 | 1) => What::Hold { held: number == 1, commitment },
            (SHRED, last, 0) => What::Shred { last },
            _ => return None,
        };
        let session = SessionId::try_from(session).ok()?;
        Some(Self { session, what, time_us: u64::from_be_bytes(time.try_into().ok()?) })
    }
}

/// Who did something and why, so that neither can be read or guessed without `salt` (32 random
/// bytes) and neither can be changed: `SHA-256(lv("deskside1 leaf commitment", salt, login,
/// reason))`.
#[must_use]
pub fn commitment(salt: &[u8; 32], login: &str, reason: &str) -> Hash {
    sha256(&lv::encode(&[COMMITMENT, salt, login.as_bytes(), reason.as_bytes()]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn leaves() -> Vec<Leaf> {
        let whats = [
            What::Open { header: Some([1; 32]) },
            What::Open { header: None },
            What::Close { last: Some([2; 32]), reason: 4 },
            What::Close { last: None, reason: 9 },
            What::Access { kind: Access::Export, commitment: [3; 32] },
            What::Hold { held: true, commitment: [4; 32] },
            What::Hold { held: false, commitment: [5; 32] },
            What::Shred { last: Some([6; 32]) },
        ];
        let session = SessionId::from_bytes([0x5e; 16]);
        whats.map(|what| Leaf { session, what, time_us: 1_700_000_000_000_000 }).to_vec()
    }

    #[test]
    fn a_leaf_reads_as_it_is_written_and_has_a_bound() {
        for leaf in leaves() {
            let bytes = leaf.encode();
            assert!(bytes.len() <= MAX_LEAF);
            assert_eq!(Leaf::decode(&bytes), Ok(leaf));
            for end in 0..bytes.len() {
                assert_eq!(Leaf::decode(&bytes[..end]), Err(NotALeaf));
            }
        }
    }

    #[test]
    fn what_no_leaf_may_say_is_none() {
        for (label, hash, number) in [
            (OPEN, &[1; 32][..], 1_u32),
            (OPEN, &[1; 31], 0),
            (ACCESS, &[], 1),
            (ACCESS, &[1; 32], 0),
            (ACCESS, &[1; 32], 5),
            (HOLD, &[1; 32], 2),
            (SHRED, &[], 1),
            (b"deskside1 leaf later", &[1; 32], 0),
        ] {
            let fields = [label, &[7; 16], hash, &number.to_be_bytes(), &[0; 8]];
            assert_eq!(Leaf::decode(&lv::encode(&fields)), Err(NotALeaf));
        }
    }

    #[test]
    fn a_commitment_holds_for_its_salt_person_and_reason() {
        let one = commitment(&[1; 32], "ada", "audit");
        assert_ne!(one, commitment(&[2; 32], "ada", "audit"));
        assert_ne!(one, commitment(&[1; 32], "adaa", "udit"));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_again(which in 0..8usize, at in 0..100usize, bit in 0..8u8) {
            let mut bytes = leaves()[which].encode();
            let end = bytes.len();
            bytes[at % end] ^= 1 << bit;
            if let Ok(leaf) = Leaf::decode(&bytes) {
                prop_assert_eq!(leaf.encode(), bytes);
            }
        }
    }
}
