//! A relay that changed its node key: a chain of statements, each signed by the key before and by the
//! organisation, leads from the key of an old join link to the key of today.
//!
//! One signature would not do. Whoever has stolen the old node key could name a successor, and the
//! authority alone is not who runs the relay of that link.

use prost::Message as _;
use thiserror::Error;

use crate::key::{Context, PublicKey, SIGNATURE, SigningKey};
use crate::wire::record::{NodeChange, NodeRotation};

/// Changes that a relay tells of, and that an end follows: one a year for as long as anybody keeps a
/// link, and some more for mishaps. Each has 250 bytes, so a `Welcome` grows by 4 KiB at most.
pub const MAX_ROTATIONS: usize = 16;

/// A chain that does not lead from one key to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RotationError {
    /// More statements than any relay has.
    #[error("the relay tells of more changes of its key than there can be")]
    TooLong,
    /// Not a statement.
    #[error("the relay tells of a change of its key that cannot be read")]
    Malformed,
    /// Not signed by the key before.
    #[error("a change of the relay's key is not signed by the key before")]
    OldSignature,
    /// Not signed by the organisation.
    #[error("a change of the relay's key is not signed by the organisation")]
    Authority,
    /// All in order, and not to the key that was shown.
    #[error("the relay's changes of key do not lead to the key that it shows")]
    Elsewhere,
}

/// The statement that `old` is followed by `new` (at `time`, seconds since the epoch), by both who
/// have to say so.
#[must_use]
pub fn rotate(old: &SigningKey, authority: &SigningKey, new: &PublicKey, time: u64) -> NodeRotation {
    let change = NodeChange {
        old: old.public().as_bytes().to_vec().into(),
        new: new.as_bytes().to_vec().into(),
        time,
    }
    .encode_to_vec();
    let sign = |key: &SigningKey| key.sign(Context::NodeRotation, &[&change]).to_vec().into();
    NodeRotation { old_signature: sign(old), authority_signature: sign(authority), change: change.into() }
}

/// Follows `chain` from the key of a join link. Statements about other keys are passed over: the
/// link may be of any age.
///
/// # Errors
/// [`RotationError`], also where one link of the way is not signed by both.
pub fn follow(
    from: &PublicKey,
    organisation: &PublicKey,
    chain: &[NodeRotation],
) -> Result<PublicKey, RotationError> {
    if chain.len() > MAX_ROTATIONS {
        return Err(RotationError::TooLong);
    }
    let mut at = *from;
    for rotation in chain {
        let (old, new) = read(rotation)?;
        if old == at {
            verify(rotation, &old, organisation)?;
            at = new;
        }
    }
    Ok(at)
}

/// [`follow`] to the very key that was shown.
///
/// # Errors
/// [`RotationError`].
pub fn leads_to(
    from: &PublicKey,
    organisation: &PublicKey,
    chain: &[NodeRotation],
    shown: &PublicKey,
) -> Result<(), RotationError> {
    let at = follow(from, organisation, chain)?;
    if at == *shown { Ok(()) } else { Err(RotationError::Elsewhere) }
}

/// The key of today, as the last of a relay's own statements names it.
///
/// # Errors
/// [`RotationError::Malformed`].
pub fn last(chain: &[NodeRotation]) -> Result<Option<PublicKey>, RotationError> {
    chain.last().map(|rotation| read(rotation).map(|(_, new)| new)).transpose()
}

fn read(rotation: &NodeRotation) -> Result<(PublicKey, PublicKey), RotationError> {
    let change =
        NodeChange::decode(rotation.change.as_ref()).map_err(|_| RotationError::Malformed)?;
    let key = |bytes: &[u8]| PublicKey::try_from(bytes).map_err(|_| RotationError::Malformed);
    Ok((key(&change.old)?, key(&change.new)?))
}

fn verify(
    rotation: &NodeRotation,
    old: &PublicKey,
    organisation: &PublicKey,
) -> Result<(), RotationError> {
    let by = |key: &PublicKey, signature: &[u8]| {
        signature.len() == SIGNATURE
            && key.verify(Context::NodeRotation, &[&rotation.change], signature).is_ok()
    };
    if !by(old, &rotation.old_signature) {
        return Err(RotationError::OldSignature);
    }
    if !by(organisation, &rotation.authority_signature) {
        return Err(RotationError::Authority);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    fn step(old: u8, new: u8) -> NodeRotation {
        rotate(&key(old), &key(1), &key(new).public(), 100)
    }

    #[test]
    fn a_link_of_any_age_leads_to_the_key_of_today() {
        let chain = [step(2, 3), step(3, 4), step(4, 5)];
        let organisation = key(1).public();
        for from in [2, 3, 4, 5] {
            let from = key(from).public();
            assert_eq!(leads_to(&from, &organisation, &chain, &key(5).public()), Ok(()));
        }
        assert_eq!(last(&chain), Ok(Some(key(5).public())));
        assert_eq!(last(&[]), Ok(None));
    }

    #[test]
    fn nothing_else_leads_anywhere() {
        let organisation = key(1).public();
        let to = |chain: &[NodeRotation], shown: u8| {
            leads_to(&key(2).public(), &organisation, chain, &key(shown).public()).err()
        };
        let (one, two) = (step(2, 3), step(3, 4));
        assert_eq!(to(&[one.clone(), two.clone()], 3), Some(RotationError::Elsewhere));
        assert_eq!(to(&[two.clone(), one.clone()], 4), Some(RotationError::Elsewhere));
        assert_eq!(to(&[], 3), Some(RotationError::Elsewhere));
        assert_eq!(to(&vec![one.clone(); MAX_ROTATIONS + 1], 3), Some(RotationError::TooLong));
        let stolen = rotate(&key(2), &key(9), &key(3).public(), 100);
        assert_eq!(to(&[stolen], 3), Some(RotationError::Authority));
        let mut alone = rotate(&key(9), &key(1), &key(3).public(), 100);
        alone.change.clone_from(&one.change);
        assert_eq!(to(&[alone], 3), Some(RotationError::OldSignature));
        let swapped = NodeRotation {
            old_signature: one.authority_signature.clone(),
            authority_signature: one.old_signature.clone(),
            ..one.clone()
        };
        assert_eq!(to(&[swapped], 3), Some(RotationError::OldSignature));
        let garbage = NodeRotation { change: vec![0x0a, 0xff].into(), ..one };
        assert_eq!(to(&[garbage], 3), Some(RotationError::Malformed));
    }
}
