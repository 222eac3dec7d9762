//! The screen channel: a picture of the screen, or one after the other.

use bytes::Bytes;
use deskside_link::Beside;
use deskside_link::stream::StreamError;
use deskside_protocol::frame::MAX_CHUNK;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    Chunk, Screenshot as Announced, ScreenshotRequest, Watch, message::Kind,
};

use super::watch::{self, Seat};
use crate::desktop::Screen;
use crate::gate::{Answers, Gate, Heard, Permit, Unheard, View};

/// Serves a stream of the screen channel.
pub(super) async fn serve(
    heard: &mut Heard,
    answers: &mut Answers,
    gate: &Gate,
    (screen, seat): (Option<&Screen>, &Seat),
    beside: &Beside,
) -> Result<(), Unheard> {
    let wish = match heard.next().await? {
        Some(Kind::ScreenshotRequest(request)) => Wish::Picture(request),
        Some(Kind::Watch(watch)) => Wish::Live(watch),
        _ => {
            let text = "the screen channel takes wishes to watch and requests for screenshots";
            return Ok(answers.refuse_for(Cause::BadRequest, text).await?);
        }
    };
    let permit = match gate.admit::<View>("your screen").await {
        Ok(permit) => permit,
        Err(refusal) => return Ok(answers.refuse(refusal.to_wire()).await?),
    };
    let Some(screen) = screen else {
        let text = "this computer has no screen that Deskside can read";
        return Ok(answers.refuse_for(Cause::NoScreen, text).await?);
    };
    match wish {
        Wish::Picture(request) => picture(&request, answers, &permit, screen).await,
        Wish::Live(watch) => {
            Box::pin(watch::serve(watch, (heard, answers), (&permit, screen, seat), beside)).await
        }
    }
}

/// What a stream is for.
enum Wish {
    Picture(ScreenshotRequest),
    Live(Watch),
}

async fn picture(
    request: &ScreenshotRequest,
    answers: &mut Answers,
    permit: &Permit<View>,
    screen: &Screen,
) -> Result<(), Unheard> {
    let picture = match screen.screenshot(permit, request.monitor).await {
        Ok(picture) => picture,
        Err(error) => return Ok(answers.refuse_for(error.cause(), error.to_string()).await?),
    };
    let bytes = picture.png.len() as u64;
    let announced = Announced { width: picture.width, height: picture.height, bytes };
    answers.send(Kind::Screenshot(announced)).await?;
    let sent = tokio::select! {
        biased;
        () = permit.revoked() => None,
        sent = send(answers, picture.png.into()) => Some(sent),
    };
    match sent {
        Some(sent) => Ok(sent?),
        // A refusal would wait behind what QUIC holds of the picture already.
        None => {
            answers.cut_off();
            Ok(())
        }
    }
}

/// Sends the picture in pieces.
async fn send(answers: &mut Answers, mut png: Bytes) -> Result<(), StreamError> {
    while !png.is_empty() {
        let data = png.split_to(png.len().min(MAX_CHUNK));
        answers.send(Kind::Chunk(Chunk { data })).await?;
    }
    answers.finish().await
}
