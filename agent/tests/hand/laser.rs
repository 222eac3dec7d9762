//! A shown place on a real display: it is seen, it takes no clicks, and it goes by itself.

use deskside_agent::laser::{Laser, SHOWN};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};

use crate::recorder::Recorder;
use crate::stage::{Stage, button, view};

const RED: u32 = 0x00d6_163a;
/// A display that draws for longer than this draws something else.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The pixel of the screen.
fn pixel(stage: &Stage, x: i16, y: i16) -> u32 {
    let (connection, root, format) = (&stage.connection, stage.root, ImageFormat::Z_PIXMAP);
    let image = connection.get_image(format, root, x, y, 1, 1, u32::MAX).unwrap();
    let data = image.reply().unwrap().data;
    u32::from_le_bytes(data[..4].try_into().unwrap()) & 0x00ff_ffff
}

/// Waits for a pixel to be red, or not: the overlay is drawn by another thread.
async fn red(stage: &Stage, x: i16, y: i16, red: bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while (pixel(stage, x, y) == RED) != red {
        if std::time::Instant::now() > until {
            stage.picture(&std::env::temp_dir().join("deskside-laser-test.png"));
            panic!("{x}, {y} is {:06x}: see deskside-laser-test.png", pixel(stage, x, y));
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_place_is_seen_takes_no_click_and_goes_by_itself() {
    let stage = Stage::new();
    let mut recorder = Recorder::start(&stage);
    let laser = Laser::new(Some(&stage.display), "Alice Ng");
    let permit = view().await;
    assert!(laser.show((100, 100), || Some(permit)));
    red(&stage, 120, 100, true).await;
    let began = std::time::Instant::now();
    // Where the screen ends, the name is on the other side; and it moves.
    assert!(laser.show((600, 300), || None));
    red(&stage, 620, 300, true).await;
    red(&stage, 566, 300, true).await;
    red(&stage, 120, 100, false).await;
    assert!(laser.show((100, 100), || None));
    red(&stage, 133, 100, true).await;
    if let Some(path) = std::env::var_os("DESKSIDE_TEST_PICTURES") {
        stage.picture(std::path::Path::new(&path).join("laser.png").as_path());
    }
    // The ring is above the window, and the click is the window's.
    let grip = stage.grip().await;
    grip.make(button(1, true, 120, 100)).await.unwrap();
    grip.make(button(1, false, 120, 100)).await.unwrap();
    recorder.hears(&["button 1 down 120 100", "button 1 up 120 100"]);
    red(&stage, 120, 100, false).await;
    assert!(began.elapsed() >= SHOWN, "{:?}", began.elapsed());
}
