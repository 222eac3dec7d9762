//! A technician's certificate: the authority key's word for a name and a long-term key.

use prost::Message as _;
use thiserror::Error;

use super::revocations::RevocationList;
use crate::key::{Context, PublicKey, SigningKey};
use crate::signed;
use crate::transcript::MAX_CERTIFICATE;
use crate::wire::record::{Certificate, Role, Signed};

/// The longest login, name or organisation, in bytes.
pub const MAX_NAME: usize = 128;

/// Why a certificate does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not signed by the organisation.
    #[error("the technician's certificate is not signed by the organisation")]
    Signature,
    /// Not a certificate.
    #[error("the technician's certificate is malformed")]
    Malformed,
    /// Before or after its time.
    #[error("the technician's certificate is not valid at this time")]
    NotInForce,
    /// Without the role that this takes.
    #[error("the technician's certificate lacks the role for this")]
    Role,
    /// On the list of revoked ones.
    #[error("the technician's certificate was revoked")]
    Revoked,
}

/// Signs `certificate` with the authority key.
#[must_use]
pub fn issue(authority: &SigningKey, certificate: &Certificate) -> Signed {
    signed::sign_message(authority, Context::Certificate, certificate)
}

/// Takes a signed certificate out of the pairing data or the note that carries it. Verifies nothing.
///
/// # Errors
/// [`CertificateError::Malformed`], also where it is over [`MAX_CERTIFICATE`].
pub fn decode(encoded: &[u8]) -> Result<Signed, CertificateError> {
    if encoded.len() > MAX_CERTIFICATE {
        return Err(CertificateError::Malformed);
    }
    Signed::decode(encoded).map_err(|_| CertificateError::Malformed)
}

/// Reads a certificate once the organisation's signature was verified, whenever it was in force.
///
/// # Errors
/// [`CertificateError::Signature`] or [`CertificateError::Malformed`].
pub fn open(signed: &Signed, organisation: &PublicKey) -> Result<Certificate, CertificateError> {
    let body = signed::open(signed, organisation, Context::Certificate)
        .map_err(|_| CertificateError::Signature)?;
    let certificate = Certificate::decode(body).map_err(|_| CertificateError::Malformed)?;
    let names = [&certificate.login, &certificate.name, &certificate.organisation];
    let shaped = names.iter().all(|name| !name.is_empty() && name.len() <= MAX_NAME);
    let key = PublicKey::try_from(certificate.public_key.as_ref());
    if shaped && key.is_ok() { Ok(certificate) } else { Err(CertificateError::Malformed) }
}

/// Verifies a certificate for `role` at `now` (seconds since the epoch): signature, validity, role,
/// revocation, in this order.
///
/// # Errors
/// [`CertificateError`].
pub fn verify(
    signed: &Signed,
    organisation: &PublicKey,
    now: u64,
    role: Role,
    revoked: &RevocationList,
) -> Result<Certificate, CertificateError> {
    let certificate = open(signed, organisation)?;
    if !(certificate.not_before..=certificate.not_after).contains(&now) {
        return Err(CertificateError::NotInForce);
    }
    if !certificate.roles.contains(&(role as i32)) {
        return Err(CertificateError::Role);
    }
    if revoked.contains(certificate.serial) {
        return Err(CertificateError::Revoked);
    }
    Ok(certificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn each_check_refuses_on_its_own() {
        let authority = SigningKey::from_seed(Zeroizing::new([1; 32]));
        let certificate = Certificate {
            login: "alice".to_owned(),
            name: "Alice Ng".to_owned(),
            organisation: "Example Help".to_owned(),
            public_key: vec![3; 32].into(),
            roles: vec![Role::Technician as i32],
            not_before: 100,
            not_after: 200,
            serial: 9,
        };
        let signed = issue(&authority, &certificate);
        let none = RevocationList::new(100, []);
        let check = |key: PublicKey, now, role, list: &RevocationList| {
            verify(&signed, &key, now, role, list).err()
        };
        let org = authority.public();
        let other = SigningKey::from_seed(Zeroizing::new([2; 32])).public();
        assert_eq!(check(org, 150, Role::Technician, &none), None);
        assert_eq!(check(other, 150, Role::Technician, &none), Some(CertificateError::Signature));
        assert_eq!(check(org, 99, Role::Technician, &none), Some(CertificateError::NotInForce));
        assert_eq!(check(org, 201, Role::Technician, &none), Some(CertificateError::NotInForce));
        assert_eq!(check(org, 150, Role::Auditor, &none), Some(CertificateError::Role));
        let list = RevocationList::new(100, [9]);
        assert_eq!(check(org, 150, Role::Technician, &list), Some(CertificateError::Revoked));
    }
}
