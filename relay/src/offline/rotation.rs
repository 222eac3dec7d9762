//! Another authority key: what the old one has signed and still counts is signed anew by the new one,
//! word for word, where both keys are; and taken in at the relay, where it says just the same.

use deskside_protocol::identity::certificate;
use deskside_protocol::identity::rotation::{authority, check_node, countersign, follow_authority};
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::Policy;
use deskside_protocol::wire::record::{Certificate, Rotation, Signed};
use prost::Message as _;

pub use super::rotation_paper::{Rotated, Rotating};

use super::OfflineError;
use crate::node::Node;
use crate::policy;
use crate::rotation::{Rotations, add};
use crate::store::{NewAuthority, StoreError, StoredPolicy, Technician};

/// What is to be signed anew.
///
/// # Errors
/// [`OfflineError::Store`].
pub async fn collect(node: &Node, now: u64) -> Result<Rotating, OfflineError> {
    let people = node.store().technicians().await?;
    let certificates = people.iter().filter(|who| counts(who, now)).map(held);
    Ok(Rotating {
        organisation: node.organisation(),
        policy: node.policy().await?,
        certificates: certificates.collect::<Result<_, _>>()?,
        nodes: Rotations::read(node.store()).await?.nodes,
    })
}

/// Signs all of it with `new`, and with both keys that `new` follows `old`. What `old` has not signed
/// is signed by nobody.
///
/// # Errors
/// [`OfflineError`].
pub fn sign(
    old: &SigningKey,
    new: &SigningKey,
    asked: &Rotating,
    now: u64,
) -> Result<Rotated, OfflineError> {
    let was = old.public();
    if asked.organisation != was {
        return Err(OfflineError::Foreign);
    }
    let held = Policy::open_at_any_time(&asked.policy, &was)?;
    let anew = |signed: &Signed| {
        let body = certificate::open(signed, &was).map_err(|_| OfflineError::Foreign)?;
        Ok(certificate::issue(new, &body))
    };
    let nodes = asked.nodes.iter().map(|rotation| countersign(rotation, &was, new));
    Ok(Rotated {
        change: authority(old, new, now),
        policy: policy::successor(held, now)?.sign(new)?,
        certificates: asked.certificates.iter().map(anew).collect::<Result<_, OfflineError>>()?,
        nodes: nodes.collect::<Result<_, _>>()?,
    })
}

/// Takes in what was signed; the relay must not run. Gives the new key.
///
/// # Errors
/// [`OfflineError`]; then nothing has changed.
pub async fn import(node: &Node, rotated: &Rotated, now: u64) -> Result<PublicKey, OfflineError> {
    let was = node.organisation();
    let new = follow_authority(&was, std::slice::from_ref(&rotated.change))?;
    if new == was {
        return Err(OfflineError::Foreign);
    }
    let policy = checked_policy(node, &rotated.policy, &new).await?;
    let people = node.store().technicians().await?;
    let certificates = checked_certificates(&people, rotated, &was, &new, now)?;
    let mut rotations = Rotations::read(node.store()).await?;
    check_nodes(&rotations.nodes, &rotated.nodes, &new)?;
    rotations.nodes.clone_from(&rotated.nodes);
    add(&mut rotations.organisations, rotated.change.clone());
    let row = NewAuthority {
        organisation: *new.as_bytes(),
        rotations: rotations.to_bytes(),
        certificates,
        policy,
    };
    let changed = node.store().rotate_authority(&row, now).await?;
    if changed { Ok(new) } else { Err(OfflineError::Outdated) }
}

/// The policy in force, with the next serial, under the new key.
async fn checked_policy(
    node: &Node,
    signed: &Signed,
    new: &PublicKey,
) -> Result<StoredPolicy, OfflineError> {
    let next = Policy::open_at_any_time(signed, new)?;
    let held = node.rules().policy().await?.policy.clone();
    let serial = held.serial.saturating_add(1);
    if next != (Policy { serial, issued: next.issued, ..held }) {
        return Err(OfflineError::Outdated);
    }
    Ok(StoredPolicy { serial, signed: signed.encode_to_vec() })
}

/// Each certificate that counts, word for word, by serial.
fn checked_certificates(
    people: &[Technician],
    rotated: &Rotated,
    was: &PublicKey,
    new: &PublicKey,
    now: u64,
) -> Result<Vec<(u64, Vec<u8>)>, OfflineError> {
    let mut checked = Vec::new();
    for signed in &rotated.certificates {
        let body = certificate::open(signed, new).map_err(|_| OfflineError::Foreign)?;
        let unasked = || OfflineError::Unasked(body.serial);
        let who = people.iter().find(|who| who.serial == body.serial).ok_or_else(unasked)?;
        if certificate::open(&held(who)?, was).as_ref() != Ok(&body) {
            return Err(unasked());
        }
        checked.push((body.serial, signed.encode_to_vec()));
    }
    let signed = |who: &Technician| checked.iter().any(|(serial, _)| *serial == who.serial);
    if people.iter().filter(|who| counts(who, now)).all(signed) {
        Ok(checked)
    } else {
        Err(OfflineError::Changed("who is enrolled"))
    }
}

/// The same statements about the node, each sound under the new key.
fn check_nodes(
    held: &[Rotation],
    signed: &[Rotation],
    new: &PublicKey,
) -> Result<(), OfflineError> {
    let stated = |rotation: &Rotation| (rotation.change.clone(), rotation.old_signature.clone());
    if !held.iter().map(stated).eq(signed.iter().map(stated)) {
        return Err(OfflineError::Changed("the node key"));
    }
    signed.iter().try_for_each(|rotation| Ok(check_node(rotation, new)?))
}

fn counts(who: &Technician, now: u64) -> bool {
    who.revoked_at.is_none() && who.expires_at > now
}

fn held(who: &Technician) -> Result<Signed, StoreError> {
    Signed::decode(who.certificate.as_slice()).map_err(|_| StoreError::Value("certificate"))
}

impl Rotating {
    /// The people whose certificates are signed anew, as they say.
    ///
    /// # Errors
    /// [`OfflineError::Foreign`] for one that the organisation did not sign.
    pub fn people(&self) -> Result<Vec<Certificate>, OfflineError> {
        let open = |signed| certificate::open(signed, &self.organisation);
        self.certificates.iter().map(|one| open(one).map_err(|_| OfflineError::Foreign)).collect()
    }
}
