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

use bytes::Bytes;
use prost::Message as _;
use thiserror::Error;

use crate::code::Nameplate;
use crate::key::{BadSignature, Context, PublicKey, SIGNATURE, SigningKey};
use crate::lv;
use crate::wire::record;

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

/// What the agent says of itself (`AD_A`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentData {
    /// Version of the protocol between the ends.
    pub version: u32,
    /// Fresh for this session: TLS key of the line, and signs for this end.
    pub session_key: PublicKey,
    /// Bits of the grants answered beforehand (`--allow`).
    pub answered: u32,
    /// Fresh for this code.
    pub nonce: [u8; NONCE],
}

impl AgentData {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        lv::encode(&[
            b"agent",
            &self.version.to_be_bytes(),
            self.session_key.as_bytes(),
            &self.answered.to_be_bytes(),
            &self.nonce,
        ])
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else.
    ///
    /// # Errors
    /// [`TranscriptError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let [role, version, session_key, answered, nonce] = lv::decode(bytes)?;
        if role != b"agent" {
            return Err(TranscriptError::Role);
        }
        Ok(Self {
            version: number(version, "version")?,
            session_key: PublicKey::from_bytes(array(session_key, "session_key_A")?),
            answered: number(answered, "answered")?,
            nonce: array(nonce, "nonce_A")?,
        })
    }
}

/// What a technician wants, before it is signed. Keep the texts within [`MAX_TICKET`] and
/// [`MAX_SUBJECT`]: the other end refuses longer ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Version of the protocol between the ends.
    pub version: u32,
    /// Fresh for this session: TLS key of the line, and signs for this end.
    pub session_key: PublicKey,
    /// The technician's certificate: an encoded [`record::Signed`].
    pub certificate: Bytes,
    /// Ticket number.
    pub ticket: String,
    /// The ticket's subject, as the user will see it.
    pub subject: String,
    /// Bits of the grants asked for.
    pub requested: u32,
    /// Fresh for this join.
    pub nonce: [u8; NONCE],
}

impl Join {
    /// Signs with the certificate's key, for exactly this pairing: `ci` is
    /// [`ChannelIdentifier::encode`], `y_t` the technician's CPace share.
    #[must_use]
    pub fn sign(self, key: &SigningKey, ci: &[u8], sid: &[u8; HASH], y_t: &[u8]) -> TechnicianData {
        let requested = self.requested.to_be_bytes();
        let signature = key.sign(Context::Join, &self.fields(ci, sid, y_t, &requested));
        TechnicianData { join: self, signature }
    }

    /// What `sig_T` covers. Version and certificate are bound by the transcript hash instead.
    fn fields<'a>(
        &'a self,
        ci: &'a [u8],
        sid: &'a [u8; HASH],
        y_t: &'a [u8],
        requested: &'a [u8; 4],
    ) -> [&'a [u8]; 8] {
        [
            ci,
            sid,
            y_t,
            self.session_key.as_bytes(),
            self.ticket.as_bytes(),
            self.subject.as_bytes(),
            requested,
            &self.nonce,
        ]
    }
}

/// What the technician says of himself, signed (`AD_T`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TechnicianData {
    /// What was signed, with version and certificate.
    pub join: Join,
    /// `sig_T`.
    pub signature: [u8; SIGNATURE],
}

impl TechnicianData {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let join = &self.join;
        lv::encode(&[
            b"technician",
            &join.version.to_be_bytes(),
            join.session_key.as_bytes(),
            &join.certificate,
            join.ticket.as_bytes(),
            join.subject.as_bytes(),
            &join.requested.to_be_bytes(),
            &join.nonce,
            &self.signature,
        ])
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else. Verifies no signature.
    ///
    /// # Errors
    /// [`TranscriptError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let [role, version, session_key, certificate, ticket, subject, requested, nonce, signature] =
            lv::decode(bytes)?;
        if role != b"technician" {
            return Err(TranscriptError::Role);
        }
        if certificate.len() > MAX_CERTIFICATE {
            return Err(TranscriptError::Field { field: "certificate" });
        }
        Ok(Self {
            join: Join {
                version: number(version, "version")?,
                session_key: PublicKey::from_bytes(array(session_key, "session_key_T")?),
                certificate: Bytes::copy_from_slice(certificate),
                ticket: text(ticket, MAX_TICKET, "ticket")?,
                subject: text(subject, MAX_SUBJECT, "subject")?,
                requested: number(requested, "requested")?,
                nonce: array(nonce, "nonce_T")?,
            },
            signature: array(signature, "sig_T")?,
        })
    }

    /// Verifies `sig_T` by `key`, which the caller took from the verified certificate.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        key: &PublicKey,
        ci: &[u8],
        sid: &[u8; HASH],
        y_t: &[u8],
    ) -> Result<(), BadSignature> {
        let requested = self.join.requested.to_be_bytes();
        let fields = self.join.fields(ci, sid, y_t, &requested);
        key.verify(Context::Join, &fields, &self.signature)
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
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    const SID: [u8; HASH] = [1; HASH];

    fn join() -> Join {
        Join {
            version: 1,
            session_key: PublicKey::from_bytes([2; 32]),
            certificate: Bytes::from_static(b"certificate"),
            ticket: "4711".to_owned(),
            subject: "Drucker geht nicht – schon wieder".to_owned(),
            requested: 3,
            nonce: [4; NONCE],
        }
    }

    fn technician() -> TechnicianData {
        join().sign(&SigningKey::from_seed(Zeroizing::new([7; 32])), b"ci", &SID, b"y_t")
    }

    fn agent() -> AgentData {
        AgentData {
            version: 1,
            session_key: PublicKey::from_bytes([5; 32]),
            answered: 0,
            nonce: [6; NONCE],
        }
    }

    #[test]
    fn both_data_decode_to_what_was_encoded() {
        assert_eq!(TechnicianData::decode(&technician().encode()), Ok(technician()));
        assert_eq!(AgentData::decode(&agent().encode()), Ok(agent()));
    }

    #[test]
    fn truncations_and_the_other_role_are_refused() {
        for bytes in [agent().encode(), technician().encode()] {
            for end in 0..bytes.len() {
                assert!(AgentData::decode(&bytes[..end]).is_err());
                assert!(TechnicianData::decode(&bytes[..end]).is_err());
            }
        }
        let reflected = lv::encode(&[b"technician", &[0; 4], &[0; 32], &[0; 4], &[0; 32]]);
        assert_eq!(AgentData::decode(&reflected), Err(TranscriptError::Role));
    }

    #[test]
    fn maxima_hold() {
        let long = Join { subject: "s".repeat(MAX_SUBJECT + 1), ..join() };
        let long = TechnicianData { join: long, signature: [0; SIGNATURE] };
        assert_eq!(
            TechnicianData::decode(&long.encode()),
            Err(TranscriptError::Field { field: "subject" })
        );
    }

    #[test]
    fn sig_t_holds_for_its_pairing_only() {
        let key = SigningKey::from_seed(Zeroizing::new([7; 32])).public();
        let data = technician();
        assert_eq!(data.verify(&key, b"ci", &SID, b"y_t"), Ok(()));
        assert!(data.verify(&key, b"other", &SID, b"y_t").is_err());
        assert!(data.verify(&key, b"ci", &[0; HASH], b"y_t").is_err());
        assert!(data.verify(&key, b"ci", &SID, b"other").is_err());
        let other = Join { requested: 7, ..join() };
        let other = TechnicianData { join: other, signature: data.signature };
        assert!(other.verify(&key, b"ci", &SID, b"y_t").is_err());
    }

    #[test]
    fn the_hash_covers_every_field() {
        let whole = Transcript {
            ci: b"ci",
            sid: &SID,
            y_a: b"y_a",
            ad_a: b"ad_a",
            y_t: b"y_t",
            ad_t: b"ad_t",
        };
        let others = [
            Transcript { ci: b"x", ..whole },
            Transcript { sid: &[0; HASH], ..whole },
            Transcript { y_a: b"x", ..whole },
            Transcript { ad_a: b"x", ..whole },
            Transcript { y_t: b"x", ..whole },
            Transcript { ad_t: b"x", ..whole },
        ];
        for other in others {
            assert_ne!(other.hash(), whole.hash());
        }
    }

    #[test]
    fn sid_depends_on_nameplate_and_nonce() {
        let nameplate = |text| Nameplate::parse(text).unwrap();
        let one = sid(nameplate("00042"), &[0; NONCE]);
        assert_eq!(one, sha256(&lv::encode(&[b"deskside1 sid", b"00042", &[0; 32]])));
        assert_ne!(one, sid(nameplate("00043"), &[0; NONCE]));
        assert_ne!(one, sid(nameplate("00042"), &[1; NONCE]));
    }
}
