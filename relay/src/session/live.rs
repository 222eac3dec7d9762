//! A session while it lives: one task that hears both ends, keeps time, and takes in whoever comes
//! back. What it does about each is in the rooms beside this one; whatever ends it gets a reason.

use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::Policy;
use deskside_protocol::recording::Binding;
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::signal::Kind;
use tokio::sync::watch;
use tokio::time::Instant;

use super::closing;
use super::evidence::Last;
use super::line::Current;
use super::moving::Probe;
use super::presence::{Lost, Presence};
use crate::metrics::Away;
use crate::recorder::{Broken, Recording};
use crate::rules::InForce;
use crate::service::Service;
use crate::sessions::{Registered, Visit};
use crate::standing::{Expelled, Tenure};
use crate::talk::{Gone, Talk};

/// How often it is looked whether a checkpoint is due or a leg has another address.
const TICK: Duration = Duration::from_secs(1);
/// And where nothing was recorded since: a leg that says nothing of itself is silent this long too.
const QUIET_TICK: Duration = deskside_link::transport::LEG_KEEP_ALIVE;
/// After a hint that an end has moved: its leg's packets may be behind those of its line.
const SECOND_LOOK: Duration = Duration::from_millis(50);

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
    away: Ends<Option<Away>>,
    /// Both ends have to have sealed the line by then.
    sealing: Option<Instant>,
    tick: Instant,
    /// Bytes of the recording at the last one.
    length: u64,
    second_look: Option<Instant>,
    began: Instant,
}

/// What a session waited for.
enum Step {
    Said(End, Box<Result<Option<Kind>, Gone>>),
    Visit(End, Box<Visit>),
    Strayed,
    Broken(Broken),
    Expelled(Expelled),
    Policy,
    Stop,
    Time,
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

    /// Lives until something ends it, then closes.
    pub(super) async fn run(mut self: Box<Self>) {
        let reason = loop {
            let step = self.next().await;
            // Steps are rare and their futures large: an idle session does not carry them.
            if let Err(reason) = Box::pin(self.take(step)).await {
                break reason;
            }
        };
        Box::pin(closing::close(*self, reason)).await;
    }

    async fn next(&mut self) -> Step {
        let wake = self.wake();
        let looking = self.second_look.is_some();
        let Self { session, talks, line, recorded, policy, .. } = self;
        let Session { service, place, recording, stay, .. } = session;
        let recording = recording.as_ref().filter(|_| *recorded);
        tokio::select! {
            said = hear(&mut talks.agent) => Step::Said(End::Agent, Box::new(said)),
            said = hear(&mut talks.technician) => Step::Said(End::Technician, Box::new(said)),
            (end, visit) = place.door().visit() => Step::Visit(end, visit),
            () = line.strayed(), if !looking => Step::Strayed,
            broken = broken(recording) => Step::Broken(broken),
            out = stay.expelled() => Step::Expelled(out),
            // The relay has the other half to its end.
            Ok(()) = policy.changed() => Step::Policy,
            () = service.stop.cancelled() => Step::Stop,
            () = tokio::time::sleep_until(wake) => Step::Time,
        }
    }

    /// When there is something to do though nothing happens.
    fn wake(&self) -> Instant {
        let grace = self.presence.poll_timeout().map(|at| self.began + at);
        let others = [grace, self.sealing, self.second_look];
        others.into_iter().flatten().fold(self.tick, Instant::min)
    }

    async fn take(&mut self, step: Step) -> Result<(), Reason> {
        match step {
            Step::Said(end, said) => match *said {
                Ok(said) => {
                    if let Some(said) = said {
                        self.heard(end, said).await?;
                    }
                    // An end that has moved says anything at all.
                    self.look().await;
                }
                Err(gone) => self.lose(end, &gone).await?,
            },
            Step::Visit(end, visit) => self.visit(end, *visit).await?,
            Step::Strayed => {
                self.second_look = Some(Instant::now() + SECOND_LOOK);
                self.look().await;
            }
            Step::Broken(broken) => self.broke(broken).await?,
            Step::Expelled(out) => return Err(out.reason()),
            Step::Policy => {
                for end in BOTH {
                    self.tell_policy(end).await;
                }
            }
            Step::Stop => return Err(Reason::RelayStopped),
            Step::Time => self.time().await?,
        }
        // Whoever could not be told something is lost too.
        for end in BOTH {
            if self.presence.is_here(end) && self.talks.of(end).is_none() {
                self.lose(end, &Gone::Left).await?;
            }
        }
        self.keep_watch();
        Ok(())
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn heard(&mut self, from: End, said: Kind) -> Result<(), Reason> {
        match said {
            Kind::Seal(seal) => self.seal(from, seal).await,
            Kind::EndSignature(signature) => self.end_signature(from, &signature).await,
            Kind::Proof(proof) => self.proved(from, &proof).await,
            Kind::FilesLineAsk(ask) => self.files_line_asked(from, ask).await,
            Kind::EndSession(end) => Err(claimed(from, end.reason)),
            // Signals of a newer version's are skipped before they come here.
            _ => Err(without(from)),
        }
    }

    async fn time(&mut self) -> Result<(), Reason> {
        let now = Instant::now();
        if let Some(end) = self.presence.handle_timeout(self.now()) {
            return Err(without(end));
        }
        if self.sealing.is_some_and(|by| by <= now) {
            return Err(Reason::NotSealed);
        }
        if self.second_look.is_some_and(|at| at <= now) {
            self.second_look = None;
            self.look().await;
        }
        if self.tick <= now {
            let length = self.recording().map_or(0, |recording| recording.length());
            if self.session.bounds.recording.is_some_and(|most| length >= most) {
                return Err(Reason::RecordingFull);
            }
            let quiet = std::mem::replace(&mut self.length, length) == length;
            self.tick = now + if quiet { QUIET_TICK } else { TICK };
            self.look().await;
            self.checkpoint_where_due().await?;
        }
        Ok(())
    }

    /// An end's leg is gone.
    async fn lose(&mut self, end: End, gone: &Gone) -> Result<(), Reason> {
        tracing::debug!(session = %self.session.id(), %end, %gone, "an end was lost");
        *self.talks.of_mut(end) = None;
        *self.probes.of_mut(end) = None;
        match self.presence.handle_lost(end, self.now()) {
            Lost::Known => return Ok(()),
            Lost::Ends => return Err(without(end)),
            Lost::Waits => {}
        }
        self.line.place(end, None);
        *self.away.of_mut(end) = Some(self.session.service.relay.metrics.end_away());
        self.say_presence(end.other()).await;
        self.record_lost(end).await
    }

    /// An end is there again, or on another leg.
    pub(super) fn arrived(&mut self, end: End) -> super::presence::Return {
        *self.away.of_mut(end) = None;
        self.presence.handle_back(end, self.now())
    }

    /// The recording cannot be written any more.
    async fn broke(&mut self, broken: Broken) -> Result<(), Reason> {
        if !broken.best_effort {
            return Err(Reason::RecordingFailed);
        }
        tracing::error!(session = %self.session.id(), "a session goes on unrecorded");
        self.session.service.relay.metrics.went_unrecorded();
        self.recorded = false;
        self.went_unrecorded = true;
        self.line.open();
        for end in BOTH {
            self.say_unrecorded(end).await;
        }
        Ok(())
    }

    /// What follows from how things stand: from when on the session lasts, and by when its line has
    /// to be sealed.
    fn keep_watch(&mut self) {
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
    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// An end may say that it ends the session, not that somebody else did.
fn claimed(from: End, reason: i32) -> Reason {
    match (from, Reason::try_from(reason)) {
        (End::Agent, Ok(reason @ (Reason::UserRefused | Reason::NotAsked))) => reason,
        (_, Ok(reason @ (Reason::NotSealed | Reason::Disputed))) => reason,
        (End::Agent, _) => Reason::UserEnded,
        (End::Technician, _) => Reason::TechnicianEnded,
    }
}

/// The next signal of an end that is there.
async fn hear(talk: &mut Option<Talk>) -> Result<Option<Kind>, Gone> {
    match talk {
        Some(talk) => talk.hear().await,
        None => std::future::pending().await,
    }
}

async fn broken(recording: Option<&Arc<Recording>>) -> Broken {
    match recording {
        Some(recording) => recording.broken().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl FnOnce(Box<Live>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_session_is_small() {
        // Of the 50 KiB that a session may take together with its two legs.
        let size = size(Live::run) + size_of::<Live>();
        assert!(size <= 5 * 1024, "{size} bytes");
    }
}
