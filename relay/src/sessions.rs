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
pub(crate) struct Door<V = Box<Visit>> {
    session: SessionId,
    keys: Ends<PublicKey>,
    inside: Mutex<Inside<V>>,
    bell: Notify,
}

#[derive(Debug)]
struct Inside<V> {
    /// Of the line of the moment.
    labels: Ends<Label>,
    /// One of each end: the newest proof wins.
    visits: Ends<Option<V>>,
    shut: bool,
}

impl<V> Door<V> {
    pub(crate) fn new(session: SessionId, keys: Ends<PublicKey>, labels: Ends<Label>) -> Self {
        let visits = Ends { agent: None, technician: None };
        let inside = Inside { labels, visits, shut: false };
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
    pub(crate) fn knock(&self, end: End, visit: V) -> Result<(), V> {
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
    pub(crate) async fn visit(&self) -> (End, V) {
        loop {
            if let Some(visit) = self.take() {
                return visit;
            }
            self.bell.notified().await;
        }
    }

    fn take(&self) -> Option<(End, V)> {
        let mut inside = self.inside();
        let mut of = |end| Some((end, inside.visits.of_mut(end).take()?));
        of(End::Agent).or_else(|| of(End::Technician))
    }

    /// The session has ended: nobody comes in any more. Gives whoever stands there.
    pub(crate) fn shut(&self) -> Ends<Option<V>> {
        let mut inside = self.inside();
        inside.shut = true;
        Ends { agent: inside.visits.agent.take(), technician: inside.visits.technician.take() }
    }

    fn inside(&self) -> MutexGuard<'_, Inside<V>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_link::random::System;
    use deskside_protocol::key::SigningKey;
    use std::task::Poll;

    fn labels() -> Ends<Label> {
        let mut random = System::new();
        Ends { agent: Label::random(&mut random), technician: Label::random(&mut random) }
    }

    fn door<V>() -> Door<V> {
        let key = || SigningKey::generate(&mut System::new()).public();
        let keys = Ends { agent: key(), technician: key() };
        Door::new(SessionId::from_bytes([1; 16]), keys, labels())
    }

    async fn is_waiting(door: &Door<u8>) -> bool {
        let mut visit = std::pin::pin!(door.visit());
        std::future::poll_fn(|cx| Poll::Ready(visit.as_mut().poll(cx).is_pending())).await
    }

    #[tokio::test]
    async fn of_each_end_the_newest_stands_at_the_door() {
        let door = door();
        assert!(is_waiting(&door).await);
        for (end, visit) in [(End::Agent, 1), (End::Technician, 2), (End::Agent, 3)] {
            assert_eq!(door.knock(end, visit), Ok(()));
        }
        assert_eq!(door.visit().await, (End::Agent, 3));
        assert_eq!(door.visit().await, (End::Technician, 2));
        assert!(is_waiting(&door).await);
        let (visit, knocked) = tokio::join!(door.visit(), async { door.knock(End::Agent, 4) });
        assert_eq!((visit, knocked), ((End::Agent, 4), Ok(())));
    }

    #[tokio::test]
    async fn a_session_that_has_ended_lets_nobody_in() {
        let door = door();
        assert_eq!(door.knock(End::Technician, 1), Ok(()));
        assert_eq!(door.shut(), Ends { agent: None, technician: Some(1) });
        assert_eq!(door.knock(End::Technician, 2), Err(2));
        assert_eq!(door.shut(), Ends { agent: None, technician: None });
    }

    #[tokio::test]
    async fn a_token_finds_its_door_as_long_as_the_session_lives() {
        let (begin, _begun) = mpsc::channel(1);
        let metrics = Metrics::new();
        let sessions = Sessions::new(begin, metrics.clone());
        let tokens = Ends { agent: [1; TOKEN], technician: [2; TOKEN] };
        let place = sessions.register(tokens, door());
        let (end, door) = sessions.find(&[2; TOKEN]).unwrap();
        assert_eq!((end, place.token(end)), (End::Technician, &[2; TOKEN]));
        assert_ne!(door.key(End::Agent), door.key(End::Technician));
        let other = labels();
        place.door().relabel(other);
        assert_eq!(door.label(End::Agent), other.agent);
        assert!(sessions.find(&[3; TOKEN]).is_none());
        assert!(!sessions.are_full());
        drop(place);
        assert!(sessions.find(&[1; TOKEN]).is_none() && sessions.find(&[2; TOKEN]).is_none());
        assert!(metrics.render().contains("deskside_live_sessions 0"));
    }

    #[tokio::test]
    async fn a_full_relay_and_one_that_ends_have_no_place() {
        let (begin, begun) = mpsc::channel(1);
        let sessions = Sessions::new(begin, Metrics::new());
        assert!(sessions.place().await.is_ok());
        let door = Arc::new(door());
        for number in 0..2 * MAX_SESSIONS as u128 {
            sessions.doors().insert(number.to_be_bytes(), (End::Agent, door.clone()));
        }
        assert_eq!(sessions.place().await.err(), Some(Full::Busy));
        sessions.doors().clear();
        drop(begun);
        assert_eq!(sessions.place().await.err(), Some(Full::Ending));
    }
}
