//! The technician's hand on this computer: what it holds down, what it lets go of, and when it waits
//! because the user's own hand is on mouse and keyboard. A machine without I/O; the clock is an
//! argument. `desktop` does what comes out of it.
//!
//! Each stream of a technician's has a grip of its own. Only what a grip has pressed is ever let go,
//! and it is let go however the grip ends.

pub mod keys;
mod ledger;
#[cfg(test)]
mod tests;
mod user;
mod wheel;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use thiserror::Error;

use self::keys::{END, is_alt, is_control};
pub use self::ledger::{Ledger, MAX_MARKS, Mark};
use self::user::User;
pub use self::user::{MAX_HOLD, REST, Seen};
use self::wheel::Wheel;
pub use self::wheel::{MAX_NOTCHES, NOTCH};

/// Something is held down and nothing is heard for so long: it is let go. Three times the half second
/// between two `StillHeld`.
pub const SILENCE: Duration = Duration::from_millis(1_500);

/// Buttons as X11 counts them: left, middle, right, back, forward. Those between are the wheel's.
const BUTTONS: [u8; 5] = [1, 2, 3, 8, 9];

/// What a technician does with mouse and keyboard. Places are on the desktop, in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gesture {
    /// The pointer goes there.
    Move(i32, i32),
    /// A button, at a place.
    Button {
        /// As X11 counts.
        button: u32,
        /// Or up.
        down: bool,
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
    },
    /// The wheel.
    Wheel {
        /// In 120ths of a notch.
        right: i32,
        /// In 120ths of a notch.
        down: i32,
        /// From the left and from the top; `None`: where the pointer is.
        at: Option<(i32, i32)>,
    },
    /// A key by its position.
    Key {
        /// USB HID usage of the keyboard page.
        usage: u32,
        /// Or up.
        down: bool,
    },
    /// The technician is there and holds on.
    StillHeld,
    /// He lets go of everything.
    LetGo,
}

/// What is done to mouse and keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// The pointer goes to this pixel of the desktop; outside of it is its edge.
    Move(i32, i32),
    /// A button or a notch of the wheel, as X11 counts them.
    Button(u8, bool),
    /// A key by Linux's number for its position, down or up.
    Key(u8, bool),
}

/// Why a gesture was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Withheld {
    /// The user's own hand is on mouse and keyboard.
    #[error("the user is using mouse and keyboard")]
    User,
    /// These keys stop the session, and only the user stops it with them.
    #[error("the user alone stops with Ctrl + Alt + End")]
    Stop,
    /// A question to the user stands: mouse and keyboard are his alone until he has answered.
    #[error("the user has a question to answer first")]
    Asking,
    /// There is no such button.
    #[error("there is no mouse button {0}: 1, 2, 3, 8 and 9 are")]
    Button(u32),
    /// There is no such key.
    #[error("there is no key {0}")]
    Key(u32),
}

/// All grips, and the user's own hand.
#[derive(Debug, Default)]
pub struct Hand {
    /// By their numbers: as many as streams work at once.
    grips: BTreeMap<u64, Grip>,
    user: User,
}

#[derive(Debug)]
struct Grip {
    /// At most as many as there are keys (256) and buttons (5).
    held: BTreeSet<Held>,
    wheel: Wheel,
    heard: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Key(u8),
    Button(u8),
}

impl Held {
    const fn released(self) -> Touch {
        match self {
            Self::Key(code) => Touch::Key(code, false),
            Self::Button(button) => Touch::Button(button, false),
        }
    }
}

impl Hand {
    /// A grip begins.
    pub fn begin(&mut self, grip: u64, now: Instant) {
        let new = Grip { held: BTreeSet::new(), wheel: Wheel::default(), heard: now };
        self.grips.insert(grip, new);
    }

    /// A grip ends: what it held is let go.
    pub fn end(&mut self, grip: u64) -> Vec<Touch> {
        let Some(gone) = self.grips.remove(&grip) else { return Vec::new() };
        let held = gone.held.into_iter().filter(|held| !self.holds(*held));
        held.map(Held::released).collect()
    }

    /// Everything is let go; the grips go on.
    pub fn let_go(&mut self) -> Vec<Touch> {
        let grips = self.grips.values_mut();
        let held: BTreeSet<Held> = grips.flat_map(|grip| std::mem::take(&mut grip.held)).collect();
        held.into_iter().map(Held::released).collect()
    }

    /// A grip makes a gesture. Gives what is to be done, in this order; each press is to be
    /// confirmed with [`Hand::pressed`] once it was done.
    ///
    /// # Errors
    /// [`Withheld`]: nothing is to be done.
    pub fn make(
        &mut self,
        number: u64,
        gesture: &Gesture,
        now: Instant,
    ) -> Result<Vec<Touch>, Withheld> {
        if let Some(grip) = self.grips.get_mut(&number) {
            grip.heard = now;
        }
        match *gesture {
            Gesture::StillHeld => Ok(Vec::new()),
            Gesture::LetGo => Ok(self.let_go_of(number)),
            Gesture::Move(x, y) => self.free().map(|()| vec![Touch::Move(x, y)]),
            Gesture::Button { button, down, x, y } => {
                let known = BUTTONS.into_iter().find(|known| u32::from(*known) == button);
                let held = Held::Button(known.ok_or(Withheld::Button(button))?);
                if !down {
                    return Ok(self.release(number, held, Some((x, y))));
                }
                self.free()?;
                Ok(vec![Touch::Move(x, y), Touch::Button(known.unwrap_or_default(), true)])
            }
            Gesture::Wheel { right, down, at } => {
                self.free()?;
                let Some(grip) = self.grips.get_mut(&number) else { return Ok(Vec::new()) };
                let at = at.map(|(x, y)| Touch::Move(x, y));
                Ok(at.into_iter().chain(grip.wheel.turn(right, down)).collect())
            }
            Gesture::Key { usage, down } => {
                let code = keys::linux(usage).ok_or(Withheld::Key(usage))?;
                if !down {
                    return Ok(self.release(number, Held::Key(code), None));
                }
                self.free()?;
                if usage == END && self.has_key(is_control) && self.has_key(is_alt) {
                    return Err(Withheld::Stop);
                }
                Ok(vec![Touch::Key(code, true)])
            }
        }
    }

    /// Whether the technician may act at all now.
    ///
    /// # Errors
    /// [`Withheld::User`].
    pub const fn free(&self) -> Result<(), Withheld> {
        if self.user.is_on() { Err(Withheld::User) } else { Ok(()) }
    }

    /// A touch of a grip's was done.
    pub fn pressed(&mut self, grip: u64, touch: Touch) {
        let held = match touch {
            Touch::Key(code, true) => Held::Key(code),
            Touch::Button(button, true) if BUTTONS.contains(&button) => Held::Button(button),
            Touch::Key(..) | Touch::Button(..) | Touch::Move(..) => return,
        };
        if let Some(grip) = self.grips.get_mut(&grip) {
            grip.held.insert(held);
        }
    }

    /// The keys that are held down, for whoever types a text between them.
    #[must_use]
    pub fn keys(&self) -> Vec<u8> {
        let held = self.grips.values().flat_map(|grip| &grip.held);
        let keys = held.filter_map(|held| match held {
            Held::Key(code) => Some(*code),
            Held::Button(_) => None,
        });
        keys.collect::<BTreeSet<u8>>().into_iter().collect()
    }

    /// The user does something himself. All is let go: what he does is his alone.
    pub fn user(&mut self, seen: Seen, now: Instant) -> Vec<Touch> {
        self.user.see(seen, now);
        self.let_go()
    }

    /// When to call [`Hand::tick`]; `None`: nothing changes by itself.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let holding = self.grips.values().filter(|grip| !grip.held.is_empty());
        let silent = holding.map(|grip| grip.heard + SILENCE);
        silent.chain(self.user.due()).min()
    }

    /// Time has passed: whoever holds something and says nothing lets go of it, and a user who has
    /// rested has the technician go on.
    pub fn tick(&mut self, now: Instant) -> Vec<Touch> {
        self.user.tick(now);
        let silent = self.grips.iter().filter(|(_, grip)| grip.heard + SILENCE <= now);
        let silent: Vec<u64> = silent.map(|(number, _)| *number).collect();
        silent.into_iter().flat_map(|number| self.let_go_of(number)).collect()
    }

    fn let_go_of(&mut self, number: u64) -> Vec<Touch> {
        let held = self.grips.get_mut(&number).map(|grip| std::mem::take(&mut grip.held));
        let held = held.unwrap_or_default().into_iter().filter(|held| !self.holds(*held));
        held.map(Held::released).collect()
    }

    fn release(&mut self, number: u64, held: Held, at: Option<(i32, i32)>) -> Vec<Touch> {
        let had = self.grips.get_mut(&number).is_some_and(|grip| grip.held.remove(&held));
        if !had || self.holds(held) {
            return Vec::new();
        }
        let at = at.map(|(x, y)| Touch::Move(x, y));
        at.into_iter().chain([held.released()]).collect()
    }

    fn holds(&self, held: Held) -> bool {
        self.grips.values().any(|grip| grip.held.contains(&held))
    }

    fn has_key(&self, is: impl Fn(u8) -> bool) -> bool {
        self.keys().into_iter().any(is)
    }
}
