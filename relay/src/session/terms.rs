//! The terms of a session, which stand from its beginning to its end: who is in it, where it is kept,
//! and what the policy under which it began lets it use.

use std::sync::Arc;

use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::record::Reason;

use crate::recorder::Recording;
use crate::service::Service;
use crate::sessions::Registered;
use crate::standing::Tenure;

pub(super) const BOTH: [End; 2] = [End::Agent, End::Technician];

/// Why a session ends without `end`.
pub(super) const fn without(end: End) -> Reason {
    match end {
        End::Agent => Reason::AgentLost,
        End::Technician => Reason::TechnicianLost,
    }
}

/// What a session is from its beginning to its end.
pub(super) struct Session {
    pub(super) service: Arc<Service>,
    pub(super) place: Registered,
    pub(super) binding: Binding,
    /// The node key that it began with, which both ends bound when they paired: it signs receipts,
    /// checkpoints and the closing, whatever key the relay has by then.
    pub(super) node_key: SigningKey,
    pub(super) recording: Option<Arc<Recording>>,
    /// Whether the policy lets a session go on unrecorded.
    pub(super) best_effort: bool,
    pub(super) bounds: Bounds,
    /// Whether the policy lets bodies of files pass unrecorded.
    pub(super) bodies_apart: bool,
    /// Whether its technician may be here.
    pub(super) stay: Tenure,
    /// Serial of the policy that it began under.
    pub(super) policy: u64,
}

/// What the policy lets a session use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Of each end.
    pub(super) bytes_per_second: Option<u64>,
    /// Of the recording, in bytes. It is looked at every second, so that it is passed by what the
    /// ends send in one at the most.
    pub(super) recording: Option<u64>,
}

impl Bounds {
    pub(super) const fn of(policy: &Policy) -> Self {
        let Policy { bytes_per_second, recording_quota_bytes, .. } = *policy;
        Self { bytes_per_second, recording: recording_quota_bytes }
    }
}

impl Session {
    pub(super) const fn id(&self) -> SessionId {
        self.binding.session
    }

    pub(super) fn key(&self, end: End) -> PublicKey {
        self.place.door().key(end)
    }
}
