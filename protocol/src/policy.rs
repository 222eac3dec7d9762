//! The organisation's signed policy: what is recorded and for whom, and what may be asked for.
//!
//! It is TOML, so that a person can read and edit it, signed as the very bytes that were written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::grant::GrantSet;
use crate::key::{Context, PublicKey, SigningKey};
use crate::signed;
use crate::wire::record::Signed;

/// The longest policy, in bytes.
pub const MAX_POLICY: usize = 64 * 1024;
/// The most auditors of one policy: each adds about 100 bytes to the policy and 200 to a seal.
pub const MAX_AUDITORS: usize = 256;
/// The most further addresses of a relay: an end that comes back tries one after the other.
pub const MAX_RELAYS: usize = 16;
/// The longest grace time in seconds, which is also what it is where the policy says nothing. A
/// line's own idle time-out is this long too.
pub const MAX_GRACE: u32 = 300;

/// How long recordings are kept where nobody decided otherwise, in days.
const RETENTION_DAYS: u32 = 365;

/// The least bytes per second that a policy may leave an end: a voice call's worth, in which a
/// picture still arrives.
pub const MIN_BYTES_PER_SECOND: u64 = 16 * 1024;
/// The least bytes of a recording: what seals, signatures and a minute of a still picture take.
pub const MIN_RECORDING_QUOTA: u64 = 1024 * 1024;

/// Why a policy is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Not signed by the organisation.
    #[error("the policy is not signed by the organisation of the join link")]
    Signature,
    /// Not TOML of the expected shape.
    #[error("the policy cannot be read: {0}")]
    Malformed(String),
    /// Older than one that was seen before.
    #[error("the policy has serial {serial}, and serial {seen} was seen before: it is out of date")]
    Stale {
        /// The serial of this policy.
        serial: u64,
        /// The highest serial that this computer has seen.
        seen: u64,
    },
    /// Past its end date.
    #[error("the policy ended on {0}: the organisation has to sign a new one")]
    Ended(Timestamp),
    /// Over a named maximum.
    #[error("the policy is too large")]
    TooLarge,
}

/// Whether sessions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    /// A session that cannot be recorded does not happen.
    Required,
    /// A session that cannot be recorded goes on, and both ends are told.
    BestEffort,
    /// Nothing is recorded.
    Off,
}

/// Whether the bodies of files are in the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileBodies {
    /// On the main line like all else.
    Recorded,
    /// Name, size and hash only.
    HashOnly,
}

/// What a ticket's note may hold beyond program names, exit codes, sizes and hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoteContents {
    /// Arguments of commands.
    pub arguments: bool,
    /// Names of files.
    pub file_names: bool,
    /// What technician and user wrote to each other. Written only where it is true: policies of
    /// before there was chat read and write the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub chat: bool,
    /// Pictures of the user's screen that the technician took for the ticket, attached to it. Written
    /// only where it is false.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub pictures: bool,
}

impl Default for NoteContents {
    fn default() -> Self {
        Self { arguments: false, file_names: false, chat: false, pictures: true }
    }
}

/// The policy. Unknown keys are skipped, so that a newer relay can serve older ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Counts up; an end refuses one lower than it has seen.
    pub serial: u64,
    /// Name of the organisation, as shown to users.
    pub organisation: String,
    /// When it was signed.
    pub issued: Timestamp,
    /// When it stops to be accepted.
    pub ends: Timestamp,
    /// Whether sessions are recorded.
    pub recording: Recording,
    /// Whether the bodies of files are in the recording.
    pub file_bodies: FileBodies,
    /// Grants that may be asked for.
    #[serde(with = "grant_words")]
    pub grants: GrantSet,
    /// age recipients that seals are made for.
    pub auditors: Vec<String>,
    /// How long recordings are kept, in days.
    pub retention_days: u32,
    /// How long a session waits for an end that was lost, in seconds from 1 to [`MAX_GRACE`].
    #[serde(default = "max_grace")]
    pub grace_seconds: u32,
    /// Further addresses (`host:port`) at which the relay of the join link may be found, known by
    /// the same key: tried by an end that comes back.
    #[serde(default)]
    pub relays: Vec<String>,
    /// What each end of a session may send, in bytes per second from [`MIN_BYTES_PER_SECOND`]; what
    /// is over it is dropped. The relay's own bound where the policy says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// How long a recording may become, in bytes from [`MIN_RECORDING_QUOTA`]; then the session ends.
    /// No bound but the disk where the policy says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_quota_bytes: Option<u64>,
    /// Whether a technician or a user may keep a password out of the recording. Written only where
    /// it is not: policies of before there was masking read and write the same.
    #[serde(default = "allowed", skip_serializing_if = "Clone::clone")]
    pub masking: bool,
    /// What a ticket's note may hold.
    #[serde(default)]
    pub note: NoteContents,
}

impl Policy {
    /// An organisation's first: everything is recorded and may be asked for; no auditor is known yet.
    #[must_use]
    pub fn first(organisation: &str, issued: Timestamp, ends: Timestamp) -> Self {
        Self {
            serial: 1,
            organisation: organisation.to_owned(),
            issued,
            ends,
            recording: Recording::Required,
            file_bodies: FileBodies::Recorded,
            grants: GrantSet::all(),
            auditors: Vec::new(),
            retention_days: RETENTION_DAYS,
            grace_seconds: MAX_GRACE,
            relays: Vec::new(),
            bytes_per_second: None,
            recording_quota_bytes: None,
            masking: allowed(),
            note: NoteContents::default(),
        }
    }

    /// Reads a policy's TOML.
    ///
    /// # Errors
    /// [`PolicyError::Malformed`] or [`PolicyError::TooLarge`].
    pub fn parse(toml: &str) -> Result<Self, PolicyError> {
        if toml.len() > MAX_POLICY {
            return Err(PolicyError::TooLarge);
        }
        let policy: Self =
            toml::from_str(toml).map_err(|error| PolicyError::Malformed(error.to_string()))?;
        if policy.auditors.len() > MAX_AUDITORS || policy.relays.len() > MAX_RELAYS {
            return Err(PolicyError::TooLarge);
        }
        if !(1..=MAX_GRACE).contains(&policy.grace_seconds) {
            let text = format!("grace_seconds is from 1 to {MAX_GRACE}");
            return Err(PolicyError::Malformed(text));
        }
        for (name, value, least) in [
            ("bytes_per_second", policy.bytes_per_second, MIN_BYTES_PER_SECOND),
            ("recording_quota_bytes", policy.recording_quota_bytes, MIN_RECORDING_QUOTA),
        ] {
            if value.is_some_and(|value| value < least) {
                return Err(PolicyError::Malformed(format!("{name} is at least {least}")));
            }
        }
        Ok(policy)
    }

    /// The policy as TOML.
    ///
    /// # Errors
    /// [`PolicyError::Malformed`] where a value has no TOML form (a serial over 2^63).
    pub fn to_toml(&self) -> Result<String, PolicyError> {
        toml::to_string_pretty(self).map_err(|error| PolicyError::Malformed(error.to_string()))
    }

    /// Signs the policy with the authority key.
    ///
    /// # Errors
    /// [`PolicyError::Malformed`] as in [`Policy::to_toml`].
    pub fn sign(&self, authority: &SigningKey) -> Result<Signed, PolicyError> {
        Ok(signed::sign(authority, Context::Policy, self.to_toml()?.into_bytes()))
    }

    /// Verifies and reads a signed policy at `now` (seconds since the epoch), refusing a serial
    /// below `seen`.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn open(
        signed: &Signed,
        organisation: &PublicKey,
        now: u64,
        seen: u64,
    ) -> Result<Self, PolicyError> {
        let policy = Self::open_at_any_time(signed, organisation)?;
        if policy.serial < seen {
            return Err(PolicyError::Stale { serial: policy.serial, seen });
        }
        if u64::try_from(policy.ends.as_second()).unwrap_or(0) < now {
            return Err(PolicyError::Ended(policy.ends));
        }
        Ok(policy)
    }

    /// Verifies and reads a signed policy, whenever it was in force: for an auditor, years later.
    ///
    /// # Errors
    /// [`PolicyError`] but for serial and dates.
    pub fn open_at_any_time(
        signed: &Signed,
        organisation: &PublicKey,
    ) -> Result<Self, PolicyError> {
        let body = signed::open(signed, organisation, Context::Policy)
            .map_err(|_| PolicyError::Signature)?;
        let toml =
            std::str::from_utf8(body).map_err(|error| PolicyError::Malformed(error.to_string()))?;
        Self::parse(toml)
    }
}

const fn max_grace() -> u32 {
    MAX_GRACE
}

const fn allowed() -> bool {
    true
}

/// Grants as a list of words; words that this version does not know are skipped.
mod grant_words {
    use super::GrantSet;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(set: &GrantSet, to: S) -> Result<S::Ok, S::Error> {
        set.words().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<GrantSet, D::Error> {
        let words = Vec::<String>::deserialize(from)?;
        Ok(words.iter().filter_map(|word| word.parse::<crate::grant::Grant>().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn policy() -> Policy {
        let time = |text: &str| text.parse().unwrap();
        let (issued, ends) = (time("2026-11-22T00:00:00Z"), time("2028-11-22T00:00:00Z"));
        Policy {
            serial: 4,
            auditors: vec!["age1example".to_owned()],
            relays: vec!["help.example.com:4433".to_owned()],
            ..Policy::first("Example Help", issued, ends)
        }
    }

    const NOW: u64 = 1_795_305_600;

    #[test]
    fn a_signed_policy_comes_back() {
        let authority = SigningKey::from_seed(Zeroizing::new([1; 32]));
        let signed = policy().sign(&authority).unwrap();
        assert_eq!(Policy::open(&signed, &authority.public(), NOW, 4), Ok(policy()));
    }

    #[test]
    fn another_key_an_older_serial_and_an_ended_one_are_refused() {
        let authority = SigningKey::from_seed(Zeroizing::new([1; 32]));
        let other = SigningKey::from_seed(Zeroizing::new([2; 32])).public();
        let signed = policy().sign(&authority).unwrap();
        let open = |key, now, seen| Policy::open(&signed, &key, now, seen);
        assert_eq!(open(other, NOW, 0), Err(PolicyError::Signature));
        let stale = PolicyError::Stale { serial: 4, seen: 5 };
        assert_eq!(open(authority.public(), NOW, 5), Err(stale));
        let late = open(authority.public(), NOW * 2, 0);
        assert!(matches!(late, Err(PolicyError::Ended(_))));
    }

    #[test]
    fn a_grace_time_is_bounded_and_may_be_left_out() {
        let toml = policy().to_toml().unwrap();
        assert_eq!(Policy::parse(&toml.replace("grace_seconds = 300\n", "")), Ok(policy()));
        for bad in ["grace_seconds = 0", "grace_seconds = 301"] {
            assert!(Policy::parse(&toml.replace("grace_seconds = 300", bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn bounds_of_a_session_may_be_left_out_and_are_not_too_small() {
        let toml = policy().to_toml().unwrap();
        assert!(!toml.contains("bytes_per_second") && !toml.contains("recording_quota"));
        let bound = Policy {
            bytes_per_second: Some(MIN_BYTES_PER_SECOND),
            recording_quota_bytes: Some(MIN_RECORDING_QUOTA),
            ..policy()
        };
        let toml = bound.to_toml().unwrap();
        assert_eq!(Policy::parse(&toml), Ok(bound));
        for (good, bad) in [("= 16384", "= 16383"), ("= 1048576", "= 1048575"), ("= 16384", "= -1")]
        {
            assert!(Policy::parse(&toml.replace(good, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn masking_is_allowed_where_nothing_is_said() {
        let toml = policy().to_toml().unwrap();
        assert!(!toml.contains("masking"));
        let never = Policy { masking: false, ..policy() };
        let toml = never.to_toml().unwrap();
        assert!(toml.contains("masking = false"));
        assert_eq!(Policy::parse(&toml), Ok(never));
    }

    #[test]
    fn unknown_keys_and_grants_are_skipped() {
        let mut toml = policy().to_toml().unwrap().replace("\"view\"", "\"view\", \"camera\"");
        toml.insert_str(0, "colour = \"blue\"\n");
        assert_eq!(Policy::parse(&toml), Ok(policy()));
    }
}
