//! An X server, and a grip on its mouse and keyboard.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use deskside_agent::consent::{Standing, Unattended, Visitor};
use deskside_agent::desktop::{self, Choice, Controls, Grip};
use deskside_agent::events::Show;
use deskside_agent::gate::{Control, Forget, Gate, Permit, Record, Terms, View};
use deskside_agent::hand::Gesture;
use deskside_protocol::grant::GrantSet;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateWindowAux, EventMask, ImageFormat, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;

/// A process that ends with this value.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(crate) struct Stage {
    pub(crate) display: String,
    pub(crate) controls: Controls,
    /// Of this process: its windows are the program's own.
    pub(crate) connection: RustConnection,
    pub(crate) root: Window,
    // Last: the others need it.
    _server: Running,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0", "640x480x24"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Xvfb: install the package xvfb");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Running(child);
        let display = format!(":{}", line.trim());
        let (connection, number) = x11rb::connect(Some(&display)).unwrap();
        let root = connection.setup().roots[number].root;
        let controls = desktop::controls(Choice::X11, Some(OsStr::new(&display))).unwrap();
        Self { display, controls, connection, root, _server: server }
    }

    pub(crate) async fn grip(&self) -> Grip {
        let permit = gate().admit::<Control>("mouse and keyboard").await.unwrap();
        self.controls.take(permit).await.unwrap()
    }

    /// A window of this process.
    pub(crate) fn own_window(&self, x: i16, parent: Window) -> Window {
        window(&self.connection, parent, x, EventMask::NO_EVENT)
    }

    /// The whole screen, for a person to look at.
    pub(crate) fn picture(&self, path: &std::path::Path) {
        let (root, format) = (self.root, ImageFormat::Z_PIXMAP);
        let image = self.connection.get_image(format, root, 0, 0, 640, 480, u32::MAX).unwrap();
        let data = image.reply().unwrap().data;
        let rgb = data.as_chunks::<4>().0.iter().flat_map(|[b, g, r, _]| [*r, *g, *b]).collect();
        image::RgbImage::from_raw(640, 480, rgb).unwrap().save(path).unwrap();
    }

    /// Keys that are down, as the server knows them.
    pub(crate) fn keys_down(&self) -> Vec<u8> {
        let map = self.connection.query_keymap().unwrap().reply().unwrap().keys;
        (0..=u8::MAX).filter(|key| map[usize::from(key / 8)] & (1 << (key % 8)) != 0).collect()
    }
}

/// A window of 300 by 400 pixels, once it is shown.
pub(crate) fn window(
    connection: &RustConnection,
    parent: Window,
    x: i16,
    events: EventMask,
) -> Window {
    let window = connection.generate_id().unwrap();
    let values = CreateWindowAux::new().override_redirect(1).event_mask(events);
    let values = values.background_pixel(0x0020_3040);
    let class = WindowClass::INPUT_OUTPUT;
    connection.create_window(0, window, parent, x, 0, 300, 400, 0, class, 0, &values).unwrap();
    connection.map_window(window).unwrap();
    connection.get_input_focus().unwrap().reply().unwrap();
    window
}

/// A permit to view.
pub(crate) async fn view() -> Permit<View> {
    gate().admit::<View>("the screen").await.unwrap()
}

fn gate() -> Gate {
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
    Gate::new(terms, Arc::new(Forget), Arc::new(Unattended), show)
}

pub(crate) const fn button(button: u32, down: bool, x: i32, y: i32) -> Gesture {
    Gesture::Button { button, down, x, y }
}

pub(crate) const fn key(usage: u32, down: bool) -> Gesture {
    Gesture::Key { usage, down }
}
