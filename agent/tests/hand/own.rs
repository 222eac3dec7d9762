//! A technician presses nothing of the agent's own windows, and types nothing into them.

use deskside_agent::desktop::{Grip, HandError};
use deskside_agent::hand::Gesture;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConnectionExt as _, EventMask, InputFocus};

use crate::recorder::Recorder;
use crate::stage::{Stage, button, key, window};

async fn is_own(grip: &Grip, gesture: Gesture) {
    let refused = grip.make(gesture.clone()).await;
    assert!(matches!(refused, Err(HandError::Own)), "{gesture:?}: {refused:?}");
}

#[tokio::test]
async fn an_own_window_is_neither_clicked_nor_scrolled_nor_typed_into() {
    let stage = Stage::new();
    let mut recorder = Recorder::start(&stage);
    let own = stage.own_window(320, stage.root);
    let grip = stage.grip().await;
    is_own(&grip, button(1, true, 400, 50)).await;
    is_own(&grip, Gesture::Wheel { right: 0, down: 120, at: Some((400, 50)) }).await;
    // Without a focus of its own the pointer's window has the keyboard.
    is_own(&grip, key(0x28, true)).await;
    let typed = grip.text("y\n".to_owned()).await;
    assert!(matches!(typed, Err(HandError::Own)), "{typed:?}");
    // Beside it everything goes on; with the focus on ours the keyboard does not.
    grip.make(button(1, true, 10, 20)).await.unwrap();
    grip.make(button(1, false, 10, 20)).await.unwrap();
    grip.make(key(4, true)).await.unwrap();
    grip.make(key(4, false)).await.unwrap();
    let parent = InputFocus::PARENT;
    stage.connection.set_input_focus(parent, own, x11rb::CURRENT_TIME).unwrap().check().unwrap();
    is_own(&grip, key(5, true)).await;
    recorder.hears(&["button 1 down 10 20", "button 1 up 10 20", "key 38 down", "key 38 up"]);
    assert!(stage.keys_down().is_empty());
}

/// A window manager's frame is another program's; its close button closes ours.
#[tokio::test]
async fn the_frame_around_an_own_window_is_spared_too() {
    let stage = Stage::new();
    let (manager, number) = x11rb::connect(Some(&stage.display)).unwrap();
    let root = manager.setup().roots[number].root;
    // The frame belongs to this process as well here: so it is tried with a window inside of a
    // recorder's, whose process is another.
    let _recorder = Recorder::start(&stage);
    let tree = manager.query_tree(root).unwrap().reply().unwrap().children;
    let frame = *tree.last().unwrap();
    let grip = stage.grip().await;
    grip.make(button(1, true, 200, 300)).await.unwrap();
    grip.make(button(1, false, 200, 300)).await.unwrap();
    window(&manager, frame, 100, EventMask::NO_EVENT);
    is_own(&grip, button(1, true, 10, 10)).await;
    is_own(&grip, button(1, true, 200, 300)).await;
}
