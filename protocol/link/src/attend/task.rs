//! The task that attends a session: one loop over what the relay says, what the end asks for, and
//! what there is to do where the relay is silent or gone. What is done about each is in the rooms
//! beside this one.

use std::time::Duration;

use deskside_protocol::wire::signal::{Closed, signal::Kind};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::attended::Attended;
use super::back::at;
use super::command::Command;
use super::presence::{Change, Do, Who};
use super::talk::hear;
use super::{AttendError, News};
use crate::random::System;

/// How often traffic and whereabouts are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Attends one session.
pub(super) struct Task(Attended);

impl Task {
    pub(super) const fn new(session: Attended) -> Self {
        Self(session)
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
        let session = &mut self.0;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(due) = session.presence.poll(Instant::now(), &mut System::new()) {
                act(session, due)?;
            }
            while let Some(told) = session.told.pop_front() {
                news.send(told).await.map_err(|_| AttendError::Over)?;
            }
            let wake = session.presence.poll_timeout();
            let closing = session.asked.closing_due();
            // A receipt is not late while there is nobody to give it.
            let receipt = session.asked.receipt_due().filter(|_| !session.presence.is_away());
            let files = session.asked.files_due().filter(|_| !session.presence.is_away());
            tokio::select! {
                said = hear(session.talk.as_mut()) => match said {
                    Ok(Kind::Closed(closed)) => return Ok(closed),
                    #[allow(clippy::wildcard_enum_match_arm, reason = "one closes, the rest is heard")]
                    Ok(said) => session.heard(said)?,
                    Err(error) => session.lost(error)?,
                },
                command = commands.recv() => session.command(command.ok_or(AttendError::Over)?)?,
                step = session.back.next(Some(session.given)) => {
                    if let Some(closed) = session.stepped(step)? {
                        return Ok(closed);
                    }
                }
                _ = looks.tick() => session.look(),
                () = at(wake) => {}
                () = at(receipt) => session.asked.answer(Err(AttendError::TimedOut)),
                () = at(files) => { session.asked.answer_files(Err(AttendError::TimedOut)); }
                () = at(closing) => return Err(AttendError::TimedOut),
            }
        }
    }
}

/// Does what the machine finds to be due.
fn act(session: &mut Attended, due: Do) -> Result<(), AttendError> {
    match due {
        Do::Tell(change) => tell(session, change),
        Do::Nudge => {
            if let Some(talk) = &session.talk {
                talk.nudge();
            }
        }
        Do::Dial(turn) => {
            let leg = session.leg.borrow();
            session.back.dial(leg.dialler(), turn);
        }
        Do::Stay => session.back.stay(),
        Do::Resend => session.leg.borrow().lines().resend(),
        Do::GiveUp(Who::Relay) => return Err(AttendError::RelayAway),
        Do::GiveUp(Who::Peer) => return Err(AttendError::PeerAway),
    }
    Ok(())
}

/// Tells the handle who went away, or came back.
fn tell(session: &mut Attended, change: Change) {
    let news = match change {
        Change::Away => {
            session.asked.handle_away(Instant::now());
            News::Away
        }
        Change::Back => {
            session.asked.handle_back(Instant::now());
            News::Back
        }
        Change::PeerAway => News::PeerAway,
        Change::PeerBack => News::PeerBack,
    };
    session.told.push_back(news);
}
