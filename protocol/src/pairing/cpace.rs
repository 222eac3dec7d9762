//! CPace (draft-irtf-cfrg-cpace-21, Ristretto255 and SHA-512, initiator-responder mode).
//!
//! Group and hashing are those of `pakery`, pinned exactly. The two halves are taken apart here
//! because the responder's associated data holds a signature over its own share, so the share has
//! to be known first; pakery's one-step responder wants it the other way round.

use pakery_core::SharedSecret;
use pakery_core::crypto::CpaceGroup as _;
use pakery_cpace::generator::calculate_generator;
use pakery_cpace::transcript::derive_isk;
use pakery_cpace::{CpaceCiphersuite, CpaceMode};
use pakery_crypto::{Ristretto255Group, Sha512Hash};
use zeroize::Zeroizing;

use super::PairingError;
use crate::random::Random;

/// Bytes of a key share.
pub const SHARE: usize = 32;

/// The draft's Ristretto255 suite.
struct Suite;

impl CpaceCiphersuite for Suite {
    type Group = Ristretto255Group;
    type Hash = Sha512Hash;

    const DSI: &'static [u8] = b"CPaceRistretto255";
    const HASH_BLOCK_SIZE: usize = 128;
    const FIELD_SIZE_BYTES: usize = 32;
}

type Scalar = <Ristretto255Group as pakery_core::crypto::CpaceGroup>::Scalar;

/// One end's secret scalar and public share.
pub(super) struct Exchange {
    scalar: Zeroizing<Scalar>,
    share: [u8; SHARE],
}

/// Both shares and associated data, in the transcript's order.
#[derive(Clone, Copy)]
pub(super) struct Shares<'a> {
    pub(super) y_a: &'a [u8],
    pub(super) ad_a: &'a [u8],
    pub(super) y_t: &'a [u8],
    pub(super) ad_t: &'a [u8],
}

impl Exchange {
    /// Draws a scalar and computes the share for this password, channel and session.
    pub(super) fn start(
        password: &[u8],
        ci: &[u8],
        sid: &[u8],
        random: &mut dyn Random,
    ) -> Result<Self, PairingError> {
        let generator =
            calculate_generator::<Suite>(password, ci, sid).map_err(|_| PairingError::Share)?;
        let mut wide = Zeroizing::new([0; 64]);
        random.fill(wide.as_mut());
        let scalar = Ristretto255Group::scalar_from_wide_bytes(wide.as_ref())
            .map_err(|_| PairingError::Share)?;
        Self::with_scalar(&generator, Zeroizing::new(scalar))
    }

    fn with_scalar(
        generator: &Ristretto255Group,
        scalar: Zeroizing<Scalar>,
    ) -> Result<Self, PairingError> {
        let share = generator.scalar_mul(&scalar).to_bytes();
        let share = share.as_slice().try_into().map_err(|_| PairingError::Share)?;
        Ok(Self { scalar, share })
    }

    /// What goes to the other end.
    pub(super) fn share(&self) -> &[u8; SHARE] {
        &self.share
    }

    /// The shared key, from the other end's share and the whole transcript.
    ///
    /// Invalid encodings and the neutral element are refused (section 6 of the draft).
    pub(super) fn finish(
        self,
        theirs: &[u8],
        sid: &[u8],
        shares: Shares<'_>,
    ) -> Result<SharedSecret, PairingError> {
        let point = Ristretto255Group::from_bytes(theirs).map_err(|_| PairingError::Share)?;
        let product = point.scalar_mul(&self.scalar);
        if product.is_identity() {
            return Err(PairingError::Share);
        }
        let k = Zeroizing::new(product.to_bytes());
        let Shares { y_a, ad_a, y_t, ad_t } = shares;
        let mode = CpaceMode::InitiatorResponder;
        Ok(derive_isk::<Suite>(sid, &k, y_a, ad_a, y_t, ad_t, mode))
    }
}

#[cfg(test)]
#[path = "cpace_tests.rs"]
mod tests;
