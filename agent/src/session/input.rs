//! Mouse and keyboard in the technician's hand: one stream is one grip on them, from the user's yes
//! until the stream ends, the line is lost or the user takes them back.
//!
//! What is not done now (the user's own hand is on them, a question to him stands, a window of ours
//! is meant) is dropped and said, and the stream goes on.

use std::time::Duration;

use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{self, Hand, Masking, message::Kind};
use tokio::sync::watch;
use tokio::time::Instant;

use super::passage::{FORBIDDEN, NOT_HERE, Passage, Untaken, until};
use super::pointer::{Place, Pointer};
use crate::desktop::{Controls, Grip, HandError};
use crate::gate::{self, Answers, Gate, Heard, Masks, Unheard};
use crate::hand::{Gesture, Withheld};

/// Between two refusals on a stream that goes on.
const REFUSALS_APART: Duration = Duration::from_secs(1);

/// To whatever does not belong here.
const NONSENSE: &str = "the input channel takes buttons, the wheel, keys and text";

/// One message of the technician's.
enum Said {
    Deed(Deed),
    Masking(bool),
}

/// What is to be done.
enum Deed {
    Gesture(Gesture),
    Text(String),
}

/// Serves a stream of the input channel.
pub(super) async fn serve(
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    controls: Option<&Controls>,
    pointer: &Pointer,
) -> Result<(), Unheard> {
    // The first is never masked: no passage was begun.
    let Some(first) = heard.next().await?.and_then(said) else {
        return Ok(answers.refuse_for(Cause::BadRequest, NONSENSE).await?);
    };
    let permit = match gate.admit::<gate::Control>("your mouse and keyboard").await {
        Ok(permit) => permit,
        Err(refusal) => return Ok(answers.refuse(refusal.to_wire()).await?),
    };
    let Some(controls) = controls else {
        let text = "this computer has no screen with a mouse and keyboard";
        return Ok(answers.refuse_for(Cause::NoScreen, text).await?);
    };
    let grip = match controls.take(permit).await {
        Ok(grip) => grip,
        Err(error) => return Ok(answers.refuse(refusal(&error)).await?),
    };
    let mut using = Using {
        heard,
        answers,
        grip: &grip,
        user: grip.user(),
        asking: gate.asking(),
        gate,
        passage: Passage::default(),
        masks: None,
        user_masks: gate.masked_by_user(),
        moves: pointer.follow(),
        withheld: None,
        told: None,
    };
    let ended = tokio::select! {
        biased;
        () = grip.revoked() => None,
        ended = using.run(first) => Some(ended),
    };
    // What is held down is let go before anything is said of it.
    drop(grip);
    match ended {
        Some(Ok(None)) => {
            answers.send(Kind::Hand(Hand { user: false })).await?;
            Ok(answers.finish().await?)
        }
        Some(Ok(Some(refusal))) => Ok(answers.refuse(refusal).await?),
        Some(Err(unheard)) => Err(unheard),
        None => Ok(answers.refuse(no("the user stopped it")).await?),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
fn said(kind: Kind) -> Option<Said> {
    let gesture = match kind {
        Kind::Button(it) => Gesture::Button { button: it.button, down: it.down, x: it.x, y: it.y },
        Kind::Wheel(it) => {
            let at = (!it.here).then_some((it.x, it.y));
            Gesture::Wheel { right: it.right, down: it.down, at }
        }
        Kind::Key(it) => Gesture::Key { usage: it.usage, down: it.down },
        Kind::StillHeld(_) => Gesture::StillHeld,
        Kind::Typed(it) => return Some(Said::Deed(Deed::Text(it.text))),
        Kind::Masking(it) => return Some(Said::Masking(it.on)),
        _ => return None,
    };
    Some(Said::Deed(Deed::Gesture(gesture)))
}

/// A grip that is used.
struct Using<'a> {
    heard: &'a mut Heard,
    answers: &'a mut Answers,
    grip: &'a Grip,
    user: watch::Receiver<bool>,
    asking: watch::Receiver<bool>,
    gate: &'a Gate,
    passage: Passage,
    /// The user is told of the technician's while it lasts.
    masks: Option<Masks>,
    user_masks: watch::Receiver<bool>,
    moves: watch::Receiver<Place>,
    /// Something was not done: the last time, why.
    withheld: Option<message::Refusal>,
    /// When that was said last.
    told: Option<Instant>,
}

impl Using<'_> {
    /// Until the technician finishes. Gives why not everything was done.
    async fn run(&mut self, first: Said) -> Result<Option<message::Refusal>, Unheard> {
        if *self.user_masks.borrow_and_update() {
            self.masked_by_user(true).await?;
        }
        if let Some(refusal) = self.act(first).await? {
            return Ok(Some(refusal));
        }
        loop {
            let passage = self.passage.ends();
            tokio::select! {
                () = until(passage) => self.passage_over().await?,
                Ok(()) = self.user_masks.changed() => {
                    let on = *self.user_masks.borrow_and_update();
                    self.masked_by_user(on).await?;
                }
                Ok(()) = self.user.changed() => {
                    let user = *self.user.borrow_and_update();
                    self.answers.send(Kind::Hand(Hand { user })).await?;
                }
                Ok(()) = self.asking.changed() => {
                    if *self.asking.borrow_and_update()
                        && let Err(error) = self.grip.make(Gesture::LetGo).await
                    {
                        return Ok(Some(refusal(&error)));
                    }
                }
                Ok(()) = self.moves.changed() => {
                    let (x, y) = *self.moves.borrow_and_update();
                    if let Err(error) = self.make(Deed::Gesture(Gesture::Move(x, y))).await {
                        tracing::trace!(%error, "a move came to nothing");
                    }
                }
                kind = self.heard.next_any() => {
                    let Some((kind, masked)) = kind? else { return Ok(self.withheld.take()) };
                    let said = match self.taken(kind, masked) {
                        Ok(said) => said,
                        Err((cause, text)) => return Ok(Some(refused(cause, text.to_owned()))),
                    };
                    if let Some(refusal) = self.act(said).await? {
                        return Ok(Some(refusal));
                    }
                }
            }
        }
    }

    /// What a message says, where it may be said so.
    fn taken(&self, kind: Kind, masked: bool) -> Result<Said, Untaken> {
        let said = said(kind).ok_or((Cause::BadRequest, NONSENSE))?;
        let may_be = matches!(said, Said::Deed(Deed::Text(_) | Deed::Gesture(Gesture::Key { .. })));
        if masked && !(may_be && self.passage.is_open(Instant::now())) {
            return Err(NOT_HERE);
        }
        Ok(said)
    }

    async fn masked_by_user(&mut self, on: bool) -> Result<(), Unheard> {
        if self.passage.user(on, Instant::now()) {
            self.answers.send(Kind::Masking(Masking { on })).await?;
        }
        Ok(())
    }

    /// It lasted long enough.
    async fn passage_over(&mut self) -> Result<(), Unheard> {
        let user = self.passage.over(Instant::now());
        self.masks = None;
        if user {
            self.gate.mask(false);
        }
        Ok(self.answers.send(Kind::Masking(Masking { on: false })).await?)
    }

    /// Does one thing. Gives a refusal where the stream cannot go on.
    async fn act(&mut self, said: Said) -> Result<Option<message::Refusal>, Unheard> {
        let deed = match said {
            Said::Masking(on) if on && !self.gate.may_mask() => {
                let (cause, text) = FORBIDDEN;
                return Ok(Some(refused(cause, text.to_owned())));
            }
            Said::Masking(on) => {
                if self.passage.technician(on, Instant::now()) {
                    self.masks = on.then(|| self.gate.masks());
                }
                return Ok(None);
            }
            Said::Deed(deed) => deed,
        };
        let Err(error) = self.make(deed).await else { return Ok(None) };
        let refusal = refusal(&error);
        match error {
            HandError::Withheld(Withheld::User) => self.withheld = Some(refusal),
            HandError::Withheld(Withheld::Stop | Withheld::Asking)
            | HandError::Own
            | HandError::NoKey(_) => {
                self.withheld = Some(refusal.clone());
                if self.told.is_none_or(|told| told.elapsed() >= REFUSALS_APART) {
                    self.told = Some(Instant::now());
                    self.answers.send(Kind::Refusal(refusal)).await?;
                }
            }
            HandError::Withheld(Withheld::Button(_) | Withheld::Key(_))
            | HandError::Revoked
            | HandError::TooLong(_)
            | HandError::Desktop(_)
            | HandError::Unable(_)
            | HandError::Display(_) => return Ok(Some(refusal)),
        }
        Ok(None)
    }

    async fn make(&self, deed: Deed) -> Result<(), HandError> {
        // The technician never answers for the user.
        if *self.asking.borrow() && !matches!(deed, Deed::Gesture(Gesture::StillHeld)) {
            return Err(Withheld::Asking.into());
        }
        match deed {
            Deed::Gesture(gesture) => self.grip.make(gesture).await,
            Deed::Text(text) => self.grip.text(text).await,
        }
    }
}

fn no(text: &str) -> message::Refusal {
    refused(Cause::NotGranted, text.to_owned())
}

fn refused(cause: Cause, text: String) -> message::Refusal {
    message::Refusal { cause: cause.into(), grant: Grant::Control.to_wire().into(), text }
}

fn refusal(error: &HandError) -> message::Refusal {
    let cause = match error {
        HandError::Withheld(Withheld::User | Withheld::Stop | Withheld::Asking)
        | HandError::Own
        | HandError::Revoked => Cause::NotGranted,
        HandError::Withheld(Withheld::Button(_) | Withheld::Key(_)) | HandError::TooLong(_) => {
            Cause::BadRequest
        }
        HandError::NoKey(_)
        | HandError::Desktop(_)
        | HandError::Unable(_)
        | HandError::Display(_) => Cause::Trouble,
    };
    refused(cause, error.to_string())
}
