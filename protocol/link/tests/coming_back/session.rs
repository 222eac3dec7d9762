//! What a relay keeps of a session, whatever becomes of the relay.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deskside_link::random::System;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::session::{End, SessionId};
use deskside_protocol::wire::signal::{Session as Begins, signal::Kind};

/// What outlives a relay.
pub(crate) struct Session {
    pub(crate) node: SigningKey,
    pub(crate) id: SessionId,
    pub(crate) keys: [PublicKey; 2],
    pub(crate) line: Mutex<Line>,
    /// Instead of what is right, to an end that comes back.
    pub(crate) lie: Mutex<Lie>,
    /// What becomes of seals.
    pub(crate) seals: Mutex<Seals>,
}

#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) number: u16,
    pub(crate) labels: [Label; 2],
}

#[derive(Clone, Copy)]
pub(crate) enum Seals {
    /// With a receipt.
    Kept,
    /// Nobody says anything.
    Lost,
    /// There is no recording any more.
    Useless,
}

/// What an end hears that comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    Label,
    Session,
    Gone,
    Ended,
}

pub(crate) const fn slot(end: End) -> usize {
    match end {
        End::Agent => 0,
        End::Technician => 1,
    }
}

/// A token is the session's id and which end.
pub(crate) fn token(end: End) -> [u8; 16] {
    [end.byte(); 16]
}

impl Session {
    pub(crate) fn new(keys: [PublicKey; 2]) -> Arc<Self> {
        Arc::new(Self {
            node: SigningKey::generate(&mut System::new()),
            id: SessionId::generate(&mut System::new()),
            keys,
            line: Mutex::new(Line { number: 0, labels: labels() }),
            lie: Mutex::new(Lie::None),
            seals: Mutex::new(Seals::Kept),
        })
    }

    pub(crate) fn begins(&self, end: End, back: bool) -> Kind {
        let line = *self.line.lock().unwrap();
        let lie = if back { *self.lie.lock().unwrap() } else { Lie::None };
        let [agent, technician] = line.labels.map(|label| Bytes::copy_from_slice(label.as_bytes()));
        let (own_label, peer_label) = match (end, lie) {
            (End::Agent, Lie::Label) => (technician.clone(), agent),
            (End::Agent, _) => (agent, technician),
            (End::Technician, _) => (technician, agent),
        };
        let id = if lie == Lie::Session { [9; 16] } else { *self.id.as_bytes() };
        Kind::Session(Begins {
            session: Bytes::copy_from_slice(&id),
            own_label,
            peer_label,
            reattach_token: Bytes::copy_from_slice(&token(end)),
            recorded: true,
            line: line.number.into(),
        })
    }
}

pub(crate) fn labels() -> [Label; 2] {
    std::array::from_fn(|_| Label::random(&mut System::new()))
}
