//! The user's screen on one line after the other: frames, pieces and the pointer come in and are
//! decoded; what the window shows of them is said back.
//!
//! Decoding happens where the bytes arrive: a small frame, as of a key's echo, meets no other thread
//! between the socket and the window's.

use std::time::{Duration, Instant};

use bytes::Bytes;
use deskside_link::Line;
use deskside_link::beside::Quality;
use deskside_link::line::Stream;
use deskside_link::stream::{Sender, StreamError};
use deskside_protocol::act::Actor;
use deskside_protocol::channel::Channel;
use deskside_protocol::close::CloseCode;
use deskside_protocol::frame::FrameError;
use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::{Act, Message, Shown, Watch, Watching, message::Kind};
use deskside_screen::{Announced, DecodeError, Frame};
use prost::Message as _;
use tokio::time::{MissedTickBehavior, interval};

use super::aside::Aside;
use super::pieces::{Arrived, Pieces};
use super::{Gone, Work};
use crate::viewer::front::{Front, Seen, Wanted};
use crate::viewer::model::{MAX_MONITORS, Reading, limit};

/// How often the connection is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Above so many coded bytes decoding takes milliseconds: others of this thread are not held up.
const LARGE: usize = 32 * 1024;

/// The user's screen.
pub(super) struct Seeing(pub(super) Front);

impl Work for Seeing {
    const NEEDS: Grant = Grant::View;

    async fn on(&mut self, line: &Line) -> Gone {
        let gone = match watched(&self.0, line).await {
            Ok(never) => match never {},
            Err(gone) => gone,
        };
        self.0.change(|model, _| model.stopped = true);
        gone
    }
}

enum Never {}

/// Watches on one line, as long as that goes.
async fn watched(front: &Front, line: &Line) -> Result<Never, Gone> {
    let stream: Stream<Act, Message> = line.open(Channel::Screen).await?;
    let Stream { id, sender, mut receiver, .. } = stream;
    let actor = line.act_key().actor(Channel::Screen, id);
    let beside = line.beside();
    let (mut wanted, mut seen) = (front.watch_wanted(), front.watch_seen());
    if let Err(error) = front.sight().begin() {
        tracing::error!(%error, "nothing can be decoded");
        return Err(Gone::Lost);
    }
    // What was shown of the stream before means nothing on this one.
    front.seen(Seen::default());
    seen.mark_unchanged();
    let mut pieces = Pieces::of(beside.clone());
    let quality = beside.quality();
    let aside = Aside::start().map_err(|error| {
        tracing::error!(%error, "there is no thread to decode on");
        Gone::Lost
    })?;
    let (coming, looked) = (None, Instant::now());
    let mut screen = Screen { front, sender, actor, aside, coming, quality, looked };
    let wish = *wanted.borrow_and_update();
    screen.want(wish, false).await?;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            Ok(()) = seen.changed() => {
                let now = *seen.borrow_and_update();
                screen.shown(now).await?;
            }
            body = receiver.receive_body() => screen.hear(body).await?,
            piece = pieces.next() => screen.piece(piece.map_err(lost)?).await?,
            datagram = beside.datagram() => screen.datagram(datagram.map_err(lost)?),
            Ok(()) = wanted.changed() => {
                let wish = *wanted.borrow_and_update();
                screen.want(wish, false).await?;
            }
            _ = looks.tick() => screen.look(beside.quality()),
        }
    }
}

fn lost(error: quinn::ConnectionError) -> StreamError {
    quinn::ReadError::ConnectionLost(error).into()
}

/// The stream.
struct Screen<'a> {
    front: &'a Front,
    sender: Sender<Act>,
    actor: Actor,
    aside: Aside,
    /// A frame of which not all has come, and since when it comes.
    coming: Option<(Announced, Instant)>,
    quality: Quality,
    looked: Instant,
}

impl Screen<'_> {
    async fn say(&mut self, kind: Kind) -> Result<(), Gone> {
        Ok(self.sender.send(&self.actor.wrap(&Message { kind: Some(kind) })).await?)
    }

    async fn want(&mut self, wanted: Wanted, afresh: bool) -> Result<(), Gone> {
        let Wanted { monitor, hidden, .. } = wanted;
        self.say(Kind::Watch(Watch { monitor, hidden, afresh })).await
    }

    async fn shown(&mut self, seen: Seen) -> Result<(), Gone> {
        let Seen { frame, whole } = seen;
        // What the window shows may still be of the stream before.
        if frame == 0 || frame > self.front.sight().numbers().0 {
            return Ok(());
        }
        self.say(Kind::Shown(Shown { frame, whole })).await
    }

    /// What came on the stream: a message, or a part of a frame.
    async fn hear(&mut self, body: Result<Option<Bytes>, StreamError>) -> Result<(), Gone> {
        let body = match body {
            Ok(Some(body)) => body,
            Ok(None) => return Err(Gone::Lost),
            Err(error) if error.is_reset(CloseCode::Refused) => return Err(Gone::Lost),
            Err(error) => return Err(error.into()),
        };
        if let Some((announced, _)) = &mut self.coming {
            announced.push(&body).map_err(|error| broken(&error))?;
            return self.frame().await;
        }
        let message = Message::decode(body).map_err(|_| FrameError::Malformed);
        match message.map_err(StreamError::from)?.kind {
            Some(Kind::ScreenFrame(told)) => {
                let announced = Announced::new(&told).map_err(|error| broken(&error))?;
                self.coming = Some((announced, Instant::now()));
                self.frame().await
            }
            Some(Kind::Watching(told)) => {
                self.watching(told);
                Ok(())
            }
            Some(Kind::CursorShape(told)) => {
                self.front.sight().pointer.look(&told);
                self.front.wake();
                Ok(())
            }
            Some(Kind::CursorPlace(told)) => {
                self.place(&told);
                Ok(())
            }
            Some(Kind::Refusal(refusal)) => Err(Gone::from(&refusal)),
            // Of a newer version.
            _ => Ok(()),
        }
    }

    fn watching(&self, told: Watching) {
        self.front.sight().watching(&told);
        self.front.change(|model, _| {
            model.monitor = told.monitor;
            model.monitors = told.monitors;
            model.monitors.truncate(MAX_MONITORS);
            model.stopped = false;
        });
    }

    /// Decodes the frame that is coming, once all of it is there.
    async fn frame(&mut self) -> Result<(), Gone> {
        if !self.coming.as_ref().is_some_and(|(announced, _)| announced.is_whole()) {
            return Ok(());
        }
        let Some((announced, began)) = self.coming.take() else { return Ok(()) };
        let frame = announced.into_frame();
        let decoded = self.decode(frame, began.elapsed()).await?;
        self.front.wake();
        self.after(decoded).await
    }

    async fn decode(&self, frame: Frame, took: Duration) -> Result<Result<(), DecodeError>, Gone> {
        // The first frame of a size makes room for it, too.
        let large = frame.bytes() > LARGE || (frame.fresh && frame.size.pixels() > LARGE);
        let front = self.front.clone();
        let decode = move || {
            let began = Instant::now();
            let mut sight = front.sight();
            let decoded = sight.frame(&frame, took);
            sight.busy(began.elapsed());
            decoded
        };
        if large { self.aside.run(decode).await } else { Ok(decode()) }
    }

    async fn piece(&mut self, arrived: Arrived) -> Result<(), Gone> {
        let piece = match arrived {
            Ok(piece) => piece,
            Err(frame) => {
                if let Some(frame) = frame {
                    self.front.sight().lost(frame);
                    self.front.wake();
                }
                return Ok(());
            }
        };
        let front = self.front.clone();
        let decode = move || {
            let began = Instant::now();
            let mut sight = front.sight();
            let decoded = sight.piece(&piece);
            sight.busy(began.elapsed());
            decoded
        };
        let decoded = self.aside.run(decode).await?;
        self.front.wake();
        self.after(decoded).await
    }

    /// A decoder that lost its way finds it again with a frame that begins anew.
    async fn after(&mut self, decoded: Result<(), DecodeError>) -> Result<(), Gone> {
        match decoded {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "a frame cannot be decoded: another is asked for");
                let wanted = *self.front.watch_wanted().borrow();
                self.want(wanted, true).await
            }
        }
    }

    fn datagram(&self, datagram: Bytes) {
        match Message::decode(datagram) {
            Ok(Message { kind: Some(Kind::CursorPlace(told)) }) => self.place(&told),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a datagram is no message"),
        }
    }

    fn place(&self, told: &deskside_protocol::wire::message::CursorPlace) {
        if self.front.sight().moved(told) {
            self.front.wake();
        }
    }

    fn look(&mut self, now: Quality) {
        let over = self.looked.elapsed();
        self.looked = Instant::now();
        let before = std::mem::replace(&mut self.quality, now);
        let flow = self.front.sight().take_flow();
        let (sent, lost) = (now.sent - before.sent, now.lost.saturating_sub(before.lost));
        let lost = u32::try_from(lost * 1000 / sent.max(1)).unwrap_or(1000).min(1000);
        let millis = u64::try_from(over.as_millis()).unwrap_or(u64::MAX).max(1);
        let reading = Reading {
            rtt: now.rtt,
            rate: now.received.saturating_sub(before.received) * 1000 / millis,
            frames: flow.frames,
            lost,
            limit: limit(flow, now.rtt, lost, over.max(Duration::from_millis(1))),
        };
        self.front.note(|model| model.reading = Some(reading));
    }
}

/// The agent announces what cannot be: it is not spoken with on this stream any more.
fn broken(error: &deskside_screen::WireError) -> Gone {
    Gone::Refused(crate::failure::Failure::new(
        deskside_protocol::exit::Exit::EndedByPeer,
        format!("the user's computer broke the protocol: {error}"),
    ))
}
