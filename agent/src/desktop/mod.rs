//! The screen of this computer, read behind one trait.
//!
//! This room opens a display and reads pixels from it. It never draws on the display, never writes
//! a file, and hands nothing out but to a holder of a [`Permit`] for viewing: the trait itself stays
//! in here, so that no channel can read the screen past the gate.

mod bell;
mod capture;
mod clipboard;
mod hands;
mod live;
mod picture;
mod synthetic;
#[cfg(unix)]
mod x11;

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::wire::message::refusal::Cause;
use thiserror::Error;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use self::capture::Capture;
pub use self::capture::{Cursor, MAX_CURSOR};
pub use self::clipboard::{Clipboard, ClipboardError, Lent};
pub use self::hands::{Controls, Done, Grip, HandError, MAX_TEXT, Record, controls};
pub use self::live::{Live, Order, Scene, Shot};
pub use self::picture::{Picture, PngError};
use crate::gate::{Permit, View};

/// Monitors that one desktop may have; what a display claims beyond them is left out.
pub const MAX_MONITORS: usize = 64;
/// Longest side of a desktop in pixels: what the X11 protocol's 16-bit sizes can name.
pub const MAX_SIDE: u32 = 65_535;
/// Pixels of one picture at most: sixteen 4K monitors. 4 bytes each make 512 MiB.
pub const MAX_PIXELS: u64 = 16 * 3840 * 2160;
/// A display that has not answered for so long is given up on for this picture: another program may
/// hold it.
pub const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Which desktop to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
    /// The real one where there is one, else none. Never a made-up picture.
    #[default]
    Auto,
    /// The X11 display that `DISPLAY` names; it is an error where there is none.
    X11,
    /// A made-up desktop, for demonstrations on machines without a display.
    Synthetic,
}

/// A rectangle of the desktop, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Region {
    /// The part of this region inside a desktop of `width` by `height`, unless nothing is.
    fn clipped(self, width: u32, height: u32) -> Option<Self> {
        let region = Self {
            width: self.width.min(width.checked_sub(self.x)?),
            height: self.height.min(height.checked_sub(self.y)?),
            ..self
        };
        let pixels = u64::from(region.width) * u64::from(region.height);
        (pixels > 0 && pixels <= MAX_PIXELS).then_some(region)
    }

    /// Whether all of `part` lies inside.
    fn holds(self, part: Self) -> bool {
        let within = |from: u32, length: u32, part: u32, of: u32| {
            part.checked_sub(from).is_some_and(|before| before <= length && of <= length - before)
        };
        within(self.x, self.width, part.x, part.width)
            && within(self.y, self.height, part.y, part.height)
    }
}

/// One monitor of the desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// Where it lies on the desktop.
    pub region: Region,
    /// As the system calls it ("HDMI-1").
    pub name: String,
}

/// Why a desktop could not be opened or read.
#[derive(Debug, Error)]
pub enum DesktopError {
    /// X11 was asked for and `DISPLAY` is not set.
    #[error("no screen to share: DISPLAY is not set")]
    NoDisplay,
    /// The display did not let us in.
    #[error("cannot open the display {display}: {cause}")]
    Connect {
        /// As `DISPLAY` names it.
        display: String,
        /// What went wrong.
        cause: String,
    },
    /// This kind of desktop does not exist on this system.
    #[error("this system has no X11 displays")]
    Foreign,
    /// The display's pixels are in a form that nobody wrote a reader for.
    #[error("this display's colours cannot be read ({0})")]
    Unsupported(&'static str),
    /// The display did not answer within [`ANSWER_TIME`].
    #[error("the display does not answer")]
    Silent,
    /// The display went away or refused while it was read.
    #[error("the display could not be read: {0}")]
    Read(String),
    /// There is no such monitor.
    #[error("there is no monitor {asked}: this computer has {available}")]
    NoMonitor {
        /// From 1.
        asked: u32,
        /// How many there are.
        available: usize,
    },
    /// It has more pixels than can be shown live.
    #[error(
        "the desktop of {width} x {height} pixels is too large to be shown at once: choose a monitor"
    )]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// A part of the desktop is not there any more.
    #[error("the desktop changed its size")]
    Moved,
    /// The picture could not be coded for the line.
    #[error("the picture could not be coded: {0}")]
    Coding(#[from] deskside_screen::EncodeError),
    /// The picture could not be packed.
    #[error(transparent)]
    Png(#[from] PngError),
    /// The grant was taken back while the picture was made.
    #[error("viewing was stopped")]
    Revoked,
}

impl DesktopError {
    /// What the technician's program is told.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::NoMonitor { .. } => Cause::NotFound,
            Self::TooLarge { .. } => Cause::BadRequest,
            Self::Revoked => Cause::NotGranted,
            Self::NoDisplay
            | Self::Connect { .. }
            | Self::Foreign
            | Self::Unsupported(_)
            | Self::Silent
            | Self::Read(_)
            | Self::Moved
            | Self::Coding(_)
            | Self::Png(_) => Cause::Trouble,
        }
    }
}

/// What a kind of desktop can do. Calls block.
trait Desktop: Send {
    /// Width and height of the whole desktop as they are now.
    fn size(&mut self) -> Result<(u32, u32), DesktopError>;
    /// The monitors as they are now, at least one.
    fn monitors(&mut self) -> Result<Vec<Monitor>, DesktopError>;
    /// The pixels of `region` without the pointer; `region` is clipped to the desktop.
    fn grab(&mut self, region: Region) -> Result<Picture, DesktopError>;
    /// The same desktop, for a thread that watches it.
    fn capture(&mut self) -> Result<Box<dyn Capture>, DesktopError>;
}

/// A PNG of the screen and its size in pixels.
#[derive(Debug, Clone)]
pub struct Screenshot {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The file.
    pub png: Vec<u8>,
}

/// The opened desktop. A clone is the same desktop.
#[derive(Clone)]
pub struct Screen {
    desktop: Arc<Mutex<Box<dyn Desktop>>>,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

/// Opens the chosen desktop; `display` is what `DISPLAY` holds. `None` where [`Choice::Auto`] finds
/// no display: a computer without a screen offers none.
///
/// # Errors
/// [`DesktopError`] where the chosen desktop cannot be opened. [`Choice::Auto`] never fails.
pub fn open(choice: Choice, display: Option<&OsStr>) -> Result<Option<Screen>, DesktopError> {
    match choice {
        Choice::Synthetic => Ok(Some(Screen::of(synthetic::Synthetic::new()))),
        Choice::X11 => x11_screen(display).map(Some),
        Choice::Auto => Ok(x11_screen(display)
            .inspect_err(|error| tracing::info!(%error, "no screen is offered"))
            .ok()),
    }
}

#[cfg(unix)]
fn x11_screen(display: Option<&OsStr>) -> Result<Screen, DesktopError> {
    let display = display.filter(|display| !display.is_empty()).ok_or(DesktopError::NoDisplay)?;
    let display = display.to_str().ok_or(DesktopError::NoDisplay)?;
    Ok(Screen::of(x11::X11::open(display)?))
}

#[cfg(not(unix))]
fn x11_screen(_display: Option<&OsStr>) -> Result<Screen, DesktopError> {
    Err(DesktopError::Foreign)
}

impl Screen {
    fn of(desktop: impl Desktop + 'static) -> Self {
        Self { desktop: Arc::new(Mutex::new(Box::new(desktop))) }
    }

    /// How many monitors there are now; 0 where the display does not answer. It shows nothing of
    /// the picture, so it needs no permit.
    pub async fn count(&self) -> usize {
        self.blocking(|desktop| desktop.monitors()).await.map_or(0, |monitors| monitors.len())
    }

    /// The monitors as they are now.
    ///
    /// # Errors
    /// [`DesktopError::Read`].
    pub async fn monitors(&self, _permit: &Permit<View>) -> Result<Vec<Monitor>, DesktopError> {
        self.blocking(|desktop| desktop.monitors()).await
    }

    /// The pixels of one monitor, counted from 1, or of the whole desktop with 0.
    ///
    /// # Errors
    /// [`DesktopError`]; [`DesktopError::Revoked`] where the permit ended before the picture.
    pub async fn grab(&self, permit: &Permit<View>, monitor: u32) -> Result<Picture, DesktopError> {
        let work = self.blocking(move |desktop| {
            let region = region_of(desktop, monitor)?;
            desktop.grab(region)
        });
        revocable(permit, work).await
    }

    /// As [`Screen::grab`], packed as a PNG.
    ///
    /// # Errors
    /// As [`Screen::grab`].
    pub async fn screenshot(
        &self,
        permit: &Permit<View>,
        monitor: u32,
    ) -> Result<Screenshot, DesktopError> {
        let work = self.blocking(move |desktop| {
            let region = region_of(desktop, monitor)?;
            let picture = desktop.grab(region)?;
            let png = picture.to_png()?;
            Ok(Screenshot { width: picture.width(), height: picture.height(), png })
        });
        revocable(permit, work).await
    }

    /// Watches the desktop, for as long as the value lives. What is to be shown comes in order.
    ///
    /// # Errors
    /// [`DesktopError`]; [`DesktopError::Revoked`] where the permit ended before.
    pub async fn watch(
        &self,
        permit: &Permit<View>,
    ) -> Result<(Live, mpsc::Receiver<Shot>), DesktopError> {
        let work = self.blocking(|desktop| live::start(desktop.capture()?));
        revocable(permit, work).await
    }

    /// Runs `work` on a thread that may block. One at a time, so that a display that does not answer
    /// holds one thread and no more.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Desktop) -> Result<T, DesktopError> + Send + 'static,
    ) -> Result<T, DesktopError> {
        let done = async {
            let mut desktop = Arc::clone(&self.desktop).lock_owned().await;
            let done = tokio::task::spawn_blocking(move || work(desktop.as_mut()));
            done.await.map_err(|error| DesktopError::Read(error.to_string()))?
        };
        timeout(ANSWER_TIME, done).await.map_err(|_| DesktopError::Silent)?
    }
}

/// Nothing of the screen leaves after its permit ended.
async fn revocable<T>(
    permit: &Permit<View>,
    work: impl Future<Output = Result<T, DesktopError>>,
) -> Result<T, DesktopError> {
    tokio::select! {
        biased;
        () = permit.revoked() => Err(DesktopError::Revoked),
        done = work => done,
    }
}

fn region_of(desktop: &mut dyn Desktop, monitor: u32) -> Result<Region, DesktopError> {
    let Some(index) = monitor.checked_sub(1) else {
        let (width, height) = desktop.size()?;
        return Ok(Region { x: 0, y: 0, width, height });
    };
    let monitors = desktop.monitors()?;
    usize::try_from(index)
        .ok()
        .and_then(|index| monitors.get(index))
        .map(|monitor| monitor.region)
        .ok_or(DesktopError::NoMonitor { asked: monitor, available: monitors.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_display_auto_offers_no_screen_and_x11_says_why() {
        assert!(open(Choice::Auto, None).unwrap().is_none());
        assert!(open(Choice::Auto, Some(OsStr::new(""))).unwrap().is_none());
        assert!(matches!(open(Choice::X11, None), Err(DesktopError::NoDisplay)));
        assert!(open(Choice::Synthetic, None).unwrap().is_some());
    }

    #[test]
    fn a_region_is_clipped_to_the_desktop() {
        let region = Region { x: 90, y: 0, width: 50, height: 50 };
        assert_eq!(region.clipped(100, 20), Some(Region { x: 90, y: 0, width: 10, height: 20 }));
        assert_eq!(region.clipped(90, 20), None);
        assert_eq!(region.clipped(10, 20), None);
        assert_eq!(
            Region { x: 0, y: 0, width: 65_535, height: 65_535 }.clipped(65_535, 65_535),
            None
        );
    }
}
