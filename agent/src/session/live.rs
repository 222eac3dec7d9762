//! A session while it lives: the control conversation, a task for each stream of the technician's,
//! and whoever ends it.

use std::sync::Arc;

use deskside_link::Line;
use deskside_link::attend::{AttendError, Attendance, CLOSE_TIMEOUT};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::Closed;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::opening::Opened;
use super::{Agent, command, control, screen};
use crate::consent::Visitor;
use crate::desktop::Screen;
use crate::gate::{Answers, Gate, Heard, Terms, Unheard, listen};

/// Streams that work at once; QUIC's own limit on the line is the same.
const MAX_STREAMS: usize = 64;

/// How a session came to its end.
enum Over {
    /// By this side.
    Here(Reason),
    /// The line is gone: the relay will say why.
    LineGone,
    /// The relay closed it, or was lost.
    Closed(Result<Closed, AttendError>),
}

/// Serves the session until it ends, and says why it did.
pub(super) async fn run(
    agent: &mut Agent,
    opened: Opened,
    visitor: Visitor,
    stop: &CancellationToken,
) -> Reason {
    let Opened { line, mut attendance, technician, policy } = opened;
    let terms = Terms { policy: policy.grants, beforehand: agent.allow, visitor };
    let gate = Gate::new(terms, agent.asker.clone(), agent.show.clone());
    let line = Arc::new(line);
    let screen = agent.screen.clone();
    let talk = control::Talk {
        line: line.clone(),
        gate: gate.clone(),
        monitors: match &screen {
            Some(screen) => screen.count().await,
            None => 0,
        },
        requested: technician.requested,
    };
    let mut remember = || {
        let organisation = &agent.settings.relay.organisation;
        if let Err(error) = agent.known.remember(organisation, &policy.organisation, policy.serial)
        {
            tracing::warn!(%error, "the organisation is not remembered");
        }
    };
    let over = tokio::select! {
        over = serve(&line, &gate, screen, talk, &mut remember) => over,
        closed = attendance.closed() => Over::Closed(closed),
        () = stop.cancelled() => Over::Here(Reason::UserEnded),
        () = gate.stopped() => Over::Here(Reason::UserRefused),
    };
    gate.stop();
    let reason = finish(&line, &mut attendance, over).await;
    attendance.leave(CloseCode::Done).await;
    reason
}

/// Talks and serves streams until this side or the line ends it.
async fn serve(
    line: &Arc<Line>,
    gate: &Gate,
    screen: Option<Screen>,
    talk: control::Talk,
    admitted: &mut impl FnMut(),
) -> Over {
    let mut conversation = match talk.open().await {
        Ok(Ok(conversation)) => conversation,
        Ok(Err(reason)) => return Over::Here(reason),
        Err(error) => {
            tracing::debug!(%error, "the conversation did not begin");
            return Over::LineGone;
        }
    };
    admitted();
    let mut streams = JoinSet::new();
    let conversation = conversation.run();
    tokio::pin!(conversation);
    loop {
        tokio::select! {
            ended = &mut conversation => return match ended {
                Ok(()) => Over::LineGone,
                Err(error) => {
                    tracing::debug!(%error, "the conversation ended");
                    Over::LineGone
                }
            },
            Some(_) = streams.join_next() => {}
            unopened = line.accept(), if streams.len() < MAX_STREAMS => match unopened {
                Ok(unopened) => {
                    let (line, gate, screen) = (line.clone(), gate.clone(), screen.clone());
                    streams.spawn(async move {
                        let Some(stream) = unopened.opened().await else { return };
                        let (channel, heard, answers) = listen(stream, line.act_key());
                        let served = one(channel, heard, answers, &gate, screen.as_ref()).await;
                        if let Err(error) = served {
                            tracing::debug!(%error, ?channel, "a stream ended");
                        }
                    });
                }
                Err(_gone) => return Over::LineGone,
            },
        }
    }
}

/// One stream, by its channel.
async fn one(
    channel: Channel,
    mut heard: Heard,
    mut answers: Answers,
    gate: &Gate,
    screen: Option<&Screen>,
) -> Result<(), Unheard> {
    let served = match channel {
        Channel::Screen => screen::serve(&mut heard, &mut answers, gate, screen).await,
        Channel::Command => command::serve(&mut heard, &mut answers, gate).await,
        Channel::Control
        | Channel::Pointer
        | Channel::Input
        | Channel::Clipboard
        | Channel::Chat
        | Channel::Shell
        | Channel::File => {
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

/// Closes the line and the session in order. Gives the reason that stands in the end.
async fn finish(line: &Line, attendance: &mut Attendance, over: Over) -> Reason {
    match over {
        Over::Closed(closed) => {
            line.close(CloseCode::SessionEnded);
            reason_of(closed)
        }
        Over::LineGone => {
            line.close(CloseCode::SessionEnded);
            match tokio::time::timeout(CLOSE_TIMEOUT, attendance.closed()).await {
                Ok(closed) => reason_of(closed),
                // The technician's program is gone and the relay has not noticed yet.
                Err(_slow) => reason_of(attendance.end(Reason::UserEnded).await),
            }
        }
        Over::Here(reason) => {
            let refused = reason == Reason::UserRefused;
            line.close(if refused { CloseCode::Refused } else { CloseCode::SessionEnded });
            line.drained().await;
            if let Err(error) = attendance.end(reason).await {
                tracing::debug!(%error, "the relay did not close the session");
            }
            reason
        }
    }
}

fn reason_of(closed: Result<Closed, AttendError>) -> Reason {
    match closed {
        Ok(closed) => Reason::try_from(closed.reason).unwrap_or(Reason::Unspecified),
        Err(error) => {
            tracing::debug!(%error, "the relay was lost");
            Reason::RelayStopped
        }
    }
}
