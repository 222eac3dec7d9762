//! The person in front of a display: sees windows and their titles, presses keys, takes pictures.
//!
//! Most of these displays have no window manager, so the person also does what one would do: gives a
//! window the keyboard.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use image::RgbImage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ChangeWindowAttributesAux,
    ConnectionExt as _, EventMask, ImageFormat, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
    MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::process::PATIENCE;

/// Keysyms of `X11/keysymdef.h`.
pub mod key {
    /// Tab.
    pub const TAB: u32 = 0xff09;
    /// Enter.
    pub const RETURN: u32 = 0xff0d;
    /// Escape.
    pub const ESCAPE: u32 = 0xff1b;
    /// End.
    pub const END: u32 = 0xff57;
    /// Shift, left.
    pub const SHIFT: u32 = 0xffe1;
    /// Control, left.
    pub const CONTROL: u32 = 0xffe3;
    /// Alt, left.
    pub const ALT: u32 = 0xffe9;
    /// Control, right: the viewer's own key.
    pub const HOST: u32 = 0xffe4;
}

/// How long a key that does nothing yet is pressed again.
const AGAIN: Duration = Duration::from_millis(250);

/// Somebody at a display.
pub struct Person {
    connection: RustConnection,
    root: Window,
    title: Atom,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

impl Person {
    /// Sits down at a display.
    ///
    /// # Errors
    /// What the display says.
    pub fn at(display: &str) -> anyhow::Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display)).context("connect")?;
        let root = connection.setup().roots.get(screen).context("find the screen")?.root;
        let title = connection.intern_atom(false, b"_NET_WM_NAME")?.reply()?.atom;
        Ok(Self { connection, root, title })
    }

    /// Waits for a window whose title contains `part`, and gives it the keyboard.
    ///
    /// # Errors
    /// Where there is none in time.
    pub fn wait_for(&self, part: &str) -> anyhow::Result<Window> {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while Instant::now() < end {
            seen = self.windows()?;
            if let Some((window, _)) = seen.iter().find(|(_, title)| title.contains(part)) {
                let (window, parent) = (*window, InputFocus::PARENT);
                self.connection.set_input_focus(parent, window, x11rb::CURRENT_TIME)?.check()?;
                return Ok(window);
            }
            self.something_happens(AGAIN)?;
        }
        bail!("no window is called {part:?}; there are {seen:?}")
    }

    /// Every window that is shown and has a title.
    fn windows(&self) -> anyhow::Result<Vec<(Window, String)>> {
        // A window manager puts each window into a frame.
        let mut children = self.connection.query_tree(self.root)?.reply()?.children;
        let mut windows = Vec::new();
        for frame in children.clone() {
            if let Ok(inside) = self.connection.query_tree(frame)?.reply() {
                children.extend(inside.children);
            }
        }
        for window in children {
            let changes = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
            // One that is gone meanwhile has no title.
            self.connection.change_window_attributes(window, &changes)?.ignore_error();
            let any = AtomEnum::ANY;
            let title = self.connection.get_property(false, window, self.title, any, 0, 256)?;
            let Ok(title) = title.reply() else { continue };
            let Ok(shown) = self.connection.get_window_attributes(window)?.reply() else {
                continue;
            };
            if shown.map_state == x11rb::protocol::xproto::MapState::VIEWABLE
                && !title.value.is_empty()
            {
                windows.push((window, String::from_utf8_lossy(&title.value).into_owned()));
            }
        }
        Ok(windows)
    }

    /// Waits for any event, or for `time`.
    fn something_happens(&self, time: Duration) -> anyhow::Result<()> {
        self.connection.flush()?;
        let end = Instant::now() + time;
        loop {
            match self.connection.poll_for_event()? {
                Some(Event::Error(_)) => {}
                Some(_) => return Ok(()),
                None => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(());
                    }
                    let left = Timespec::try_from(left).context("say how long")?;
                    let mut display = [PollFd::new(self.connection.stream(), PollFlags::IN)];
                    poll(&mut display, Some(&left)).context("wait for the display")?;
                }
            }
        }
    }

    /// Takes the keyboard away from every window.
    ///
    /// # Errors
    /// What the display says.
    pub fn look_away(&self) -> anyhow::Result<()> {
        let (parent, root) = (InputFocus::PARENT, self.root);
        Ok(self.connection.set_input_focus(parent, root, x11rb::CURRENT_TIME)?.check()?)
    }

    /// Presses keys together and lets them go.
    ///
    /// # Errors
    /// What the display says.
    pub fn press(&self, keys: &[u32]) -> anyhow::Result<()> {
        let codes: Vec<u8> = keys.iter().map(|key| self.code(*key)).collect::<Result<_, _>>()?;
        let down = codes.iter().map(|code| (KEY_PRESS_EVENT, *code));
        let up = codes.iter().rev().map(|code| (KEY_RELEASE_EVENT, *code));
        for (kind, code) in down.chain(up) {
            let (now, screen) = (x11rb::CURRENT_TIME, self.root);
            self.connection.xtest_fake_input(kind, code, now, screen, 0, 0, 0)?.check()?;
        }
        Ok(())
    }

    /// Where the mouse is.
    ///
    /// # Errors
    /// What the display says.
    pub fn pointer(&self) -> anyhow::Result<(i16, i16)> {
        let pointer = self.connection.query_pointer(self.root)?.reply()?;
        Ok((pointer.root_x, pointer.root_y))
    }

    /// Moves the mouse there.
    ///
    /// # Errors
    /// What the display says.
    pub fn point(&self, x: i16, y: i16) -> anyhow::Result<()> {
        let (now, root) = (x11rb::CURRENT_TIME, self.root);
        let moved = self.connection.xtest_fake_input(MOTION_NOTIFY_EVENT, 0, now, root, x, y, 0);
        Ok(moved?.check()?)
    }

    /// Presses a button (1 is the left one, 5 the wheel downwards) and lets it go.
    ///
    /// # Errors
    /// What the display says.
    pub fn click(&self, button: u8) -> anyhow::Result<()> {
        for kind in [BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT] {
            let (now, root) = (x11rb::CURRENT_TIME, self.root);
            self.connection.xtest_fake_input(kind, button, now, root, 0, 0, 0)?.check()?;
        }
        Ok(())
    }

    /// Presses a key and holds it down.
    ///
    /// # Errors
    /// What the display says.
    pub fn hold(&self, key: u32) -> anyhow::Result<()> {
        let (code, now, root) = (self.code(key)?, x11rb::CURRENT_TIME, self.root);
        Ok(self.connection.xtest_fake_input(KEY_PRESS_EVENT, code, now, root, 0, 0, 0)?.check()?)
    }

    /// Waits until the display looks as `right` wants it, and gives that picture.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn wait_until(&self, right: impl Fn(&RgbImage) -> bool) -> anyhow::Result<RgbImage> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let picture = self.picture()?;
            if right(&picture) {
                return Ok(picture);
            }
            self.something_happens(AGAIN)?;
        }
        bail!("the display never looks so")
    }

    /// Presses a key again and again until something has happened: a button that waits a moment
    /// does not say when it is ready.
    ///
    /// # Errors
    /// Where it does not happen in time.
    pub fn press_until<T>(
        &self,
        keys: &[u32],
        mut happened: impl FnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.press(keys)?;
            self.something_happens(AGAIN)?;
            if let Some(done) = happened() {
                return Ok(done);
            }
        }
        bail!("pressing does nothing")
    }

    /// Waits until the display looks otherwise than `before`.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn wait_for_change(&self, before: &RgbImage) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.picture()? != *before {
                return Ok(());
            }
            self.something_happens(AGAIN)?;
        }
        bail!("nothing on the display changes")
    }

    /// The key with this keysym on it.
    ///
    /// # Errors
    /// Where there is none.
    pub fn code(&self, keysym: u32) -> anyhow::Result<u8> {
        let (first, last) =
            (self.connection.setup().min_keycode, self.connection.setup().max_keycode);
        let mapping = self.connection.get_keyboard_mapping(first, last - first + 1)?.reply()?;
        let each = usize::from(mapping.keysyms_per_keycode).max(1);
        let place =
            mapping.keysyms.chunks(each).position(|keysyms| keysyms.first() == Some(&keysym));
        let place = u8::try_from(place.context("find the key")?).context("find the key")?;
        Ok(first + place)
    }

    /// What the display shows.
    ///
    /// # Errors
    /// What the display says.
    pub fn picture(&self) -> anyhow::Result<RgbImage> {
        let whole = self.connection.get_geometry(self.root)?.reply()?;
        let (root, format) = (self.root, ImageFormat::Z_PIXMAP);
        let (width, height) = (whole.width, whole.height);
        let image = self.connection.get_image(format, root, 0, 0, width, height, u32::MAX)?;
        // Four bytes a pixel: blue, green, red, nothing (a display of 24 bits).
        let pixels = image.reply().context("take a picture")?.data;
        let rgb = pixels.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        RgbImage::from_raw(width.into(), height.into(), rgb).context("take a picture")
    }
}
