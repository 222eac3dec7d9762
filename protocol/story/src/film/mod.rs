//! The film of the live screen: coded parts are cut out of the track, and make the pictures again.

mod cursor;
mod cutter;
mod pixels;

use deskside_decode::Entry;
use deskside_protocol::wire::message::{CursorShape, Watching};
use deskside_screen::{Changed, DecodeError, Decoder, Frame, Picture, Piece, Point};

pub use cursor::Cursor;
pub use cutter::Cutter;
pub use pixels::rgba;

/// A laser shows for so long after its last word, as the agent has it. In microseconds.
const LASER_US: u64 = 2_000_000;

/// A coded part of the film, with its time: small, and enough to go on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// Microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// What.
    pub told: Told,
}

/// What a take says.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Frames of another stream begin.
    Began,
    /// No more frames come: what is seen is not how the screen is.
    Ended,
    /// Nobody looks, and so no frames come; or somebody looks again.
    Hidden(bool),
    /// Where the picture stands on the desktop.
    Watching(Watching),
    /// A frame.
    Frame(Frame),
    /// A piece of one.
    Piece(Piece),
    /// A piece of this frame does not come.
    Lost(u64),
    /// The pointer looks like this.
    Shape(CursorShape),
    /// The pointer stands there, on the desktop; counts up.
    Place {
        /// The number.
        number: u64,
        /// Columns.
        x: i32,
        /// Rows.
        y: i32,
    },
    /// The technician shows a place, or no longer.
    Laser(Option<(i32, i32)>),
    /// What was told last cannot be decoded: for a film that does not find that out itself.
    Broken,
}

/// What of the sight is another by a take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Nothing that is seen.
    Nothing,
    /// The picture.
    Picture(Changed),
    /// The look of the pointer.
    Shape,
    /// Where the pointer or the laser stands, or the picture on the desktop, or whether it is live.
    Places,
}

/// Shows the film.
#[derive(Debug, Default)]
pub struct Film {
    decoder: Option<Decoder>,
    /// What was seen before this stream: shown until it has a picture itself.
    before: Option<Decoder>,
    cursor: Cursor,
    corner: (i32, i32),
    monitor: u32,
    state: State,
    laser: Option<(u64, (i32, i32))>,
    cutter: Cutter,
    /// Nobody looks, up to [`Film::settle`].
    skims: bool,
}

/// Whether the picture is how the screen is.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The agent shows it.
    watching: bool,
    /// Nobody looks.
    hidden: bool,
    /// Something of it could not be decoded, and no fresh picture has come since.
    lost: bool,
}

/// Where a film can begin to be shown, just before a take that it [can begin with](Film::can_begin_with).
#[derive(Debug, Clone)]
pub struct FilmPoint {
    decoder: Option<Point>,
    cursor: Cursor,
    corner: (i32, i32),
    monitor: u32,
    state: State,
    laser: Option<(u64, (i32, i32))>,
}

impl Film {
    /// Before the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the entry and shows what comes of it. A frame that cannot be decoded changes nothing
    /// (but that one that begins anew leaves black), and neither do those after it up to one that
    /// begins anew: that is told by the error.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn feed(&mut self, entry: &Entry) -> Result<Vec<Turn>, DecodeError> {
        let mut takes = Vec::new();
        self.cutter.feed(entry, |take| takes.push(take));
        takes.iter().map(|take| self.show(take)).collect()
    }

    /// Shows a take.
    ///
    /// # Errors
    /// As for [`Self::feed`].
    pub fn show(&mut self, take: &Take) -> Result<Turn, DecodeError> {
        let shown = self.turn(take);
        self.state.lost |= shown.is_err();
        shown
    }

    /// From here on nobody looks, up to [`Self::settle`]: pieces that are painted over before are not
    /// decoded, and [`Self::picture`] is without the others.
    pub fn skim(&mut self) {
        self.skims = true;
        if let Some(decoder) = &mut self.decoder {
            decoder.skim();
        }
    }

    /// Somebody looks again.
    ///
    /// # Errors
    /// As for [`Self::feed`], of a piece that is seen now.
    pub fn settle(&mut self) -> Result<(), DecodeError> {
        self.skims = false;
        let settled = self.decoder.as_mut().map_or(Ok(()), Decoder::settle);
        self.state.lost |= settled.is_err();
        settled
    }

    fn turn(&mut self, take: &Take) -> Result<Turn, DecodeError> {
        match &take.told {
            Told::Began => {
                self.begin()?;
                return Ok(Turn::Places);
            }
            Told::Ended => self.state = State::default(),
            // The agent answers the one and the other, but only one has a picture behind it.
            Told::Hidden(hidden) => {
                self.state.watching &= self.state.hidden == *hidden;
                self.state.hidden = *hidden;
            }
            Told::Watching(told) => {
                (self.corner, self.monitor) = ((told.x, told.y), told.monitor);
                self.state.watching = true;
            }
            Told::Frame(frame) => return self.frame(frame),
            Told::Piece(piece) => {
                let Some(decoder) = &mut self.decoder else { return Ok(Turn::Nothing) };
                return Ok(turned(decoder.piece(piece)?));
            }
            Told::Lost(frame) => {
                if let Some(decoder) = &mut self.decoder {
                    decoder.lost(*frame);
                }
                return Ok(Turn::Nothing);
            }
            Told::Shape(shape) => {
                return Ok(if self.cursor.look(shape) { Turn::Shape } else { Turn::Nothing });
            }
            Told::Place { number, x, y } => {
                let moved = self.cursor.moved(*number, (*x, *y));
                return Ok(if moved { Turn::Places } else { Turn::Nothing });
            }
            Told::Laser(place) => self.laser = place.map(|place| (take.time_us, place)),
            Told::Broken => self.state.lost = true,
        }
        Ok(Turn::Places)
    }

    fn begin(&mut self) -> Result<(), DecodeError> {
        let mut decoder = Decoder::new()?;
        if self.skims {
            decoder.skim();
        }
        let before = self.decoder.replace(decoder);
        if let Some(mut before) = before.filter(|it| it.picture().is_some()) {
            // What is lost of that stream is not of this one.
            let _seen_or_lost = before.settle();
            self.before = Some(before);
        }
        self.cursor.forget();
        self.state = State::default();
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) -> Result<Turn, DecodeError> {
        let decoder = self.decoder.as_mut().ok_or(DecodeError::NotFresh)?;
        let turn = turned(decoder.frame(frame)?);
        self.before = None;
        self.state.watching = true;
        // Others build on what was lost.
        self.state.lost &= !frame.fresh;
        Ok(turn)
    }

    /// The picture, as soon as there is one.
    #[must_use]
    pub fn picture(&self) -> Option<&Picture> {
        let now = self.decoder.as_ref().and_then(Decoder::picture);
        now.or_else(|| self.before.as_ref().and_then(Decoder::picture))
    }

    /// Whether the picture is how the screen is, or only how it was when it was seen last.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let State { watching, hidden, lost } = self.state;
        let own = self.decoder.as_ref().is_some_and(|decoder| decoder.picture().is_some());
        watching && !hidden && !lost && own
    }

    /// Whether something of the picture could not be decoded: it is older than what was sent.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.state.lost
    }

    /// The monitor that is seen, from 1; 0 is the whole desktop.
    #[must_use]
    pub const fn monitor(&self) -> u32 {
        self.monitor
    }

    /// The user's pointer.
    #[must_use]
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Where the pointer stands in the picture, which may be outside of it.
    #[must_use]
    pub fn pointed(&self) -> Option<(i64, i64)> {
        self.cursor.place().map(|place| self.in_picture(place))
    }

    /// Where the technician's laser stands in the picture.
    #[must_use]
    pub fn laser(&self, now_us: u64) -> Option<(i64, i64)> {
        let (since_us, place) = self.laser?;
        (now_us.saturating_sub(since_us) <= LASER_US).then(|| self.in_picture(place))
    }

    fn in_picture(&self, (x, y): (i32, i32)) -> (i64, i64) {
        (i64::from(x) - i64::from(self.corner.0), i64::from(y) - i64::from(self.corner.1))
    }

    /// Whether a film that is at a point, or knows nothing, can go on with this take.
    #[must_use]
    pub const fn can_begin_with(told: &Told) -> bool {
        match told {
            Told::Began => true,
            Told::Frame(frame) => frame.fresh || frame.renewed,
            Told::Ended
            | Told::Hidden(_)
            | Told::Watching(_)
            | Told::Piece(_)
            | Told::Lost(_)
            | Told::Shape(_)
            | Told::Place { .. }
            | Told::Laser(_)
            | Told::Broken => false,
        }
    }

    /// Where it is now; `None` while it shows what was seen on a stream before, which no point has,
    /// and while it [skims](Self::skim).
    ///
    /// # Errors
    /// [`DecodeError::Zstd`] where there is no memory.
    pub fn point(&self) -> Result<Option<FilmPoint>, DecodeError> {
        if self.before.is_some() || self.skims {
            return Ok(None);
        }
        let point = self.decoder.as_ref().map(Decoder::point).transpose()?;
        Ok(Some(FilmPoint {
            decoder: point.flatten(),
            cursor: self.cursor.clone(),
            corner: self.corner,
            monitor: self.monitor,
            state: self.state,
            laser: self.laser,
        }))
    }

    /// Begins at `point`.
    ///
    /// # Errors
    /// [`DecodeError::Zstd`] where there is no memory.
    pub fn at(point: &FilmPoint) -> Result<Self, DecodeError> {
        let decoder = match &point.decoder {
            Some(decoder) => Decoder::at(decoder)?,
            None => Decoder::new()?,
        };
        let FilmPoint { cursor, corner, monitor, state, laser, .. } = point.clone();
        Ok(Self {
            decoder: Some(decoder),
            cursor,
            corner,
            monitor,
            state,
            laser,
            ..Self::default()
        })
    }
}

impl FilmPoint {
    /// Bytes of memory that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.cursor.bytes() + self.decoder.as_ref().map_or(0, Point::bytes)
    }
}

fn turned(changed: Changed) -> Turn {
    match &changed {
        Changed::Parts(parts) if parts.is_empty() => Turn::Nothing,
        Changed::All | Changed::Parts(_) => Turn::Picture(changed),
    }
}
