//! Sealing for the auditors: an age file that every auditor of the policy can open, and nobody
//! else. It takes the text of a key log and gives bytes back; it stores nothing and opens nothing.
//!
//! A crate of its own because both ends seal in the same way, and the relay must not link age.

use std::io::Write as _;

use thiserror::Error;

/// Recipients of one seal at most: as many auditors as a policy may name.
pub const MAX_RECIPIENTS: usize = deskside_protocol::policy::MAX_AUDITORS;

/// Why nothing was sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// The policy names no auditor.
    #[error("there is no auditor to seal for")]
    NoRecipient,
    /// The policy names too many.
    #[error("there are more than {MAX_RECIPIENTS} auditors")]
    TooMany,
    /// An auditor's recipient is none of age's X25519 ones.
    #[error("{recipient:?} is not an age recipient")]
    BadRecipient {
        /// As the policy has it.
        recipient: String,
    },
    /// age failed.
    #[error("cannot seal: {0}")]
    Age(String),
}

/// Seals `key_log_text` for `recipients` (`age1...`), as a binary age file.
///
/// # Errors
/// [`SealError`].
pub fn seal(key_log_text: &str, recipients: &[String]) -> Result<Vec<u8>, SealError> {
    if recipients.len() > MAX_RECIPIENTS {
        return Err(SealError::TooMany);
    }
    let parsed = recipients.iter().map(|recipient| {
        let bad = |_| SealError::BadRecipient { recipient: recipient.clone() };
        recipient.parse::<age::x25519::Recipient>().map_err(bad)
    });
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    if parsed.is_empty() {
        return Err(SealError::NoRecipient);
    }
    let failed = |error: &dyn std::fmt::Display| SealError::Age(error.to_string());
    let recipients = parsed.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|error| failed(&error))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|error| failed(&error))?;
    writer.write_all(key_log_text.as_bytes()).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn opened(sealed: &[u8], identity: &age::x25519::Identity) -> Option<String> {
        let decryptor = age::Decryptor::new(sealed).unwrap();
        let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).ok()?;
        let mut text = String::new();
        reader.read_to_string(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn every_auditor_opens_it_and_a_stranger_does_not() {
        let auditors = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
        let recipients: Vec<String> =
            auditors.iter().map(|auditor| auditor.to_public().to_string()).collect();
        let text = "CLIENT_TRAFFIC_SECRET_0 00 11\n";
        let sealed = seal(text, &recipients).unwrap();
        assert!(sealed.starts_with(b"age-encryption.org/v1\n"));
        for auditor in &auditors {
            assert_eq!(opened(&sealed, auditor).as_deref(), Some(text));
        }
        assert_eq!(opened(&sealed, &age::x25519::Identity::generate()), None);
        let mut broken = sealed.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(opened(&broken, &auditors[0]), None);
    }

    #[test]
    fn without_a_good_recipient_nothing_is_sealed() {
        assert!(matches!(seal("x", &[]), Err(SealError::NoRecipient)));
        let bad = vec!["ssh-ed25519 AAAA".to_owned()];
        assert!(matches!(seal("x", &bad), Err(SealError::BadRecipient { .. })));
        let many = vec![String::new(); MAX_RECIPIENTS + 1];
        assert!(matches!(seal("x", &many), Err(SealError::TooMany)));
    }
}
