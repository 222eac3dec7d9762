//! One key follows another: statements that lead from the keys of an old join link to those that a
//! relay has today.
//!
//! A node key is followed by another where the old node key *and* the organisation say so: whoever
//! has stolen a node key names no successor, and the authority alone is not who runs that relay. An
//! authority key is followed by another where both keys say so: nobody names a key that he does not
//! hold. The organisation is followed first, then the node under the organisation of today, so that a
//! relay has the statements about its node signed anew by each new authority key ([`countersign`]).

use prost::Message as _;
use thiserror::Error;

use super::link::JoinLink;
use crate::key::{Context, PublicKey, SigningKey};
use crate::wire::record::{Change, Rotation};
use crate::wire::signal::Welcome;

/// Statements of one kind that a relay tells, and that an end follows: one a year for as long as
/// anybody keeps a link, and some more for mishaps. Each has 210 bytes, so that a `Welcome` grows by
/// 7 KiB at most.
pub const MAX_ROTATIONS: usize = 16;

/// A chain of statements that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RotationError {
    /// More statements than any relay tells.
    #[error("the relay tells of more changes of a key than there can be")]
    TooLong,
    /// Not a statement.
    #[error("the relay tells of a change of a key that cannot be read")]
    Malformed,
    /// Not signed by the key that is given up.
    #[error("a change of a key is not signed by the key before")]
    OldSignature,
    /// A node key's, not signed by the organisation.
    #[error("a change of the relay's key is not signed by the organisation")]
    Authority,
    /// An authority key's, not signed by the key that is to follow.
    #[error("a change of the organisation's key is not signed by the new key")]
    NewSignature,
    /// All in order, and not to the key that was shown.
    #[error("the relay's changes of key do not lead to the key that it shows")]
    Elsewhere,
}

/// Which key, and so who signs beside the old one.
#[derive(Debug, Clone, Copy)]
enum Which {
    /// A node key, under this authority key.
    Node(PublicKey),
    /// The authority key itself.
    Authority,
}

/// The statement that the node key `old` is followed by `new` (at `time`, seconds since the epoch),
/// by both who have to say so.
#[must_use]
pub fn node(old: &SigningKey, authority: &SigningKey, new: &PublicKey, time: u64) -> Rotation {
    state(Context::NodeRotation, [old, authority], &change(&old.public(), new, time))
}

/// The statement that the authority key `old` is followed by `new`.
#[must_use]
pub fn authority(old: &SigningKey, new: &SigningKey, time: u64) -> Rotation {
    let change = change(&old.public(), &new.public(), time);
    state(Context::AuthorityRotation, [old, new], &change)
}

/// A node key's statement under another authority key, where it was sound under `before`. The old
/// node key's signature stays.
///
/// # Errors
/// As [`follow_authority`].
pub fn countersign(
    rotation: &Rotation,
    before: &PublicKey,
    authority: &SigningKey,
) -> Result<Rotation, RotationError> {
    check_node(rotation, before)?;
    let signature = authority.sign(Context::NodeRotation, &[&rotation.change]);
    Ok(Rotation { other_signature: signature.to_vec().into(), ..rotation.clone() })
}

/// Whether a statement about a node key is signed by the old one and by this organisation.
///
/// # Errors
/// As [`follow_authority`].
pub fn check_node(rotation: &Rotation, organisation: &PublicKey) -> Result<(), RotationError> {
    let (old, new) = read(rotation)?;
    verify(rotation, &old, &new, Which::Node(*organisation))
}

/// The authority key that follows `from` today.
///
/// # Errors
/// [`RotationError`], where a statement about a key on the way is not signed by both.
pub fn follow_authority(from: &PublicKey, chain: &[Rotation]) -> Result<PublicKey, RotationError> {
    follow(from, chain, Which::Authority)
}

/// The node key that follows `from` today, under the authority key of today.
///
/// # Errors
/// As [`follow_authority`].
pub fn follow_node(
    from: &PublicKey,
    organisation: &PublicKey,
    chain: &[Rotation],
) -> Result<PublicKey, RotationError> {
    follow(from, chain, Which::Node(*organisation))
}

/// `link` with the keys of today, by what the relay says of itself.
///
/// # Errors
/// As [`follow_authority`].
pub fn today(link: &JoinLink, welcome: &Welcome) -> Result<JoinLink, RotationError> {
    let organisation = follow_authority(&link.organisation, &welcome.organisations)?;
    let node = follow_node(&link.node, &organisation, &welcome.nodes)?;
    Ok(JoinLink { organisation, node, ..link.clone() })
}

/// [`today`], where it leads to the very node key that was shown.
///
/// # Errors
/// [`RotationError`].
pub fn leads_to(
    link: &JoinLink,
    welcome: &Welcome,
    shown: &PublicKey,
) -> Result<JoinLink, RotationError> {
    let link = today(link, welcome)?;
    if link.node == *shown { Ok(link) } else { Err(RotationError::Elsewhere) }
}

/// The authority keys from which `chain` leads to `organisation`, the oldest first: what they signed
/// was signed by the same organisation, and may have been forged since.
#[must_use]
pub fn former(organisation: &PublicKey, chain: &[Rotation]) -> Vec<PublicKey> {
    let olds = chain.iter().filter_map(|rotation| read(rotation).ok().map(|(old, _)| old));
    olds.filter(|old| {
        old != organisation && follow_authority(old, chain).as_ref() == Ok(organisation)
    })
    .collect()
}

/// The key that the last statement of a chain names.
///
/// # Errors
/// [`RotationError::Malformed`].
pub fn last(chain: &[Rotation]) -> Result<Option<PublicKey>, RotationError> {
    chain.last().map(|rotation| read(rotation).map(|(_, new)| new)).transpose()
}

/// Statements about keys that are not on the way are passed over: whoever follows may begin at any.
fn follow(from: &PublicKey, chain: &[Rotation], which: Which) -> Result<PublicKey, RotationError> {
    if chain.len() > MAX_ROTATIONS {
        return Err(RotationError::TooLong);
    }
    let mut at = *from;
    for rotation in chain {
        let (old, new) = read(rotation)?;
        if old == at {
            verify(rotation, &old, &new, which)?;
            at = new;
        }
    }
    Ok(at)
}

fn change(old: &PublicKey, new: &PublicKey, time: u64) -> Vec<u8> {
    let key = |key: &PublicKey| key.as_bytes().to_vec().into();
    Change { old: key(old), new: key(new), time }.encode_to_vec()
}

fn state(context: Context, by: [&SigningKey; 2], change: &[u8]) -> Rotation {
    let [old, other] = by.map(|key| key.sign(context, &[change]).to_vec().into());
    Rotation { change: change.to_vec().into(), old_signature: old, other_signature: other }
}

fn read(rotation: &Rotation) -> Result<(PublicKey, PublicKey), RotationError> {
    let malformed = RotationError::Malformed;
    let change = Change::decode(rotation.change.as_ref()).map_err(|_| malformed)?;
    let key = |bytes: &[u8]| PublicKey::try_from(bytes).map_err(|_| malformed);
    Ok((key(&change.old)?, key(&change.new)?))
}

fn verify(
    rotation: &Rotation,
    old: &PublicKey,
    new: &PublicKey,
    which: Which,
) -> Result<(), RotationError> {
    let (context, other, blame) = match which {
        Which::Node(organisation) => {
            (Context::NodeRotation, organisation, RotationError::Authority)
        }
        Which::Authority => (Context::AuthorityRotation, *new, RotationError::NewSignature),
    };
    let by =
        |key: &PublicKey, signature: &[u8]| key.verify(context, &[&rotation.change], signature);
    by(old, &rotation.old_signature).map_err(|_| RotationError::OldSignature)?;
    by(&other, &rotation.other_signature).map_err(|_| blame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    fn link(organisation: u8, node: u8) -> JoinLink {
        JoinLink {
            host: "relay.example".to_owned(),
            port: 7443,
            organisation: key(organisation).public(),
            node: key(node).public(),
            webpki: false,
        }
    }

    fn step(old: u8, new: u8) -> Rotation {
        node(&key(old), &key(1), &key(new).public(), 100)
    }

    #[test]
    fn a_link_of_any_age_leads_to_the_keys_of_today() {
        let nodes = [step(20, 21), step(21, 22), step(22, 23)];
        let nodes = nodes.map(|old| countersign(&old, &key(1).public(), &key(3)).unwrap()).to_vec();
        let organisations =
            vec![authority(&key(1), &key(2), 100), authority(&key(2), &key(3), 200)];
        let welcome = Welcome { nodes, organisations, ..Welcome::default() };
        for organisation in 1..=3 {
            for node in 20..=23 {
                let found = leads_to(&link(organisation, node), &welcome, &key(23).public());
                assert_eq!(found, Ok(link(3, 23)), "{organisation} {node}");
            }
        }
        let former = former(&key(3).public(), &welcome.organisations);
        assert_eq!(former, [key(1).public(), key(2).public()]);
        assert_eq!(last(&welcome.nodes), Ok(Some(key(23).public())));
        assert_eq!(last(&[]), Ok(None));
    }

    #[test]
    fn no_other_statement_moves_a_node() {
        let to = |chain: &[Rotation], shown: u8| {
            let welcome = Welcome { nodes: chain.to_vec(), ..Welcome::default() };
            leads_to(&link(1, 2), &welcome, &key(shown).public()).err()
        };
        let (one, two) = (step(2, 3), step(3, 4));
        assert_eq!(to(&[one.clone(), two.clone()], 4), None);
        assert_eq!(to(&[one.clone(), two.clone()], 3), Some(RotationError::Elsewhere));
        assert_eq!(to(&[two, one.clone()], 4), Some(RotationError::Elsewhere));
        assert_eq!(to(&[], 3), Some(RotationError::Elsewhere));
        assert_eq!(to(&vec![one.clone(); MAX_ROTATIONS + 1], 3), Some(RotationError::TooLong));
        let stolen = node(&key(2), &key(9), &key(3).public(), 100);
        assert_eq!(to(&[stolen], 3), Some(RotationError::Authority));
        let alone = Rotation { change: one.change.clone(), ..step(9, 3) };
        assert_eq!(to(&[alone], 3), Some(RotationError::OldSignature));
        let swapped = Rotation {
            old_signature: one.other_signature.clone(),
            other_signature: one.old_signature.clone(),
            ..one.clone()
        };
        assert_eq!(to(&[swapped], 3), Some(RotationError::OldSignature));
        let garbage = Rotation { change: vec![0x0a, 0xff].into(), ..one.clone() };
        assert_eq!(to(&[garbage], 3), Some(RotationError::Malformed));
        let unsound = countersign(&one, &key(9).public(), &key(1));
        assert_eq!(unsound, Err(RotationError::Authority));
    }

    #[test]
    fn no_other_statement_moves_an_organisation() {
        let to = |rotation: Rotation| follow_authority(&key(1).public(), &[rotation]);
        let good = authority(&key(1), &key(2), 100);
        assert_eq!(to(good.clone()), Ok(key(2).public()));
        // A key of somebody else's is named by whoever has the old one.
        let named = change(&key(1).public(), &key(2).public(), 100);
        let alone = state(Context::AuthorityRotation, [&key(1), &key(1)], &named);
        assert_eq!(to(alone), Err(RotationError::NewSignature));
        let claimed = state(Context::AuthorityRotation, [&key(2), &key(2)], &named);
        assert_eq!(to(claimed), Err(RotationError::OldSignature));
        // What was said of a node is nothing about the organisation.
        let of_a_node = state(Context::NodeRotation, [&key(1), &key(2)], &named);
        assert_eq!(to(of_a_node), Err(RotationError::OldSignature));
        assert_eq!(follow_authority(&key(7).public(), &[good]), Ok(key(7).public()));
    }
}
