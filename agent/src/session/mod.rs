//! A session from the agent's side: codes until somebody proves to have one, or the session that an
//! earlier process of this program left; then line after line, and whatever the user allows, until
//! somebody ends it.

#[cfg(test)]
mod apart_tests;
mod bodies;
mod bond;
mod chat;
mod clipboard;
mod code;
mod command;
mod consent;
mod control;
mod failure;
mod file;
mod input;
#[cfg(test)]
mod input_tests;
mod line;
mod live;
#[cfg(test)]
mod mask_tests;
mod opening;
mod parting;
mod passage;
mod pointer;
mod presence;
mod resume;
mod screen;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod table_tests;
mod watch;
#[cfg(test)]
mod watch_tests;
mod wishes;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use deskside_link::Leg;
use deskside_link::attend::Attendance;
use deskside_link::random::System;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::record::Reason;

pub use failure::exit_of;

use self::code::Meeting;
use self::live::Begun;
use self::presence::Presence;
use self::resume::Resumed;
use crate::SOFTWARE;
use crate::consent::Asker;
use crate::desktop::{Clipboard, Controls, Screen};
use crate::events::{Event, Show};
use crate::files::Files;
use crate::gate::Record;
use crate::kept::{Keeper, Store};
use crate::known::Known;
use crate::settings::Settings;
use crate::wish::Wishes;

/// Everything that a session needs from this computer.
#[allow(missing_debug_implementations, reason = "an asker has none")]
pub struct Agent {
    /// Which relay, which folders.
    pub settings: Settings,
    /// Organisations that helped here before.
    pub known: Known,
    /// The folder that files land in and are fetched from.
    pub files: Files,
    /// The screen, where there is one.
    pub screen: Option<Screen>,
    /// Mouse and keyboard, where there are some.
    pub controls: Option<Controls>,
    /// What the user copied.
    pub clipboard: Clipboard,
    /// Where events are told.
    pub show: Arc<Show>,
    /// Who is asked.
    pub asker: Arc<dyn Asker>,
    /// What was answered beforehand.
    pub allow: GrantSet,
}

/// Goes on with the session that an earlier process left; where there is none, shows codes until one
/// leads to a session. Serves that session. `wishes` are heard before and during it.
///
/// # Errors
/// Everything that can go wrong before there is a session; [`exit_of`] has its exit code.
pub async fn run(mut agent: Agent, mut wishes: Wishes) -> anyhow::Result<Exit> {
    // An old link names a key that this computer has seen followed by another.
    let named = agent.settings.relay.organisation;
    let organisations = [named, agent.known.today(&named)];
    agent.settings.relay.organisation = organisations[1];
    let reason = match Box::pin(resume::resume(&mut agent, &organisations, &mut wishes)).await? {
        Resumed::Ended(reason) => reason,
        Resumed::No(store) => Box::pin(fresh(&mut agent, store, &mut wishes)).await?,
    };
    agent.show.tell(&Event::Ended { reason });
    Ok(exit_after(reason))
}

/// A session from its code on. Once there is one, whatever happens to it is a reason, and no error.
async fn fresh(
    agent: &mut Agent,
    store: Option<Store>,
    wishes: &mut Wishes,
) -> anyhow::Result<Reason> {
    // A leg shows a key; an agent's is thrown away with it and names nobody.
    let key = SigningKey::generate(&mut System::new());
    let stop = wishes.stop();
    let leg = tokio::select! {
        leg = Leg::meet(&agent.settings.relay, &key, SOFTWARE) => leg?,
        () = stop.cancelled() => return Ok(Reason::UserEnded),
    };
    take_over(agent, leg.link());
    let met = tokio::select! {
        met = code::meet(agent, &leg, wishes) => Some(met?),
        () = stop.cancelled() => None,
    };
    let Some(Meeting { signals, given, bond }) = met else {
        leg.close(CloseCode::Done).await;
        return Ok(Reason::UserEnded);
    };
    if agent.known.is_blocked(&agent.settings.relay.organisation, &bond.visitor.login) {
        agent.show.tell(&Event::TurnedAway { visitor: &bond.visitor });
        let attendance = Attendance::start(leg, signals, bond.attendee(given.token), given);
        return Ok(live::turn_away(attendance).await);
    }
    let id = given.session.to_string();
    let (visitor, recorded) = (&bond.visitor, given.recorded);
    agent.show.tell(&Event::Paired { visitor, session: Some(&id), recorded });
    let attendance = Attendance::start(leg, signals, bond.attendee(given.token), given);
    let record = Record::default();
    let kept = bond.to_keep(given.token, record.clone());
    let keeper = Keeper::new(store, kept, now, bond.policy.grace_seconds, agent.show.clone());
    let presence = Presence::new();
    let begun = Begun { bond, attendance, given, record, keeper, presence };
    Ok(live::run(agent, begun, wishes).await)
}

/// The keys of today, which the relay has proved, in the place of those of the link.
fn take_over(agent: &mut Agent, today: &JoinLink) {
    let (old, new) = (agent.settings.relay.organisation, today.organisation);
    if old != new
        && let Err(error) = agent.known.succeed(&old, &new)
    {
        tracing::warn!(%error, "the organisation's new key is not remembered");
    }
    agent.settings.relay = today.clone();
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const fn exit_after(reason: Reason) -> Exit {
    match reason {
        Reason::TechnicianEnded | Reason::UserEnded => Exit::Done,
        Reason::UserRefused | Reason::NotAsked | Reason::NotSealed => Exit::Refused,
        Reason::Disputed => Exit::Verification,
        Reason::Unspecified
        | Reason::TechnicianLost
        | Reason::AgentLost
        | Reason::RelayStopped
        | Reason::RecordingFull
        | Reason::RecordingFailed
        | Reason::TechnicianRevoked
        | Reason::TechnicianExpired => Exit::EndedByPeer,
    }
}
