//! What a gate is made of, and what it says of each grant.

use std::time::Duration;

use deskside_protocol::grant::{Grant, GrantSet};

use super::Record;
use crate::consent::Visitor;

/// What a gate is made of.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What the policy lets a technician ask for at all.
    pub policy: GrantSet,
    /// Whether it lets passwords stay out of the recording.
    pub masking: bool,
    /// What `--allow` answered beforehand.
    pub beforehand: GrantSet,
    /// Who wants in: verified before there is a gate.
    pub visitor: Visitor,
    /// What an earlier process left of the lease; by default nothing.
    pub record: Record,
}

/// How far a grant goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What runs under it now, and nothing after that.
    Once,
    /// All of its kind in this session.
    Session,
}

/// One grant of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Which.
    pub grant: Grant,
    /// How far it goes.
    pub scope: Scope,
    /// It is taken back by itself after this time; `None`: it ends with what its scope says.
    pub ends_in: Option<Duration>,
}

/// Who keeps the lease for a restart of this program.
pub trait Keep: Send + Sync {
    /// Once this returns, no restart finds a wider lease than this one. It may block for as long as
    /// the disk takes.
    fn keep(&self, lease: &Record);
}

/// Keeps nothing: a restart finds no lease at all.
#[derive(Debug, Clone, Copy)]
pub struct Forget;

impl Keep for Forget {
    fn keep(&self, _lease: &Record) {}
}
