//! The user's own hand, played by another program's XTEST: what this program did not do itself is his.

use deskside_agent::desktop::HandError;
use deskside_agent::hand::{Gesture, Withheld};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT,
};
use x11rb::protocol::xtest::ConnectionExt as _;

use crate::recorder::Recorder;
use crate::stage::{Stage, button, key};

#[tokio::test]
async fn the_user_takes_over_in_the_middle_of_a_drag_and_gives_back_by_resting() {
    let stage = Stage::new();
    let mut recorder = Recorder::start(&stage);
    let grip = stage.grip().await;
    let mut user = grip.user();
    grip.make(button(1, true, 10, 20)).await.unwrap();
    for x in 11..40 {
        grip.make(Gesture::Move(x, 20)).await.unwrap();
    }
    assert!(!*user.borrow_and_update(), "our own moves are not the user's");
    let play = |kind, detail| {
        let (connection, root) = (&stage.connection, stage.root);
        connection.xtest_fake_input(kind, detail, 0, root, 60, 70, 0).unwrap();
        connection.flush().unwrap();
    };
    play(MOTION_NOTIFY_EVENT, 0);
    user.wait_for(|user| *user).await.unwrap();
    recorder.hears(&["button 1 down 10 20", "button 1 up 60 70"]);
    for gesture in [Gesture::Move(1, 1), key(4, true), button(1, true, 1, 1)] {
        let refused = grip.make(gesture).await;
        assert!(matches!(refused, Err(HandError::Withheld(Withheld::User))), "{refused:?}");
    }
    let pointer = stage.connection.query_pointer(stage.root).unwrap().reply().unwrap();
    assert_eq!((pointer.root_x, pointer.root_y), (60, 70));
    user.wait_for(|user| !*user).await.unwrap();
    // A key that the user holds down is his hand as well.
    play(KEY_PRESS_EVENT, 50);
    user.wait_for(|user| *user).await.unwrap();
    assert!(grip.text("x".to_owned()).await.is_err());
    play(KEY_RELEASE_EVENT, 50);
    user.wait_for(|user| !*user).await.unwrap();
    grip.make(key(4, true)).await.unwrap();
    recorder.hears(&["key 50 down", "key 50 up", "key 38 down"]);
}
