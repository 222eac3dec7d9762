//! What the agent says of itself in a pairing.

use super::{NONCE, TranscriptError, array, number};
use crate::key::PublicKey;
use crate::lv;

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
