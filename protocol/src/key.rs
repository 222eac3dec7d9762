//! Ed25519 keys and the one way in which this protocol signs: a context of its own for each
//! purpose, in front of length-prefixed fields.

use data_encoding::HEXLOWER;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::lv;
use crate::random::{self, Random};

/// Bytes of an Ed25519 signature.
pub const SIGNATURE: usize = 64;

/// What a signature is for. No two purposes share a context, so that none can be replayed as
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The authority key, over a policy.
    Policy,
    /// The authority key, over a certificate.
    Certificate,
    /// The node key, over the list of revoked certificates.
    Revocations,
    /// A technician's long-term key, over its part of a pairing.
    Join,
    /// A session key, over its seal.
    Seal,
    /// The node key, over a seal that it stored.
    Receipt,
    /// A session key, over a checkpoint that it received.
    EndSignature,
    /// A session key or the node key, over the closing of a recording.
    Close,
    /// A technician's long-term key, over a session's note.
    Note,
    /// A session key, over a node's challenge on a leg.
    Reattach,
    /// The node key that is given up, and the authority key, over a change of the node key.
    NodeRotation,
    /// The authority key that is given up, and the one that follows, over a change of it.
    AuthorityRotation,
    /// A session key, over what its end says that it sent and delivered.
    Statement,
    /// An auditor's long-term key, over a part of a recording.
    Excerpt,
}

impl Context {
    /// The first field of what is signed.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Policy => "deskside1 policy",
            Self::Certificate => "deskside1 certificate",
            Self::Revocations => "deskside1 revocations",
            Self::Join => "deskside1 join",
            Self::Seal => "deskside1 seal",
            Self::Receipt => "deskside1 receipt",
            Self::EndSignature => "deskside1 endsig",
            Self::Close => "deskside1 close",
            Self::Note => "deskside1 note",
            Self::Reattach => "deskside1 reattach",
            Self::NodeRotation => "deskside1 node rotation",
            Self::AuthorityRotation => "deskside1 authority rotation",
            Self::Statement => "deskside1 statement",
            Self::Excerpt => "deskside1 excerpt",
        }
    }

    fn message(self, fields: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::with_capacity(fields.len() + 1);
        all.push(self.label().as_bytes());
        all.extend_from_slice(fields);
        lv::encode(&all)
    }
}

/// A signature does not fit the key, the context or what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// Bytes that are not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a public key has 32 bytes")]
pub struct NotAKey;

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of these bytes; whether they are a point shows at the first verification.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Verifies `signature` over `context` and `fields`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        context: Context,
        fields: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        self.verify_bytes(&context.message(fields), signature)
    }

    /// Verifies a signature over bytes that carry their own context (C2SP signed notes).
    pub(crate) fn verify_bytes(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }
}

impl TryFrom<&[u8]> for PublicKey {
    type Error = NotAKey;

    fn try_from(bytes: &[u8]) -> Result<Self, NotAKey> {
        Ok(Self(bytes.try_into().map_err(|_| NotAKey)?))
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// An Ed25519 key that signs. Only the seed is kept, and it is wiped when dropped.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
#[derive(Clone)]
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl SigningKey {
    /// A new key.
    pub fn generate(random: &mut dyn Random) -> Self {
        Self::from_seed(Zeroizing::new(random::bytes(random)))
    }

    /// The key of a stored seed. Every 32 bytes are one.
    #[must_use]
    pub fn from_seed(seed: Zeroizing<[u8; 32]>) -> Self {
        let public = PublicKey(pair(&seed).map_or([0; 32], |pair| {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(pair.public_key().as_ref());
            bytes
        }));
        Self { seed, public }
    }

    /// The seed, for an owner-only file or a TLS configuration.
    #[must_use]
    pub fn seed(&self) -> &Zeroizing<[u8; 32]> {
        &self.seed
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `context` and `fields`.
    #[must_use]
    pub fn sign(&self, context: Context, fields: &[&[u8]]) -> [u8; SIGNATURE] {
        self.sign_bytes(&context.message(fields))
    }

    /// Signs bytes that carry their own context (C2SP signed notes).
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; SIGNATURE] {
        let mut signature = [0; SIGNATURE];
        if let Some(pair) = pair(&self.seed) {
            signature.copy_from_slice(pair.sign(message).as_ref());
        }
        signature
    }
}

/// `None` never happens: ring takes every 32-byte seed.
fn pair(seed: &Zeroizing<[u8; 32]>) -> Option<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_context_and_fields_only() {
        let key = SigningKey::from_seed(Zeroizing::new([7; 32]));
        let signature = key.sign(Context::Seal, &[b"ab", b"c"]);
        let public = key.public();
        assert_eq!(public.verify(Context::Seal, &[b"ab", b"c"], &signature), Ok(()));
        assert!(public.verify(Context::Note, &[b"ab", b"c"], &signature).is_err());
        assert!(public.verify(Context::Seal, &[b"a", b"bc"], &signature).is_err());
        assert!(public.verify(Context::Seal, &[b"ab", b"c"], &signature[..63]).is_err());
    }

    #[test]
    fn rfc_8032_test_1_gives_its_public_key() {
        let seed = HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let key = SigningKey::from_seed(Zeroizing::new(seed.try_into().unwrap()));
        assert_eq!(
            key.public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }
}
