//! Pairing by code: CPace with key confirmation, one run per code, each state a type of its own.
//!
//! ```text
//! agent                                    relay                    technician
//! Opening --(nonce_A, Y_A, AD_A)--> parks
//! Waiting                                       <--(nameplate, ticket)-- join
//!                                               --(Y_A, AD_A)----------> Offered
//!         <----------------(Y_T, AD_T, tag_T)---------------------------
//! checks, spends the code
//!         --------------------------(tag_A)----------------------------> checks
//! Paired                                                                 Paired
//! ```
//!
//! Neither end shows a name, opens a line or seals before it holds a [`Paired`], which only a
//! verified confirmation tag yields.

pub mod agent;
mod confirm;
mod cpace;
pub mod technician;

use thiserror::Error;

use crate::identity::certificate::CertificateError;
use crate::identity::revocations::RevocationsError;
use crate::key::{PublicKey, SigningKey};
use crate::transcript::HASH;

pub use confirm::TAG;
pub use cpace::SHARE;

/// Version of what the ends say to each other, in both associated data.
pub const VERSION: u32 = 1;

/// Why a pairing failed. The number goes to the other end ([`PairingError::cause`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PairingError {
    /// The share is not a point, or the neutral one: the peer misbehaved.
    #[error("the other side sent a key share that is not one")]
    Share,
    /// The confirmation tag does not fit: a wrong code, or somebody in the middle.
    #[error("the code was not the right one")]
    WrongCode,
    /// The associated data is malformed: the peer misbehaved.
    #[error("the other side sent pairing data that cannot be read")]
    Malformed,
    /// The other end speaks another version.
    #[error("the other side speaks version {theirs} of the protocol, this one {VERSION}: {}", upgrade(*theirs))]
    Version {
        /// What it speaks.
        theirs: u32,
    },
    /// The technician's certificate does not count.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The list of revoked certificates does not count.
    #[error(transparent)]
    Revocations(#[from] RevocationsError),
    /// `sig_T` does not verify.
    #[error("the request is not signed by the technician of the certificate")]
    Signature,
}

fn upgrade(theirs: u32) -> &'static str {
    if theirs > VERSION { "upgrade this program" } else { "upgrade the other side's program" }
}

impl PairingError {
    /// The number by which the other end learns the cause. Numbers are never reused.
    #[must_use]
    pub const fn cause(self) -> u32 {
        match self {
            Self::Share => 1,
            Self::WrongCode => 2,
            Self::Malformed => 3,
            Self::Version { .. } => 4,
            Self::Certificate(_) => 5,
            Self::Revocations(_) => 6,
            Self::Signature => 7,
        }
    }

    /// The sentence for a cause that the other end reported.
    #[must_use]
    pub const fn sentence(cause: u32) -> &'static str {
        match cause {
            1 | 3 => "the two programs did not understand each other: upgrade the older one",
            2 => {
                "that was not the code on the user's screen: ask for the new code and type it anew"
            }
            4 => "the two programs are of versions that do not fit: upgrade the older one",
            5 => "the user's program did not accept your certificate: ask for a new enrolment",
            6 => {
                "the user's program found the relay's list of certificates out of date: check the clocks"
            }
            7 => "the user's program could not verify your signature: ask for a new enrolment",
            _ => "the user's program refused to pair",
        }
    }
}

/// What a finished pairing gives to either end.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Paired {
    /// Our key for this session: the line's TLS key, and what our statements are signed with.
    pub session_key: SigningKey,
    /// The other end's, to be pinned.
    pub peer_key: PublicKey,
    /// The transcript hash, which all our signatures in the recording name.
    pub transcript_hash: [u8; HASH],
}

#[cfg(test)]
mod tests;
