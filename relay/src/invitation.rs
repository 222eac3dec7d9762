//! Invitations: what a token's secret is good for, as it is written down.

use deskside_protocol::identity::token::SECRET;
use deskside_protocol::random::{self, Random};
use ring::digest;
use zeroize::Zeroizing;

use crate::roles::Roles;
use crate::store::NewInvitation;

/// An invitation is good for seven days, in seconds.
pub const INVITATION_SECONDS: u64 = 7 * 24 * 60 * 60;

/// What goes into the token; the database has its hash only.
pub type Secret = Zeroizing<[u8; SECRET]>;

/// The first person's invitation: login and name are chosen at enrolment.
pub(crate) fn first(now: u64, random: &mut dyn Random) -> (Secret, NewInvitation) {
    new("", "", &Roles::founder(), now, random)
}

/// A new invitation and its secret.
pub(crate) fn new(
    login: &str,
    name: &str,
    roles: &Roles,
    now: u64,
    random: &mut dyn Random,
) -> (Secret, NewInvitation) {
    let secret: Secret = Zeroizing::new(random::bytes(random));
    let invitation = NewInvitation {
        secret_sha256: hash(secret.as_ref()),
        login: login.to_owned(),
        name: name.to_owned(),
        roles: roles.to_string(),
        created_at: now,
        expires_at: now.saturating_add(INVITATION_SECONDS),
        valid_seconds: None,
    };
    (secret, invitation)
}

/// 16 random bytes need no slow hash.
pub(crate) fn hash(secret: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
    out
}
