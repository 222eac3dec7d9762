//! Buttons, wheel, keys, and that nothing stays down.

use deskside_agent::desktop::HandError;
use deskside_agent::hand::{Gesture, Withheld};
use x11rb::protocol::xproto::ConnectionExt as _;

use crate::recorder::Recorder;
use crate::stage::{Stage, button, key};

#[tokio::test]
async fn another_program_sees_clicks_drags_wheel_and_keys() {
    let stage = Stage::new();
    let mut recorder = Recorder::start(&stage);
    let grip = stage.grip().await;
    for gesture in [
        button(1, true, 10, 20),
        button(1, false, 10, 20),
        button(3, true, 30, 40),
        Gesture::Move(90, 91),
        button(3, false, 100, 120),
        button(9, true, 7, 8),
        button(9, false, 7, 8),
        Gesture::Wheel { right: 0, down: 60, at: Some((50, 50)) },
        Gesture::Wheel { right: -120, down: 60, at: None },
        key(0x1c, true),
        key(0x1c, false),
    ] {
        grip.make(gesture).await.unwrap();
    }
    recorder.hears(&[
        "button 1 down 10 20",
        "button 1 up 10 20",
        "button 3 down 30 40",
        "button 3 up 100 120",
        "button 9 down 7 8",
        "button 9 up 7 8",
        "button 5 down 50 50",
        "button 5 up 50 50",
        "button 6 down 50 50",
        "button 6 up 50 50",
        "key 29 down",
        "key 29 up",
    ]);
    // Outside of the desktop is its edge.
    grip.make(Gesture::Move(i32::MAX, -5)).await.unwrap();
    let pointer = stage.connection.query_pointer(stage.root).unwrap().reply().unwrap();
    assert_eq!((pointer.root_x, pointer.root_y), (639, 0));
    // None of this was taken for the user's.
    assert!(!*grip.user().borrow());
}

#[tokio::test]
async fn what_a_grip_held_is_up_again_when_it_is_gone() {
    let stage = Stage::new();
    let mut recorder = Recorder::start(&stage);
    let grip = stage.grip().await;
    for gesture in [button(1, true, 10, 20), key(0xe0, true), key(4, true)] {
        grip.make(gesture).await.unwrap();
    }
    recorder.hears(&["button 1 down 10 20", "key 37 down", "key 38 down"]);
    assert_eq!(stage.keys_down(), [37, 38]);
    drop(grip);
    let mut up = [recorder.next(), recorder.next(), recorder.next()];
    up.sort();
    assert_eq!(up, ["button 1 up 10 20", "key 37 up", "key 38 up"]);
    assert!(stage.keys_down().is_empty());
    // And when the program ends.
    let grip = stage.grip().await;
    grip.make(key(0xe1, true)).await.unwrap();
    assert_eq!(stage.keys_down(), [50]);
    stage.controls.let_go();
    assert!(stage.keys_down().is_empty());
    assert!(grip.make(key(4, true)).await.is_err());
}

#[tokio::test]
async fn the_keys_that_stop_are_not_pressed() {
    let stage = Stage::new();
    let _recorder = Recorder::start(&stage);
    let grip = stage.grip().await;
    grip.make(Gesture::Move(10, 10)).await.unwrap();
    grip.make(key(0xe0, true)).await.unwrap();
    grip.make(key(0xe2, true)).await.unwrap();
    let refused = grip.make(key(0x4d, true)).await;
    assert!(matches!(refused, Err(HandError::Withheld(Withheld::Stop))), "{refused:?}");
    assert_eq!(stage.keys_down(), [37, 64]);
}
