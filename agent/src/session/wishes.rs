//! The user's own wishes, heeded before a session and during one.

use std::convert::Infallible;
use std::sync::Arc;

use deskside_protocol::grant::GrantSet;

use tokio::time::Instant;

use super::chat::Chat;
use super::passage::{MAX_PASSAGE, until};
use crate::events::{Event, Show};
use crate::gate::Gate;
use crate::wish::{Wish, Wishes};

/// Hears wishes while there is no session, and says that there is none.
pub(super) async fn unheard(wishes: &mut Wishes, show: &Show) -> Infallible {
    loop {
        match wishes.next().await {
            // Heard by whoever waits for the session.
            Some(Wish::Stop) | None => return std::future::pending().await,
            Some(wish) => {
                if wish.is_for_a_session() {
                    show.tell(&Event::Notice { text: "Nobody is connected to this computer yet." });
                }
            }
        }
    }
}

/// Does what the user wishes in a session, until it is stopped.
pub(super) async fn heed(mut wishes: Wishes, gate: Gate, chat: Arc<Chat>, show: Arc<Show>) {
    let mut masked = None;
    loop {
        let wish = tokio::select! {
            wish = wishes.next() => wish,
            () = until(masked) => Some(Wish::Mask(false)),
        };
        let Some(wish) = wish else { break };
        if let Wish::Mask(on) = wish {
            masked = on.then(|| Instant::now() + MAX_PASSAGE);
        }
        let text = match wish {
            Wish::Stop => return gate.stop(),
            Wish::TakeBack(grants) => {
                gate.revoke(grants);
                None
            }
            Wish::Give(grants) => ungiven(grants, gate.give(grants, None)),
            Wish::GiveFor(grants, time) => ungiven(grants, gate.give(grants, Some(time))),
            Wish::Say(text) => say(&text, &gate, &chat).err(),
            Wish::Mask(on) => (!gate.mask(on)).then(|| UNMASKED.to_owned()),
            Wish::NextCode => None,
        };
        if let Some(text) = text {
            show.tell(&Event::Notice { text: &text });
        }
    }
}

/// Where the policy does not allow it.
const UNMASKED: &str = "Your help desk wants everything recorded, passwords too.";

/// What to say where less was given than the user wished.
fn ungiven(wished: GrantSet, given: GrantSet) -> Option<String> {
    let rest = wished.without(given);
    (!rest.is_empty()).then(|| format!("Cannot be allowed in this session: {rest}."))
}

/// Sends a line of the user's, or says why it is not sent.
fn say(text: &str, gate: &Gate, chat: &Chat) -> Result<(), String> {
    const UNREAD: &str =
        "Your technician has not received what you wrote before. Please wait a moment.";
    if !chat.has_room() {
        return Err(UNREAD.to_owned());
    }
    let line = gate.say(text).map_err(|error| format!("Not sent: {error}."))?;
    chat.say(line).map_err(|_unread| UNREAD.to_owned())
}

#[cfg(test)]
mod tests {
    use deskside_protocol::grant::Grant;
    use tokio::task::JoinSet;

    use super::super::stage::gate_of;
    use super::*;
    use crate::wish::wishes;

    #[tokio::test(start_paused = true)]
    async fn what_the_user_masks_ends_by_itself_whether_anybody_types_or_not() {
        let gate = gate_of(Grant::Control.into());
        let (wisher, wishes) = wishes();
        let show = Arc::new(Show::json(std::io::sink()));
        let mut heeding = JoinSet::new();
        heeding.spawn(heed(wishes, gate.clone(), Arc::new(Chat::new()), show));
        let mut masked = gate.masked_by_user();
        let began = Instant::now();
        wisher.wish(Wish::Mask(true)).unwrap();
        assert!(*masked.wait_for(|masked| *masked).await.unwrap());
        masked.wait_for(|masked| !masked).await.unwrap();
        assert!(began.elapsed() >= MAX_PASSAGE, "{:?}", began.elapsed());
        drop(wisher);
        heeding.join_all().await;
    }
}
