//! What an end seals for the auditors: the four traffic secrets of one line, as a key log in the
//! NSS form that standard tools read, under a few comment lines that say which line it is.

use data_encoding::HEXLOWER;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::session::{End, SessionId};
use crate::transcript::{HASH, sha256};

/// The longest traffic secret, in bytes: a SHA-384 suite's.
const MAX_SECRET: usize = 48;
/// The longest comment lines: session and end, with their words.
const MAX_HEAD: usize = 128;
/// The longest lines of secrets: label, client random and secret in hexadecimal.
const MAX_LINES: usize = LABELS.len() * (2 * (32 + MAX_SECRET) + 64);

/// The labels of the four secrets, in the order of [`LineSecrets::secrets`]. Nothing else of a key
/// log is ever taken: the exporter's secret would open what is masked.
pub const LABELS: [&str; 4] = [
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
];

/// A key log that is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the opened seal is not the key log of one line")]
pub struct NotAKeyLog;

/// The four traffic secrets of one line.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
#[derive(Clone, PartialEq, Eq)]
pub struct LineSecrets {
    /// TLS client random, which names the handshake.
    pub client_random: [u8; 32],
    /// In the order of [`LABELS`].
    pub secrets: [Zeroizing<Vec<u8>>; 4],
}

impl LineSecrets {
    /// The text that is sealed.
    #[must_use]
    pub fn to_key_log(&self, session: SessionId, line: u16, end: End) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_HEAD + MAX_LINES));
        text.push_str(&head(session, line, end));
        self.write(&mut text);
        text
    }

    /// SHA-256 of the four lines of the sealed text that hold the secrets, line feeds included: what
    /// is said of the secrets in a statement.
    #[must_use]
    pub fn sha256(&self) -> [u8; HASH] {
        let mut lines = Zeroizing::new(String::with_capacity(MAX_LINES));
        self.write(&mut lines);
        sha256(lines.as_bytes())
    }

    fn write(&self, text: &mut String) {
        let random = HEXLOWER.encode(&self.client_random);
        for (label, secret) in LABELS.iter().zip(&self.secrets) {
            let secret = Zeroizing::new(HEXLOWER.encode(secret));
            for part in [label, " ", &random, " ", secret.as_str(), "\n"] {
                text.push_str(part);
            }
        }
    }

    /// Reads an opened seal of this session, line and end.
    ///
    /// # Errors
    /// [`NotAKeyLog`] where anything is missing, added or of another line.
    pub fn from_key_log(
        text: &str,
        session: SessionId,
        line: u16,
        end: End,
    ) -> Result<Self, NotAKeyLog> {
        let body = text.strip_prefix(&head(session, line, end)).ok_or(NotAKeyLog)?;
        let mut random = None;
        let mut secrets = std::array::from_fn(|_| Zeroizing::new(Vec::new()));
        let mut lines = body.lines();
        for (label, slot) in LABELS.iter().zip(&mut secrets) {
            let (client_random, secret) = secret_line(lines.next(), label)?;
            if *random.get_or_insert(client_random) != client_random {
                return Err(NotAKeyLog);
            }
            *slot = secret;
        }
        let read = Self { client_random: random.ok_or(NotAKeyLog)?, secrets };
        // More lines, other line ends, a missing one: one line has one text.
        let same = read.to_key_log(session, line, end).as_str() == text;
        if same { Ok(read) } else { Err(NotAKeyLog) }
    }
}

fn head(session: SessionId, line: u16, end: End) -> String {
    let end = match end {
        End::Technician => "technician",
        End::Agent => "agent",
    };
    format!("# deskside1 seal\n# session {session}\n# line {line}\n# end {end}\n")
}

fn secret_line(
    line: Option<&str>,
    label: &str,
) -> Result<([u8; 32], Zeroizing<Vec<u8>>), NotAKeyLog> {
    let mut words = line.ok_or(NotAKeyLog)?.split(' ');
    if words.next() != Some(label) {
        return Err(NotAKeyLog);
    }
    let mut hex = || HEXLOWER.decode(words.next()?.as_bytes()).ok();
    let random = hex().and_then(|bytes| bytes.try_into().ok()).ok_or(NotAKeyLog)?;
    let secret = Zeroizing::new(hex().ok_or(NotAKeyLog)?);
    let whole = words.next().is_none() && (1..=MAX_SECRET).contains(&secret.len());
    whole.then_some((random, secret)).ok_or(NotAKeyLog)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> LineSecrets {
        LineSecrets {
            client_random: [9; 32],
            secrets: [1, 2, 3, 4].map(|byte| Zeroizing::new(vec![byte; 32])),
        }
    }

    #[test]
    fn a_key_log_comes_back_for_its_own_line_only() {
        let session = SessionId::from_bytes([5; 16]);
        let text = secrets().to_key_log(session, 0, End::Agent);
        let back = |line, end| LineSecrets::from_key_log(&text, session, line, end);
        assert!(back(0, End::Agent).is_ok_and(|back| back == secrets()));
        assert!(back(1, End::Agent).is_err());
        assert!(back(0, End::Technician).is_err());
        let other = SessionId::from_bytes([6; 16]);
        assert!(LineSecrets::from_key_log(&text, other, 0, End::Agent).is_err());
    }

    #[test]
    fn the_hash_of_the_secrets_is_that_of_their_four_lines() {
        let text = secrets().to_key_log(SessionId::from_bytes([5; 16]), 3, End::Agent);
        let lines: String = text.split_inclusive('\n').skip(4).collect();
        assert_eq!(secrets().sha256(), sha256(lines.as_bytes()));
        let other = LineSecrets { client_random: [8; 32], ..secrets() };
        assert_ne!(secrets().sha256(), other.sha256());
    }

    #[test]
    fn exactly_the_four_secrets_are_in_it() {
        let text = secrets().to_key_log(SessionId::from_bytes([5; 16]), 0, End::Agent);
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 4);
        assert!(!text.contains("EXPORTER"));
        let added = format!("{}EXPORTER_SECRET 00 00\n", text.as_str());
        let converted = text.replace('\n', "\r\n");
        let session = SessionId::from_bytes([5; 16]);
        for other in [added.as_str(), converted.as_str(), text.trim_end()] {
            assert!(LineSecrets::from_key_log(other, session, 0, End::Agent).is_err());
        }
    }
}
