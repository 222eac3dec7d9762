//! What happens on the screen, by a seed: windows with text and pictures that come, go, move and
//! scroll, another size of the screen, one monitor or two.

use anyhow::Context as _;
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo, Rotation};
use x11rb::protocol::xproto::{
    ChangeGCAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, Gcontext,
    ImageFormat, Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;

/// Windows at once; the oldest goes where there are more.
const MAX_WINDOWS: usize = 6;
/// Sizes of the screen.
const SIZES: [(u16, u16); 4] = [(1_280, 960), (1_024, 768), (1_280, 720), (801, 603)];
/// Of so many steps one changes the size, and one the monitors.
const RARE: u64 = 300;

/// A window, its place and its size.
#[derive(Clone, Copy)]
struct Shown {
    window: Window,
    width: u16,
    height: u16,
}

/// The screen and what is on it.
pub(super) struct Scene {
    connection: RustConnection,
    root: Window,
    gc: Gcontext,
    seed: u64,
    windows: Vec<Shown>,
    second: bool,
    last: &'static str,
    sizes: u32,
    monitors: u32,
    steps: u32,
}

impl Scene {
    /// On the screen of `display`.
    pub(super) fn on(display: &str, seed: u64) -> anyhow::Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display)).context("connect to a display")?;
        let root = connection.setup().roots.get(screen).context("find the screen")?.root;
        let gc = connection.generate_id()?;
        connection.create_gc(gc, root, &CreateGCAux::new())?;
        let (windows, last) = (Vec::new(), "nothing");
        let (sizes, monitors, steps) = (0, 0, 0);
        let seed = seed.wrapping_mul(2).wrapping_add(1);
        Ok(Self {
            connection,
            root,
            gc,
            seed,
            windows,
            second: false,
            last,
            sizes,
            monitors,
            steps,
        })
    }

    /// What happened last.
    pub(super) const fn last(&self) -> &'static str {
        self.last
    }

    /// What happened, in words.
    pub(super) fn counts(&self) -> String {
        let Self { steps, sizes, monitors, .. } = self;
        format!("{steps} steps, {sizes} changes of size, {monitors} of monitors")
    }

    /// Does one thing.
    pub(super) fn step(&mut self) -> anyhow::Result<()> {
        self.steps += 1;
        match self.below(RARE) {
            0 => return self.resize(),
            1 => return self.monitors(),
            _ => {}
        }
        let Some(shown) = self.some() else { return self.open() };
        match self.below(8) {
            0 => self.open(),
            1 => self.photo(shown),
            2 | 3 => self.drag(shown),
            4 | 5 => self.scroll(shown),
            _ => self.text(shown),
        }
    }

    /// Waits until the display has done all of it.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }

    /// xorshift64: the same for the same seed.
    fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn small(&mut self, least: u16, most: u16) -> u16 {
        let more = self.below(u64::from(most - least));
        least + u16::try_from(more).unwrap_or_default()
    }

    fn place(&mut self, most: u16) -> i16 {
        i16::try_from(self.small(0, most)).unwrap_or_default()
    }

    fn some(&mut self) -> Option<Shown> {
        let count = u64::try_from(self.windows.len()).ok().filter(|count| *count > 0)?;
        let index = usize::try_from(self.below(count)).ok()?;
        self.windows.get(index).copied()
    }

    fn colour(&mut self) -> u32 {
        u32::try_from(self.below(0x0100_0000)).unwrap_or_default()
    }

    fn open(&mut self) -> anyhow::Result<()> {
        self.last = "a window";
        if self.windows.len() >= MAX_WINDOWS {
            let oldest = self.windows.remove(0);
            self.connection.destroy_window(oldest.window)?;
        }
        let window = self.connection.generate_id()?;
        let (width, height) = (self.small(120, 600), self.small(80, 400));
        let (x, y, colour) = (self.place(700), self.place(500), self.colour());
        let values = CreateWindowAux::new().override_redirect(1).background_pixel(colour);
        let class = WindowClass::INPUT_OUTPUT;
        self.connection
            .create_window(0, window, self.root, x, y, width, height, 1, class, 0, &values)?;
        self.connection.map_window(window)?;
        let shown = Shown { window, width, height };
        self.windows.push(shown);
        self.text(shown)
    }

    /// Marks like letters on lines.
    fn text(&mut self, shown: Shown) -> anyhow::Result<()> {
        self.last = "text";
        let foreground = self.colour();
        self.connection.change_gc(self.gc, &ChangeGCAux::new().foreground(foreground))?;
        let line = self.place(shown.height) / 14 * 14;
        let mut marks = Vec::new();
        let mut x = 4;
        while x + 8 < shown.width {
            let (width, height) = (self.small(1, 6), self.small(2, 10));
            marks.push(Rectangle { x: i16::try_from(x)?, y: line, width, height });
            x += width + 2;
        }
        self.connection.poly_fill_rectangle(shown.window, self.gc, &marks)?;
        Ok(())
    }

    /// Colours that flow into each other, with the noise of a camera.
    fn photo(&mut self, shown: Shown) -> anyhow::Result<()> {
        self.last = "a picture";
        let (width, height) = (shown.width.min(240), shown.height.min(160));
        let shift = u32::try_from(self.below(200))?;
        let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 4);
        for y in 0..u32::from(height) {
            for x in 0..u32::from(width) {
                let noise = u32::try_from(self.next() & 7)?;
                let (red, green) = ((x + shift + noise) & 0xff, (y + shift + noise) & 0xff);
                pixels.extend((red << 16 | green << 8 | (x + y + noise) & 0xff).to_le_bytes());
            }
        }
        let format = ImageFormat::Z_PIXMAP;
        self.connection.put_image(
            format,
            shown.window,
            self.gc,
            width,
            height,
            0,
            0,
            0,
            24,
            &pixels,
        )?;
        Ok(())
    }

    fn drag(&mut self, shown: Shown) -> anyhow::Result<()> {
        self.last = "a window that moves";
        let to =
            ConfigureWindowAux::new().x(i32::from(self.place(700))).y(i32::from(self.place(500)));
        self.connection.configure_window(shown.window, &to)?;
        Ok(())
    }

    fn scroll(&mut self, shown: Shown) -> anyhow::Result<()> {
        self.last = "text that scrolls";
        let by = i16::try_from(self.small(1, 40))?;
        let height = shown.height.saturating_sub(by.unsigned_abs());
        let (window, gc) = (shown.window, self.gc);
        self.connection.copy_area(window, window, gc, 0, by, 0, 0, shown.width, height)?;
        Ok(())
    }

    fn resize(&mut self) -> anyhow::Result<()> {
        self.last = "another size of the screen";
        self.sizes += 1;
        let index = usize::try_from(self.below(u64::try_from(SIZES.len())?))?;
        let (width, height) = SIZES.get(index).copied().unwrap_or(SIZES[0]);
        self.one_monitor()?;
        let resources = self.connection.randr_get_screen_resources(self.root)?.reply()?;
        for crtc in resources.crtcs {
            let time = resources.config_timestamp;
            let none = Rotation::ROTATE0;
            self.connection.randr_set_crtc_config(crtc, 0, time, 0, 0, 0, none, &[])?.reply()?;
        }
        self.connection.randr_set_screen_size(self.root, width, height, 300, 200)?.check()?;
        Ok(())
    }

    fn monitors(&mut self) -> anyhow::Result<()> {
        self.last = "another monitor";
        self.monitors += 1;
        if self.second {
            return self.one_monitor();
        }
        let name = self.connection.intern_atom(false, b"second")?.reply()?.atom;
        let monitor =
            MonitorInfo { name, x: 10, y: 20, width: 400, height: 300, ..MonitorInfo::default() };
        self.connection.randr_set_monitor(self.root, monitor)?.check()?;
        self.second = true;
        Ok(())
    }

    fn one_monitor(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.second) {
            let name = self.connection.intern_atom(false, b"second")?.reply()?.atom;
            self.connection.randr_delete_monitor(self.root, name)?.check()?;
        }
        Ok(())
    }
}
