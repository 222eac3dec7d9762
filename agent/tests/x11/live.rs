//! The live screen of a real X server, coded and decoded again: at rest the viewer's pixels are the
//! screen's.

use std::time::Duration;

use deskside_agent::desktop::{Live, Order, Scene, Shot};
use deskside_screen::Decoder;
use tokio::sync::mpsc::Receiver;
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateGCAux, CreateWindowAux, ImageFormat, MOTION_NOTIFY_EVENT, Rectangle,
    WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use super::server::{Server, Sync as _};
use super::{draw, permit};

/// Nothing of this takes so long, on the slowest machine.
const LONG: Duration = Duration::from_secs(30);

/// A viewer who decodes what comes.
struct Viewer {
    live: Live,
    shots: Receiver<Shot>,
    decoder: Decoder,
    scene: Option<Scene>,
    pointer: Option<(i32, i32)>,
    shapes: usize,
    frames: usize,
    bytes: usize,
    /// Says what is shown.
    honest: bool,
}

impl Viewer {
    async fn of(server: &Server, monitor: u32) -> Self {
        let (live, shots) = server.screen().watch(&permit().await).await.unwrap();
        live.order(Order::Watch { monitor, hidden: false, afresh: false });
        Self {
            live,
            shots,
            decoder: Decoder::new().unwrap(),
            scene: None,
            pointer: None,
            shapes: 0,
            frames: 0,
            bytes: 0,
            honest: true,
        }
    }

    async fn next(&mut self) {
        let shot = tokio::time::timeout(LONG, self.shots.recv()).await.unwrap().unwrap();
        self.take(shot);
    }

    fn take(&mut self, shot: Shot) {
        match shot {
            Shot::Scene(scene) => self.scene = Some(scene),
            Shot::Frame(coded) => {
                self.frames += 1;
                self.bytes += coded.frame.bytes();
                self.decoder.frame(&coded.frame).unwrap();
                for piece in &coded.pieces {
                    self.bytes += piece.jpeg.len();
                    self.decoder.piece(piece).unwrap();
                }
                if self.honest {
                    self.say_whole();
                }
            }
            Shot::Cursor { cursor, .. } => self.shapes += usize::from(!cursor.bgra.is_empty()),
            Shot::Pointer(x, y) => self.pointer = Some((x, y)),
            Shot::Failed(error) => panic!("{error}"),
        }
    }

    fn say_whole(&self) {
        let trip = Duration::from_millis(1);
        self.live.order(Order::Whole { frame: self.decoder.whole(), trip, rate: 1e9 });
    }

    fn rgb(&self) -> Vec<[u8; 3]> {
        let Some(picture) = self.decoder.picture() else { return Vec::new() };
        let rgb = picture.pixels().iter().map(|pixel| {
            let [_, red, green, blue] = pixel.to_be_bytes();
            [red, green, blue]
        });
        rgb.collect()
    }

    /// Watches until all that is on the server is seen, exactly.
    async fn until_equal(&mut self, rgb: &[[u8; 3]]) {
        while self.rgb() != rgb {
            self.next().await;
        }
    }
}

/// Puts a picture on the root that no codec makes exact by chance.
fn photo(connection: &RustConnection, width: u16, height: u16) {
    let root = connection.setup().roots[0].root;
    let gc = connection.generate_id().unwrap();
    connection.create_gc(gc, root, &CreateGCAux::new()).unwrap();
    let mut seed = 7_u32;
    let pixels: Vec<u8> = (0..u32::from(width) * u32::from(height))
        .flat_map(|index| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let smooth = index % u32::from(width) / 3 + index / u32::from(width);
            let noise = seed >> 29;
            (((smooth + noise) & 0xff) * 0x01_01_01 + (noise << 9)).to_le_bytes()
        })
        .collect();
    let format = ImageFormat::Z_PIXMAP;
    connection.put_image(format, root, gc, width, height, 40, 30, 0, 24, &pixels).unwrap();
    connection.sync();
}

#[tokio::test]
async fn at_rest_the_viewer_sees_the_screen_pixel_for_pixel() {
    let server = Server::start("1280x800x24", &[]);
    let drawing = draw(&server.display);
    let mut viewer = Viewer::of(&server, 0).await;
    viewer.until_equal(&server.xwd().rgb).await;
    assert!(viewer.shapes > 0 || viewer.scene.is_some());
    assert_eq!(viewer.scene.as_ref().map(|scene| scene.region.width), Some(1280));
    // A photo: approximate at once, exact when it rests.
    photo(&drawing, 200, 150);
    viewer.until_equal(&server.xwd().rgb).await;
    // A window that is moved: copied.
    let root = drawing.setup().roots[0].root;
    drawing.copy_area(root, root, gc(&drawing), 40, 30, 500, 400, 200, 150).unwrap();
    drawing.sync();
    viewer.until_equal(&server.xwd().rgb).await;
}

fn gc(connection: &RustConnection) -> u32 {
    let gc = connection.generate_id().unwrap();
    connection.create_gc(gc, connection.setup().roots[0].root, &CreateGCAux::new()).unwrap();
    gc
}

#[tokio::test]
async fn a_desktop_in_16_bits_without_shared_memory_is_watched_too() {
    let server = Server::start("799x601x16", &["-extension", "MIT-SHM"]);
    let _drawing = draw(&server.display);
    Viewer::of(&server, 0).await.until_equal(&server.xwd().rgb).await;
}

#[tokio::test]
async fn a_desktop_that_changes_its_size_is_followed() {
    let server = Server::start("1280x800x24", &[]);
    let drawing = draw(&server.display);
    let mut viewer = Viewer::of(&server, 1).await;
    viewer.until_equal(&server.xwd().rgb).await;
    let root = drawing.setup().roots[0].root;
    for (width, height) in [(1_024, 600), (640, 480), (1_200, 800)] {
        let resources = drawing.randr_get_screen_resources(root).unwrap().reply().unwrap();
        let crtc = resources.crtcs[0];
        // The monitor goes, the screen changes, and the viewer sees the whole of it.
        drawing
            .randr_set_crtc_config(
                crtc,
                0,
                resources.config_timestamp,
                0,
                0,
                0,
                x11rb::protocol::randr::Rotation::ROTATE0,
                &[],
            )
            .unwrap()
            .reply()
            .unwrap();
        drawing.randr_set_screen_size(root, width, height, 300, 200).unwrap().check().unwrap();
        drawing.sync();
        let seen = |viewer: &Viewer| {
            viewer.scene.as_ref().map(|scene| (scene.region.width, scene.region.height))
        };
        while seen(&viewer) != Some((width.into(), height.into())) {
            viewer.next().await;
        }
        viewer.until_equal(&server.xwd().rgb).await;
    }
}

#[tokio::test]
async fn frames_do_not_queue_for_a_viewer_who_shows_nothing() {
    let server = Server::start("640x480x24", &[]);
    let drawing = draw(&server.display);
    let mut viewer = Viewer::of(&server, 0).await;
    viewer.until_equal(&server.xwd().rgb).await;
    viewer.honest = false;
    let root = drawing.setup().roots[0].root;
    let before = viewer.frames;
    for step in 0..200_i16 {
        let gc = drawing.generate_id().unwrap();
        let colour = u32::from(step.unsigned_abs()) * 0x01_02_03;
        drawing.create_gc(gc, root, &CreateGCAux::new().foreground(colour)).unwrap();
        let rectangle = Rectangle { x: step, y: step, width: 300, height: 200 };
        drawing.poly_fill_rectangle(root, gc, &[rectangle]).unwrap();
        drawing.free_gc(gc).unwrap();
        drawing.sync();
        // As long as a frame takes, so that there could be many.
        tokio::time::sleep(Duration::from_millis(4)).await;
        while let Ok(shot) = viewer.shots.try_recv() {
            viewer.take(shot);
        }
    }
    assert!(viewer.frames - before <= 3, "{} frames were sent", viewer.frames - before);
    // Once it shows again, the newest is what comes.
    viewer.honest = true;
    viewer.say_whole();
    viewer.until_equal(&server.xwd().rgb).await;
    assert!(viewer.frames - before <= 8, "{} frames were sent", viewer.frames - before);
}

#[tokio::test]
async fn a_hidden_viewer_costs_nothing_and_sees_all_when_it_looks_again() {
    let server = Server::start("640x480x24", &[]);
    let drawing = draw(&server.display);
    let mut viewer = Viewer::of(&server, 0).await;
    viewer.until_equal(&server.xwd().rgb).await;
    viewer.live.order(Order::Watch { monitor: 0, hidden: true, afresh: false });
    let before = viewer.frames;
    viewer.scene = None;
    while viewer.scene.is_none() {
        viewer.next().await;
    }
    photo(&drawing, 100, 100);
    viewer.live.order(Order::Watch { monitor: 0, hidden: false, afresh: true });
    viewer.until_equal(&server.xwd().rgb).await;
    assert!(viewer.frames > before);
}

#[tokio::test]
async fn the_pointer_is_told_and_is_not_in_the_picture() {
    let server = Server::start("640x480x24", &[]);
    let drawing = draw(&server.display);
    let root = drawing.setup().roots[0].root;
    let mut viewer = Viewer::of(&server, 0).await;
    viewer.until_equal(&server.xwd().rgb).await;
    drawing.xtest_fake_input(MOTION_NOTIFY_EVENT, 0, 0, root, 123, 45, 0).unwrap();
    drawing.sync();
    while viewer.pointer != Some((123, 45)) {
        viewer.next().await;
    }
    // A window with a shape of its own.
    let font = drawing.generate_id().unwrap();
    drawing.open_font(font, b"cursor").unwrap();
    let cursor = drawing.generate_id().unwrap();
    let black = (0, 0, 0);
    let (red, green, blue) = (0xffff, 0xffff, 0);
    drawing
        .create_glyph_cursor(
            cursor, font, font, 34, 35, black.0, black.1, black.2, red, green, blue,
        )
        .unwrap();
    let window = drawing.generate_id().unwrap();
    let values = CreateWindowAux::new().cursor(cursor).override_redirect(1);
    let class = WindowClass::INPUT_OUTPUT;
    drawing.create_window(0, window, root, 100, 30, 80, 60, 0, class, 0, &values).unwrap();
    let shapes = viewer.shapes;
    drawing.map_window(window).unwrap();
    drawing.sync();
    while viewer.shapes == shapes {
        viewer.next().await;
    }
    viewer.until_equal(&server.xwd().rgb).await;
}
