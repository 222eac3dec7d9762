//! One command of the technician's: asked for, run, streamed both ways.

use std::time::Duration;

use deskside_protocol::mask;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    CommandExit, CommandOutput, CommandStart, command_exit, message::Kind,
};

use super::passage::{FORBIDDEN, Untaken};
use crate::command::{CommandError, CommandSpec, Event, How, Running, Stdin};
use crate::gate::{self, Answers, Gate, Heard, Unheard};

const NOT_THOSE: Untaken = (Cause::BadRequest, "other arguments are masked than the command names");

/// Serves a stream of the command channel.
pub(super) async fn serve(
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
) -> Result<(), Unheard> {
    let Some(Kind::CommandStart(start)) = heard.next().await? else {
        return Ok(answers
            .refuse_for(Cause::BadRequest, "a command begins with its start")
            .await?);
    };
    let shown = shown(&start);
    let start = match whole(start, heard, gate).await? {
        Ok(start) => start,
        Err((cause, text)) => return Ok(answers.refuse_for(cause, text).await?),
    };
    let permit = match gate.admit::<gate::Command>(&shown).await {
        Ok(permit) => permit,
        Err(refusal) => return Ok(answers.refuse(refusal.to_wire()).await?),
    };
    let timeout = (start.timeout_ms > 0).then(|| Duration::from_millis(start.timeout_ms));
    let spec = CommandSpec { argv: start.argv, timeout };
    let mut running = match Running::start(permit, &spec) {
        Ok(running) => running,
        Err(error) => return Ok(answers.refuse_for(cause(&error), error.to_string()).await?),
    };
    let stdin = running.stdin();
    // Input waits where the command does not read; its output must not wait with it. When the
    // technician's program goes away, dropping the command ends it.
    tokio::select! {
        done = stream_out(&mut running, answers, gate) => done,
        gone = stream_in(heard, &stdin) => Err(gone),
    }
}

/// With the arguments that are masked, or why they are not taken.
async fn whole(
    mut start: CommandStart,
    heard: &mut Heard,
    gate: &Gate,
) -> Result<Result<CommandStart, Untaken>, Unheard> {
    if start.masked.is_empty() {
        return Ok(Ok(start));
    }
    if !gate.may_mask() {
        return Ok(Err(FORBIDDEN));
    }
    let Some((Kind::CommandMasked(masked), true)) = heard.next_any().await? else {
        return Ok(Err((Cause::BadRequest, "the arguments that are masked did not follow")));
    };
    let places: Vec<usize> =
        start.masked.iter().filter_map(|place| usize::try_from(*place).ok()).collect();
    let rising = places.windows(2).all(|pair| matches!(pair, [one, other] if one < other));
    // The program itself is never masked.
    let fit = rising && !places.contains(&0) && places.len() == masked.arguments.len();
    for (place, argument) in places.into_iter().zip(masked.arguments) {
        match start.argv.get_mut(place) {
            Some(here) if fit && mask::is_shown_as(&argument, here) => *here = argument,
            _ => return Ok(Err(NOT_THOSE)),
        }
    }
    Ok(if fit { Ok(start) } else { Err(NOT_THOSE) })
}

/// As the user is shown it: the words as typed, without what is masked.
fn shown(start: &CommandStart) -> String {
    start.argv.join(" ")
}

const fn cause(error: &CommandError) -> Cause {
    match error {
        CommandError::Empty | CommandError::TooLong | CommandError::Nul => Cause::BadRequest,
        CommandError::Revoked => Cause::NotGranted,
        CommandError::NotFound(_) => Cause::NotFound,
        CommandError::Start { .. } => Cause::Trouble,
    }
}

async fn stream_out(
    running: &mut Running,
    answers: &mut Answers,
    gate: &Gate,
) -> Result<(), Unheard> {
    while let Some(event) = running.event().await {
        let (kind, last) = match event {
            Event::Stdout(data) => (output(false, data), false),
            Event::Stderr(data) => (output(true, data), false),
            Event::Exited(How::Revoked) => {
                let refusal = gate.taken_back::<gate::Command>();
                return Ok(answers.refuse(refusal.to_wire()).await?);
            }
            Event::Exited(how) => (exit(how), true),
        };
        answers.send(kind).await?;
        if last {
            break;
        }
    }
    Ok(answers.finish().await?)
}

fn output(stderr: bool, data: bytes::Bytes) -> Kind {
    Kind::CommandOutput(CommandOutput { stderr, data })
}

fn exit(how: How) -> Kind {
    let how = match how {
        How::Code(code) => command_exit::How::Code(code),
        How::Signal(signal) => command_exit::How::Signal(signal),
        How::TimedOut | How::Revoked => command_exit::How::TimedOut(true),
    };
    Kind::CommandExit(CommandExit { how: Some(how) })
}

/// Feeds the command until the technician's program is gone; ends only with that.
async fn stream_in(heard: &mut Heard, stdin: &Stdin) -> Unheard {
    loop {
        match heard.next().await {
            Ok(Some(Kind::CommandInput(input))) => {
                if !input.data.is_empty() {
                    stdin.feed(input.data).await;
                }
                if input.end {
                    stdin.end().await;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => std::future::pending().await,
            Err(unheard) => return unheard,
        }
    }
}
