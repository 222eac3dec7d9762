//! A session, from the moment a technician stands at an agent's code to the closing of its
//! recording.
//!
//! It begins in the task of the agent's stream: pairing passes through. Then it is a task of its
//! own, which owns the streams of both ends, and outlives each of them: the line is opened once both
//! seals are on disk, the relay watches and signs checkpoints, waits for an end that was lost and
//! takes it in when it comes back, then closes. Each of these is a file.

mod closing;
mod course;
mod due;
mod evidence;
mod files;
mod line;
mod live;
mod lost;
mod moving;
mod opening;
mod pairing;
mod policy;
mod presence;
mod rebuild;
mod terms;

use std::sync::Arc;

use deskside_protocol::reattach::TOKEN;
use deskside_protocol::session::Ends;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Park, Reattach, Refused, signal::Kind};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) use rebuild::{Rebuild, unfinished};

use crate::hall::{Handle, SPENT, Visitor};
use crate::lobby::Slot;
use crate::service::Service;
use crate::sessions::{Full, Visit};
use crate::talk::{Gone, Talk, trouble};
use live::Live;

/// What became of a technician's visit.
pub(crate) enum Outcome {
    /// Nothing was offered to the agent: its code is as good as before.
    Unused(Box<Talk>, Handle),
    /// The code is spent, whatever came of it.
    Ended,
}

/// The streams of both ends.
type Pair<'a> = Ends<&'a mut Talk>;

/// A session that has begun and needs a task.
pub(crate) struct Begun(Box<Live>);

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Begun")
    }
}

/// Gives each session its task until the relay ends, and waits for them to close.
pub(crate) async fn keep(
    service: Arc<Service>,
    mut begun: mpsc::Receiver<Begun>,
    rebuilds: Vec<Rebuild>,
) {
    let mut tasks = JoinSet::new();
    for rebuild in rebuilds {
        tasks.spawn(rebuild.run());
    }
    loop {
        tokio::select! {
            Some(Begun(live)) = begun.recv() => { tasks.spawn(live.run()); }
            Some(_) = tasks.join_next() => {}
            () = service.stop.cancelled() => break,
        }
    }
    // Nobody gets a place any more; who has one still begins, and closes at once.
    begun.close();
    while let Some(Begun(live)) = begun.recv().await {
        tasks.spawn(live.run());
    }
    while tasks.join_next().await.is_some() {}
}

/// Lets a technician and an agent meet.
pub(crate) async fn host(
    service: &Arc<Service>,
    mut agent: Talk,
    park: &mut Park,
    slot: Slot,
    mut visitor: Visitor,
) -> Outcome {
    if service.sessions.are_full() {
        visitor.talk.refuse_with(full(Full::Busy)).await;
        return Outcome::Unused(Box::new(agent), visitor.handle);
    }
    if let Err(gone) = pairing::renew(service, &mut agent, park).await {
        tracing::debug!(%gone, "an agent did not follow a change of policy");
        visitor.talk.refuse(Code::CodeSpent, SPENT).await;
        return Outcome::Ended;
    }
    let ends = Ends { agent: &mut agent, technician: &mut visitor.talk };
    let joined = pairing::Joining {
        park,
        subject: &visitor.summary.subject,
        ticket: &visitor.ticket,
        technician: &visitor.who.login,
        slot,
    };
    let pairing = match joined.run(service, ends).await {
        Ok(pairing) => pairing,
        Err(pairing::Failed::Unused) => return Outcome::Unused(Box::new(agent), visitor.handle),
        Err(pairing::Failed::Spent(gone)) => {
            tracing::debug!(%gone, "a pairing failed");
            return Outcome::Ended;
        }
    };
    let about = opening::About {
        pairing: &pairing,
        ticket: &visitor.ticket,
        technician: &visitor.who,
        nameplate: slot.nameplate(),
    };
    let talks = Ends { agent, technician: visitor.talk };
    if let Err((mut talks, refused)) = Box::pin(begin(service, talks, &about)).await {
        tokio::join!(
            talks.agent.refuse_with(refused.clone()),
            talks.technician.refuse_with(refused.clone())
        );
    }
    Outcome::Ended
}

/// A session of its own for two ends that have paired; or what they are told.
async fn begin(
    service: &Arc<Service>,
    talks: Ends<Talk>,
    about: &opening::About<'_>,
) -> Result<(), (Ends<Talk>, Refused)> {
    let place = match service.sessions.place().await {
        Ok(place) => place,
        Err(none) => return Err((talks, full(none))),
    };
    match opening::open(service, opening::addresses(&talks), about).await {
        Ok(opened) => {
            place.send(Begun(Box::new(opened.begin(talks).await)));
            Ok(())
        }
        Err(error) => Err((talks, trouble(&error))),
    }
}

fn full(full: Full) -> Refused {
    Refused { code: Code::Busy as i32, text: full.to_string() }
}

/// What an end is told whose token or proof is none: not which of the two.
const NOT_FOUND: &str = "there is no such session for this end at this relay";

/// An end wants to come back: it proves itself here, and is let in by its session. Of a session that
/// has ended it is told how.
pub(crate) async fn reattach(service: &Service, mut talk: Talk, reattach: Reattach) {
    let token: Option<[u8; TOKEN]> = reattach.token.as_ref().try_into().ok();
    let Some(token) = token else { return talk.refuse(Code::NotFound, NOT_FOUND).await };
    let Some((end, door)) = service.sessions.find(&token) else {
        return say_end(service, talk, &token).await;
    };
    let proved = tokio::select! {
        proved = moving::prove(&door, end, &mut talk) => proved,
        () = service.stop.cancelled() => Err(Gone::Left),
    };
    match proved {
        Ok(()) => {}
        Err(Gone::Unproven) => {
            tracing::warn!(session = %door.session(), %end, "a proof of a session does not hold");
            return talk.refuse(Code::NotFound, NOT_FOUND).await;
        }
        Err(gone) => return tracing::debug!(%gone, "an end did not come back"),
    }
    let visit = Box::new(Visit { talk, fresh_line: reattach.fresh_line });
    if let Err(late) = door.knock(end, visit) {
        say_end(service, late.talk, &token).await;
    }
}

/// How the session of a token ended, where there was one.
async fn say_end(service: &Service, mut talk: Talk, token: &[u8; TOKEN]) {
    let answer = match service.relay.node.store().session_by_token(token).await {
        Ok(Some(row)) if row.closed_at.is_some() => closing::closed(row.reason, row.hash),
        Ok(_) => {
            let text = NOT_FOUND.to_owned();
            Kind::Refused(Refused { code: Code::NotFound as i32, text })
        }
        Err(error) => Kind::Refused(trouble(&error)),
    };
    talk.say_last(answer).await;
}

/// An end said what does not belong here.
async fn misplaced(talk: &mut Talk) -> Gone {
    talk.refuse(Code::BadRequest, "that signal does not belong here: upgrade the older program")
        .await;
    Gone::Unexpected
}
