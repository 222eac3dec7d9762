//! Mouse and keyboard: what the window says goes out in order on one stream, as long as the user
//! allows control. What is held down is said to be held, so that nothing sticks when this end dies.

use std::time::Duration;

use deskside_link::Line;
use deskside_link::line::Stream;
use deskside_protocol::act::DATAGRAMS;
use deskside_protocol::channel::Channel;
use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::{Act, Message, StillHeld, message::Kind};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Gone, Work};
use crate::connect::Lines;
use crate::viewer::front::{Front, Pointing};
use crate::viewer::model::Held;

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
        loop {
            match handed(&self.front, &mut self.acts, line).await {
                // It begins anew: the agent has let go of everything.
                Ok(()) => {}
                Err(gone) => return gone,
            }
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

/// Hands on what the window says, until something was lost on the way to here.
async fn handed(front: &Front, acts: &mut mpsc::Receiver<Kind>, line: &Line) -> Result<(), Gone> {
    // What was done before control was allowed was done to nothing.
    while acts.try_recv().is_ok() {}
    let stream: Stream<Act, Message> = line.open(Channel::Input).await?;
    let Stream { id, mut sender, mut receiver, .. } = stream;
    let mut actor = line.act_key().actor(Channel::Input, id);
    let mut held = Held::default();
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
                match heard? {
                    Some(Message { kind: Some(Kind::Hand(hand)) }) => {
                        front.change(|model, _| model.user_hand = hand.user);
                    }
                    Some(Message { kind: Some(Kind::Refusal(refusal)) }) => {
                        return Err(Gone::from(&refusal));
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
        sender.send(&actor.wrap(&Message { kind: Some(kind) })).await?;
    }
}
