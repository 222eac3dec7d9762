//! What both ends of a pairing agree on, byte for byte: the channel identifier, each end's
//! associated data, and the transcript hash over all of it.
//!
//! The pairing builds these, a recording's HEADER keeps them, and `verify` computes them again.
//! Only bytes and hashes here: no CPace, no state. PROTOCOL.md, "Pairing", has the same formulas:
//!
//! ```text
//! sid  = SHA256(lv("deskside1 sid", nameplate, nonce_A[32]))
//! CI   = lv("deskside1", relay_origin, node_key, organisation_key, SHA256(signed policy))
//! AD_A = lv("agent", version, session_key_A, answered, nonce_A)
//! AD_T = lv("technician", version, session_key_T, certificate, ticket, subject, requested, nonce_T, sig_T)
//! sig_T = Sign(certificate's key, lv("deskside1 join", CI, sid, Y_T, session_key_T, ticket, subject, requested, nonce_T))
//! TH   = SHA256(lv("deskside1 th", CI, sid, Y_A, AD_A, Y_T, AD_T))
//! ```
//!
//! Numbers (`version`, `answered`, `requested`) are 32-bit big-endian; texts are UTF-8.

mod agent;
mod technician;

use prost::Message as _;
use thiserror::Error;

use crate::code::Nameplate;
use crate::key::PublicKey;
use crate::lv;
use crate::wire::record;

pub use agent::AgentData;
pub use technician::{Join, TechnicianData};

/// Bytes of a SHA-256.
pub const HASH: usize = 32;
/// Bytes of either end's nonce.
pub const NONCE: usize = 32;
/// Longest encoded certificate: four texts of at most 512 bytes, a key, a few numbers and a
/// signature are below 3 KiB.
pub const MAX_CERTIFICATE: usize = 4 * 1024;
/// Longest ticket number, in bytes of UTF-8.
pub const MAX_TICKET: usize = 256;
/// Longest subject, in bytes of UTF-8: it has to fit a dialog.
pub const MAX_SUBJECT: usize = 1024;

/// Associated data that no end of this protocol sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TranscriptError {
    /// Not the right number of fields, or cut off.
    #[error(transparent)]
    Fields(#[from] lv::Malformed),
    /// The other role's data, or neither's: reflection ends here.
    #[error("the pairing data is not this role's")]
    Role,
    /// A field has a wrong length, passes its maximum or is not UTF-8.
    #[error("the field `{field}` of the pairing data is malformed")]
    Field {
        /// The field, as named in the formulas.
        field: &'static str,
    },
}

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; HASH] {
    let mut out = [0; HASH];
    out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    out
}

/// SHA-256 of a signed policy as encoded, which binds the auditors' keys into the pairing.
#[must_use]
pub fn policy_hash(policy: &record::Signed) -> [u8; HASH] {
    sha256(&policy.encode_to_vec())
}

/// The pairing's own name (CPace's `sid`): from the nameplate and the agent's nonce.
#[must_use]
pub fn sid(nameplate: Nameplate, nonce_a: &[u8; NONCE]) -> [u8; HASH] {
    let nameplate = nameplate.to_string();
    sha256(&lv::encode(&[b"deskside1 sid", nameplate.as_bytes(), nonce_a]))
}

/// Whom both ends believe to talk through, and under which rules (CPace's `CI`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelIdentifier {
    /// `host:port` of the relay, as in the join link.
    pub relay_origin: String,
    /// The relay's node key.
    pub node_key: PublicKey,
    /// The organisation's authority key.
    pub organisation_key: PublicKey,
    /// [`policy_hash`] of the policy in force.
    pub policy_hash: [u8; HASH],
}

impl ChannelIdentifier {
    /// The bytes that go into CPace, `sig_T` and the transcript hash.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        lv::encode(&[
            b"deskside1",
            self.relay_origin.as_bytes(),
            self.node_key.as_bytes(),
            self.organisation_key.as_bytes(),
            &self.policy_hash,
        ])
    }
}

/// All that was said in a pairing, as its two ends and its recording hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transcript<'a> {
    /// [`ChannelIdentifier::encode`].
    pub ci: &'a [u8],
    /// [`sid()`].
    pub sid: &'a [u8; HASH],
    /// The agent's CPace share.
    pub y_a: &'a [u8],
    /// [`AgentData::encode`].
    pub ad_a: &'a [u8],
    /// The technician's CPace share.
    pub y_t: &'a [u8],
    /// [`TechnicianData::encode`].
    pub ad_t: &'a [u8],
}

impl Transcript<'_> {
    /// The transcript hash (`TH`): whoever signs it means this pairing and no other.
    #[must_use]
    pub fn hash(&self) -> [u8; HASH] {
        let fields: [&[u8]; 7] =
            [b"deskside1 th", self.ci, self.sid, self.y_a, self.ad_a, self.y_t, self.ad_t];
        sha256(&lv::encode(&fields))
    }
}

fn array<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], TranscriptError> {
    bytes.try_into().map_err(|_| TranscriptError::Field { field })
}

fn number(bytes: &[u8], field: &'static str) -> Result<u32, TranscriptError> {
    array(bytes, field).map(u32::from_be_bytes)
}

fn text(bytes: &[u8], max: usize, field: &'static str) -> Result<String, TranscriptError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= max => Ok(text.to_owned()),
        _ => Err(TranscriptError::Field { field }),
    }
}

#[cfg(test)]
mod tests;
