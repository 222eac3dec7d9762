//! The wheel: 120ths of a notch become whole notches, and what is left waits for more.

use super::Touch;

/// One notch of an ordinary wheel.
pub const NOTCH: i32 = 120;
/// Notches of one message in one direction: a screen of lines. What is more is dropped.
pub const MAX_NOTCHES: i32 = 100;

/// Buttons of a wheel, as X11 counts them (XInput protocol, "smooth scrolling").
const UP: u8 = 4;
const DOWN: u8 = 5;
const LEFT: u8 = 6;
const RIGHT: u8 = 7;

/// What has been turned and was no whole notch yet.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    right: i32,
    down: i32,
}

impl Wheel {
    /// Turns it; gives presses and releases of the wheel's buttons.
    pub(super) fn turn(&mut self, right: i32, down: i32) -> Vec<Touch> {
        let mut touches = notches(&mut self.down, down, UP, DOWN);
        touches.append(&mut notches(&mut self.right, right, LEFT, RIGHT));
        touches
    }
}

fn notches(rest: &mut i32, more: i32, back: u8, forth: u8) -> Vec<Touch> {
    let most = NOTCH * MAX_NOTCHES;
    // Who turns round has not to make up for the part of a notch that he had turned before.
    if more.signum() == -rest.signum() {
        *rest = 0;
    }
    *rest += more.clamp(-most, most);
    let whole = *rest / NOTCH;
    *rest %= NOTCH;
    let button = if whole < 0 { back } else { forth };
    (0..whole.abs())
        .flat_map(|_| [Touch::Button(button, true), Touch::Button(button, false)])
        .collect()
}
