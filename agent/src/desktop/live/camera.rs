//! The thread that watches: it waits for the display, the viewer and the clock, reads what was
//! damaged as late as possible, codes it and hands it out.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use deskside_screen::{Coded, TILE};
use tokio::sync::mpsc::Sender;

use super::pacer::{Budget, INTERVAL, Pacer, Start};
use super::shapes::Shapes;
use super::stage::{Stage, scene};
use super::{Order, Shot};
use crate::desktop::DesktopError;
use crate::desktop::bell::Bell;
use crate::desktop::capture::{Capture, News};

/// Pixels that have not changed for so long become exact.
const REST: Duration = Duration::from_millis(250);
/// A large change is drawn in many steps: it gathers for so long at the most, so that it is one frame
/// and not two.
const GATHER: Duration = Duration::from_millis(3);
/// It is drawn when nothing more was damaged for so long: a program's next request comes sooner.
const DRAWN: Duration = Duration::from_micros(600);
/// While no frame may start, what was damaged is asked for as often as this: what happens apart stays
/// apart, so that what is small goes first.
const COLLECT: Duration = Duration::from_millis(8);
/// Pixels made exact by one frame on a wide line: a sixth of 1080p, 20 ms of a processor.
const REFINED: usize = 345_600;
/// Bytes of an exact pixel of a photo, in tenths, as they were measured.
const EXACT_TENTHS: usize = 13;
/// What a frame and each of its pieces have beside their bytes, about.
const WRAPPING: usize = 40;
/// Bytes of a tile before anything was measured: a line of text.
const FIRST_COST: f64 = 300.0;
/// How much a frame changes what tiles are thought to cost.
const LEARNING: f64 = 0.3;

/// Why the camera stops without a fault.
enum Stop {
    /// Nobody looks any more.
    Unwatched,
    Failed(DesktopError),
}

impl<E: Into<DesktopError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is watched, and how.
struct Wish {
    monitor: u32,
    hidden: bool,
}

pub(super) struct Camera {
    capture: Box<dyn Capture>,
    bell: Bell,
    orders: Receiver<Order>,
    out: Sender<Shot>,
    begun: Instant,
    wish: Option<Wish>,
    stage: Option<Stage>,
    pacer: Pacer,
    shapes: Shapes,
    /// What happened and was not dealt with yet.
    news: News,
    pointed: Option<Duration>,
    /// A large change gathers since, and was added to last.
    gathers: Option<(Duration, Duration)>,
    /// When something changed last.
    changed: Duration,
    /// When it was last asked what was damaged.
    collected: Duration,
    /// Bytes of a damaged tile, about.
    cost: f64,
}

impl Camera {
    pub(super) fn new(
        capture: Box<dyn Capture>,
        bell: Bell,
        orders: Receiver<Order>,
        out: Sender<Shot>,
    ) -> Self {
        Self {
            capture,
            bell,
            orders,
            out,
            begun: Instant::now(),
            wish: None,
            stage: None,
            pacer: Pacer::new(),
            shapes: Shapes::default(),
            news: News::default(),
            pointed: None,
            gathers: None,
            changed: Duration::ZERO,
            collected: Duration::ZERO,
            cost: FIRST_COST,
        }
    }

    /// Watches until nobody looks any more or the display fails.
    pub(super) fn run(mut self) {
        if let Err(Stop::Failed(error)) = self.watch()
            && self.tell(Shot::Failed(error)).is_err()
        {
            tracing::debug!("nobody is left to hear that the screen failed");
        }
    }

    fn watch(&mut self) -> Result<(), Stop> {
        loop {
            self.take_orders()?;
            let most = if self.wish.as_ref().is_some_and(|wish| !wish.hidden) {
                self.look()?
            } else {
                None
            };
            self.capture.wait(&self.bell, most)?;
            self.news.add(self.capture.news()?);
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn tell(&self, shot: Shot) -> Result<(), Stop> {
        self.out.blocking_send(shot).map_err(|_| Stop::Unwatched)
    }

    fn take_orders(&mut self) -> Result<(), Stop> {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Watch { monitor, hidden, afresh }) => {
                    self.wished(monitor, hidden, afresh)?;
                }
                Ok(Order::Whole { frame, trip, rate }) => {
                    self.pacer.line(rate);
                    self.pacer.shown(frame, trip, self.begun.elapsed());
                    if let Some(stage) = &mut self.stage {
                        stage.encoder.acknowledge(frame);
                    }
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Stop::Unwatched),
            }
        }
    }

    fn wished(&mut self, monitor: u32, hidden: bool, afresh: bool) -> Result<(), Stop> {
        let before = self.wish.replace(Wish { monitor, hidden });
        let other = before.is_none_or(|before| before.monitor != monitor);
        if other || afresh {
            self.pacer.forget();
            self.shapes.forget();
            self.news.add(News::ALL);
            if let Some(stage) = &mut self.stage {
                stage.encoder.restart();
                stage.pending.add_all();
            }
        }
        self.arrange(true)
    }

    /// Does what is due. Gives the time until something is due again where nothing happens.
    fn look(&mut self) -> Result<Option<Duration>, Stop> {
        if std::mem::take(&mut self.news.layout) {
            self.arrange(false)?;
        }
        if std::mem::take(&mut self.news.cursor)
            && let Some(cursor) = self.capture.cursor()?
            && let Some((place, cursor)) = self.shapes.told(cursor)
        {
            self.tell(Shot::Cursor { place, cursor })?;
        }
        let pointer = self.point()?;
        let frame = self.frame()?;
        Ok(match (pointer, frame) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        })
    }

    /// Tells where the pointer is, where it moved, and not more often than frames come.
    fn point(&mut self) -> Result<Option<Duration>, Stop> {
        if !self.news.pointer {
            return Ok(None);
        }
        let now = self.now();
        if let Some(due) = self.pointed.map(|pointed| pointed + INTERVAL)
            && due > now
        {
            return Ok(Some(due - now));
        }
        self.news.pointer = false;
        self.pointed = Some(now);
        let (x, y) = self.capture.pointer()?;
        self.tell(Shot::Pointer(x, y))?;
        Ok(None)
    }

    /// Finds where the picture lies now. Where that changed, or it is asked for, it is told.
    fn arrange(&mut self, asked: bool) -> Result<(), Stop> {
        let Some(wish) = &self.wish else { return Ok(()) };
        let scene = scene(self.capture.as_mut(), wish.monitor)?;
        let same = self.stage.as_ref().is_some_and(|stage| stage.scene == scene);
        if !same {
            let stage = Stage::after(self.stage.take(), scene.clone())?;
            self.stage = Some(stage);
            self.news.damage = true;
        }
        if asked || !same { self.tell(Shot::Scene(scene)) } else { Ok(()) }
    }

    /// Makes a frame where there is something for it and it may start.
    fn frame(&mut self) -> Result<Option<Duration>, Stop> {
        let Some(stage) = &self.stage else { return Ok(None) };
        let waits = self.news.damage || !stage.pending.is_empty();
        if !waits && stage.encoder.is_exact() {
            return Ok(None);
        }
        let now = self.now();
        let small = self.stage.as_ref().is_some_and(|stage| stage.pending.has_small());
        match self.pacer.start(now, small) {
            Start::WhenShown => self.collect(now),
            Start::At(due) => {
                let collects = self.collect(now)?;
                Ok(Some(collects.map_or(due - now, |it| it.min(due - now))))
            }
            Start::Now(budget) if waits => self.shoot(budget),
            Start::Now(budget) => self.refine(&budget),
        }
    }

    /// Asks what was damaged, where it is time to. Gives the time until it is.
    fn collect(&mut self, now: Duration) -> Result<Option<Duration>, Stop> {
        let Some(stage) = &mut self.stage else { return Ok(None) };
        if !self.news.damage {
            return Ok(None);
        }
        let due = self.collected + COLLECT;
        if due > now {
            return Ok(Some(due - now));
        }
        self.collected = now;
        self.news.damage = false;
        stage.damaged(&self.capture.damage()?);
        Ok(None)
    }

    /// A frame of what was damaged.
    fn shoot(&mut self, budget: Budget) -> Result<Option<Duration>, Stop> {
        let Some(stage) = &mut self.stage else { return Ok(None) };
        let more = std::mem::take(&mut self.news.damage);
        if more {
            stage.damaged(&self.capture.damage()?);
        }
        let now = self.begun.elapsed();
        if stage.pending.is_large() {
            let (since, last) = self.gathers.get_or_insert((now, now));
            if more {
                *last = now;
            }
            let due = (*since + GATHER).min(*last + DRAWN);
            if due > now {
                return Ok(Some(due - now));
            }
        }
        self.gathers = None;
        let tiles = match budget.bytes {
            Some(bytes) => stage.pending.take_first(tiles_of(bytes, self.cost)),
            None => stage.pending.take(usize::MAX),
        };
        if tiles.is_empty() {
            return Ok(None);
        }
        self.pacer.begun(now);
        match stage.read(self.capture.as_mut(), &tiles) {
            Ok(()) => {}
            Err(DesktopError::Moved) => {
                self.news.layout = true;
                stage.pending.add_all();
                return Ok(Some(Duration::ZERO));
            }
            Err(error) => return Err(error.into()),
        }
        // All that waits should be visible soon, not only what this frame has room for.
        let waiting = (tiles.len() + stage.pending.len()) * TILE * TILE;
        stage.encoder.set_quality(budget.quality(waiting));
        let coded = stage.code(self.capture.as_ref(), &tiles, now)?;
        // Damage that changed nothing was free: what is next may start at once.
        let Some(coded) = coded else { return Ok(Some(Duration::ZERO)) };
        self.changed = now;
        let bytes = self.send(coded)?;
        // What is dearer than was thought is believed at once: a frame too large makes all behind it late.
        let cost = ratio(bytes, tiles.len());
        self.cost = cost.max(self.cost + LEARNING * (cost - self.cost));
        Ok(Some(Duration::ZERO))
    }

    /// A frame that makes exact what rests, once all that was sent is shown.
    fn refine(&mut self, budget: &Budget) -> Result<Option<Duration>, Stop> {
        let now = self.now();
        if !self.pacer.is_calm() {
            return Ok(None);
        }
        let Some(stage) = &mut self.stage else { return Ok(None) };
        let most = budget.bytes.map_or(REFINED, |bytes| (bytes * 10 / EXACT_TENTHS).min(REFINED));
        match stage.encoder.refine(now, REST, most)? {
            Some(coded) => {
                self.pacer.begun(now);
                self.send(coded)?;
                Ok(Some(Duration::ZERO))
            }
            // Parts may rest already while others change; a part of REST is soon enough.
            None => Ok(Some(REST / 4)),
        }
    }

    /// Hands a frame out. Gives its bytes.
    fn send(&mut self, coded: Coded) -> Result<usize, Stop> {
        let pieces = coded.pieces.iter().map(|piece| piece.jpeg.len() + WRAPPING);
        let bytes = coded.frame.bytes() + WRAPPING + pieces.sum::<usize>();
        let now = self.begun.elapsed();
        tracing::trace!(number = coded.frame.number, bytes, ?now, "a frame leaves");
        self.pacer.sent(coded.frame.number, bytes, now);
        self.tell(Shot::Frame(coded))?;
        Ok(bytes)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bound, rounded down")]
fn tiles_of(bytes: usize, cost: f64) -> usize {
    (ratio(bytes, 1) / cost.max(1.0)) as usize
}

fn ratio(bytes: usize, of: usize) -> f64 {
    let number = |number: usize| u32::try_from(number).map_or(f64::MAX, f64::from);
    number(bytes) / number(of.max(1))
}
