//! Mouse and keyboard: what the window says goes out in order on one stream, as long as the user
//! allows control. What is held down is said to be held, so that nothing sticks when this end dies.

use std::time::Duration;

use deskside_link::Line;
use deskside_link::line::Stream;
use deskside_protocol::act::DATAGRAMS;
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::{Act, Masking, Message, StillHeld, message::Kind};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Gone, Work};
use crate::failure::Failure;
use crate::lines::{Lines, Saying};
use crate::viewer::front::{Front, Pointing};
use crate::viewer::model::{Held, Masks};

/// How often it is said; the agent lets go after three times that.
const STILL: Duration = Duration::from_millis(500);

/// Mouse and keyboard.
pub(super) struct Handing {
    pub(super) front: Front,
    pub(super) acts: mpsc::Receiver<Kind>,
}

impl Work for Handing {
    const NEEDS: Grant = Grant::Control;

    async fn on(&mut self, line: &Line) -> Gone {
        let held = self.front.watch_held();
        // It says nothing, but from here on the user's pointer follows the mouse.
        let mut first = Kind::StillHeld(StillHeld {});
        loop {
            // A key that goes up when all was taken back asks the user for nothing.
            let allowed = held.borrow().contains(Self::NEEDS);
            if allowed
                && let Err(Gone::Refused(why)) =
                    handed(&self.front, &mut self.acts, line, first).await
            {
                self.front.change(|model, now| {
                    model.masks = Masks::default();
                    model.tell(&*why.sentence, now);
                });
            }
            // What ended goes on with whatever is done next.
            first = match self.acts.recv().await {
                Some(first) => first,
                None => std::future::pending().await,
            };
        }
    }
}

/// Has places go on every line, whatever is allowed: showing one needs no control.
pub(super) async fn point(front: Front, mut lines: Lines) {
    while let Some(line) = lines.now().await {
        let actor = line.act_key().actor(Channel::Pointer, DATAGRAMS);
        front.set_pointing(Some(Pointing { beside: line.beside(), actor }));
        let goes_on = lines.replaced(&line).await;
        front.set_pointing(None);
        if !goes_on {
            break;
        }
    }
}

/// Hands on what the window says, `first` before all, on a stream of its own. Where something was lost
/// on the way to here it ends, so that the agent lets go of everything.
async fn handed(
    front: &Front,
    acts: &mut mpsc::Receiver<Kind>,
    line: &Line,
    first: Kind,
) -> Result<(), Gone> {
    let stream: Stream<Act, Message> = line.open(Channel::Input).await?;
    let Stream { id, mut sender, mut receiver, .. } = stream;
    let mut saying = Saying::new(line.act_key().actor(Channel::Input, id));
    let mut held = Held::default();
    // A passage outlives its stream: what is typed next belongs to it still.
    let goes_on = front.model().masks.own && !matches!(first, Kind::Masking(_));
    let passage = goes_on.then_some(Kind::Masking(Masking { on: true }));
    held.said(&first);
    for kind in passage.into_iter().chain([first]) {
        sender.send(&saying.wrap(&Message { kind: Some(kind) }).map_err(Gone::Refused)?).await?;
    }
    let mut still = interval_at(Instant::now() + STILL, STILL);
    still.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let kind = tokio::select! {
            biased;
            kind = acts.recv() => match kind {
                Some(kind) => kind,
                None => std::future::pending().await,
            },
            heard = receiver.receive() => {
                let heard = heard?;
                saying.heard(heard.as_ref().and_then(|message| message.kind.as_ref()));
                match heard {
                    Some(Message { kind: Some(Kind::Hand(hand)) }) => {
                        front.change(|model, _| model.user_hand = hand.user);
                    }
                    Some(Message { kind: Some(Kind::Masking(masking)) }) => {
                        front.change(|model, now| model.masked_by_user(masking.on, now));
                    }
                    // Something was not done, and the stream goes on.
                    Some(Message { kind: Some(Kind::Refusal(refusal)) }) => {
                        let why = Failure::from(&refusal).sentence;
                        front.change(|model, now| model.tell(why, now));
                    }
                    Some(_) => {}
                    None => return Err(Gone::Lost),
                }
                continue;
            }
            _ = still.tick(), if held.any() => Kind::StillHeld(StillHeld {}),
        };
        if front.overflown() {
            sender.finish();
            return Ok(());
        }
        held.said(&kind);
        sender.send(&saying.wrap(&Message { kind: Some(kind) }).map_err(Gone::Refused)?).await?;
    }
}
