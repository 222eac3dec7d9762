//! What a technician says of himself in a pairing, and signs.

use bytes::Bytes;

use super::{
    HASH, MAX_CERTIFICATE, MAX_SUBJECT, MAX_TICKET, NONCE, TranscriptError, array, number, text,
};
use crate::key::{BadSignature, Context, PublicKey, SIGNATURE, SigningKey};
use crate::lv;

/// What a technician wants, before it is signed. Keep the texts within [`MAX_TICKET`] and
/// [`MAX_SUBJECT`]: the other end refuses longer ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Version of the protocol between the ends.
    pub version: u32,
    /// Fresh for this session: TLS key of the line, and signs for this end.
    pub session_key: PublicKey,
    /// The technician's certificate: an encoded [`record::Signed`](crate::wire::record::Signed).
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
    /// [`ChannelIdentifier::encode`](super::ChannelIdentifier::encode), `y_t` the technician's CPace share.
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
