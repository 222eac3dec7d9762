//! A technician's stream: who it is, which ticket, and then the way to the agent.

use deskside_protocol::code::Nameplate;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::record::Role;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Join, Refused};

use super::{Handle, Legs, Talk, request, talk};
use crate::desk::Summary;
use crate::lobby::Slot;
use crate::policy;
use crate::store::Technician;

/// The one answer for unknown, used and expired codes.
pub(crate) const SPENT: &str = "no agent waits with that code: it was used, has expired, or was never open; ask the user for a new one";

/// A technician who may meet the agent of one code.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) talk: Talk,
    pub(crate) who: Technician,
    pub(crate) ticket: String,
    pub(crate) summary: Summary,
    /// Goes back to the lobby where the technician leaves early.
    pub(crate) handle: Handle,
}

/// Checks the technician and the ticket, then hands the stream over to the agent's task.
pub(super) async fn serve(legs: &Legs, mut talk: Talk, join: Join) {
    let admitted = admit(legs, &talk, &join).await;
    let (who, summary) = match admitted {
        Ok(admitted) => admitted,
        Err(refused) => return talk.refuse_with(refused).await,
    };
    let met = Nameplate::parse(&join.nameplate).ok().and_then(|plate| legs.hall.join(plate));
    let Some((slot, handle)) = met else {
        return talk.refuse(Code::CodeSpent, SPENT).await;
    };
    let visitor = Visitor { talk, who, ticket: join.ticket, summary, handle: handle.clone() };
    hand_over(legs, slot, &handle, visitor).await;
}

async fn hand_over(legs: &Legs, slot: Slot, handle: &Handle, visitor: Visitor) {
    if let Err(unheard) = handle.send(visitor).await {
        legs.hall.end(slot);
        let mut talk = unheard.0.talk;
        talk.refuse(Code::CodeSpent, SPENT).await;
    }
}

async fn admit(legs: &Legs, talk: &Talk, join: &Join) -> Result<(Technician, Summary), Refused> {
    let who = request::person(legs, &talk.caller.key, Some(Role::Technician)).await?;
    let node = &legs.relay.node;
    let summary = node.desk().summary(&join.ticket).await.map_err(|error| error.refusal())?;
    if !summary.open {
        let text = format!("ticket {} is not open: open it again, or take another", join.ticket);
        return Err(Refused { code: Code::TicketClosed as i32, text });
    }
    let policy = policy::current(node).await.map_err(|error| talk::trouble(&error))?;
    if policy.recording == Recording::Required && policy.auditors.is_empty() {
        let text = "the policy requires a recording, and there is no auditor who could open it: \
                    whoever runs the relay adds one with `deskside-relay auditor add RECIPIENT`, \
                    or invites a person with the role auditor";
        return Err(Refused { code: Code::NoAuditor as i32, text: text.to_owned() });
    }
    Ok((who, summary))
}
