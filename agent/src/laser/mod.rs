//! A place on the screen that the technician shows the user: a ring with his name, above all windows,
//! through which clicks pass. It moves nothing of the user's, and goes by itself.
//!
//! It is shown only under a permit to view, which is kept as long as it is there. The newest place
//! counts: there is no queue.

mod picture;
#[cfg(unix)]
mod x11;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

pub use self::picture::{Picture, Side};
use crate::gate::{Permit, View};

/// So long after the last word of it a place is shown: a datagram that hides it may be lost.
pub const SHOWN: Duration = Duration::from_secs(2);
/// How often it is looked whether the permit still holds while a place is shown.
const LOOK: Duration = Duration::from_millis(50);

/// Pixels of the desktop, from its upper left corner.
pub type Place = (i32, i32);

/// What draws on one kind of display. Calls block.
trait Draw {
    /// Shows a place, or moves to it.
    fn show(&mut self, place: Place) -> Result<(), DrawError>;
    /// Shows nothing any more.
    fn hide(&mut self) -> Result<(), DrawError>;
}

/// A place could not be shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct DrawError(String);

/// The places that one technician shows. A clone is the same.
#[derive(Debug, Clone)]
pub struct Laser(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    display: Option<String>,
    name: String,
    /// The thread is started for the first place.
    begun: Once,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    /// Where, until when, and under what.
    shown: Option<(Place, Instant, Permit<View>)>,
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Laser {
    /// For the technician of this name, on a display as `DISPLAY` names it; without one nothing is
    /// drawn.
    #[must_use]
    pub fn new(display: Option<&str>, name: &str) -> Self {
        let (display, name) = (display.map(str::to_owned), name.to_owned());
        let (shared, begun) = (Arc::default(), Once::new());
        Self(Arc::new(Owner { shared, display, name, begun }))
    }

    /// Shows a place for [`SHOWN`]. `permit` is asked for where none is kept. Gives whether there was
    /// one.
    pub fn show(&self, place: Place, permit: impl FnOnce() -> Option<Permit<View>>) -> bool {
        let until = Instant::now() + SHOWN;
        let mut wanted = self.0.shared.lock();
        let kept = wanted.shown.take().map(|(_, _, kept)| kept);
        let Some(permit) = kept.filter(|kept| !kept.is_revoked()).or_else(permit) else {
            return false;
        };
        wanted.shown = Some((place, until, permit));
        drop(wanted);
        self.0.begun.call_once(|| self.0.begin());
        self.0.shared.changed.notify_all();
        true
    }

    /// Shows nothing any more.
    pub fn hide(&self) {
        self.0.shared.lock().shown = None;
        self.0.shared.changed.notify_all();
    }

    /// The place that is shown now.
    #[must_use]
    pub fn shown(&self) -> Option<Place> {
        self.0.shared.lock().shown.as_ref().map(|(place, _, _)| *place)
    }
}

impl Owner {
    fn begin(&self) {
        let (shared, display, name) =
            (self.shared.clone(), self.display.clone(), self.name.clone());
        let started = std::thread::Builder::new()
            .name("laser".to_owned())
            .spawn(move || run(&shared, || open(display.as_deref(), &name)));
        if let Err(error) = started {
            tracing::warn!(%error, "no place can be shown");
        }
    }
}

impl Drop for Owner {
    /// The thread ends by itself, and its window with it. A display that does not answer is not
    /// waited for.
    fn drop(&mut self) {
        *self.shared.lock() = Wanted { shown: None, over: true };
        self.shared.changed.notify_all();
    }
}

/// Shows what is wanted, until nothing ever will be.
fn run(shared: &Shared, open: impl Fn() -> Option<Box<dyn Draw>>) {
    let mut draw: Option<Box<dyn Draw>> = None;
    let mut now: Option<Place> = None;
    loop {
        let next = {
            let mut wanted = shared.lock();
            loop {
                if wanted.over {
                    return;
                }
                let past = |shown: &(Place, Instant, Permit<View>)| {
                    shown.1 <= Instant::now() || shown.2.is_revoked()
                };
                // With it the user is told that it is over.
                drop(wanted.shown.take_if(|shown| past(shown)));
                let place = wanted.shown.as_ref().map(|(place, _, _)| *place);
                if place != now {
                    break place;
                }
                wanted = if place.is_some() {
                    let waited = shared.changed.wait_timeout(wanted, LOOK);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                } else {
                    shared.changed.wait(wanted).unwrap_or_else(PoisonError::into_inner)
                };
            }
        };
        now = next;
        if draw.is_none() && next.is_some() {
            draw = open();
        }
        let Some(drawing) = &mut draw else { continue };
        let done = match next {
            Some(place) => drawing.show(place),
            None => drawing.hide(),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a place is not shown");
            // A new connection for the next one.
            draw = None;
        }
    }
}

#[cfg(unix)]
fn open(display: Option<&str>, name: &str) -> Option<Box<dyn Draw>> {
    match x11::Overlay::open(display?, name) {
        Ok(overlay) => Some(Box::new(overlay)),
        Err(error) => {
            tracing::debug!(%error, "no place can be shown");
            None
        }
    }
}

#[cfg(not(unix))]
fn open(_display: Option<&str>, _name: &str) -> Option<Box<dyn Draw>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::allowing_all;
    use deskside_protocol::grant::Grant;

    #[tokio::test]
    async fn a_place_is_shown_under_a_permit_and_goes_with_it() {
        let laser = Laser::new(None, "Alice Ng");
        assert!(!laser.show((1, 2), || None));
        assert_eq!(laser.shown(), None);
        let gate = allowing_all();
        let permit = gate.admit::<View>("a place").await.unwrap();
        assert!(laser.show((1, 2), || Some(permit)));
        // The permit is kept as long as it is shown.
        assert!(laser.show((3, 4), || None));
        assert_eq!(laser.shown(), Some((3, 4)));
        gate.revoke(Grant::View.into());
        assert!(!laser.show((5, 6), || None));
        assert_eq!(laser.shown(), None);
    }
}
