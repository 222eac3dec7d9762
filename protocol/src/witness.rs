//! What an end signs while a session lives, after it has checked what it is given: its own seal, the
//! relay's checkpoints, the closing. Both ends are witnesses of the recording in the same way.

use bytes::Bytes;
use prost::Message as _;
use thiserror::Error;

use crate::key::{Context, PublicKey, SigningKey};
use crate::recording::checkpoint::Note;
use crate::recording::{Binding, Closer};
use crate::session::End;
use crate::signed;
use crate::transcript::sha256;
use crate::wire::record::{Closing, EndSignature, Receipt, Seal, Signed};
use crate::wire::signal::{CloseProposal, CloseSignature};

/// What the relay gave is not to be signed, or proves nothing: the relay misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WitnessError {
    /// A receipt that is not this node's, or for something else than our seal.
    #[error("the relay's receipt does not fit what was sealed")]
    Receipt,
    /// A checkpoint that is not this node's, of another session, or behind an earlier one.
    #[error("the relay's checkpoint does not fit this session")]
    Checkpoint,
    /// A closing that is not this node's, of another session, or before the last checkpoint.
    #[error("the relay's closing does not fit this session")]
    Closing,
}

/// One end as a witness of one session's recording.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
pub struct Witness {
    end: End,
    key: SigningKey,
    node: PublicKey,
    binding: Binding,
    /// Hash of our seal, by line, until its receipt came.
    sealed: Option<(u16, [u8; 32])>,
    /// Number of the last block that a checkpoint covered.
    seen: Option<u64>,
}

impl Witness {
    /// The witness of `end`, which signs with its session `key` and knows the relay by `node`.
    #[must_use]
    pub const fn new(end: End, key: SigningKey, node: PublicKey, binding: Binding) -> Self {
        Self { end, key, node, binding, sealed: None, seen: None }
    }

    /// Signs our age file of a line's secrets.
    pub fn seal(&mut self, line: u16, age: Bytes) -> Seal {
        self.sealed = Some((line, sha256(&age)));
        self.binding.seal(&self.key, line, self.end, age)
    }

    /// Checks the node's word that our last seal is on its disk. Only then may data follow.
    ///
    /// # Errors
    /// [`WitnessError::Receipt`].
    pub fn receipt(&self, receipt: &Signed) -> Result<(), WitnessError> {
        let body = signed::open(receipt, &self.node, Context::Receipt)
            .map_err(|_| WitnessError::Receipt)?;
        let receipt = Receipt::decode(body).map_err(|_| WitnessError::Receipt)?;
        let (line, hash) = self.sealed.ok_or(WitnessError::Receipt)?;
        let fits = receipt.session.as_ref() == self.binding.session.as_bytes()
            && receipt.line == u32::from(line)
            && receipt.end == self.end.to_wire()
            && receipt.age_sha256.as_ref() == hash;
        if fits { Ok(()) } else { Err(WitnessError::Receipt) }
    }

    /// Signs a checkpoint of the node's. They only ever go forward.
    ///
    /// # Errors
    /// [`WitnessError::Checkpoint`].
    pub fn checkpoint(&mut self, note: &str) -> Result<EndSignature, WitnessError> {
        let note = Note::parse(note.as_bytes()).map_err(|_| WitnessError::Checkpoint)?;
        note.verify(&self.node).map_err(|_| WitnessError::Checkpoint)?;
        let forward = self.seen.is_none_or(|seen| note.checkpoint.seq > seen);
        if note.checkpoint.session != self.binding.session || !forward {
            return Err(WitnessError::Checkpoint);
        }
        self.seen = Some(note.checkpoint.seq);
        Ok(self.binding.end_signature(&self.key, self.end, &note.sha256()))
    }

    /// Signs the closing that the node proposes.
    ///
    /// # Errors
    /// [`WitnessError::Closing`].
    pub fn close(&self, proposal: &CloseProposal) -> Result<CloseSignature, WitnessError> {
        let bytes = &proposal.closing;
        self.binding
            .verify_close(&self.node, Closer::Node, bytes, &proposal.node_signature)
            .map_err(|_| WitnessError::Closing)?;
        let closing = Closing::decode(bytes.clone()).map_err(|_| WitnessError::Closing)?;
        let forward = self.seen.is_none_or(|seen| closing.seq > seen);
        if closing.session.as_ref() != self.binding.session.as_bytes() || !forward {
            return Err(WitnessError::Closing);
        }
        let signature = self.binding.close(&self.key, Closer::End(self.end), bytes);
        Ok(CloseSignature { signature: Bytes::copy_from_slice(&signature) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::checkpoint::Checkpoint;
    use crate::session::SessionId;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    fn binding(session: u8) -> Binding {
        Binding { session: SessionId::from_bytes([session; 16]), transcript: [9; 32] }
    }

    fn witness() -> Witness {
        Witness::new(End::Agent, key(1), key(2).public(), binding(5))
    }

    fn receipt(node: u8, age: &[u8], end: End) -> Signed {
        let receipt = Receipt {
            session: vec![5; 16].into(),
            line: 0,
            end: end.to_wire(),
            age_sha256: sha256(age).to_vec().into(),
            time: 1,
        };
        signed::sign_message(&key(node), Context::Receipt, &receipt)
    }

    #[test]
    fn only_the_node_s_receipt_for_our_own_seal_counts() {
        let mut witness = witness();
        let early = witness.receipt(&receipt(2, b"age", End::Agent));
        assert_eq!(early, Err(WitnessError::Receipt));
        let seal = witness.seal(0, Bytes::from_static(b"age"));
        assert!(binding(5).verify_seal(&key(1).public(), &seal).is_ok());
        assert_eq!(witness.receipt(&receipt(2, b"age", End::Agent)), Ok(()));
        for wrong in [
            receipt(3, b"age", End::Agent),
            receipt(2, b"other", End::Agent),
            receipt(2, b"age", End::Technician),
        ] {
            assert_eq!(witness.receipt(&wrong), Err(WitnessError::Receipt));
        }
    }

    fn note(node: u8, session: u8, seq: u64) -> String {
        let session = SessionId::from_bytes([session; 16]);
        Checkpoint { session, seq, hash: [3; 32], time_us: 7 }.sign(&key(node)).encode()
    }

    #[test]
    fn checkpoints_only_go_forward() {
        let mut witness = witness();
        let signed = witness.checkpoint(&note(2, 5, 4)).unwrap();
        assert!(binding(5).verify_end(&key(1).public(), &signed).is_ok());
        for wrong in [note(2, 5, 4), note(2, 5, 3), note(2, 6, 9), note(3, 5, 9), String::new()] {
            assert_eq!(witness.checkpoint(&wrong), Err(WitnessError::Checkpoint));
        }
        assert!(witness.checkpoint(&note(2, 5, 5)).is_ok());
    }

    fn proposal(node: u8, session: u8, seq: u64) -> CloseProposal {
        let closing = Closing { session: vec![session; 16].into(), seq, ..Closing::default() };
        let closing = closing.encode_to_vec();
        let signature = binding(session).close(&key(node), Closer::Node, &closing);
        CloseProposal { closing: closing.into(), node_signature: signature.to_vec().into() }
    }

    #[test]
    fn a_closing_is_signed_for_this_session_and_behind_the_last_checkpoint() {
        let mut witness = witness();
        witness.checkpoint(&note(2, 5, 4)).unwrap();
        let right = proposal(2, 5, 6);
        let signed = witness.close(&right).unwrap();
        let closer = Closer::End(End::Agent);
        let verified =
            binding(5).verify_close(&key(1).public(), closer, &right.closing, &signed.signature);
        assert!(verified.is_ok());
        for wrong in [proposal(2, 5, 4), proposal(2, 6, 6), proposal(3, 5, 6)] {
            assert_eq!(witness.close(&wrong), Err(WitnessError::Closing));
        }
    }
}
