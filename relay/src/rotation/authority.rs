//! Another authority key, where the old one is at hand; where it is elsewhere the same goes by paper
//! (see [`crate::offline`]). Both ways are one: what has to be signed anew is collected, signed by
//! old and new key, and taken in.

use deskside_protocol::key::PublicKey;
use deskside_protocol::random::Random;

use super::RotateError;
use crate::node::Node;
use crate::offline::rotation;

/// Gives the organisation another authority key. The relay of the folder must not run meanwhile.
///
/// # Errors
/// [`RotateError`]; then the key is the old one.
pub async fn rotate_authority(
    node: &Node,
    now: u64,
    random: &mut (dyn Random + Send),
) -> Result<PublicKey, RotateError> {
    let authority = node.authority();
    let old = authority.key(&node.organisation())?;
    let asked = rotation::collect(node, now).await?;
    let new = authority.next(random)?;
    let signed = rotation::sign(&old, &new, &asked, now)?;
    rotation::import(node, &signed, now).await?;
    // Takes the place of the old one, which signs nothing any more.
    Ok(authority.key(&new.public())?.public())
}
