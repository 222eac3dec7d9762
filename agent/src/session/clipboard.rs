//! The clipboard's text, either way: what one copies the other can paste. What came from the other
//! end is not sent back.

use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{self, Copied, message::Kind};

use crate::desktop::{Clipboard, ClipboardError, Lent};
use crate::gate::{self, Answers, Gate, Heard, Unheard};

/// To whatever does not belong here.
const NONSENSE: &str = "the clipboard channel takes copied text";

/// Serves a stream of the clipboard channel.
pub(super) async fn serve(
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    clipboard: &Clipboard,
) -> Result<(), Unheard> {
    let Some(Kind::Copied(first)) = heard.next().await? else {
        return Ok(answers.refuse_for(Cause::BadRequest, NONSENSE).await?);
    };
    let permit = match gate.admit::<gate::Clipboard>("what you copied").await {
        Ok(permit) => permit,
        Err(refusal) => return Ok(answers.refuse(refusal.to_wire()).await?),
    };
    let mut lent = match clipboard.lend(permit).await {
        Ok(lent) => lent,
        Err(error) => return Ok(answers.refuse(refusal(&error)).await?),
    };
    let permit = lent.permit();
    let ended = tokio::select! {
        biased;
        () = permit.revoked() => None,
        ended = share(heard, answers, &mut lent, first) => Some(ended?),
    };
    drop((lent, permit));
    match ended {
        Some(None) => Ok(answers.finish().await?),
        Some(Some(refusal)) => Ok(answers.refuse(refusal).await?),
        None => Ok(answers.refuse(refused(Cause::NotGranted, "the user stopped it")).await?),
    }
}

/// Until the technician finishes. Gives why it could not go on.
async fn share(
    heard: &mut Heard,
    answers: &mut Answers,
    lent: &mut Lent,
    first: Copied,
) -> Result<Option<message::Refusal>, Unheard> {
    let mut next = Some(first);
    loop {
        if let Some(copied) = next.take() {
            let done = if copied.text.is_empty() {
                match lent.text().await {
                    Ok(text) => {
                        answers.send(Kind::Copied(Copied { text })).await?;
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            } else {
                lent.set(copied.text).await
            };
            if let Err(error) = done {
                return Ok(Some(refusal(&error)));
            }
        }
        tokio::select! {
            copied = lent.copied() => match copied {
                Ok(text) => answers.send(Kind::Copied(Copied { text })).await?,
                Err(error) => return Ok(Some(refusal(&error))),
            },
            kind = heard.next() => match kind? {
                Some(Kind::Copied(copied)) => next = Some(copied),
                Some(_) => return Ok(Some(refused(Cause::BadRequest, NONSENSE))),
                None => return Ok(None),
            },
        }
    }
}

fn refused(cause: Cause, text: &str) -> message::Refusal {
    let grant = Grant::Clipboard.to_wire().into();
    message::Refusal { cause: cause.into(), grant, text: text.to_owned() }
}

fn refusal(error: &ClipboardError) -> message::Refusal {
    let cause = match error {
        ClipboardError::None => Cause::NoScreen,
        ClipboardError::TooLong(_) => Cause::BadRequest,
        ClipboardError::Display(_) => Cause::Trouble,
    };
    refused(cause, &error.to_string())
}
