//! The X11 desktop against `xwd -root` on real X servers, pixel for pixel. Each test starts an Xvfb
//! of its own on a free display and stops it by its id.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod live;
mod server;

use std::ffi::OsStr;
use std::sync::Arc;

use deskside_agent::consent::{Standing, Unattended, Visitor};
use deskside_agent::desktop::{self, Choice, DesktopError, Picture};
use deskside_agent::events::Show;
use deskside_agent::gate::{Forget, Gate, Permit, Record, Terms, View};
use deskside_protocol::grant::GrantSet;
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, Rectangle,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;

use server::{Server, Sync as _};

fn pixels(picture: &Picture) -> Vec<[u8; 3]> {
    picture.to_rgb().as_chunks::<3>().0.to_vec()
}

/// Draws rectangles of many colours on the root, and a window with a window in it. The connection
/// must live, else the server forgets them.
fn draw(display: &str) -> RustConnection {
    let (connection, number) = x11rb::connect(Some(display)).unwrap();
    let screen = connection.setup().roots[number].clone();
    let root = screen.root;
    let gc = connection.generate_id().unwrap();
    for step in 0..64_u32 {
        let foreground = (step * 0x03_05_07) ^ 0x30_c0_40;
        let values = CreateGCAux::new().foreground(foreground);
        connection.create_gc(gc, root, &values).unwrap();
        let place = i16::try_from(step * 11).unwrap();
        let rectangle = Rectangle { x: place, y: place / 2, width: 333, height: 77 };
        connection.poly_fill_rectangle(root, gc, &[rectangle]).unwrap();
        connection.free_gc(gc).unwrap();
    }
    let mut parent = root;
    for (place, colour) in [(201, 0x12_34_56), (33, 0xfe_dc_ba)] {
        let window = connection.generate_id().unwrap();
        let values = CreateWindowAux::new().background_pixel(colour).override_redirect(1);
        let class = WindowClass::INPUT_OUTPUT;
        connection
            .create_window(0, window, parent, place, place, 222, 111, 3, class, 0, &values)
            .unwrap();
        connection.map_window(window).unwrap();
        parent = window;
    }
    // A pointer shape over the drawing: it must not be in the picture.
    connection.warp_pointer(x11rb::NONE, root, 0, 0, 0, 0, 210, 210).unwrap();
    connection.change_window_attributes(root, &ChangeWindowAttributesAux::new()).unwrap();
    connection.sync();
    connection
}

async fn permit() -> Permit<View> {
    let visitor = Visitor {
        organisation: "Example IT".to_owned(),
        standing: Standing::Known,
        name: "Alice Ng".to_owned(),
        login: "alice".to_owned(),
        ticket: "17".to_owned(),
        subject: "Printer".to_owned(),
    };
    let (all, record) = (GrantSet::all(), Record::default());
    let terms = Terms { policy: all, masking: true, beforehand: all, visitor, record };
    let show = Arc::new(Show::json(std::io::sink()));
    let gate = Gate::new(terms, Arc::new(Forget), Arc::new(Unattended), show);
    gate.admit::<View>("the screen").await.unwrap()
}

async fn equals_xwd(screen: &str, more: &[&str]) {
    let server = Server::start(screen, more);
    let _drawing = draw(&server.display);
    let permit = permit().await;
    let picture = server.screen().grab(&permit, 0).await.unwrap();
    let dump = server.xwd();
    assert_eq!(picture.width() as usize, dump.width);
    assert!(pixels(&picture) == dump.rgb, "the picture differs from xwd's on {screen} {more:?}");
    let colours: std::collections::BTreeSet<_> = dump.rgb.iter().collect();
    assert!(colours.len() > 32, "the test draws nothing worth comparing");
}

#[tokio::test]
async fn the_picture_equals_xwd() {
    equals_xwd("1280x800x24", &[]).await;
}

#[tokio::test]
async fn the_picture_equals_xwd_without_shared_memory() {
    equals_xwd("1280x800x24", &["-extension", "MIT-SHM"]).await;
}

#[tokio::test]
async fn the_picture_equals_xwd_in_16_bits_and_an_odd_width() {
    equals_xwd("799x601x16", &[]).await;
    equals_xwd("799x601x16", &["-extension", "MIT-SHM"]).await;
}

#[tokio::test]
async fn without_randr_the_whole_screen_is_the_one_monitor() {
    let server = Server::start("640x480x24", &["-extension", "RANDR"]);
    let permit = permit().await;
    let monitors = server.screen().monitors(&permit).await.unwrap();
    assert_eq!(monitors.len(), 1);
    assert_eq!((monitors[0].region.width, monitors[0].region.height), (640, 480));
}

#[tokio::test]
async fn the_second_monitor_is_cut_out_of_the_whole() {
    let server = Server::start("1280x800x24", &[]);
    let drawing = draw(&server.display);
    let root = drawing.setup().roots[0].root;
    let outputs = drawing.randr_get_screen_resources(root).unwrap().reply().unwrap().outputs;
    for (name, outputs, x, width, height) in
        [("left", outputs, 0, 501, 800), ("right", Vec::new(), 501, 779, 700)]
    {
        let atom = drawing.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
        let monitor = randr::MonitorInfo {
            name: atom,
            x,
            width,
            height,
            outputs,
            ..randr::MonitorInfo::default()
        };
        drawing.randr_set_monitor(root, monitor).unwrap().check().unwrap();
    }
    let permit = permit().await;
    let screen = server.screen();
    let monitors = screen.monitors(&permit).await.unwrap();
    let mut names: Vec<&str> = monitors.iter().map(|monitor| monitor.name.as_str()).collect();
    let right = names.iter().position(|name| *name == "right").unwrap();
    names.sort_unstable();
    assert_eq!(names, ["left", "right"]);
    assert_eq!(screen.count().await, 2);

    let dump = server.xwd();
    let number = u32::try_from(right).unwrap() + 1;
    let picture = screen.grab(&permit, number).await.unwrap();
    assert!(pixels(&picture) == dump.crop(501, 0, 779, 700));
    let picture = screen.grab(&permit, 3 - number).await.unwrap();
    assert!(pixels(&picture) == dump.crop(0, 0, 501, 800));
    let none = screen.grab(&permit, 3).await;
    assert!(matches!(none, Err(DesktopError::NoMonitor { asked: 3, available: 2 })));
}

#[tokio::test]
async fn a_second_picture_shows_what_changed_and_a_new_server_is_found() {
    let permit = permit().await;
    let (screen, display) = {
        let server = Server::start("640x480x24", &[]);
        let screen = server.screen();
        let before = screen.grab(&permit, 0).await.unwrap();
        let _drawing = draw(&server.display);
        let after = screen.grab(&permit, 0).await.unwrap();
        assert!(pixels(&before) != pixels(&after));
        assert!(pixels(&after) == server.xwd().rgb);
        (screen, server.display.clone())
    };
    let gone = screen.grab(&permit, 0).await;
    assert!(matches!(gone, Err(DesktopError::Connect { .. })), "{display}: {gone:?}");
    assert_eq!(screen.count().await, 0);
}

#[tokio::test]
async fn a_display_that_is_not_there_is_named() {
    let Err(error) = desktop::open(Choice::X11, Some(OsStr::new(":94094"))) else {
        panic!("a display without a server was opened");
    };
    assert!(error.to_string().contains(":94094"), "{error}");
    assert!(desktop::open(Choice::Auto, Some(OsStr::new(":94094"))).unwrap().is_none());
}
