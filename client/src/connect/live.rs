//! A session while it lives: the user's answer, local commands, and whoever ends it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deskside_link::Line;
use deskside_link::attend::Attendance;
use deskside_link::line::Stream;
use deskside_link::stream::{Receiver, Sender};
use deskside_protocol::act::Actor;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::policy::Policy;
use deskside_protocol::text::visible;
use deskside_protocol::wire::message::{Act, Introduction, Lease, Message, message::Kind};
use deskside_protocol::wire::record::Reason;
use serde_json::json;
use tokio::task::JoinSet;

use super::ending;
use super::opening::Opened;
use super::over::{How, Over};
use super::tally::{About, Tally};
use super::{Technician, proxy};
use crate::control::{LocalRequest, OpenRequest, Server, SessionInfo};
use crate::failure::Failure;
use crate::note::Record;
use crate::output::{Output, now};
use crate::relay::SOFTWARE;
use crate::ticket::number;

/// Streams of local commands at once; QUIC's own limit on the line is higher.
const MAX_STREAMS: usize = 32;
/// The user has 60 seconds for the question; the line some more.
const ANSWER: Duration = Duration::from_secs(90);

/// Serves the session until it ends, then closes it and writes the note.
pub(super) async fn run(
    technician: &Technician<'_>,
    opened: Opened,
    output: &mut Output,
) -> anyhow::Result<()> {
    let Opened { line, mut attendance, policy, session, recorded, subject } = opened;
    let about = About {
        session: session.to_string(),
        ticket: technician.args.ticket.clone(),
        subject,
        recorded,
        relay: technician.account.join.origin(),
        since: now(),
    };
    let line = Arc::new(line);
    let lived = live(technician, &line, &mut attendance, (&policy, &about), output).await;
    attendance.leave(CloseCode::Done).await;
    lived
}

async fn live(
    technician: &Technician<'_>,
    line: &Arc<Line>,
    attendance: &mut Attendance,
    (policy, about): (&Policy, &About),
    output: &mut Output,
) -> anyhow::Result<()> {
    let tally = Tally::new(begin(technician, about)?);
    let mut over = tokio::select! {
        over = converse(technician, line, &tally, about, output) => over?,
        closed = attendance.closed() => Over::closed(closed),
        signal = stop_signal() => {
            signal?;
            Over::here(Reason::TechnicianEnded)
        }
    };
    if matches!(over.how, How::LineGone(_)) {
        over = over.explained(attendance).await;
    }
    let end = ending::End { technician, line, policy, about };
    end.run(attendance, over, &tally, output).await
}

fn begin(technician: &Technician<'_>, about: &About) -> anyhow::Result<Record> {
    let person = technician.account.person()?;
    Ok(Record {
        session: about.session.clone(),
        technician: person.name,
        login: person.login,
        organisation: person.organisation,
        started: about.since,
        ..Record::default()
    })
}

/// The control conversation and the local commands, until either ends the session.
async fn converse(
    technician: &Technician<'_>,
    line: &Arc<Line>,
    tally: &Tally,
    about: &About,
    output: &mut Output,
) -> anyhow::Result<Over> {
    let mut control = match Control::open(technician, line).await {
        Ok(control) => control,
        Err(error) => {
            tracing::debug!(error = format!("{error:#}"), "the conversation did not begin");
            return Ok(Over::line_gone(line.lost().await));
        }
    };
    output.text("Connected. The user is being asked.")?;
    let lease = match control.answer(line).await? {
        Answered::Lease(lease) => lease,
        Answered::Refused(text) => return Ok(Over::refused(text)),
        Answered::LineGone(error) => return Ok(Over::line_gone(error)),
    };
    tally.device(&lease.device.clone().unwrap_or_default());
    // Bound only now: a local command that finds the socket finds a session that works. And before
    // anybody is told: a script that read of the session finds the socket.
    let folder = technician.home.runtime()?;
    let mut server = Server::bind(&folder, &about.session).await?;
    tell_session(tally, about, &lease, output)?;
    tell_lease(tally, &lease, output)?;
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            said = control.receiver.receive() => match said {
                Ok(Some(message)) => heard(message, tally, output)?,
                Ok(None) | Err(_) => return Ok(Over::line_gone(line.lost().await)),
            },
            gone = line.lost() => return Ok(Over::line_gone(gone)),
            Some(_) = streams.join_next() => {}
            wish = server.accept() => match wish.context("take a local command")? {
                LocalRequest::Open(request) if streams.len() >= MAX_STREAMS => {
                    let text = "too many commands at once in this session";
                    request.refuse(&Failure::new(Exit::Other, text)).await;
                }
                LocalRequest::Open(request) if technician.args.view_only && !looks(&request) => {
                    let text = "this session is for looking only: connect without --view-only";
                    request.refuse(&Failure::new(Exit::Refused, text)).await;
                }
                LocalRequest::Open(request) => {
                    streams.spawn(proxy::serve(line.clone(), tally.clone(), request));
                }
                LocalRequest::Info(request) => request.answer(info(tally, about)).await,
                LocalRequest::End(request) => return Ok(Over::asked(request)),
            },
        }
    }
}

/// Whether a local command does nothing but look.
fn looks(request: &OpenRequest) -> bool {
    request.channel == Channel::Screen.to_wire()
}

/// The technician's half of the control conversation.
struct Control {
    receiver: Receiver<Message>,
    /// Kept open: finishing it would end the conversation.
    _sender: Sender<Act>,
    _actor: Actor,
}

/// What the user decided.
enum Answered {
    Lease(Lease),
    Refused(String),
    LineGone(quinn::ConnectionError),
}

impl Control {
    async fn open(technician: &Technician<'_>, line: &Line) -> anyhow::Result<Self> {
        let stream: Stream<Act, Message> = line.open(Channel::Control).await?;
        let mut actor = line.act_key().actor(Channel::Control, stream.id);
        let Stream { mut sender, receiver, .. } = stream;
        let introduction = Introduction {
            software: SOFTWARE.to_owned(),
            requested: technician.args.requested().to_wire(),
        };
        let introduction = Message { kind: Some(Kind::Introduction(introduction)) };
        sender.send(&actor.wrap(&introduction)).await?;
        Ok(Self { receiver, _sender: sender, _actor: actor })
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes is not the answer")]
    async fn answer(&mut self, line: &Line) -> anyhow::Result<Answered> {
        let wait = async {
            loop {
                match self.receiver.receive().await {
                    Ok(Some(Message { kind: Some(Kind::Lease(lease)) })) => {
                        return Answered::Lease(lease);
                    }
                    Ok(Some(Message { kind: Some(Kind::Refusal(refusal)) })) => {
                        return Answered::Refused(refusal.text);
                    }
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return Answered::LineGone(line.lost().await),
                }
            }
        };
        let slow = || Failure::new(Exit::Refused, "the user did not answer in time");
        Ok(tokio::time::timeout(ANSWER, wait).await.map_err(|_| slow())?)
    }
}

fn heard(message: Message, tally: &Tally, output: &mut Output) -> anyhow::Result<()> {
    if let Some(Kind::Lease(lease)) = message.kind {
        tell_lease(tally, &lease, output)?;
    } else if let Some(Kind::Refusal(refusal)) = message.kind {
        let event = json!({"event": "refused", "text": refusal.text});
        output.show(&event, &visible(&refusal.text))?;
    }
    Ok(())
}

fn tell_session(
    tally: &Tally,
    about: &About,
    lease: &Lease,
    output: &mut Output,
) -> anyhow::Result<()> {
    let device = lease.device.clone().unwrap_or_default();
    let event = json!({
        "event": "session",
        "session": about.session,
        "ticket": number(&about.ticket),
        "device": {
            "hostname": device.hostname,
            "system": device.system,
            "user": device.user,
            "monitors": device.monitors,
        },
        "recorded": about.recorded,
    });
    let record = tally.record();
    let (hostname, system) = (visible(&record.hostname), visible(&record.system));
    let text = format!(
        "Session {} on {hostname} ({system}), ticket {}: {}\n\
         In another terminal: deskside screenshot, deskside exec -- COMMAND, deskside end",
        about.session,
        visible(&about.ticket),
        visible(&about.subject),
    );
    output.show(&event, &text)
}

fn tell_lease(tally: &Tally, lease: &Lease, output: &mut Output) -> anyhow::Result<()> {
    let (new, gone) = tally.lease(lease);
    let held = tally.held();
    let event = json!({
        "event": "grants",
        "grants": held.words(),
        "granted": new.words(),
        "revoked": gone.words(),
    });
    let text = match held.is_empty() {
        true => "The user allows nothing at the moment.".to_owned(),
        false => format!("The user allows: {held}"),
    };
    output.show(&event, &text)
}

fn info(tally: &Tally, about: &About) -> SessionInfo {
    let record = tally.record();
    SessionInfo {
        session: about.session.clone(),
        ticket: about.ticket.clone(),
        subject: about.subject.clone(),
        relay: about.relay.clone(),
        hostname: record.hostname,
        system: record.system,
        user: record.user,
        monitors: tally.monitors(),
        grants: tally.held().words().into_iter().map(str::to_owned).collect(),
        recorded: about.recorded,
        connected: true,
        since: about.since,
    }
}

/// Ctrl-C, or a polite end from outside.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
