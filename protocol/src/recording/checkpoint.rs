//! CHECKPOINT: the node's signed word on where the chain stands, as a C2SP signed note
//! (<https://c2sp.org/signed-note>), so that other tools can check it and a person can read it:
//!
//! ```text
//! deskside1 checkpoint
//! session 000102030405060708090a0b0c0d0e0f
//! seq 41
//! hash dGhlIEJMQUtFMyBjaGFpbiBoYXNoIG9mIGJsb2NrIDQx...
//! time 1700000000000000
//!
//! — deskside-node c2lnbmF0dXJlIHdpdGgga2V5IGlkIGluIGZyb250...
//! ```
//!
//! `seq` and `hash` are the number and chain hash of the last block *before* the CHECKPOINT;
//! `time` is in microseconds since 1970-01-01 UTC. The text, with the line feed that ends it, is
//! what is signed; the note has one signature line, base64 of a key id and an Ed25519 signature.

use data_encoding::BASE64;
use thiserror::Error;

use super::format::CHAIN_HASH;
use super::writer::State;
use crate::key::{BadSignature, PublicKey, SigningKey};
use crate::session::SessionId;
use crate::signed_note::{self, NoteSignature, base64};
use crate::transcript::sha256;

/// The name of the key in the signature line.
pub const KEY_NAME: &str = "deskside-node";
/// Longest note in bytes: six lines, of which the last has 17 bytes and 92 of base64.
pub const MAX_NOTE: usize = 400;

const TITLE: &str = "deskside1 checkpoint";

/// A text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not a checkpoint note")]
pub struct NotACheckpoint;

/// Where a recording's chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The session recorded.
    pub session: SessionId,
    /// Number of the last block covered.
    pub seq: u64,
    /// Its chain hash.
    pub hash: [u8; CHAIN_HASH],
    /// Microseconds since 1970-01-01 UTC.
    pub time_us: u64,
}

impl Checkpoint {
    /// Over all blocks of `state`; `None` before the first.
    #[must_use]
    pub fn of(session: SessionId, state: &State, time_us: u64) -> Option<Self> {
        let seq = state.seq().checked_sub(1)?;
        Some(Self { session, seq, hash: *state.hash(), time_us })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { session, seq, hash, time_us } = self;
        let hash = BASE64.encode(hash);
        format!("{TITLE}\nsession {session}\nseq {seq}\nhash {hash}\ntime {time_us}\n")
    }

    /// The note by this node.
    #[must_use]
    pub fn sign(self, node: &SigningKey) -> Note {
        Note { checkpoint: self, signature: NoteSignature::over(&self.text(), KEY_NAME, node) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(TITLE)?.strip_prefix('\n')?.lines();
        let checkpoint = Self {
            session: lines.next()?.strip_prefix("session ")?.parse().ok()?,
            seq: lines.next()?.strip_prefix("seq ")?.parse().ok()?,
            hash: base64(lines.next()?.strip_prefix("hash ")?)?,
            time_us: lines.next()?.strip_prefix("time ")?.parse().ok()?,
        };
        // A leading zero or plus sign, a further line: one checkpoint has one text.
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

/// A signed checkpoint as it stands in the file and goes to the ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// What is signed. Trust it after [`verify`](Self::verify) only.
    pub checkpoint: Checkpoint,
    signature: NoteSignature,
}

impl Note {
    /// The note's text, six lines and an empty one.
    #[must_use]
    pub fn encode(&self) -> String {
        self.signature.note(&self.checkpoint.text(), KEY_NAME)
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else.
    ///
    /// # Errors
    /// [`NotACheckpoint`].
    pub fn parse(note: &[u8]) -> Result<Self, NotACheckpoint> {
        Self::parts(note).ok_or(NotACheckpoint)
    }

    fn parts(note: &[u8]) -> Option<Self> {
        if note.len() > MAX_NOTE {
            return None;
        }
        let (text, name, signature) = signed_note::split(note)?;
        let checkpoint = Checkpoint::parse(text)?;
        (name == KEY_NAME).then_some(Self { checkpoint, signature })
    }

    /// Verifies that `node` signed it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, node: &PublicKey) -> Result<(), BadSignature> {
        self.signature.verify(&self.checkpoint.text(), KEY_NAME, node)
    }

    /// SHA-256 of the note's text, which the ends sign.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(self.encode().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn node() -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([9; 32]))
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            session: SessionId::from_bytes([0xab; 16]),
            seq: 41,
            hash: [1; CHAIN_HASH],
            time_us: 1_700_000_000_000_000,
        }
    }

    #[test]
    fn a_note_reads_as_it_is_written() {
        let note = checkpoint().sign(&node());
        let text = note.encode();
        assert_eq!(
            text.lines().take(6).collect::<Vec<_>>(),
            [
                "deskside1 checkpoint",
                "session abababababababababababababababab",
                "seq 41",
                "hash AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "time 1700000000000000",
                "",
            ]
        );
        assert!(text.len() < MAX_NOTE);
        let read = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(read, note);
        assert_eq!(read.verify(&node().public()), Ok(()));
    }

    #[test]
    fn another_key_and_another_checkpoint_do_not_verify() {
        let note = checkpoint().sign(&node());
        let other = SigningKey::from_seed(Zeroizing::new([8; 32])).public();
        assert_eq!(note.verify(&other), Err(BadSignature));
        let moved = Note { checkpoint: Checkpoint { seq: 42, ..checkpoint() }, ..note };
        assert_eq!(moved.verify(&node().public()), Err(BadSignature));
    }

    #[test]
    fn one_checkpoint_has_one_text() {
        let text = checkpoint().sign(&node()).encode();
        for (from, to) in [
            ("seq 41", "seq 041"),
            ("seq 41", "seq +41"),
            ("seq 41\n", "seq 41\r\n"),
            ("session ab", "session AB"),
            ("\n\n", "\nmore\n\n"),
            ("\u{2014}", "-"),
            ("time", " time"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text);
            assert_eq!(Note::parse(other.as_bytes()), Err(NotACheckpoint), "{to}");
        }
        assert_eq!(Note::parse(format!("{text}\n").as_bytes()), Err(NotACheckpoint));
        // Padding in the middle, found by the fuzzer.
        let last = text.trim_end().rsplit(' ').next().unwrap();
        let signed = BASE64.decode(last.as_bytes()).unwrap();
        let padded = BASE64.encode(&signed[..62]) + &BASE64.encode(&signed[..6]);
        assert_eq!(BASE64.decode(padded.as_bytes()).map(|bytes| bytes.len()), Ok(68));
        let other = text.replace(last, &padded);
        assert_eq!(Note::parse(other.as_bytes()), Err(NotACheckpoint));
    }

    proptest! {
        #[test]
        fn what_parses_encodes_again(at in 0..300usize, byte: u8, cut in 0..300usize) {
            let mut note = checkpoint().sign(&node()).encode().into_bytes();
            let end = note.len();
            note[at % end] = byte;
            note.truncate(if cut == 0 { end } else { end - cut % 3 });
            if let Ok(read) = Note::parse(&note) {
                prop_assert_eq!(read.encode().into_bytes(), note);
            }
        }
    }
}
