//! Key confirmation: each end proves that it has the same key, and saw the same transcript.
//!
//! ```text
//! PRK  = HKDF-Extract-SHA256(salt = TH, ikm = ISK)
//! tag  = HMAC-SHA256(HKDF-Expand(PRK, "confirm agent" | "confirm technician"), TH)
//! ```

use pakery_core::SharedSecret;
use ring::{hkdf, hmac};

use super::PairingError;
use crate::transcript::HASH;

/// Bytes of a confirmation tag.
pub const TAG: usize = 32;

/// Whose tag it is. The roles make reflection fail.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Agent,
    Technician,
}

/// The two confirmation keys of one run.
pub(super) struct Confirmation {
    prk: hkdf::Prk,
    transcript_hash: [u8; HASH],
}

impl Confirmation {
    pub(super) fn new(isk: &SharedSecret, transcript_hash: [u8; HASH]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &transcript_hash);
        Self { prk: salt.extract(isk.as_bytes()), transcript_hash }
    }

    /// The tag by which `role` proves itself.
    pub(super) fn tag(&self, role: Role) -> Result<[u8; TAG], PairingError> {
        let tag = hmac::sign(&self.key(role)?, &self.transcript_hash);
        tag.as_ref().try_into().map_err(|_| PairingError::WrongCode)
    }

    /// Checks `role`'s tag in constant time.
    pub(super) fn verify(&self, role: Role, tag: &[u8]) -> Result<(), PairingError> {
        hmac::verify(&self.key(role)?, &self.transcript_hash, tag)
            .map_err(|_| PairingError::WrongCode)
    }

    fn key(&self, role: Role) -> Result<hmac::Key, PairingError> {
        let info: &[&[u8]] = match role {
            Role::Agent => &[b"confirm agent"],
            Role::Technician => &[b"confirm technician"],
        };
        let okm = self.prk.expand(info, hmac::HMAC_SHA256).map_err(|_| PairingError::WrongCode)?;
        Ok(okm.into())
    }
}
