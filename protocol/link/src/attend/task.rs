//! The task that attends a session: one loop over what the relay says, what the end asks for, and
//! what there is to do where the relay is silent or gone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::label::Label;
use deskside_protocol::wire::record::{Reason, Signed};
use deskside_protocol::wire::signal::{
    Challenge, Closed, EndSession, FilesLine, FilesLineAsk, Session, signal::Kind,
};
use deskside_protocol::witness::Witness;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::asked::{self, Asked, Waiting, WaitingForFiles};
use super::back::{self, Return, Returned, Step, at};
use super::given::FilesSaid;
use super::presence::{Change, Do, Presence, Traffic, Who};
use super::talk::{Talk, hear};
use super::whereabouts::Whereabouts;
use super::{AttendError, Attendee, Given, News, ResumeError};
use crate::leg::{Leg, LegError, Signals};
use crate::random::System;
use crate::stream::StreamError;

/// How often traffic and whereabouts are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What the handle asks for.
pub(super) enum Command {
    Seal { line: u16, age: Vec<u8>, done: Waiting },
    Files { line: u16, after: u32, done: WaitingForFiles },
    End(Reason),
    Moved,
}

pub(super) struct Task {
    attendee: Arc<Attendee>,
    given: Given,
    witness: Witness,
    presence: Presence,
    back: Return,
    leg: watch::Sender<Leg>,
    /// `None` once the leg was lost.
    talk: Option<Talk>,
    asked: Asked,
    whereabouts: Whereabouts,
    told: VecDeque<News>,
    /// The last checkpoint that was signed.
    checkpoint: watch::Sender<Option<Arc<str>>>,
}

impl Task {
    /// Attends on `leg`. A session that `returns` may lose it from the beginning.
    pub(super) fn new(
        leg: watch::Sender<Leg>,
        signals: Signals,
        attendee: Arc<Attendee>,
        given: Given,
        returns: bool,
        checkpoint: watch::Sender<Option<Arc<str>>>,
    ) -> Self {
        let key = attendee.session_key.clone();
        let relay = leg.borrow().remote();
        Self {
            witness: Witness::new(attendee.end, key, attendee.node, attendee.binding),
            presence: Presence::here(attendee.grace, returns || !given.recorded),
            back: Return::new(attendee.clone(), false),
            talk: Some(Talk::new(signals)),
            asked: Asked::default(),
            whereabouts: Whereabouts::now(relay),
            told: VecDeque::new(),
            checkpoint,
            attendee,
            given,
            leg,
        }
    }

    /// Attends until the session is over, and says so last.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        news: mpsc::Sender<News>,
    ) {
        let closed = self.attend(&mut commands, &news).await;
        if news.send(News::Closed(closed)).await.is_err() {
            tracing::trace!("nobody waits for the session's end any more");
        }
    }

    async fn attend(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        news: &mpsc::Sender<News>,
    ) -> Result<Closed, AttendError> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(due) = self.presence.poll(Instant::now(), &mut System::new()) {
                self.act(due)?;
            }
            while let Some(told) = self.told.pop_front() {
                news.send(told).await.map_err(|_| AttendError::Over)?;
            }
            let wake = self.presence.poll_timeout();
            let closing = self.asked.closing_due();
            // A receipt is not late while there is nobody to give it.
            let receipt = self.asked.receipt_due().filter(|_| !self.presence.is_away());
            let files = self.asked.files_due().filter(|_| !self.presence.is_away());
            tokio::select! {
                said = hear(self.talk.as_mut()) => match said {
                    Ok(Kind::Closed(closed)) => return Ok(closed),
                    #[allow(clippy::wildcard_enum_match_arm, reason = "one closes, the rest is heard")]
                    Ok(said) => self.heard(said)?,
                    Err(error) => self.lost(error)?,
                },
                command = commands.recv() => self.asked(command.ok_or(AttendError::Over)?)?,
                step = self.back.next(Some(self.given)) => {
                    if let Some(closed) = self.stepped(step)? {
                        return Ok(closed);
                    }
                }
                _ = looks.tick() => self.look(),
                () = at(wake) => {}
                () = at(receipt) => self.asked.answer(Err(AttendError::TimedOut)),
                () = at(files) => { self.asked.answer_files(Err(AttendError::TimedOut)); }
                () = at(closing) => return Err(AttendError::TimedOut),
            }
        }
    }

    /// Does what the machine finds to be due.
    fn act(&mut self, due: Do) -> Result<(), AttendError> {
        match due {
            Do::Tell(change) => self.tell(change),
            Do::Nudge => {
                if let Some(talk) = &self.talk {
                    talk.nudge();
                }
            }
            Do::Dial(turn) => {
                let leg = self.leg.borrow();
                self.back.dial(leg.dialler(), turn);
            }
            Do::Stay => self.back.stay(),
            Do::Resend => self.leg.borrow().lines().resend(),
            Do::GiveUp(Who::Relay) => return Err(AttendError::RelayAway),
            Do::GiveUp(Who::Peer) => return Err(AttendError::PeerAway),
        }
        Ok(())
    }

    fn tell(&mut self, change: Change) {
        let news = match change {
            Change::Away => {
                self.asked.handle_away(Instant::now());
                News::Away
            }
            Change::Back => {
                self.asked.handle_back(Instant::now());
                News::Back
            }
            Change::PeerAway => News::PeerAway,
            Change::PeerBack => News::PeerBack,
        };
        self.told.push_back(news);
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    fn heard(&mut self, said: Kind) -> Result<(), AttendError> {
        match said {
            Kind::Receipt(receipt) => {
                self.receipt(&receipt);
                Ok(())
            }
            Kind::Checkpoint(checkpoint) => {
                let signed = self.witness.checkpoint(&checkpoint.note)?;
                self.checkpoint.send_replace(Some(checkpoint.note.into()));
                self.say(Kind::EndSignature(signed))
            }
            Kind::CloseProposal(proposal) => {
                let signed = self.witness.close(&proposal)?;
                self.say(Kind::CloseSignature(signed))
            }
            Kind::Peer(peer) => {
                self.presence.handle_peer(Instant::now(), peer.present);
                Ok(())
            }
            Kind::Challenge(challenge) => self.challenged(&challenge),
            Kind::Session(session) => self.session(&session),
            Kind::FilesLine(line) => self.files(&line),
            Kind::Unrecorded(_) => {
                self.unrecorded();
                Ok(())
            }
            Kind::PolicyNow(now) => {
                self.told.push_back(News::Policy(Box::new(now)));
                Ok(())
            }
            _ => Err(AttendError::Unexpected),
        }
    }

    /// A seal that was said again may have two receipts.
    fn receipt(&mut self, receipt: &Signed) {
        if self.asked.receipt_due().is_some() {
            let checked = self.witness.receipt(receipt).map_err(AttendError::from);
            if checked.is_ok() {
                self.presence.handle_sealed();
            }
            self.asked.answer(checked);
        }
    }

    /// Our address changed as the relay sees it.
    fn challenged(&mut self, challenge: &Challenge) -> Result<(), AttendError> {
        let label = Label::from_bytes(&challenge.label).ok_or(AttendError::Unexpected)?;
        if label != self.given.own {
            return Err(AttendError::Unexpected);
        }
        let proof = back::prove(&self.leg.borrow(), &self.attendee, label, challenge)?;
        self.say(proof)
    }

    fn session(&mut self, session: &Session) -> Result<(), AttendError> {
        let given = Given::read(session)?;
        if !given.follows(&self.given) {
            return Err(AttendError::Unexpected);
        }
        self.take(given);
        Ok(())
    }

    /// A files line beside the line of the moment. What is said of another comes too late.
    fn files(&mut self, line: &FilesLine) -> Result<(), AttendError> {
        match FilesSaid::read(line)? {
            FilesSaid::Given(given) if given.line == self.given.line => {
                if !self.asked.files_given(given) {
                    self.told.push_back(News::Files(given));
                }
            }
            FilesSaid::Refused(line) if line == self.given.line => {
                self.asked.answer_files(Err(AttendError::NoFilesLine));
            }
            FilesSaid::Given(_) | FilesSaid::Refused(_) => {}
        }
        Ok(())
    }

    /// What the relay gives now, in the place of what it gave before.
    fn take(&mut self, given: Given) {
        let before = std::mem::replace(&mut self.given, given);
        if given.line != before.line {
            self.asked.answer(Err(AttendError::Superseded));
            self.asked.answer_files(Err(AttendError::Superseded));
            self.told.push_back(News::Line(given));
        } else if before.recorded && !given.recorded {
            self.given.recorded = true;
            self.unrecorded();
        }
    }

    fn unrecorded(&mut self) {
        if std::mem::replace(&mut self.given.recorded, false) {
            self.presence.handle_sealed();
            self.told.push_back(News::Unrecorded);
            // Nobody keeps seals any more. Whether to go on is for the policy to say.
            self.asked.answer(Err(AttendError::Unrecorded));
        }
    }

    fn asked(&mut self, command: Command) -> Result<(), AttendError> {
        match command {
            // A seal of a line that is no more would pass for an unsound one.
            Command::Seal { line, done, .. } if line != self.given.line => {
                asked::answer(done, Err(AttendError::Superseded));
                Ok(())
            }
            Command::Seal { line, age, done } => {
                let seal = self.witness.seal(line, Bytes::from(age));
                self.asked.seal(Instant::now(), seal.clone(), done);
                self.say(Kind::Seal(seal))
            }
            Command::Files { line, done, .. } if line != self.given.line => {
                if done.send(Err(AttendError::Superseded)).is_err() {
                    tracing::debug!("nobody waits for the files line any more");
                }
                Ok(())
            }
            Command::Files { line, after, done } => {
                let ask = FilesLineAsk { line: line.into(), after };
                self.asked.files(Instant::now(), ask, done);
                self.say(Kind::FilesLineAsk(ask))
            }
            Command::End(reason) => {
                self.asked.end(Instant::now(), reason, self.presence.is_away());
                self.say(Kind::EndSession(EndSession { reason: reason as i32 }))
            }
            Command::Moved => {
                self.moved();
                Ok(())
            }
        }
    }

    /// Says something on the leg of the moment. Where there is none nobody hears it; what matters
    /// is said again on the next.
    fn say(&mut self, kind: Kind) -> Result<(), AttendError> {
        match self.talk.as_ref().map(|talk| talk.say(kind)) {
            Some(Err(error)) => self.lost(error),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The leg is gone, or the stream on it: the session comes back, where it may, to another one.
    fn lost(&mut self, error: LegError) -> Result<(), AttendError> {
        let ends = matches!(error, LegError::Refused(_) | LegError::Lost(StreamError::Frame(_)));
        if ends || !self.presence.returns() {
            return Err(error.into());
        }
        tracing::debug!(%error, "the leg was lost");
        self.talk = None;
        self.presence.handle_lost(Instant::now());
        Ok(())
    }

    /// Coming back went on by a step. Gives how the session was closed meanwhile, where it was.
    fn stepped(&mut self, step: Step) -> Result<Option<Closed>, AttendError> {
        match step {
            Step::Reached => self.presence.handle_proving(true),
            Step::Unreached(error) => tracing::debug!(%error, "the relay was not reached"),
            Step::Returned(returned) => self.returned(*returned)?,
            Step::Failed(ResumeError::Ended(closed)) => return Ok(Some(closed)),
            Step::Failed(ResumeError::Gone) => return Err(AttendError::Gone),
            Step::Failed(ResumeError::Attend(AttendError::Unexpected)) => {
                return Err(AttendError::Unexpected);
            }
            Step::Failed(error) => {
                tracing::debug!(%error, "the session was not found again");
                self.presence.handle_proving(false);
            }
        }
        Ok(None)
    }

    /// The session goes on by a new leg.
    fn returned(&mut self, returned: Returned) -> Result<(), AttendError> {
        let Returned { leg, signals, given } = returned;
        let relay = leg.remote();
        leg.dialler().socket.aim(relay);
        self.talk = Some(Talk::new(signals));
        self.leg.send_replace(leg);
        self.whereabouts = Whereabouts::now(relay);
        self.presence.handle_returned(Instant::now(), self.traffic());
        self.take(given);
        self.asked.again().into_iter().try_for_each(|kind| self.say(kind))
    }

    /// Looks whether anything comes, and where we are.
    fn look(&mut self) {
        if self.talk.is_some() {
            self.presence.handle_traffic(Instant::now(), self.traffic());
        }
        let silent = self.presence.is_silent() || self.presence.is_away();
        let relay = self.leg.borrow().dialler().socket.relay();
        if self.whereabouts.moved(relay, silent) {
            self.moved();
        }
    }

    fn traffic(&self) -> Traffic {
        let leg = self.leg.borrow();
        let (sent, received) = leg.traffic();
        let (line_sent, line_received) = leg.dialler().socket.traffic();
        Traffic {
            sent: sent + line_sent,
            received: received + line_received,
            of_lines: line_received,
        }
    }

    /// A fresh port, and something to be heard from it at once.
    fn moved(&mut self) {
        let socket = self.leg.borrow().dialler().socket.clone();
        if let Err(error) = socket.exchange(socket.relay()) {
            tracing::debug!(%error, "there is no other port; the old one has to do");
        }
        self.presence.handle_moved(Instant::now());
    }
}
