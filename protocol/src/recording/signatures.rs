//! What the parties sign of a recording. The relay and both ends make and check these while the
//! session lives; `verify` checks them again years later.

use bytes::Bytes;

use crate::key::{BadSignature, Context, PublicKey, SIGNATURE, SigningKey};
use crate::session::{End, SessionId};
use crate::transcript::{HASH, sha256};
use crate::wire::record;

/// What every signature of a recording is bound to, so that none fits another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The session.
    pub session: SessionId,
    /// The pairing's [`Transcript::hash`](crate::transcript::Transcript::hash).
    pub transcript: [u8; HASH],
}

/// Who signs a closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    /// The relay, with its node key.
    Node,
    /// An end, with its session key.
    End(End),
}

impl Closer {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Node => b"node",
            Self::End(End::Agent) => b"agent",
            Self::End(End::Technician) => b"technician",
        }
    }
}

impl Binding {
    /// An end's seal of a line: its age file, signed by the end's session key over
    /// `lv("deskside1 seal", session, line, end, TH, SHA-256(age))`.
    #[must_use]
    pub fn seal(&self, key: &SigningKey, line: u16, end: End, age: Bytes) -> record::Seal {
        let (line, hash) = (u32::from(line), sha256(&age));
        let signature =
            self.seal_fields(line, end, &hash, |fields| key.sign(Context::Seal, fields));
        let signature = Bytes::copy_from_slice(&signature);
        record::Seal { end: end.to_wire(), line, age, signature }
    }

    /// Verifies a seal by the session key of the end that it names.
    ///
    /// # Errors
    /// [`BadSignature`], also where it names no end.
    pub fn verify_seal(&self, key: &PublicKey, seal: &record::Seal) -> Result<(), BadSignature> {
        let end = End::from_wire(seal.end).ok_or(BadSignature)?;
        self.seal_fields(seal.line, end, &sha256(&seal.age), |fields| {
            key.verify(Context::Seal, fields, &seal.signature)
        })
    }

    fn seal_fields<T>(
        &self,
        line: u32,
        end: End,
        age_sha256: &[u8; HASH],
        with: impl FnOnce(&[&[u8]]) -> T,
    ) -> T {
        with(&[
            self.session.as_bytes(),
            &line.to_be_bytes(),
            &[end.byte()],
            &self.transcript,
            age_sha256,
        ])
    }

    /// An end's signature over the last checkpoint that it received, by its session key over
    /// `lv("deskside1 endsig", session, end, TH, SHA-256(note))`.
    #[must_use]
    pub fn end_signature(
        &self,
        key: &SigningKey,
        end: End,
        note_sha256: &[u8; HASH],
    ) -> record::EndSignature {
        let signature =
            key.sign(Context::EndSignature, &self.end_fields(&[end.byte()], note_sha256));
        record::EndSignature {
            end: end.to_wire(),
            checkpoint_sha256: Bytes::copy_from_slice(note_sha256),
            signature: Bytes::copy_from_slice(&signature),
        }
    }

    /// Verifies an end's signature by the session key of the end that it names. Whether the
    /// checkpoint is one of this recording is the caller's to check.
    ///
    /// # Errors
    /// [`BadSignature`], also where it names no end.
    pub fn verify_end(
        &self,
        key: &PublicKey,
        signature: &record::EndSignature,
    ) -> Result<(), BadSignature> {
        let end = End::from_wire(signature.end).ok_or(BadSignature)?;
        let hash = &signature.checkpoint_sha256;
        let fields = [end.byte()];
        key.verify(Context::EndSignature, &self.end_fields(&fields, hash), &signature.signature)
    }

    fn end_fields<'a>(&'a self, end: &'a [u8; 1], note_sha256: &'a [u8]) -> [&'a [u8]; 4] {
        [self.session.as_bytes(), end, &self.transcript, note_sha256]
    }

    /// A signature over an encoded [`record::Closing`], which names the session itself:
    /// `lv("deskside1 close", "node" | "agent" | "technician", TH, closing)`.
    #[must_use]
    pub fn close(&self, key: &SigningKey, by: Closer, closing: &[u8]) -> [u8; SIGNATURE] {
        key.sign(Context::Close, &[by.label(), &self.transcript, closing])
    }

    /// Verifies a signature over a closing.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_close(
        &self,
        key: &PublicKey,
        by: Closer,
        closing: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        key.verify(Context::Close, &[by.label(), &self.transcript, closing], signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn a_signature_holds_for_its_session_line_and_end_only() {
        let key = SigningKey::from_seed(Zeroizing::new([3; 32]));
        let one = Binding { session: SessionId::from_bytes([1; 16]), transcript: [2; HASH] };
        let two = Binding { session: SessionId::from_bytes([9; 16]), ..one };
        let three = Binding { transcript: [9; HASH], ..one };

        let seal = one.seal(&key, 1, End::Agent, Bytes::from_static(b"age"));
        assert_eq!(one.verify_seal(&key.public(), &seal), Ok(()));
        assert!(two.verify_seal(&key.public(), &seal).is_err());
        assert!(three.verify_seal(&key.public(), &seal).is_err());
        let relabelled = [
            record::Seal { end: End::Technician.to_wire(), ..seal.clone() },
            record::Seal { end: 0, ..seal.clone() },
            record::Seal { line: 2, ..seal.clone() },
            record::Seal { age: Bytes::new(), ..seal },
        ];
        for other in relabelled {
            assert!(one.verify_seal(&key.public(), &other).is_err());
        }
    }

    #[test]
    fn a_close_holds_for_its_signer_only() {
        let key = SigningKey::from_seed(Zeroizing::new([3; 32]));
        let one = Binding { session: SessionId::from_bytes([1; 16]), transcript: [2; HASH] };
        let signature = one.close(&key, Closer::Node, b"closing");
        assert_eq!(one.verify_close(&key.public(), Closer::Node, b"closing", &signature), Ok(()));
        let agent = Closer::End(End::Agent);
        assert!(one.verify_close(&key.public(), agent, b"closing", &signature).is_err());
        assert!(one.verify_close(&key.public(), Closer::Node, b"other", &signature).is_err());
    }
}
