//! The sessions of this relay, by the tokens with which their ends come back.
//!
//! Each session is a task of its own; what it needs of the outside stands at its [`Door`]. An end
//! that proved itself leaves its stream there, and only the newest of each end waits: no queue. Who
//! has not proved itself comes no further than the key and the label that it has to sign.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskside_protocol::key::PublicKey;
use deskside_protocol::label::Label;
use deskside_protocol::reattach::TOKEN;
use deskside_protocol::session::{End, Ends, SessionId};
use thiserror::Error;
use tokio::sync::{Notify, mpsc};

use crate::metrics::Metrics;
use crate::session::Begun;
use crate::talk::Talk;

/// Sessions at once, their ends there or away: half of the legs that a relay takes.
pub(crate) const MAX_SESSIONS: usize = 20_000;
/// Sessions that have begun and wait for their task. It takes them at once.
pub(crate) const MAX_BEGINNING: usize = 64;

/// Says which session is meant, and nothing more.
pub(crate) type Token = [u8; TOKEN];

/// There is no room for another session, or the relay ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Full {
    #[error("the relay has as many sessions as it takes: try again in a minute")]
    Busy,
    #[error("the relay is ending")]
    Ending,
}

/// An end that came back, on a new stream.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) talk: Talk,
    /// Its program was restarted: its line is gone.
    pub(crate) fresh_line: bool,
}

/// Where a session's ends come back to.
#[derive(Debug)]
pub(crate) struct Door {
    session: SessionId,
    keys: Ends<PublicKey>,
    inside: Mutex<Inside>,
    bell: Notify,
}

#[derive(Debug)]
struct Inside {
    /// Of the line of the moment.
    labels: Ends<Label>,
    /// One of each end: the newest proof wins.
    visits: Ends<Option<Box<Visit>>>,
    shut: bool,
}

impl Door {
    pub(crate) fn new(session: SessionId, keys: Ends<PublicKey>, labels: Ends<Label>) -> Self {
        let inside = Inside { labels, visits: Ends::default(), shut: false };
        Self { session, keys, inside: Mutex::new(inside), bell: Notify::new() }
    }

    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    /// The key by which an end proves itself.
    pub(crate) const fn key(&self, end: End) -> PublicKey {
        *self.keys.of(end)
    }

    /// Packets to this end carry it, on the line of the moment.
    pub(crate) fn label(&self, end: End) -> Label {
        *self.inside().labels.of(end)
    }

    /// There is a new line.
    pub(crate) fn relabel(&self, labels: Ends<Label>) {
        self.inside().labels = labels;
    }

    /// Leaves a stream for the session. Gives it back where the session has ended.
    pub(crate) fn knock(&self, end: End, visit: Box<Visit>) -> Result<(), Box<Visit>> {
        let mut inside = self.inside();
        if inside.shut {
            return Err(visit);
        }
        let former = inside.visits.of_mut(end).replace(visit);
        drop(inside);
        drop(former);
        self.bell.notify_one();
        Ok(())
    }

    /// Waits for the next one. One task may wait; it loses nothing when cancelled.
    pub(crate) async fn visit(&self) -> (End, Box<Visit>) {
        loop {
            if let Some(visit) = self.take() {
                return visit;
            }
            self.bell.notified().await;
        }
    }

    fn take(&self) -> Option<(End, Box<Visit>)> {
        let mut inside = self.inside();
        let mut of = |end| Some((end, inside.visits.of_mut(end).take()?));
        of(End::Agent).or_else(|| of(End::Technician))
    }

    /// The session has ended: nobody comes in any more. Gives whoever stands there.
    pub(crate) fn shut(&self) -> Ends<Option<Box<Visit>>> {
        let mut inside = self.inside();
        inside.shut = true;
        std::mem::take(&mut inside.visits)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All doors of a relay, and the way to a task for a session that begins.
#[derive(Debug)]
pub(crate) struct Sessions {
    doors: Mutex<Doors>,
    begun: mpsc::Sender<Begun>,
    metrics: Metrics,
}

type Doors = HashMap<Token, (End, Arc<Door>)>;

impl Sessions {
    /// No sessions. Whoever has the other end of `begun` gives each a task.
    pub(crate) fn new(begun: mpsc::Sender<Begun>, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { doors: Mutex::default(), begun, metrics })
    }

    /// Whether one more would be refused.
    pub(crate) fn are_full(&self) -> bool {
        self.doors().len() >= 2 * MAX_SESSIONS
    }

    /// A place for a session that is about to begin: its task is sure.
    pub(crate) async fn place(&self) -> Result<mpsc::OwnedPermit<Begun>, Full> {
        if self.are_full() {
            return Err(Full::Busy);
        }
        self.begun.clone().reserve_owned().await.map_err(|_| Full::Ending)
    }

    /// Ends that show one of these tokens find the door, until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, tokens: Ends<Token>, door: Door) -> Registered {
        let door = Arc::new(door);
        let mut doors = self.doors();
        for end in [End::Agent, End::Technician] {
            doors.insert(*tokens.of(end), (end, door.clone()));
        }
        drop(doors);
        self.metrics.session_began();
        Registered { sessions: self.clone(), tokens, door }
    }

    /// Whose token it is, and where it comes back to.
    pub(crate) fn find(&self, token: &Token) -> Option<(End, Arc<Door>)> {
        self.doors().get(token).cloned()
    }

    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's place among the others.
#[derive(Debug)]
pub(crate) struct Registered {
    sessions: Arc<Sessions>,
    tokens: Ends<Token>,
    door: Arc<Door>,
}

impl Registered {
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// The token of an end.
    pub(crate) const fn token(&self, end: End) -> &Token {
        self.tokens.of(end)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut doors = self.sessions.doors();
        for end in [End::Agent, End::Technician] {
            doors.remove(self.tokens.of(end));
        }
        drop(doors);
        drop(self.door.shut());
        self.sessions.metrics.session_ended();
    }
}
