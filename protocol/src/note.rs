//! The note that a session leaves on its ticket, signed with the technician's long-term key: an
//! anchor outside the recording, whose final hash it repeats.
//!
//! The certificate travels inside the note, so that an auditor can check it years later with the
//! organisation's key alone. Control characters in the text are for whoever shows it to judge (see
//! [`text`](crate::text)).

use prost::Message as _;
use thiserror::Error;

use crate::identity::certificate::{self, CertificateError};
use crate::key::{Context, PublicKey, SigningKey};
use crate::session::SessionId;
use crate::signed;
use crate::wire::record::{Certificate, Note, Signed};

/// The longest text without the space around it, in bytes of UTF-8.
pub const MAX_TEXT: usize = 16 * 1024;
/// The longest signed note as encoded, in bytes: text, certificate (4 KiB), hashes, a signature.
pub const MAX_NOTE: usize = 24 * 1024;

/// Why a session's note does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Over [`MAX_NOTE`] or [`MAX_TEXT`].
    #[error("the session's note is too long")]
    TooLong,
    /// Not a note, or one that names no session.
    #[error("the session's note cannot be read")]
    Malformed,
    /// The certificate inside does not count.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Not signed by the key that it should be.
    #[error("the session's note is not signed by its technician")]
    Signature,
}

/// Signs `note` with the technician's long-term key, which has to be that of `note.certificate`.
#[must_use]
pub fn sign(key: &SigningKey, note: Note) -> Signed {
    signed::sign_message(key, Context::Note, &note)
}

/// Reads a note once its certificate and its signature were verified, whenever the certificate was
/// in force. Which session and ticket it belongs to is the caller's to compare, and a
/// `recording_hash` that is no hash is one that fits no recording.
///
/// # Errors
/// [`NoteError`].
pub fn open(signed: &Signed, organisation: &PublicKey) -> Result<Note, NoteError> {
    bounded(signed)?;
    // The signer's key stands in what it signed, so this much is read before it is verified.
    let note = Note::decode(signed.body.clone()).map_err(|_| NoteError::Malformed)?;
    let signer = signer(&note, organisation)?;
    let key = PublicKey::try_from(signer.public_key.as_ref());
    open_by(signed, &key.map_err(|_| NoteError::Malformed)?)
}

/// Reads a note by a signer whose key is known already; its certificate is not looked at.
///
/// # Errors
/// [`NoteError`].
pub fn open_by(signed: &Signed, key: &PublicKey) -> Result<Note, NoteError> {
    bounded(signed)?;
    let body = signed::open(signed, key, Context::Note).map_err(|_| NoteError::Signature)?;
    let note = Note::decode(body).map_err(|_| NoteError::Malformed)?;
    if note.text.trim().len() > MAX_TEXT {
        return Err(NoteError::TooLong);
    }
    SessionId::try_from(note.session.as_ref()).map_err(|_| NoteError::Malformed)?;
    Ok(note)
}

/// The certificate inside a note, once the organisation's signature was verified.
///
/// # Errors
/// [`NoteError::Certificate`].
pub fn signer(note: &Note, organisation: &PublicKey) -> Result<Certificate, NoteError> {
    Ok(certificate::open(&certificate::decode(&note.certificate)?, organisation)?)
}

fn bounded(signed: &Signed) -> Result<(), NoteError> {
    if signed.encoded_len() > MAX_NOTE { Err(NoteError::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record::Role;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(Zeroizing::new([byte; 32]))
    }

    fn certificate_of(authority: u8, holder: u8) -> Signed {
        let certificate = Certificate {
            login: "alice".to_owned(),
            name: "Alice Ng".to_owned(),
            organisation: "Example Help".to_owned(),
            public_key: key(holder).public().as_bytes().to_vec().into(),
            roles: vec![Role::Technician as i32],
            not_before: 1,
            not_after: 2,
            serial: 5,
        };
        certificate::issue(&key(authority), &certificate)
    }

    fn note() -> Note {
        Note {
            session: vec![7; 16].into(),
            ticket: "1001".to_owned(),
            text: "Cleaned the print queue.\nIt prints.".to_owned(),
            recording_hash: vec![8; 32].into(),
            time: 1_700_000_000,
            certificate: certificate_of(1, 3).encode_to_vec().into(),
            ..Note::default()
        }
    }

    #[test]
    fn a_note_opens_with_the_organisation_s_key_or_the_signer_s() {
        let signed = sign(&key(3), note());
        assert_eq!(open(&signed, &key(1).public()), Ok(note()));
        assert_eq!(open_by(&signed, &key(3).public()), Ok(note()));
        assert_eq!(signer(&note(), &key(1).public()).unwrap().login, "alice");
    }

    #[test]
    fn each_check_refuses_on_its_own() {
        let organisation = key(1).public();
        let foreign = NoteError::Certificate(CertificateError::Signature);
        assert_eq!(open(&sign(&key(3), note()), &key(2).public()), Err(foreign));
        assert_eq!(open(&sign(&key(4), note()), &organisation), Err(NoteError::Signature));
        assert_eq!(open_by(&sign(&key(3), note()), &organisation), Err(NoteError::Signature));
        let another = Note { certificate: certificate_of(2, 3).encode_to_vec().into(), ..note() };
        assert_eq!(open(&sign(&key(3), another), &organisation), Err(foreign));
        let bare = Note { certificate: Vec::new().into(), ..note() };
        assert_eq!(open(&sign(&key(3), bare.clone()), &organisation), Err(foreign));
        assert_eq!(open_by(&sign(&key(3), bare.clone()), &key(3).public()), Ok(bare));
        let nameless = Note { session: vec![7; 15].into(), ..note() };
        assert_eq!(open(&sign(&key(3), nameless), &organisation), Err(NoteError::Malformed));
    }

    #[test]
    fn the_bounds_hold() {
        let organisation = key(1).public();
        let text = |length| Note { text: "x".repeat(length), ..note() };
        assert!(open(&sign(&key(3), text(MAX_TEXT)), &organisation).is_ok());
        for long in [MAX_TEXT + 1, MAX_NOTE] {
            let signed = sign(&key(3), text(long));
            assert_eq!(open(&signed, &organisation), Err(NoteError::TooLong));
        }
    }
}
