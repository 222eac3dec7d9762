//! A session from the agent's side: codes until somebody proves to have one, then the line, then
//! whatever the user allows, until somebody ends it.

mod code;
mod command;
mod control;
mod failure;
mod live;
mod opening;
mod screen;

use std::sync::Arc;

use deskside_link::Leg;
use deskside_link::random::System;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::key::SigningKey;
use deskside_protocol::wire::record::Reason;
use tokio_util::sync::CancellationToken;

pub use failure::exit_of;

use crate::SOFTWARE;
use crate::consent::{Asker, Keyboard};
use crate::desktop::Screen;
use crate::events::{Event, Show};
use crate::known::Known;
use crate::settings::Settings;

/// Everything that a session needs from this computer.
#[allow(missing_debug_implementations, reason = "an asker has none")]
pub struct Agent {
    /// Which relay, which folders.
    pub settings: Settings,
    /// Organisations that helped here before.
    pub known: Known,
    /// The screen, where there is one.
    pub screen: Option<Screen>,
    /// Where events are told.
    pub show: Arc<Show>,
    /// Who is asked.
    pub asker: Arc<dyn Asker>,
    /// What the user types.
    pub keyboard: Arc<Keyboard>,
    /// What was answered beforehand.
    pub allow: GrantSet,
}

/// Shows codes until one leads to a session, and serves that session.
///
/// # Errors
/// Everything that can go wrong before there is a session; [`exit_of`] has its exit code.
pub async fn run(mut agent: Agent, stop: CancellationToken) -> anyhow::Result<Exit> {
    // A leg shows a key; an agent's is thrown away with it and names nobody.
    let key = SigningKey::generate(&mut System::new());
    let leg = Leg::dial(&agent.settings.relay, &key, SOFTWARE).await?;
    let met = tokio::select! {
        met = code::meet(&mut agent, &leg) => Some(met?),
        () = stop.cancelled() => None,
    };
    let reason = match met {
        Some(meeting) => session(&mut agent, leg, key, meeting, &stop).await,
        None => {
            leg.close(CloseCode::Done).await;
            Reason::UserEnded
        }
    };
    agent.show.tell(&Event::Ended { reason });
    Ok(exit_after(reason))
}

/// One session. Whatever happens to it is a reason, and not an error.
async fn session(
    agent: &mut Agent,
    leg: Leg,
    leg_key: SigningKey,
    meeting: code::Meeting,
    stop: &CancellationToken,
) -> Reason {
    let visitor = meeting.visitor(&agent.known, &agent.settings.relay.organisation);
    let id = meeting.given.session.to_string();
    let recorded = meeting.given.recorded;
    agent.show.tell(&Event::Paired { visitor: &visitor, session: Some(&id), recorded });
    let attendee = meeting.attendee(&agent.settings.relay, leg_key);
    match opening::open(leg, attendee, meeting).await {
        Ok(opened) => live::run(agent, opened, visitor, stop).await,
        Err(failed) => {
            tracing::warn!(error = %failed.error, "the line did not come about");
            failed.reason
        }
    }
}

const fn exit_after(reason: Reason) -> Exit {
    match reason {
        Reason::TechnicianEnded | Reason::UserEnded => Exit::Done,
        Reason::UserRefused | Reason::NotSealed => Exit::Refused,
        Reason::Unspecified
        | Reason::TechnicianLost
        | Reason::AgentLost
        | Reason::RelayStopped
        | Reason::RecordingFailed => Exit::EndedByPeer,
    }
}
