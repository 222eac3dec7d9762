//! Time is made up: what is held, what is let go, and whose turn it is.

use super::*;

const A: Touch = Touch::Key(30, true);

struct Scene {
    hand: Hand,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let (mut hand, now) = (Hand::default(), Instant::now());
        hand.begin(1, now);
        hand.begin(2, now);
        Self { hand, now }
    }

    fn after(&mut self, time: Duration) -> Vec<Touch> {
        self.now += time;
        self.hand.tick(self.now)
    }

    /// As a desktop does it that takes everything.
    fn make(&mut self, grip: u64, gesture: &Gesture) -> Result<Vec<Touch>, Withheld> {
        let touches = self.hand.make(grip, gesture, self.now)?;
        for touch in &touches {
            self.hand.pressed(grip, *touch);
        }
        Ok(touches)
    }
}

const fn key(usage: u32, down: bool) -> Gesture {
    Gesture::Key { usage, down }
}

const fn button(button: u32, down: bool) -> Gesture {
    Gesture::Button { button, down, x: 3, y: 4 }
}

#[test]
fn a_grip_lets_go_of_what_it_pressed_and_of_nothing_else() {
    let mut scene = Scene::new();
    assert_eq!(scene.make(1, &key(4, true)), Ok(vec![A]));
    let pressed = vec![Touch::Move(3, 4), Touch::Button(1, true)];
    assert_eq!(scene.make(1, &button(1, true)), Ok(pressed));
    assert_eq!(scene.make(2, &key(0xe0, true)), Ok(vec![Touch::Key(29, true)]));
    // Not held by this one, or by nobody.
    assert_eq!(scene.make(2, &key(4, false)), Ok(vec![]));
    assert_eq!(scene.make(1, &key(5, false)), Ok(vec![]));
    assert_eq!(scene.hand.keys(), [29, 30]);
    assert_eq!(scene.hand.end(1), [Touch::Key(30, false), Touch::Button(1, false)]);
    assert_eq!(scene.hand.end(1), []);
    assert_eq!(scene.make(2, &key(0xe0, false)), Ok(vec![Touch::Key(29, false)]));
    assert_eq!(scene.hand.end(2), []);
}

#[test]
fn a_press_that_was_not_done_is_not_held() {
    let mut scene = Scene::new();
    let touches = scene.hand.make(1, &key(4, true), scene.now);
    assert_eq!(touches, Ok(vec![A]));
    assert_eq!(scene.hand.end(1), []);
}

#[test]
fn what_two_hold_is_let_go_by_the_last() {
    let mut scene = Scene::new();
    for grip in [1, 2] {
        scene.make(grip, &key(0xe1, true)).unwrap();
    }
    assert_eq!(scene.make(1, &key(0xe1, false)), Ok(vec![]));
    assert_eq!(scene.hand.end(2), [Touch::Key(42, false)]);
}

#[test]
fn whoever_holds_something_and_says_nothing_lets_go() {
    let mut scene = Scene::new();
    assert_eq!(scene.hand.due(), None);
    scene.make(1, &key(4, true)).unwrap();
    assert_eq!(scene.hand.due(), Some(scene.now + SILENCE));
    let nearly = SILENCE - Duration::from_millis(1);
    for _ in 0..5 {
        assert_eq!(scene.after(nearly), []);
        scene.make(1, &Gesture::StillHeld).unwrap();
    }
    // Another's word does not count.
    assert_eq!(scene.after(nearly), []);
    scene.make(2, &Gesture::StillHeld).unwrap();
    assert_eq!(scene.after(Duration::from_millis(1)), [Touch::Key(30, false)]);
    assert_eq!((scene.hand.due(), scene.hand.end(1)), (None, vec![]));
}

#[test]
fn the_users_own_hand_wins_until_it_has_rested() {
    let mut scene = Scene::new();
    scene.make(1, &button(1, true)).unwrap();
    assert_eq!(scene.hand.user(Seen::Moved, scene.now), [Touch::Button(1, false)]);
    for gesture in [key(4, true), button(1, true), Gesture::Move(1, 1)] {
        assert_eq!(scene.make(1, &gesture), Err(Withheld::User), "{gesture:?}");
    }
    let wheel = Gesture::Wheel { right: 0, down: 120, at: None };
    assert_eq!(scene.make(1, &wheel), Err(Withheld::User));
    // Letting go is nothing to refuse.
    assert_eq!(scene.make(1, &button(1, false)), Ok(vec![]));
    scene.after(REST - Duration::from_millis(1));
    assert_eq!(scene.hand.free(), Err(Withheld::User));
    scene.hand.user(Seen::Moved, scene.now);
    scene.after(REST - Duration::from_millis(1));
    assert_eq!(scene.hand.free(), Err(Withheld::User));
    scene.after(Duration::from_millis(1));
    assert_eq!(scene.make(1, &key(4, true)), Ok(vec![A]));
}

#[test]
fn a_user_who_holds_a_key_does_not_rest_but_not_for_ever() {
    let mut scene = Scene::new();
    let shift = Mark::Key(50, true);
    scene.hand.user(Seen::Down(shift), scene.now);
    scene.after(REST * 3);
    assert_eq!(scene.hand.free(), Err(Withheld::User));
    scene.hand.user(Seen::Up(shift), scene.now);
    scene.after(REST);
    assert_eq!(scene.hand.free(), Ok(()));
    scene.hand.user(Seen::Down(shift), scene.now);
    scene.after(MAX_HOLD);
    assert_eq!((scene.hand.free(), scene.hand.due()), (Ok(()), None));
}

#[test]
fn the_keys_that_stop_are_the_users_alone() {
    let mut scene = Scene::new();
    scene.make(1, &key(0xe4, true)).unwrap();
    assert_eq!(scene.make(1, &key(END, true)), Ok(vec![Touch::Key(107, true)]));
    scene.make(1, &key(END, false)).unwrap();
    // Held by two streams it is the same.
    scene.make(2, &key(0xe2, true)).unwrap();
    assert_eq!(scene.make(1, &key(END, true)), Err(Withheld::Stop));
}

#[test]
fn parts_of_notches_add_up() {
    let mut scene = Scene::new();
    let mut turn = |right, down| {
        let touches = scene.make(1, &Gesture::Wheel { right, down, at: Some((0, 0)) }).unwrap();
        assert_eq!(touches[0], Touch::Move(0, 0));
        let pressed = touches.iter().filter_map(|touch| match touch {
            Touch::Button(button, true) => Some(*button),
            Touch::Button(..) | Touch::Key(..) | Touch::Move(..) => None,
        });
        pressed.collect::<Vec<u8>>()
    };
    let none: [u8; 0] = [];
    assert_eq!(turn(0, 60), none);
    assert_eq!(turn(0, 60), [5]);
    assert_eq!(turn(0, -240), [4, 4]);
    assert_eq!(turn(-120, 0), [6]);
    assert_eq!(turn(250, 0), [7, 7]);
    // Who turns round begins anew.
    assert_eq!(turn(0, 119), none);
    assert_eq!(turn(0, -119), none);
    assert_eq!(turn(0, -1), [4]);
    assert_eq!(turn(0, i32::MAX).len(), usize::try_from(MAX_NOTCHES).unwrap());
    assert_eq!(scene.hand.end(1), []);
}

#[test]
fn what_is_no_button_and_no_key_is_named() {
    let mut scene = Scene::new();
    for wrong in [0, 4, 7, 10, 257] {
        assert_eq!(scene.make(1, &button(wrong, true)), Err(Withheld::Button(wrong)));
    }
    assert_eq!(scene.make(1, &key(0, true)), Err(Withheld::Key(0)));
}

#[test]
fn the_ledger_explains_each_echo_once() {
    let (mut ledger, now) = (Ledger::default(), Instant::now());
    let mark = Mark::Key(38, true);
    ledger.note(mark, now);
    assert!(!ledger.explains(Mark::Key(38, false), now));
    assert!(ledger.explains(mark, now));
    assert!(!ledger.explains(mark, now));
    // What was not told back in time explains nothing.
    ledger.note(Mark::Motion, now);
    assert!(!ledger.explains(Mark::Motion, now + Duration::from_secs(3)));
    // And it is bounded: the oldest go.
    ledger.note(mark, now);
    for _ in 0..MAX_MARKS {
        ledger.note(Mark::Motion, now);
    }
    assert!(!ledger.explains(mark, now) && ledger.explains(Mark::Motion, now));
}
