//! The lines of a session, one after the other: each is opened, sealed, talked on and served until
//! it is gone or another takes its place. Nothing of a line's streams outlives it; what the user
//! allowed does.

use std::sync::{Arc, Mutex, PoisonError};

use deskside_link::attend::{CLOSE_TIMEOUT, FilesGiven, Given, Sealer};
use deskside_link::line::close_code;
use deskside_link::statements::{Statements, Stating};
use deskside_link::{Beside, Bodies, Line, Lines};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::statement::Difference;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::record::Reason;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::bodies;
use super::bond::Bond;
use super::chat::Chat;
use super::consent::Consent;
use super::control::{ControlError, Conversation, Talk};
use super::opening::{self, SLACK};
use super::parting::Parting;
use super::pointer::{self, Pointer};
use super::watch::Seat;
use super::{clipboard, command, file, input, screen};
use crate::desktop::{Clipboard, Controls, Screen};
use crate::events::{Event, Show};
use crate::files::Files;
use crate::gate::{Answers, Gate, Heard, Unheard, listen};

/// Streams that work at once; QUIC's own limit on the line is the same.
const MAX_STREAMS: usize = 64;

/// What the streams of a technician reach.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) gate: Gate,
    pub(super) screen: Option<Screen>,
    pub(super) seat: Seat,
    pub(super) controls: Option<Controls>,
    pub(super) pointer: Arc<Pointer>,
    pub(super) clipboard: Clipboard,
    pub(super) files: Files,
    pub(super) chat: Arc<Chat>,
}

/// Serves the lines of one session.
pub(super) struct Serving<'a> {
    pub(super) bond: &'a Bond,
    pub(super) consent: &'a Consent,
    pub(super) reach: Reach,
    pub(super) sealer: Sealer,
    pub(super) statements: Statements,
    pub(super) parting: &'a Parting,
    pub(super) show: &'a Show,
    /// The files line that the relay gave last.
    pub(super) files: watch::Receiver<Option<FilesGiven>>,
    /// Whether both ends are there.
    pub(super) whole: watch::Receiver<bool>,
    /// The line of the moment, for whoever ends the session in order.
    pub(super) current: &'a Current,
}

/// The line of the moment.
#[derive(Default)]
pub(super) struct Current(Mutex<Option<Arc<Line>>>);

impl Current {
    fn set(&self, line: Option<Arc<Line>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    pub(super) fn take(&self) -> Option<Arc<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How a line came to its end.
enum Gone {
    /// And the session with it.
    Ended(Reason),
    /// One of the two programs closed it in order: the relay will say why.
    InOrder,
    /// Another may follow.
    Lost,
}

impl Serving<'_> {
    /// Serves line after line. Gives the reason to end the session.
    pub(super) async fn run(&self, mut given: watch::Receiver<(Given, Lines)>) -> Reason {
        loop {
            let (now, lines) = given.borrow_and_update().clone();
            let gone = tokio::select! {
                gone = self.one(&now, &lines) => Some(gone),
                () = changed(&mut given) => None,
            };
            self.current.set(None);
            let (time, reason) = match gone {
                None => continue,
                Some(Gone::Ended(reason)) => return reason,
                Some(Gone::InOrder) => (CLOSE_TIMEOUT, Reason::TechnicianEnded),
                Some(Gone::Lost) => (self.bond.grace() + SLACK, Reason::TechnicianLost),
            };
            if timeout(time, changed(&mut given)).await.is_err() {
                return reason;
            }
        }
    }

    /// One line, from its opening on.
    async fn one(&self, given: &Given, lines: &Lines) -> Gone {
        let line = match opening::open(self.bond, given, lines, &self.sealer).await {
            Ok(line) => Arc::new(line),
            Err(error) => {
                tracing::warn!(%error, line = given.line, "the line did not come about");
                return error.reason().map_or(Gone::Lost, Gone::Ended);
            }
        };
        self.current.set(Some(line.clone()));
        match self.talk(&line, self.statements.on(&line, given.line)).await {
            Ok(conversation) => self.serve(&line, (given.line, lines), conversation).await,
            Err(gone) => gone,
        }
    }

    /// The introduction, and the user's answer to it.
    async fn talk(&self, line: &Arc<Line>, stating: Stating) -> Result<Conversation, Gone> {
        let talk = Talk {
            line,
            consent: self.consent,
            gate: &self.reach.gate,
            whole: &self.whole,
            monitors: match &self.reach.screen {
                Some(screen) => screen.count().await,
                None => 0,
            },
            stating,
        };
        match talk.open().await {
            Ok(Ok(conversation)) => Ok(conversation),
            Ok(Err(reason)) => Err(Gone::Ended(reason)),
            Err(ControlError::Line(error)) => Err(how(&error)),
            Err(error) => {
                tracing::debug!(%error, "the conversation did not begin");
                line.close(CloseCode::TimedOut);
                Err(Gone::Ended(Reason::TechnicianLost))
            }
        }
    }

    /// Serves streams until the line is gone.
    async fn serve(
        &self,
        line: &Arc<Line>,
        (number, lines): (u16, &Lines),
        mut conversation: Conversation,
    ) -> Gone {
        let mut streams = JoinSet::new();
        let conversation = conversation.run(self.parting);
        let datagrams = pointer::hear(line.beside(), line.act_key(), &self.reach.pointer);
        let beside = bodies::keep(line.bodies(), number, self.files.clone(), (self.bond, lines));
        tokio::pin!(conversation, datagrams, beside);
        loop {
            tokio::select! {
                ended = &mut conversation => {
                    if let Err(ControlError::Disputed(difference)) = ended {
                        return self.disputed(line, difference);
                    }
                    if let Err(error) = ended {
                        tracing::debug!(%error, "the conversation ended");
                    }
                    line.close(CloseCode::SessionEnded);
                    return how(&line.lost().await);
                }
                error = &mut datagrams => return how(&error),
                () = &mut beside => {}
                Some(_) = streams.join_next() => {}
                unopened = line.accept(), if streams.len() < MAX_STREAMS => {
                    let unopened = match unopened {
                        Ok(unopened) => unopened,
                        Err(error) => return how(&error),
                    };
                    let (line, reach) = (line.clone(), self.reach.clone());
                    streams.spawn(async move {
                        let Some(stream) = unopened.opened().await else { return };
                        let beside = line.beside();
                        let (channel, heard, answers) = listen(stream, line.act_key());
                        let line = (&beside, line.bodies());
                        if let Err(error) = one(channel, heard, answers, &reach, line).await {
                            tracing::debug!(%error, ?channel, "a stream ended");
                        }
                    });
                }
            }
        }
    }
}

impl Serving<'_> {
    /// The other end lies, or this is not the line that it is on.
    fn disputed(&self, line: &Line, difference: Difference) -> Gone {
        tracing::error!(%difference, "the technician's program states what is not true");
        let text = format!(
            "What the technician's program says of this session is not true: {difference}. \
             The session is ended."
        );
        self.show.tell(&Event::Notice { text: &text });
        line.close(CloseCode::Misbehaved);
        Gone::Ended(Reason::Disputed)
    }
}

/// A program that ends in order says so; one that crashed says nothing, or that its line was dropped.
fn how(error: &quinn::ConnectionError) -> Gone {
    match (error, close_code(error)) {
        (quinn::ConnectionError::LocallyClosed, _) => Gone::InOrder,
        (_, None | Some(CloseCode::Done)) => Gone::Lost,
        (_, Some(_)) => Gone::InOrder,
    }
}

/// Ends once there is another line. Whoever says so outlives the session.
async fn changed(given: &mut watch::Receiver<(Given, Lines)>) {
    if given.changed().await.is_err() {
        std::future::pending().await
    }
}

/// One stream, by its channel.
pub(super) async fn one(
    channel: Channel,
    mut heard: Heard,
    mut answers: Answers,
    reach: &Reach,
    (beside, bodies): (&Beside, Option<&Bodies>),
) -> Result<(), Unheard> {
    let Reach { gate, screen, seat, controls, pointer, clipboard: copied, files, chat } = reach;
    let served = match channel {
        Channel::Screen => {
            screen::serve(&mut heard, &mut answers, gate, (screen.as_ref(), seat), beside).await
        }
        Channel::Input => {
            input::serve(&mut heard, &mut answers, gate, controls.as_ref(), pointer).await
        }
        Channel::Command => command::serve(&mut heard, &mut answers, gate).await,
        Channel::File => file::serve(&mut heard, &mut answers, gate, (files, bodies)).await,
        Channel::Chat => chat.serve(&mut heard, &mut answers, gate).await,
        Channel::Clipboard => clipboard::serve(&mut heard, &mut answers, gate, copied).await,
        Channel::Control | Channel::Pointer | Channel::Shell => {
            let text = "this version of the user's program has no such channel";
            Ok(answers.refuse_for(Cause::BadRequest, text).await?)
        }
    };
    if let Err(Unheard::Act(error)) = &served {
        tracing::warn!(%error, ?channel, "a message was not the paired technician's");
        answers.refuse_for(Cause::Forged, error.to_string()).await?;
    }
    served
}
