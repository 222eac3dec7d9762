//! A virtual X11 display, and something to see on it.

use std::process::{Command, Stdio};

use anyhow::Context as _;
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, ImageFormat,
    Rectangle, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use crate::process::{Process, command};

/// `Xvfb` on a number that it found free itself.
#[derive(Debug)]
pub struct Display {
    name: String,
    _process: Process,
}

impl Display {
    /// Starts one and waits until programs can connect.
    ///
    /// # Errors
    /// Where there is no `Xvfb`, or it does not start.
    pub fn start(width: u16, height: u16) -> anyhow::Result<Self> {
        Self::start_with(width, height, &[])
    }

    /// As [`Display::start`], without an extension of X11's: `GLX` for a computer without OpenGL.
    ///
    /// # Errors
    /// Where there is no `Xvfb`, or it does not start.
    pub fn start_without(width: u16, height: u16, extension: &str) -> anyhow::Result<Self> {
        Self::start_with(width, height, &["-extension", extension])
    }

    fn start_with(width: u16, height: u16, more: &[&str]) -> anyhow::Result<Self> {
        let screen = format!("{width}x{height}x24");
        let mut server: Command = command("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"]);
        server.args(more);
        let mut process = Process::start("Xvfb", server.stdin(Stdio::null()))
            .context("start a virtual display: is the package xvfb installed?")?;
        // The one line that it prints is its number, which happens to be JSON too.
        let number = process.event()?;
        Ok(Self { name: format!(":{number}"), _process: process })
    }

    /// For `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Two monitors beside each other instead of one: the left one this wide.
    ///
    /// # Errors
    /// What the display says.
    pub fn split(&self, left: u16) -> anyhow::Result<()> {
        let (connection, screen) = x11rb::connect(Some(&self.name)).context("connect")?;
        let root = connection.setup().roots.get(screen).context("find the screen")?;
        let (all, height, root) = (root.width_in_pixels, root.height_in_pixels, root.root);
        let outputs = connection.randr_get_screen_resources(root)?.reply()?.outputs;
        let parts = [("left", outputs, 0, left), ("right", Vec::new(), left, all - left)];
        for (name, outputs, x, width) in parts {
            let name = connection.intern_atom(false, name.as_bytes())?.reply()?.atom;
            let x = i16::try_from(x)?;
            let monitor = MonitorInfo { name, x, width, height, outputs, ..Default::default() };
            connection.randr_set_monitor(root, monitor)?.check()?;
        }
        Ok(())
    }

    /// Puts a window on it with many colours: stripes, a ramp of every blue, one odd pixel in the
    /// last corner. It stays while the painting lives.
    ///
    /// # Errors
    /// What the display says.
    pub fn paint(&self) -> anyhow::Result<Painting> {
        let (connection, screen) = x11rb::connect(Some(&self.name)).context("connect")?;
        let root = connection.setup().roots.get(screen).context("find the screen")?;
        let (width, height) = (root.width_in_pixels, root.height_in_pixels);
        let (root, depth) = (root.root, root.root_depth);
        let window = connection.generate_id()?;
        let attributes = CreateWindowAux::new().override_redirect(1);
        let (class, parent) = (WindowClass::INPUT_OUTPUT, 0);
        connection.create_window(
            depth,
            window,
            root,
            0,
            0,
            width,
            height,
            0,
            class,
            parent,
            &attributes,
        )?;
        // Drawn once, and painted again by the server wherever a window goes away.
        let picture = connection.generate_id()?;
        connection.create_pixmap(depth, picture, window, width, height)?;
        let gc = connection.generate_id()?;
        connection.create_gc(gc, picture, &CreateGCAux::new().foreground(0x0020_3040))?;
        let all = Rectangle { x: 0, y: 0, width, height };
        connection.poly_fill_rectangle(picture, gc, &[all])?;
        for (x, colour) in (0..width).zip(stripes()) {
            let stripe = x11rb::protocol::xproto::ChangeGCAux::new().foreground(colour);
            connection.change_gc(gc, &stripe)?;
            let x = i16::try_from(x).context("paint")?;
            let top = Rectangle { x, y: x / 4, width: 1, height: height / 2 };
            connection.poly_fill_rectangle(picture, gc, &[top])?;
        }
        let odd = x11rb::protocol::xproto::ChangeGCAux::new().foreground(0x00fe_dc01);
        connection.change_gc(gc, &odd)?;
        let (x, y) = (i16::try_from(width)? - 1, i16::try_from(height)? - 1);
        let corner = Rectangle { x, y, width: 1, height: 1 };
        connection.poly_fill_rectangle(picture, gc, &[corner])?;
        let behind = ChangeWindowAttributesAux::new().background_pixmap(picture);
        connection.change_window_attributes(window, &behind)?;
        connection.map_window(window)?;
        // An answer about these pixels comes after they are drawn.
        let drawn = connection.get_image(ImageFormat::Z_PIXMAP, window, x, y, 1, 1, u32::MAX)?;
        drawn.reply().context("paint")?;
        Ok(Painting(connection))
    }
}

/// A colour for each column, all three channels going their own way.
fn stripes() -> impl Iterator<Item = u32> {
    (0u32..).map(|x| ((x * 7 % 256) << 16) | ((x * 3 % 256) << 8) | (x % 256))
}

/// A window that is shown while this lives.
pub struct Painting(#[allow(dead_code, reason = "held, never read")] RustConnection);

impl std::fmt::Debug for Painting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Painting").finish_non_exhaustive()
    }
}
