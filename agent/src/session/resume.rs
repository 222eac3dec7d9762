//! Going on with the session that an earlier process of this program left. The user is not asked
//! again; where it cannot be, it is said why, and a code is shown as usual.

use std::time::Duration;

use deskside_link::attend::{Attendance, Given, ResumeError};
use deskside_link::leg::DialError;
use deskside_protocol::key::PublicKey;
use deskside_protocol::wire::record::Reason;
use tokio::time::{Instant, sleep, timeout};

use super::bond::Bond;
use super::live::{self, Begun};
use super::presence::Presence;
use super::{Agent, now};
use crate::events::{Event, Gone, reason_in_words};
use crate::kept::{Keeper, Kept, KeptError, Store, Unusable};
use crate::wish::Wishes;

/// A relay that has not answered by then is said to be away.
const SOON: Duration = Duration::from_secs(2);

/// How often, and how long, it is looked for a process of before that is about to be gone.
const DYING_LOOKS: u32 = 20;
const DYING_LOOK: Duration = Duration::from_millis(100);

/// What became of the session of before.
pub(super) enum Resumed {
    /// It went on, and has ended now; or the user did not want to wait for it.
    Ended(Reason),
    /// There is none; a session from here on may be kept in this place.
    No(Option<Store>),
}

/// Looks for a session of before with one of these `organisations`, and goes on with it.
pub(super) async fn resume(
    agent: &mut Agent,
    organisations: &[PublicKey],
    wishes: &mut Wishes,
) -> anyhow::Result<Resumed> {
    let stop = wishes.stop();
    let Some(store) = place(agent).await else { return Ok(Resumed::No(None)) };
    let kept = match store.load(organisations, now()) {
        Ok(None) => return Ok(Resumed::No(Some(store))),
        Ok(Some(Ok(kept))) => kept,
        Ok(Some(Err(unusable))) => {
            agent.show.tell(&Event::NotResumed { why: &unusable.to_string() });
            return Ok(Resumed::No(Some(store)));
        }
        Err(error) => {
            not_kept(agent, &error);
            return Ok(Resumed::No(None));
        }
    };
    let same_node = kept.relay.node == agent.settings.relay.node;
    let reached = tokio::select! {
        reached = reach(agent, &kept) => Some(reached),
        () = stop.cancelled() => None,
    };
    let why = match reached {
        Some(Ok(reached)) => {
            let begun = begin(agent, store, kept, reached);
            return Ok(Resumed::Ended(live::run(agent, begun, wishes).await));
        }
        // Whoever sits at that address now is told nothing, and the session may still be there.
        Some(Err(Why::Relay(error))) if same_node => return Err(error.into()),
        // The link names another relay of the same organisation.
        Some(Err(Why::Relay(_))) => Some(Unusable::Foreign.to_string()),
        Some(Err(Why::Gone(why))) => Some(why),
        None => None,
    };
    if let Err(error) = store.remove() {
        not_kept(agent, &error);
    }
    let Some(why) = why else { return Ok(Resumed::Ended(Reason::UserEnded)) };
    agent.show.tell(&Event::NotResumed { why: &why });
    Ok(Resumed::No(Some(store)))
}

/// The place of the kept session, where it can be had. A process that was killed just now has it
/// until it is gone.
async fn place(agent: &Agent) -> Option<Store> {
    let mut opened = Store::open(&agent.settings.agent_folder);
    for _ in 0..DYING_LOOKS {
        let Ok(None) = opened else { break };
        sleep(DYING_LOOK).await;
        opened = Store::open(&agent.settings.agent_folder);
    }
    match opened {
        Ok(Some(store)) => Some(store),
        Ok(None) => {
            let text = "This program is running on this computer already. \
                        A session of this one does not outlive it.";
            agent.show.tell(&Event::Notice { text });
            None
        }
        Err(error) => {
            not_kept(agent, &error);
            None
        }
    }
}

fn not_kept(agent: &Agent, error: &KeptError) {
    let text = format!("A session does not outlive this program: {error}: {}.", error.cause);
    agent.show.tell(&Event::Notice { text: &text });
}

/// Why it does not go on.
enum Why {
    /// In plain words.
    Gone(String),
    /// It is not the relay.
    Relay(DialError),
}

/// The session is ours again.
struct Reached {
    bond: Bond,
    attendance: Attendance,
    given: Given,
    presence: Presence,
}

/// Comes back to the relay, for as long as the session may still be there.
async fn reach(agent: &Agent, kept: &Kept) -> Result<Reached, Why> {
    let begun = Instant::now();
    let bond = Bond::kept(kept, &agent.settings.relay).map_err(|e| Why::Gone(e.to_string()))?;
    let left = Duration::from_secs(kept.ends.saturating_sub(now()));
    let resuming = timeout(left, Attendance::resume(bond.attendee(kept.token), true));
    tokio::pin!(resuming);
    let (resumed, told) = tokio::select! {
        resumed = &mut resuming => (resumed, false),
        () = sleep(SOON) => {
            let technician = &kept.visitor.name;
            agent.show.tell(&Event::Gap { cause: Gone::Relay, technician, grace: left });
            (resuming.await, true)
        }
    };
    let name = deskside_protocol::text::visible(&kept.visitor.name);
    match resumed {
        Ok(Ok((attendance, given))) => {
            let back = || Presence::returned(begun, Instant::now());
            let presence = if told { back() } else { Presence::new() };
            Ok(Reached { bond, attendance, given, presence })
        }
        Ok(Err(ResumeError::Ended(closed))) => {
            let reason = Reason::try_from(closed.reason).unwrap_or(Reason::Unspecified);
            let reason = reason_in_words(reason);
            Err(Why::Gone(format!("the session of {name} has ended meanwhile: {reason}")))
        }
        Ok(Err(ResumeError::Gone)) => {
            Err(Why::Gone(format!("the help desk no longer knows the session of {name}")))
        }
        Ok(Err(ResumeError::Dial(error @ DialError::WrongRelay { .. }))) => Err(Why::Relay(error)),
        Ok(Err(error @ (ResumeError::Dial(_) | ResumeError::Attend(_)))) => {
            Err(Why::Gone(format!("the session of {name} could not go on: {error}")))
        }
        Err(_elapsed) => Err(Why::Gone(format!(
            "the session of {name} has ended: the help desk could not be reached in time"
        ))),
    }
}

fn begin(agent: &Agent, store: Store, kept: Kept, reached: Reached) -> Begun {
    let Reached { bond, attendance, given, presence } = reached;
    let session = bond.session.to_string();
    let record = kept.lease.clone();
    let (visitor, recorded, lease) = (&bond.visitor, given.recorded, record.held);
    agent.show.tell(&Event::Resumed { visitor, session: &session, recorded, lease });
    let grace = bond.policy.grace_seconds;
    let keeper = Keeper::new(Some(store), kept, now, grace, agent.show.clone());
    keeper.located(given.token);
    Begun { bond, attendance, given, record, keeper, presence }
}
