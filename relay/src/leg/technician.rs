//! A technician's stream: who it is, which ticket, and then the way to the agent.

use std::time::Duration;

use deskside_protocol::code::Nameplate;
use deskside_protocol::policy::Recording;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Join, Refused};
use tokio::time::Instant;

use crate::burned::{self, Locked, NoTry};
use crate::desk::Summary;
use crate::hall::{Handle, SPENT, Visitor};
use crate::limits::{Run, What};
use crate::lobby::Slot;
use crate::policy;
use crate::service::Service;
use crate::store::Technician;
use crate::talk::{Talk, trouble};

/// Unknown, used and expired codes get the same answer after the same time, whatever the relay found
/// out in it: above what finding out takes, and below what a person would notice.
const SPENT_AFTER: Duration = Duration::from_millis(100);

/// Checks the ticket and the policy, then hands the stream over to the agent's task.
pub(super) async fn serve(service: &Service, mut talk: Talk, who: Technician, join: Join) {
    let spent_at = Instant::now() + SPENT_AFTER;
    match talk.has_other_policy(&service.relay).await {
        Ok(false) => {}
        Ok(true) => {
            let text =
                "the organisation's policy changed just now: try again, the code is still good";
            return talk.refuse(Code::Busy, text).await;
        }
        Err(gone) => return tracing::debug!(%gone, "a technician was not admitted"),
    }
    let (summary, run) = match admit(service, &talk, &who, &join).await {
        Ok(admitted) => admitted,
        Err(refused) => return talk.refuse_with(refused).await,
    };
    let met = Nameplate::parse(&join.nameplate).ok().and_then(|plate| service.hall.join(plate));
    let Some((slot, handle)) = met else {
        // Nobody was guessed at.
        drop(run);
        return refuse_spent(talk, spent_at).await;
    };
    let ticket = join.ticket;
    let visitor = Box::new(Visitor { talk, who, ticket, summary, run, handle: handle.clone() });
    if let Some(talk) = hand_over(service, slot, &handle, visitor).await {
        refuse_spent(talk, spent_at).await;
    }
}

/// Gives the stream back where the agent has just left.
async fn hand_over(
    service: &Service,
    slot: Slot,
    handle: &Handle,
    visitor: Box<Visitor>,
) -> Option<Talk> {
    let unheard = handle.send(visitor).await.err()?;
    service.hall.end(slot);
    Some(unheard.0.talk)
}

async fn refuse_spent(mut talk: Talk, at: Instant) {
    tokio::time::sleep_until(at).await;
    talk.refuse(Code::CodeSpent, SPENT).await;
}

async fn admit(
    service: &Service,
    talk: &Talk,
    who: &Technician,
    join: &Join,
) -> Result<(Summary, Run), Refused> {
    let doer = talk.doer().named(&who.login, Some(&join.ticket));
    let busy = |text: String| Refused { code: Code::Busy as i32, text };
    service.relay.admit(What::Join, doer).map_err(|limited| busy(limited.to_string()))?;
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
    let counts = service.relay.limits.count(doer.address);
    let run = burned::begin(&service.relay, &who.login, &join.ticket, counts).await;
    let run = run.map_err(|none| match none {
        NoTry::Locked(locked @ Locked::Trying { .. }) => busy(locked.to_string()),
        NoTry::Locked(locked) => {
            Refused { code: Code::NotPermitted as i32, text: locked.to_string() }
        }
        NoTry::Store(error) => trouble(&error),
    })?;
    Ok((summary, run))
}
