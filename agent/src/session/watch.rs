//! The live screen on its stream: what the camera shows goes out, what the viewer says goes to the
//! camera. Pieces go on streams of their own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_link::Beside;
use deskside_link::stream::{Sender, StreamError};
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{
    CursorPlace, CursorShape, Message, Monitor, Watch, Watching, message::Kind,
};
use deskside_screen::{Coded, Piece};
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::desktop::{Cursor, DesktopError, Live, Order, Scene, Screen, Shot};
use crate::gate::{Answers, Heard, Permit, Unheard, View};

/// A stream that takes another's place may overtake the word that the other has ended: of that many
/// round trips even the slowest line makes several in this time.
const PARTING: Duration = Duration::from_secs(1);

/// Why a second stream is refused.
const TAKEN: &str = "another stream watches the screen already";

/// The place of the one stream that sees the screen: what a recording shows of it is what that one
/// was sent.
#[derive(Debug, Clone)]
pub(super) struct Seat(Arc<Semaphore>);

impl Seat {
    /// A free one.
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Takes it, once whoever has it has left; not, where that does not come about.
    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        timeout(PARTING, self.0.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// Serves a stream whose first message was `first`, for as long as the permit lasts.
pub(super) async fn serve(
    first: Watch,
    (heard, answers): (&mut Heard, &mut Answers),
    (permit, screen, seat): (&Permit<View>, &Screen, &Seat),
    beside: &Beside,
) -> Result<(), Unheard> {
    let mut seated = None;
    if !may_see(&first, &mut seated, seat, permit).await {
        return Ok(answers.refuse_for(Cause::BadRequest, TAKEN).await?);
    }
    let (live, mut shots) = match screen.watch(permit).await {
        Ok(watched) => watched,
        Err(error) => return Ok(answers.refuse_for(error.cause(), error.to_string()).await?),
    };
    live.order(order(first));
    let mut out = Out { answers, beside, pieces: VecDeque::new(), pointed: 0 };
    loop {
        tokio::select! {
            biased;
            () = permit.revoked() => {
                out.cut_off();
                return Ok(());
            }
            said = heard.next() => match said? {
                Some(Kind::Watch(watch)) => {
                    if !may_see(&watch, &mut seated, seat, permit).await {
                        return Ok(out.answers.refuse_for(Cause::BadRequest, TAKEN).await?);
                    }
                    live.order(order(watch));
                }
                Some(Kind::Shown(shown)) => out.shown(shown.whole, &live),
                Some(_) => {
                    let text = "a stream that watches takes no such message";
                    return Ok(out.answers.refuse_for(Cause::BadRequest, text).await?);
                }
                None => return Ok(out.answers.finish().await?),
            },
            shot = shots.recv() => {
                let sent = tokio::select! {
                    biased;
                    () = permit.revoked() => None,
                    sent = out.send(shot) => Some(sent?),
                };
                match sent {
                    Some(true) => {}
                    Some(false) => return Ok(()),
                    None => {
                        out.cut_off();
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Whether a stream may have what it wishes: only one sees, any may ask where a monitor lies.
async fn may_see(
    watch: &Watch,
    seated: &mut Option<OwnedSemaphorePermit>,
    seat: &Seat,
    permit: &Permit<View>,
) -> bool {
    if watch.hidden || seated.is_some() {
        return true;
    }
    tokio::select! {
        biased;
        // Whoever serves the stream ends it then.
        () = permit.revoked() => true,
        taken = seat.take() => {
            *seated = taken;
            seated.is_some()
        }
    }
}

const fn order(watch: Watch) -> Order {
    Order::Watch { monitor: watch.monitor, hidden: watch.hidden, afresh: watch.afresh }
}

/// What leaves for the viewer.
struct Out<'a> {
    answers: &'a mut Answers,
    beside: &'a Beside,
    /// Pieces that the viewer may not have yet, with the frame that each belongs to.
    pieces: VecDeque<(u64, Sender<Message>)>,
    /// Counts places of the pointer.
    pointed: u64,
}

impl Out<'_> {
    /// Sends one shot, and says whether more may follow.
    async fn send(&mut self, shot: Option<Shot>) -> Result<bool, Unheard> {
        match shot {
            Some(Shot::Scene(scene)) => self.answers.send(Kind::Watching(watching(&scene))).await?,
            Some(Shot::Frame(coded)) => self.frame(coded).await?,
            Some(Shot::Cursor { place, cursor }) => {
                self.answers.send(Kind::CursorShape(shape(place, cursor))).await?;
            }
            Some(Shot::Pointer(x, y)) => self.point(x, y),
            Some(Shot::Failed(error)) => {
                self.refuse(&error).await?;
                return Ok(false);
            }
            None => {
                self.refuse(&DesktopError::Silent).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn refuse(&mut self, error: &DesktopError) -> Result<(), StreamError> {
        self.answers.refuse_for(error.cause(), error.to_string()).await
    }

    async fn frame(&mut self, coded: Coded) -> Result<(), StreamError> {
        let Coded { frame, pieces } = coded;
        self.answers.send(Kind::ScreenFrame(frame.announce())).await?;
        for part in frame.parts() {
            self.answers.body(part).await?;
        }
        for piece in pieces {
            let sender = self.piece(&piece).await?;
            self.pieces.push_back((piece.frame, sender));
        }
        Ok(())
    }

    async fn piece(&self, piece: &Piece) -> Result<Sender<Message>, StreamError> {
        let mut sender = self.beside.open::<Message>(Channel::Screen).await?;
        sender.behind();
        sender.send(&Message { kind: Some(Kind::ScreenPiece(piece.announce())) }).await?;
        for part in piece.parts() {
            sender.send_body(part).await?;
        }
        sender.finish();
        Ok(sender)
    }

    fn point(&mut self, x: i32, y: i32) {
        self.pointed += 1;
        let place = CursorPlace { number: self.pointed, x, y };
        let message = Message { kind: Some(Kind::CursorPlace(place)) };
        self.beside.send(Bytes::from(message.encode_to_vec()));
    }

    fn shown(&mut self, whole: u64, live: &Live) {
        while self.pieces.pop_front_if(|(frame, _)| *frame <= whole).is_some() {}
        let quality = self.beside.quality();
        let (trip, rate) = (quality.rtt, quality.rate());
        live.order(Order::Whole { frame: whole, trip, rate });
    }

    /// What has not left this computer yet never will.
    fn cut_off(&mut self) {
        for (_, piece) in &mut self.pieces {
            piece.reset(CloseCode::Refused);
        }
        self.answers.cut_off();
    }
}

fn watching(scene: &Scene) -> Watching {
    let region = scene.region;
    let monitors = scene.monitors.iter().map(|monitor| Monitor {
        name: monitor.name.clone(),
        x: place(monitor.region.x),
        y: place(monitor.region.y),
        width: monitor.region.width,
        height: monitor.region.height,
    });
    Watching {
        monitor: scene.monitor,
        x: place(region.x),
        y: place(region.y),
        width: region.width,
        height: region.height,
        monitors: monitors.collect(),
    }
}

/// A place on a desktop, whose sides have 16 bits.
fn place(place: u32) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

fn shape(place: u32, cursor: Cursor) -> CursorShape {
    CursorShape {
        id: place,
        width: cursor.width,
        height: cursor.height,
        hot_x: cursor.hot_x,
        hot_y: cursor.hot_y,
        bgra: cursor.bgra.into(),
    }
}
