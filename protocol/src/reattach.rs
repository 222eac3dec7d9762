//! Coming back: how an end proves on a new leg, or from a new address, that a session is its own.
//!
//! The node gives a nonce and the label that packets to this end carry; the end signs both with its
//! session key, bound to the leg on which it was asked. A reattach token only says which session is
//! meant, so whoever reads one gains nothing.

use ring::hkdf;
use zeroize::Zeroizing;

use crate::key::{BadSignature, Context, PublicKey, SIGNATURE, SigningKey};
use crate::label::Label;
use crate::session::SessionId;

/// Bytes of a reattach token.
pub const TOKEN: usize = 16;
/// Bytes of a node's nonce.
pub const NONCE: usize = 32;
/// TLS exporter label of a leg (RFC 8446 section 7.5).
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER deskside leg";
/// Bytes of a leg's exporter.
pub const EXPORTER: usize = 32;

/// HKDF label of a node's reset key.
const RESET_LABEL: &[u8] = b"deskside1 reset";

/// The key from which a node makes the stateless reset tokens of its legs (RFC 9000 section 10.3):
/// the same after every start, so that the ends of legs that a start knows nothing of recognise its
/// resets. HKDF-SHA256 without salt over the node key's seed. `None` where HKDF has no 32 bytes to
/// give, which is never.
#[must_use]
pub fn reset_key(node: &SigningKey) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(node.seed().as_ref());
    prk.expand(&[RESET_LABEL], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut())).ok()?;
    Some(key)
}

/// What is signed.
#[allow(missing_debug_implementations, reason = "holds a leg's exporter")]
pub struct Claim<'a> {
    /// Which session.
    pub session: SessionId,
    /// The label of the end, on the line of the moment.
    pub label: Label,
    /// The node's nonce.
    pub nonce: &'a [u8; NONCE],
    /// The exporter of the leg on which the challenge came.
    pub exporter: &'a Zeroizing<[u8; EXPORTER]>,
}

impl Claim<'_> {
    /// The end's answer.
    #[must_use]
    pub fn sign(&self, session_key: &SigningKey) -> [u8; SIGNATURE] {
        session_key.sign(Context::Reattach, &self.fields())
    }

    /// Checks an end's answer.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, session_key: &PublicKey, signature: &[u8]) -> Result<(), BadSignature> {
        session_key.verify(Context::Reattach, &self.fields(), signature)
    }

    fn fields(&self) -> [&[u8]; 4] {
        [self.nonce, self.session.as_bytes(), self.label.as_bytes(), self.exporter.as_ref()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_one_challenge_on_one_leg() {
        let key = SigningKey::from_seed(Zeroizing::new([7; 32]));
        let [leg, other_leg] = [Zeroizing::new([1; 32]), Zeroizing::new([2; 32])];
        let session = SessionId::try_from([3; 16].as_slice()).unwrap();
        let [label, other_label] = [[0x80; 8], [0x81; 8]].map(|b| Label::from_bytes(&b).unwrap());
        let claim = |label, nonce, exporter| Claim { session, label, nonce, exporter };
        let signature = claim(label, &[4; 32], &leg).sign(&key);
        let holds = |claim: Claim<'_>| claim.verify(&key.public(), &signature).is_ok();
        assert!(holds(claim(label, &[4; 32], &leg)));
        assert!(!holds(claim(other_label, &[4; 32], &leg)));
        assert!(!holds(claim(label, &[5; 32], &leg)));
        assert!(!holds(claim(label, &[4; 32], &other_leg)));
    }
}
