//! The screen as it is watched: one thread per viewer reads what changed, codes it and hands it out,
//! as fast as the viewer shows it and no faster.
//!
//! `camera` is that thread, `pacer` says when a frame may start, `pending` what is in it,
//! `stage` holds the picture itself and `shapes` how the pointer looked.

mod camera;
mod pacer;
mod pending;
mod shapes;
mod stage;

use std::sync::mpsc as threads;
use std::time::Duration;

use deskside_screen::Coded;
use tokio::sync::mpsc;

use self::camera::Camera;
use super::bell::{Ringer, bell};
use super::capture::{Capture, Cursor};
use super::{DesktopError, Monitor, Region};

/// Shots that wait to be sent: the camera waits where there are more.
const MAX_SHOTS: usize = 4;

/// What a viewer wants, or has seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// To see this.
    Watch {
        /// From 1; 0 is the whole desktop.
        monitor: u32,
        /// Nobody looks at the moment.
        hidden: bool,
        /// The next frame begins anew.
        afresh: bool,
    },
    /// All frames up to this one are shown with all their pieces.
    Whole {
        /// Its number.
        frame: u64,
        /// The round trip of a packet at the moment.
        trip: Duration,
        /// Bytes a second that QUIC sends at most.
        rate: f64,
    },
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Which monitor, from 1; 0 is the whole desktop.
    pub monitor: u32,
    /// Where the picture lies on the desktop.
    pub region: Region,
    /// All monitors.
    pub monitors: Vec<Monitor>,
}

/// What is to be told to the viewer.
#[derive(Debug)]
pub enum Shot {
    /// What is watched from here on.
    Scene(Scene),
    /// What changed on it.
    Frame(Coded),
    /// The pointer looks like this; a shape that was told before comes without its pixels.
    Cursor {
        /// Its place among the shapes that are remembered.
        place: u32,
        /// How it looks.
        cursor: Cursor,
    },
    /// The pointer is here, in pixels of the desktop.
    Pointer(i32, i32),
    /// There will be nothing more.
    Failed(DesktopError),
}

/// A desktop that is watched. Watching ends with this value.
#[derive(Debug)]
pub struct Live {
    orders: threads::Sender<Order>,
    ringer: Ringer,
}

impl Live {
    /// Tells the camera.
    pub fn order(&self, order: Order) {
        // A camera that is gone has said so.
        if self.orders.send(order).is_err() {
            tracing::trace!("nobody watches the desktop any more");
        }
        self.ringer.ring();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The thread finds the orders' end when it wakes: their sender goes after this.
        let (nobody, _) = threads::channel();
        self.orders = nobody;
        self.ringer.ring();
    }
}

pub(super) fn start(
    capture: Box<dyn Capture>,
) -> Result<(Live, mpsc::Receiver<Shot>), DesktopError> {
    let cannot = |error: std::io::Error| DesktopError::Read(error.to_string());
    let (ringer, bell) = bell().map_err(cannot)?;
    let (orders, heard) = threads::channel();
    let (out, shots) = mpsc::channel(MAX_SHOTS);
    let camera = Camera::new(capture, bell, heard, out);
    std::thread::Builder::new()
        .name("screen".to_owned())
        .spawn(move || camera.run())
        .map_err(cannot)?;
    Ok((Live { orders, ringer }, shots))
}
