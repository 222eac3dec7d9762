//! C2SP signed notes (<https://c2sp.org/signed-note>): a text that a person can read, and one
//! Ed25519 signature line behind it, so that other tools can check it too.
//!
//! ```text
//! <text, which ends with a line feed>
//!
//! — <name> <base64 of key id and signature>
//! ```
//!
//! What the text says is its owner's: a recording's checkpoint, the head of a log. Notes with more
//! signatures (of witnesses) are not among what this protocol exchanges.

use data_encoding::BASE64;

use crate::key::{BadSignature, PublicKey, SIGNATURE, SigningKey};
use crate::transcript::sha256;

/// C2SP's algorithm number of Ed25519.
const ALGORITHM_ED25519: u8 = 0x01;
const KEY_ID: usize = 4;
/// U+2014 and a space, before the key's name.
const DASH: &str = "\u{2014} ";

/// One key's signature over a text, with the id that tells it apart from other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoteSignature {
    key_id: [u8; KEY_ID],
    signature: [u8; SIGNATURE],
}

impl NoteSignature {
    /// Signs `text` as the key called `name`.
    #[must_use]
    pub fn over(text: &str, name: &str, key: &SigningKey) -> Self {
        let signature = key.sign_bytes(text.as_bytes());
        Self { key_id: key_id(name, &key.public()), signature }
    }

    /// Verifies that `key`, called `name`, signed `text`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, text: &str, name: &str, key: &PublicKey) -> Result<(), BadSignature> {
        if self.key_id != key_id(name, key) {
            return Err(BadSignature);
        }
        key.verify_bytes(text.as_bytes(), &self.signature)
    }

    /// The whole note: `text`, an empty line, the signature line.
    #[must_use]
    pub fn note(&self, text: &str, name: &str) -> String {
        let line = BASE64.encode(&[&self.key_id[..], &self.signature].concat());
        format!("{text}\n{DASH}{name} {line}\n")
    }
}

/// Takes a note apart: its text, the key's name and the signature. `None` where it is no note with
/// one signature, or not in the one form that [`NoteSignature::note`] gives it.
#[must_use]
pub fn split(note: &[u8]) -> Option<(&str, &str, NoteSignature)> {
    let note = std::str::from_utf8(note).ok()?;
    let end = note.rfind("\n\n")?;
    let (text, line) = (note.get(..=end)?, note.get(end..)?.strip_prefix("\n\n")?);
    let (name, line) = line.strip_prefix(DASH)?.split_once(' ')?;
    let line: [u8; KEY_ID + SIGNATURE] = base64(line.strip_suffix('\n')?)?;
    let (key_id, signature) = line.split_first_chunk()?;
    let signature = signature.try_into().ok()?;
    Some((text, name, NoteSignature { key_id: *key_id, signature }))
}

/// C2SP's key id: it tells keys apart and proves nothing.
fn key_id(name: &str, key: &PublicKey) -> [u8; KEY_ID] {
    let named = [name.as_bytes(), &[0x0a, ALGORITHM_ED25519], key.as_bytes()].concat();
    let [a, b, c, d, ..] = sha256(&named);
    [a, b, c, d]
}

/// Exactly `N` bytes of padded base64. The decoder refuses stray bits but takes padding in the
/// middle too, and a value has one text.
#[must_use]
pub fn base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: [u8; N] = BASE64.decode(text.as_bytes()).ok()?.try_into().ok()?;
    (BASE64.encode(&bytes) == text).then_some(bytes)
}
