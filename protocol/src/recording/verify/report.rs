//! What `verify` says of a recording: data for whoever prints it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use thiserror::Error;

use super::MAX_NAMES;
use crate::key::PublicKey;
use crate::recording::format::Kind;
use crate::recording::reader::{Damage, Place};
use crate::recording::signatures::Binding;
use crate::session::{End, Ends, SessionId};
use crate::transcript::{AgentData, TechnicianData};
use crate::wire::record;

/// The judgement on a recording, without the auditors' key. The first that applies, from below:
///
/// | verdict | meaning |
/// |---|---|
/// | `Verified` | Whole, closed by the node and both ends, made under the organisation's key that the caller gave. |
/// | `Consistent` | The same, but the caller gave no organisation key: the recording agrees with itself, and whose it is nobody said. |
/// | `Shredded` | The same, but sealed copies were shredded: nobody can read those any more. |
/// | `Recovered` | Closed by all, but the relay crashed in between and says so: what was not yet on its disk may be missing. The ends' statements, which take the auditors' key, tell whether anything is. |
/// | `Incomplete` | Nothing is wrong up to the end of the file, but the end is missing, or an end did not sign it. Whether a crash or a hand cut it does not show here. |
/// | `Tampered` | Something is wrong that no crash explains. |
/// | `Unreadable` | Not a recording, or one of another version. |
///
/// Only the first two are success; all others are exit 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Proven against the organisation's key.
    Verified,
    /// Consistent in itself.
    Consistent,
    /// Consistent, but sealed copies were shredded.
    Shredded,
    /// Closed, but the relay crashed in between.
    Recovered {
        /// The first EVENT that says so.
        at: Place,
    },
    /// The tail is unproven.
    Incomplete {
        /// The last checkpoint that every end signed whose word is missing at the close: what
        /// comes after it is unproven. `None` where there is no such checkpoint.
        since: Option<Place>,
    },
    /// Tampered with.
    Tampered(Finding),
    /// Not a recording that this program reads.
    Unreadable(Damage),
}

impl Verdict {
    /// Whether the caller may exit with 0: `Verified` or `Consistent`.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        matches!(self, Self::Verified | Self::Consistent)
    }
}

/// The first thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: Flaw,
    /// Where.
    pub at: Place,
    /// Whom it incriminates.
    pub party: Party,
}

/// Whom a flaw incriminates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Party {
    /// Whoever held the file, the relay included: nothing signed covers the flaw.
    #[error("whoever held the file")]
    Holder,
    /// The relay's node: it signed a chain that holds the flaw.
    #[error("the relay")]
    Node,
    /// An end: it signed what it must not.
    #[error("the {0}")]
    End(End),
}

/// What can be wrong with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Flaw {
    /// The bytes themselves.
    #[error(transparent)]
    Bytes(#[from] Damage),
    /// The first block is another, or there is a second HEADER.
    #[error("a {0} block stands where it must not")]
    Order(Kind),
    /// A body is not what its kind promises.
    #[error("the body of a {0} block is malformed")]
    Body(Kind),
    /// The body names another line, session or time than the block has.
    #[error("a {0} block belongs elsewhere")]
    Elsewhere(Kind),
    /// A pairing datum of the HEADER is malformed.
    #[error("the HEADER's `{0}` is malformed")]
    Header(&'static str),
    /// Made under another organisation's key.
    #[error("the recording is another organisation's, with the key {0}")]
    OtherOrganisation(PublicKey),
    /// The organisation did not sign the policy.
    #[error("the organisation did not sign the policy")]
    Policy,
    /// The organisation did not sign the technician's certificate.
    #[error("the organisation did not sign the technician's certificate")]
    Certificate,
    /// The certificate lacks the role: the technician signed a pairing that was not theirs to make.
    #[error("the certificate does not make this person a technician")]
    NotATechnician,
    /// The certificate was not valid when the session opened, by the relay's clock.
    #[error("the technician's certificate was not valid then")]
    CertificateTime,
    /// `sid` is not that of nameplate and nonce.
    #[error("the pairing's id does not fit its nameplate and nonce")]
    Sid,
    /// `sig_T` does not verify.
    #[error("the technician did not sign this pairing")]
    Join,
    /// A seal's signature does not verify.
    #[error("the end did not sign this seal")]
    Seal,
    /// An end signed two different seals of one line.
    #[error("the {end} sealed line {line} twice")]
    SecondSeal {
        /// The line.
        line: u16,
        /// The end.
        end: End,
    },
    /// More than a handshake passed on a line before both ends had sealed it.
    #[error("line {line} was used before both ends had sealed it")]
    Unsealed {
        /// The line.
        line: u16,
    },
    /// More than [`MAX_LINES`](crate::recording::format::MAX_LINES).
    #[error("the recording has too many lines")]
    TooManyLines,
    /// The node did not sign this checkpoint or closing.
    #[error("the relay did not sign this {0}")]
    NotTheNode(Kind),
    /// A checkpoint or closing states another chain than stands before it.
    #[error("the {0} does not fit what stands before it")]
    Chain(Kind),
    /// An ENDSIG or a closing's signature by an end does not verify.
    #[error("the {1} did not sign this {0}")]
    NotTheEnd(Kind, End),
    /// An end signed a checkpoint that is not in the recording.
    #[error("the {0} signed a checkpoint that is not here")]
    UnknownCheckpoint(End),
    /// The closing's totals are not those of the packets.
    #[error("the totals are not those of the packets recorded")]
    Totals,
}

impl Flaw {
    /// The end whose own valid signature is the flaw.
    pub(super) const fn signer(self) -> Option<End> {
        match self {
            Self::SecondSeal { end, .. } => Some(end),
            Self::NotATechnician => Some(End::Technician),
            Self::Bytes(_)
            | Self::Order(_)
            | Self::Body(_)
            | Self::Elsewhere(_)
            | Self::Header(_)
            | Self::OtherOrganisation(_)
            | Self::Policy
            | Self::Certificate
            | Self::CertificateTime
            | Self::Sid
            | Self::Join
            | Self::Seal
            | Self::Unsealed { .. }
            | Self::TooManyLines
            | Self::NotTheNode(_)
            | Self::Chain(_)
            | Self::NotTheEnd(..)
            | Self::UnknownCheckpoint(_)
            | Self::Totals => None,
        }
    }
}

/// What the HEADER proves. Only there once all of its signatures were verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The session and its transcript hash.
    pub binding: Binding,
    /// The relay's `host:port`.
    pub relay_origin: String,
    /// The relay's key.
    pub node_key: PublicKey,
    /// The organisation's key; proven only by comparison with one from elsewhere.
    pub organisation_key: PublicKey,
    /// The policy under which it was recorded.
    pub policy: record::Signed,
    /// The technician's certificate.
    pub certificate: record::Certificate,
    /// What the technician said and signed: ticket, subject, grants asked for.
    pub technician: TechnicianData,
    /// What the agent said.
    pub agent: AgentData,
    /// The relay's software, by its own word.
    pub relay_version: String,
    /// Microseconds since 1970-01-01 UTC.
    pub opened_us: u64,
}

impl Facts {
    /// The session's id.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.binding.session
    }

    /// The session key of `end`.
    #[must_use]
    pub const fn session_key(&self, end: End) -> &PublicKey {
        match end {
            End::Agent => &self.agent.session_key,
            End::Technician => &self.technician.join.session_key,
        }
    }

    /// The session keys of both.
    #[must_use]
    pub const fn session_keys(&self) -> Ends<PublicKey> {
        Ends {
            agent: *self.session_key(End::Agent),
            technician: *self.session_key(End::Technician),
        }
    }
}

/// Packets of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub packets: u64,
    /// Their bytes, without headers below QUIC.
    pub bytes: u64,
}

/// An end's sealed copy of a line's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealFact {
    /// Whose.
    pub end: End,
    /// Of which line.
    pub line: u16,
    /// The age file, to be opened with an auditor's key.
    pub age: Bytes,
    /// Where it stands.
    pub at: Place,
}

/// What the relay saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFact {
    /// Where and when.
    pub at: Place,
    /// The event; an unknown kind is of a later version.
    pub event: record::Event,
}

/// The judgement and all that was found, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The judgement.
    pub verdict: Verdict,
    /// Whose session, where the HEADER holds.
    pub facts: Option<Facts>,
    /// Blocks in order.
    pub blocks: u64,
    /// Microseconds since 1970-01-01 UTC of the first and the last block.
    pub times_us: Option<(u64, u64)>,
    /// Chain hash of the first block, which the OPEN entry of the relay's log repeats.
    pub first_hash: Option<[u8; 32]>,
    /// Chain hash of the last block, which a session's note repeats.
    pub hash: Option<[u8; 32]>,
    /// Packets counted, by the end that sent them.
    pub packets: Ends<Count>,
    /// Seals that hold.
    pub seals: Vec<SealFact>,
    /// Seals that were shredded: line and place.
    pub shredded: Vec<(u16, Place)>,
    /// Events, the first [`MAX_EVENTS`](super::MAX_EVENTS).
    pub events: Vec<EventFact>,
    /// Events in all.
    pub events_total: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// The first [`MAX_NAMES`](super::MAX_NAMES) of them, by the SHA-256 of their text.
    pub names: BTreeSet<[u8; 32]>,
    /// Per end, the last checkpoint that it signed.
    pub signed_until: Ends<Option<Place>>,
    /// The closing, where there is one that the node signed.
    pub closing: Option<record::Closing>,
    /// Ends that signed the closing.
    pub closed_by: Ends<bool>,
    /// Kinds of a later version, and how often each was skipped.
    pub unknown_kinds: BTreeMap<u8, u64>,
}

impl Report {
    /// Whether the checkpoint of this name stands in the recording; `None` where there are too many
    /// to know.
    #[must_use]
    pub fn has_checkpoint(&self, name: &[u8]) -> Option<bool> {
        let found = self.names.iter().any(|known| known == name);
        (found || self.names.len() < MAX_NAMES).then_some(found)
    }
}
