//! A session that lives: how it stands at this moment, and how anything is said to its ends. What
//! happens to it is for the rooms above this one.

use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::session::{End, Ends};
use deskside_protocol::wire::signal::signal::Kind;
use tokio::sync::watch;
use tokio::time::Instant;

use super::evidence::Last;
use super::line::Current;
use super::moving::Probe;
use super::presence::Presence;
use super::terms::Session;
use crate::metrics::Away;
use crate::rules::InForce;
use crate::talk::Talk;

/// How often it is looked whether a checkpoint is due or a leg has another address.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// A session that lives.
pub(crate) struct Live {
    pub(super) session: Session,
    /// `None` for an end that is away.
    pub(super) talks: Ends<Option<Talk>>,
    pub(super) presence: Presence,
    pub(super) line: Current,
    /// The recording goes on.
    pub(super) recorded: bool,
    /// It was to be recorded, and is not: the ends have to know.
    pub(super) went_unrecorded: bool,
    pub(super) last: Option<Last>,
    pub(super) probes: Ends<Option<Probe>>,
    /// The policy in force.
    pub(super) policy: watch::Receiver<Option<Arc<InForce>>>,
    pub(super) away: Ends<Option<Away>>,
    /// Both ends have to have sealed the line by then.
    pub(super) sealing: Option<Instant>,
    pub(super) tick: Instant,
    /// Bytes of the recording at the last one.
    pub(super) length: u64,
    pub(super) second_look: Option<Instant>,
    pub(super) began: Instant,
}

impl Live {
    /// A session with a line; whoever is there is in `talks`.
    pub(super) fn new(
        session: Session,
        talks: Ends<Option<Talk>>,
        presence: Presence,
        line: Current,
    ) -> Self {
        let now = Instant::now();
        let metrics = &session.service.relay.metrics;
        let away = |end| (!presence.is_here(end)).then(|| metrics.end_away());
        let mut live = Self {
            away: Ends { agent: away(End::Agent), technician: away(End::Technician) },
            recorded: session.recording.is_some(),
            went_unrecorded: false,
            last: None,
            probes: Ends::default(),
            policy: session.service.policy.subscribe(),
            sealing: None,
            tick: now + TICK,
            length: 0,
            second_look: None,
            began: now,
            session,
            talks,
            presence,
            line,
        };
        live.keep_watch();
        live
    }

    /// An end is there again, or on another leg.
    pub(super) fn arrived(&mut self, end: End) -> super::presence::Return {
        *self.away.of_mut(end) = None;
        self.presence.handle_back(end, self.now())
    }

    /// What follows from how things stand: from when on the session lasts, and by when its line has
    /// to be sealed.
    pub(super) fn keep_watch(&mut self) {
        let sealed = !self.recorded || self.line.is_sealed();
        if sealed {
            self.presence.handle_lasting();
        }
        if sealed || !self.presence.both() {
            self.sealing = None;
        } else if self.sealing.is_none() {
            self.sealing = Some(Instant::now() + self.session.service.relay.phases.sealing);
        }
    }

    /// There is another line to be sealed.
    pub(super) const fn seal_afresh(&mut self) {
        self.sealing = None;
    }

    /// Tells an end, where it is there. One that cannot be told is lost: whoever drives us sees it.
    pub(super) async fn say(&mut self, end: End, kind: Kind) {
        let Some(talk) = self.talks.of_mut(end) else { return };
        if let Err(gone) = talk.say(kind).await {
            tracing::debug!(session = %self.session.id(), %end, %gone, "an end cannot be told");
            *self.talks.of_mut(end) = None;
        }
    }

    /// Since the session has lived in this process.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}
