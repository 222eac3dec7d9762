//! The head of the log: where it stands, signed by the node as a C2SP checkpoint
//! (<https://c2sp.org/tlog-checkpoint>):
//!
//! ```text
//! deskside-log/2b1f0c4e5d6a79880f1e2d3c4b5a6978
//! 42
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — deskside-log/2b1f0c4e5d6a79880f1e2d3c4b5a6978 c2lnbmF0dXJlIHdpdGgga2V5IGlkIGluIGZyb250...
//! ```
//!
//! The first line is the log's name, which outlives every node key; the key is called by it too.

use data_encoding::{BASE64, HEXLOWER};
use thiserror::Error;

use super::tree::{Hash, empty_root};
use crate::key::{BadSignature, PublicKey, SigningKey};
use crate::lv;
use crate::signed_note::{self, NoteSignature, base64};
use crate::transcript::sha256;

/// Longest head in bytes: twice a name of 64, a size of 20 digits, 44 and 92 of base64, and what
/// stands around them.
pub const MAX_HEAD: usize = 320;
/// The longest name, in bytes.
pub const MAX_ORIGIN: usize = 64;
const PREFIX: &str = "deskside-log/";
/// Of the hash in a name: 128 bits.
const ID_DIGITS: usize = 32;

/// A text is not the head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not the head of a log")]
pub struct NotAHead;

/// Where a log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log's name.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// The name of the log that a node with this key begins.
#[must_use]
pub fn origin(node: &PublicKey) -> String {
    let id = HEXLOWER.encode(&sha256(&lv::encode(&[b"deskside1 log", node.as_bytes()])));
    format!("{PREFIX}{}", id.get(..ID_DIGITS).unwrap_or_default())
}

impl Head {
    /// The text that is signed: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// The head, signed by the node. Its `origin` is one that [`origin`] made.
    #[must_use]
    pub fn sign(self, node: &SigningKey) -> SignedHead {
        let signature = NoteSignature::over(&self.text(), &self.origin, node);
        SignedHead { head: self, signature }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next().filter(|name| is_origin(name))?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let head = Self { origin, size, root: base64(lines.next()?)? };
        let empty = head.size > 0 || head.root == empty_root();
        // A leading zero, a plus sign, a further line: one head has one text.
        (empty && head.text() == text).then_some(head)
    }
}

fn is_origin(name: &str) -> bool {
    let id = name.strip_prefix(PREFIX).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '/';
    !id.is_empty() && name.len() <= MAX_ORIGIN && id.chars().all(fits)
}

/// A head as the node gives it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// What is signed. Trust it after [`verify`](Self::verify) only.
    pub head: Head,
    signature: NoteSignature,
}

impl SignedHead {
    /// The note's text: four lines and an empty one.
    #[must_use]
    pub fn encode(&self) -> String {
        self.signature.note(&self.head.text(), &self.head.origin)
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else.
    ///
    /// # Errors
    /// [`NotAHead`].
    pub fn parse(note: &[u8]) -> Result<Self, NotAHead> {
        let read = || {
            let (text, name, signature) = signed_note::split(note)?;
            let head = Head::parse(text)?;
            (name == head.origin).then_some(Self { head, signature })
        };
        if note.len() > MAX_HEAD { Err(NotAHead) } else { read().ok_or(NotAHead) }
    }

    /// Verifies that `node` signed it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, node: &PublicKey) -> Result<(), BadSignature> {
        self.signature.verify(&self.head.text(), &self.head.origin, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    fn head() -> Head {
        Head { origin: origin(&key(2).public()), size: 42, root: [7; 32] }
    }

    #[test]
    fn a_head_reads_as_it_is_written_and_holds_for_its_key() {
        let signed = head().sign(&key(2));
        let text = signed.encode();
        assert!(text.len() <= MAX_HEAD);
        assert_eq!(text.lines().count(), 5);
        let read = SignedHead::parse(text.as_bytes()).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.verify(&key(2).public()), Ok(()));
        assert_eq!(read.verify(&key(3).public()), Err(BadSignature));
        let longer = SignedHead { head: Head { size: 43, ..head() }, ..read };
        assert_eq!(longer.verify(&key(2).public()), Err(BadSignature));
    }

    #[test]
    fn one_head_has_one_text() {
        let text = head().sign(&key(2)).encode();
        for (from, to) in [
            ("\n42\n", "\n042\n"),
            ("\n42\n", "\n+42\n"),
            ("\n42\n", "\n42\r\n"),
            ("\n42\n", "\n42\nmore\n"),
            ("\n42\n", "\n0\n"),
            ("\n\n", "\nmore\n\n"),
            ("\u{2014}", "-"),
            ("deskside-log/", "deskside log/"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert_eq!(SignedHead::parse(other.as_bytes()), Err(NotAHead), "{to:?}");
        }
        let twice = format!("{text}{}\n", text.lines().last().unwrap());
        assert_eq!(SignedHead::parse(twice.as_bytes()), Err(NotAHead));
    }
}
