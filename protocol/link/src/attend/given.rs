//! What the relay gives an end for a session, and what the end keeps of it to come back.

use std::time::Duration;

use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::reattach::TOKEN;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::signal::{FilesLine, Session};

use super::AttendError;

/// What the relay gave an end for a session, or for another line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The session.
    pub session: SessionId,
    /// Packets to us carry it.
    pub own: Label,
    /// Packets to the other end carry it.
    pub peer: Label,
    /// Whether the relay records.
    pub recorded: bool,
    /// Number of the line in the recording.
    pub line: u16,
    /// Locates the session for whoever comes back to it. No secret, and no credential.
    pub token: [u8; TOKEN],
}

impl Given {
    /// Reads the relay's signal.
    ///
    /// # Errors
    /// [`AttendError::Unexpected`] where something in it has not its shape.
    pub fn read(signal: &Session) -> Result<Self, AttendError> {
        let read = || {
            Some(Self {
                session: SessionId::try_from(signal.session.as_ref()).ok()?,
                own: Label::from_bytes(&signal.own_label)?,
                peer: Label::from_bytes(&signal.peer_label)?,
                recorded: signal.recorded,
                line: u16::try_from(signal.line).ok()?,
                token: token(&signal.reattach_token)?,
            })
        };
        read().ok_or(AttendError::Unexpected)
    }
}

impl Given {
    /// Whether the relay may say this after `held`: the same session, and the same line with the
    /// same labels or a later one with others.
    pub(super) fn follows(&self, held: &Self) -> bool {
        let labels = self.own == held.own && self.peer == held.peer;
        self.session == held.session
            && (self.line > held.line || (self.line == held.line && labels))
    }
}

/// What the relay gave an end for a files line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilesGiven {
    /// Number of the main line beside which it is.
    pub line: u16,
    /// Its own number beside that line, from 1 on.
    pub number: u32,
    /// Packets to us carry it.
    pub own: Label,
    /// Packets to the other end carry it.
    pub peer: Label,
}

/// What the relay said to whoever asked for a files line, or because the other end did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilesSaid {
    Given(FilesGiven),
    /// There is none beside the line of that number.
    Refused(u16),
}

impl FilesSaid {
    /// Reads the relay's signal.
    ///
    /// # Errors
    /// [`AttendError::Unexpected`] where something in it has not its shape.
    pub(super) fn read(signal: &FilesLine) -> Result<Self, AttendError> {
        let FilesLine { number, own_label, peer_label, .. } = signal;
        let line = u16::try_from(signal.line).map_err(|_| AttendError::Unexpected)?;
        if *number == 0 && own_label.is_empty() && peer_label.is_empty() {
            return Ok(Self::Refused(line));
        }
        let label = |bytes| Label::from_bytes(bytes).ok_or(AttendError::Unexpected);
        let (own, peer) = (label(own_label)?, label(peer_label)?);
        if *number == 0 {
            Err(AttendError::Unexpected)
        } else {
            Ok(Self::Given(FilesGiven { line, number: *number, own, peer }))
        }
    }
}

/// A relay to which nobody can come back gives none. Zeros stand for that: no relay knows them.
fn token(bytes: &[u8]) -> Option<[u8; TOKEN]> {
    if bytes.is_empty() { Some([0; TOKEN]) } else { bytes.try_into().ok() }
}

/// An end of a session, as it has to be known to come back to it: also what a program keeps on disk
/// that may be restarted.
#[allow(missing_debug_implementations, reason = "holds secret keys")]
#[derive(Clone)]
pub struct Attendee {
    /// Which end we are.
    pub end: End,
    /// Our key for this session: it proves that the session is ours.
    pub session_key: SigningKey,
    /// The session and its pairing.
    pub binding: Binding,
    /// The node key, by which receipts, checkpoints and the closing are known.
    pub node: PublicKey,
    /// From [`Given`].
    pub token: [u8; TOKEN],
    /// The key that our legs show.
    pub leg_key: SigningKey,
    /// Where the relay is, and how it is recognised.
    pub link: JoinLink,
    /// Further addresses `host:port` of the same relay, from the policy.
    pub relays: Vec<String>,
    /// How long the session waits for an end that was lost, from the policy.
    pub grace: Duration,
    /// Names program and version.
    pub software: String,
}
