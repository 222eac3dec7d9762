//! The nonce of an ID token: it names the key that the certificate will be for, so that a token that
//! somebody stole is good for nobody else's key.

use data_encoding::BASE64URL_NOPAD;
use deskside_protocol::key::PublicKey;
use deskside_protocol::lv;
use deskside_protocol::transcript::sha256;

/// Bytes of the salt, by which two sign-ins with one key look different to the provider.
pub const SALT: usize = 32;

/// `base64url(SHA-256(lv("deskside1 sign-in", organisation, key, salt)))`, 43 characters.
#[must_use]
pub fn nonce(organisation: &PublicKey, key: &PublicKey, salt: &[u8; SALT]) -> String {
    let fields: [&[u8]; 4] = [b"deskside1 sign-in", organisation.as_bytes(), key.as_bytes(), salt];
    BASE64URL_NOPAD.encode(&sha256(&lv::encode(&fields)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_each_of_its_parts() {
        let key = |byte| PublicKey::from_bytes([byte; 32]);
        let one = nonce(&key(1), &key(2), &[3; SALT]);
        // Pinned: PROTOCOL.md has the formula.
        assert_eq!(one, "1DtcTSli-J34fU0m9P9G_lEMDNpQ8fjbS8dPc6biLfU");
        assert_ne!(one, nonce(&key(9), &key(2), &[3; SALT]));
        assert_ne!(one, nonce(&key(1), &key(9), &[3; SALT]));
        assert_ne!(one, nonce(&key(1), &key(2), &[9; SALT]));
    }
}
