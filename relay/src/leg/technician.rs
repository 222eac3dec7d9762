//! A technician's stream: who it is, which ticket, and then the way to the agent.

use deskside_protocol::code::Nameplate;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Join, Refused};

use crate::desk::Summary;
use crate::hall::{Handle, SPENT, Visitor};
use crate::lobby::Slot;
use crate::policy;
use crate::service::Service;
use crate::store::Technician;
use crate::talk::{Talk, trouble};

/// Checks the ticket and the policy, then hands the stream over to the agent's task.
pub(super) async fn serve(service: &Service, mut talk: Talk, who: Technician, join: Join) {
    match talk.has_other_policy(&service.relay).await {
        Ok(false) => {}
        Ok(true) => {
            let text =
                "the organisation's policy changed just now: try again, the code is still good";
            return talk.refuse(Code::Busy, text).await;
        }
        Err(gone) => return tracing::debug!(%gone, "a technician was not admitted"),
    }
    let summary = match admit(service, &join).await {
        Ok(summary) => summary,
        Err(refused) => return talk.refuse_with(refused).await,
    };
    let met = Nameplate::parse(&join.nameplate).ok().and_then(|plate| service.hall.join(plate));
    let Some((slot, handle)) = met else {
        return talk.refuse(Code::CodeSpent, SPENT).await;
    };
    let ticket = join.ticket;
    let visitor = Box::new(Visitor { talk, who, ticket, summary, handle: handle.clone() });
    hand_over(service, slot, &handle, visitor).await;
}

async fn hand_over(service: &Service, slot: Slot, handle: &Handle, visitor: Box<Visitor>) {
    if let Err(unheard) = handle.send(visitor).await {
        service.hall.end(slot);
        let mut talk = unheard.0.talk;
        talk.refuse(Code::CodeSpent, SPENT).await;
    }
}

async fn admit(service: &Service, join: &Join) -> Result<Summary, Refused> {
    let node = &service.relay.node;
    let summary = node.desk().summary(&join.ticket).await.map_err(|error| error.refusal())?;
    if !summary.open {
        let text = format!("ticket {} is not open: open it again, or take another", join.ticket);
        return Err(Refused { code: Code::TicketClosed as i32, text });
    }
    let policy = policy::current(node).await.map_err(|error| trouble(&error))?;
    if policy.recording == Recording::Required && policy.auditors.is_empty() {
        let text = "the policy requires a recording, and there is no auditor who could open it: \
                    whoever runs the relay adds one with `deskside-relay auditor add RECIPIENT`, \
                    or invites a person with the role auditor";
        return Err(Refused { code: Code::NoAuditor as i32, text: text.to_owned() });
    }
    Ok(summary)
}
