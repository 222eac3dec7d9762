//! A session while it lives: what the relay says, the lines, the user's answers, and whoever ends it.

use std::sync::Arc;
use std::time::Duration;

use deskside_link::Lines;
use deskside_link::attend::{AttendError, Attendance, CLOSE_TIMEOUT, FilesGiven, Given, News};
use deskside_link::statements::Statements;
use deskside_link::tails::Tails;
use deskside_protocol::close::CloseCode;
use deskside_protocol::key::PublicKey;
use deskside_protocol::policy::{Policy, Recording};
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{Closed, PolicyNow};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout, timeout_at};

use super::Agent;
use super::bond::Bond;
use super::chat::Chat;
use super::consent::Consent;
use super::line::{Current, Reach, Serving};
use super::parting::Parting;
use super::pointer::Pointer;
use super::presence::{Presence, Told};
use super::watch::Seat;
use super::wishes;
use crate::desktop::Controls;
use crate::events::{Event, Show};
use crate::gate::{Gate, Record, Terms};
use crate::kept::Keeper;
use crate::known::Known;
use crate::laser::Laser;
use crate::wish::Wishes;

/// In a gap nobody may hear that the user has stopped: no longer than this is waited for it.
const END_IN_GAP: Duration = Duration::from_secs(2);
/// A line or a leg is closed at once; this long we stay to say so again.
const LEAVING: Duration = Duration::from_secs(1);

/// Folder with what was stated in each session, inside the agent's own.
const TAILS: &str = "tails";

/// A session that is ours, with the line that it begins with here.
pub(super) struct Begun {
    pub(super) bond: Bond,
    pub(super) attendance: Attendance,
    pub(super) given: Given,
    /// What an earlier process left of the lease.
    pub(super) record: Record,
    pub(super) keeper: Keeper,
    pub(super) presence: Presence,
}

/// How a session came to its end.
enum Over {
    /// By this side.
    Here(Reason),
    /// By this side, with its lines.
    Served(Reason),
    /// The relay closed it, or was lost for good.
    Closed(Result<Closed, AttendError>),
}

/// Serves the session until it ends, and says why it did.
pub(super) async fn run(agent: &mut Agent, begun: Begun, wishes: &mut Wishes) -> Reason {
    let stop = wishes.stop();
    let Begun { bond, mut attendance, given, record, keeper, presence } = begun;
    let keeper = Arc::new(keeper);
    let terms = Terms {
        policy: bond.policy.grants,
        masking: bond.policy.masking,
        beforehand: agent.allow,
        visitor: bond.visitor.clone(),
        record,
    };
    let gate = Gate::new(terms, keeper.clone(), agent.asker.clone(), agent.show.clone());
    let consent = Consent::new(gate.clone(), bond.requested);
    // Tasks of their own: what the user wishes, and an end that passes, wait for nothing else here.
    let mut own = JoinSet::new();
    let chat = Arc::new(Chat::new());
    own.spawn(wishes::heed(wishes.take(), gate.clone(), chat.clone(), agent.show.clone()));
    let ending = gate.clone();
    own.spawn(async move { ending.watch_ends().await });
    let current = Current::default();
    let (line, lines) = watch::channel((given, attendance.lines()));
    let (whole, watched) = watch::channel(true);
    let (files, files_given) = watch::channel(None);
    let statements = statements(agent, &bond, &attendance);
    let parting = Parting::new();
    let serving = Serving {
        bond: &bond,
        consent: &consent,
        reach: reach(agent, &bond, &gate, chat),
        sealer: attendance.sealer(),
        statements: statements.clone(),
        parting: &parting,
        show: &agent.show,
        files: files_given,
        whole: watched,
        current: &current,
    };
    let hearing = Hearing {
        show: &agent.show,
        bond: &bond,
        gate: &gate,
        keeper: &keeper,
        statements: &statements,
        line,
        files,
        whole,
    };
    let mut serving = Box::pin(serving.run(lines));
    let (known, settings) = (&mut agent.known, &agent.settings);
    let remember = || remember(known, &settings.relay.organisation, &bond.policy);
    let over = tokio::select! {
        biased;
        () = stop.cancelled() => Over::Here(Reason::UserEnded),
        () = gate.stopped() => Over::Here(Reason::UserRefused),
        over = hearing.run(&mut attendance, presence) => over,
        reason = &mut serving => Over::Served(reason),
        reason = consent.ask(remember) => Over::Here(reason),
    };
    gate.stop();
    own.shutdown().await;
    let_go(agent.controls.clone()).await;
    let whole = *hearing.whole.borrow();
    let over = match over {
        // In a gap nobody would hear a last word.
        Over::Here(_) if whole => match parting.part(&mut serving).await {
            Some(Reason::Disputed) => Over::Here(Reason::Disputed),
            Some(_) | None => over,
        },
        Over::Here(_) | Over::Served(_) | Over::Closed(_) => over,
    };
    drop(serving);
    let over = if gate.was_not_asked_for() {
        block(known, &settings.relay.organisation, &bond.visitor.login);
        Over::Here(Reason::NotAsked)
    } else {
        over
    };
    let reason = finish(&current, attendance, over, whole).await;
    statements.keep();
    // Whatever the relay knows of it by now: nobody goes on with this session here.
    keeper.end();
    reason
}

/// What the technician's streams reach.
fn reach(agent: &Agent, bond: &Bond, gate: &Gate, chat: Arc<Chat>) -> Reach {
    let display = agent.controls.as_ref().and_then(Controls::display);
    let laser = Laser::new(display, &bond.visitor.name);
    Reach {
        gate: gate.clone(),
        screen: agent.screen.clone(),
        seat: Seat::new(),
        controls: agent.controls.clone(),
        clipboard: agent.clipboard.clone(),
        pointer: Arc::new(Pointer::new(gate.clone(), laser)),
        files: agent.files.clone().of_session(bond.session),
        chat,
    }
}

/// What is stated on the session's lines, from where an earlier process left it.
fn statements(agent: &Agent, bond: &Bond, attendance: &Attendance) -> Statements {
    let tails = Tails::in_folder(agent.settings.agent_folder.join(TAILS));
    Statements::new(bond.parties(), attendance.checkpoint(), Some(tails))
}

fn remember(known: &mut Known, organisation: &PublicKey, policy: &Policy) {
    if let Err(error) = known.remember(organisation, &policy.organisation, policy.serial) {
        tracing::warn!(%error, "the organisation is not remembered");
    }
}

/// Whatever the streams have come to: nothing stays held down behind a session.
async fn let_go(controls: Option<Controls>) {
    let Some(controls) = controls else { return };
    if let Err(error) = tokio::task::spawn_blocking(move || controls.let_go()).await {
        tracing::warn!(%error, "keys may be held down still");
    }
}

/// Refuses a technician who is blocked here: to him it is a refusal as any other.
pub(super) async fn turn_away(attendance: Attendance) -> Reason {
    finish(&Current::default(), attendance, Over::Here(Reason::UserRefused), true).await
}

/// The user did not ask for this technician: he is not asked about him again.
fn block(known: &mut Known, organisation: &PublicKey, login: &str) {
    if let Err(error) = known.block(organisation, login) {
        tracing::error!(%error, "a technician could not be blocked");
    }
}

/// Hears what becomes of the session's signals and of its other end.
struct Hearing<'a> {
    show: &'a Show,
    bond: &'a Bond,
    gate: &'a Gate,
    keeper: &'a Keeper,
    statements: &'a Statements,
    line: watch::Sender<(Given, Lines)>,
    files: watch::Sender<Option<FilesGiven>>,
    whole: watch::Sender<bool>,
}

impl Hearing<'_> {
    /// Ends with the session.
    async fn run(&self, attendance: &mut Attendance, mut presence: Presence) -> Over {
        let mut recorded = self.line.borrow().0.recorded;
        let mut alive = interval(self.keeper.pause());
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let news = tokio::select! {
                news = attendance.news() => news,
                _ = alive.tick(), if presence.is_here() => {
                    self.keeper.alive();
                    continue;
                }
                () = until(presence.due()) => {
                    self.tell(presence.settle(Instant::now()));
                    continue;
                }
            };
            self.tell(presence.heard(&news, Instant::now()));
            self.whole.send_replace(presence.is_whole());
            let unrecorded = match news {
                News::Closed(closed) => return Over::Closed(closed),
                News::Line(given) => {
                    self.keeper.located(given.token);
                    self.line.send_replace((given, attendance.lines()));
                    !given.recorded
                }
                News::Unrecorded => true,
                News::Policy(now) => {
                    self.narrow(&now);
                    false
                }
                News::Files(given) => {
                    self.files.send_replace(Some(given));
                    false
                }
                News::Away | News::Back | News::PeerAway | News::PeerBack => false,
            };
            if unrecorded && std::mem::take(&mut recorded) {
                self.statements.unrecorded();
                // The link does not know the policy: whatever the relay says, then it does not
                // record, and nothing more is served.
                if self.bond.policy.recording == Recording::Required {
                    return Over::Here(Reason::RecordingFailed);
                }
                self.show.tell(&Event::Unrecorded);
            }
        }
    }

    /// A policy that is not the organisation's changes nothing.
    fn narrow(&self, now: &PolicyNow) {
        match self.bond.policy_now(now) {
            Ok(policy) => self.gate.narrow(policy.grants),
            Err(error) => tracing::warn!(%error, "the relay told of a policy that cannot be taken"),
        }
    }

    fn tell(&self, told: Option<Told>) {
        match told {
            None => {}
            Some(Told::Gap(cause)) => self.show.tell(&Event::Gap {
                cause,
                technician: &self.bond.visitor.name,
                grace: self.bond.grace(),
            }),
            Some(Told::Back { after }) => self.show.tell(&Event::Back { after }),
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Closes the line, the session and the leg in order, as far as anybody can be reached. Gives the
/// reason that stands in the end.
async fn finish(current: &Current, mut attendance: Attendance, over: Over, whole: bool) -> Reason {
    let refused = matches!(over, Over::Here(Reason::UserRefused | Reason::NotAsked));
    if let Some(line) = current.take() {
        line.close(if refused { CloseCode::Refused } else { CloseCode::SessionEnded });
        in_time(LEAVING, line.drained()).await;
    }
    let reason = match over {
        Over::Closed(closed) => reason_of(closed),
        Over::Here(reason) | Over::Served(reason) => {
            end(&mut attendance, reason, whole).await;
            reason
        }
    };
    in_time(LEAVING, attendance.leave(CloseCode::Done)).await;
    reason
}

/// Has the relay close the session, and does not wait for one that is gone.
async fn end(attendance: &mut Attendance, reason: Reason, whole: bool) {
    attendance.ask_end(reason).await;
    let mut until = Instant::now() + if whole { CLOSE_TIMEOUT } else { END_IN_GAP };
    loop {
        match timeout_at(until, attendance.news()).await {
            Ok(News::Closed(Ok(_))) => return,
            Ok(News::Closed(Err(error))) => {
                tracing::debug!(%error, "the relay did not close the session");
                return;
            }
            Ok(News::Away) => until = until.min(Instant::now() + END_IN_GAP),
            Ok(_) => {}
            Err(_slow) => {
                tracing::debug!("the relay was not there to close the session");
                return;
            }
        }
    }
}

async fn in_time(time: Duration, work: impl Future<Output = ()>) {
    if timeout(time, work).await.is_err() {
        tracing::debug!("nobody was told of the end in time");
    }
}

fn reason_of(closed: Result<Closed, AttendError>) -> Reason {
    match closed {
        Ok(closed) => Reason::try_from(closed.reason).unwrap_or(Reason::Unspecified),
        Err(AttendError::PeerAway) => Reason::TechnicianLost,
        Err(error) => {
            tracing::debug!(%error, "the relay was lost");
            Reason::RelayStopped
        }
    }
}
