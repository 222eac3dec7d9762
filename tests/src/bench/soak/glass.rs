//! The user's screen and the technician's window, beside each other.

use std::path::Path;

use anyhow::Context as _;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

/// Both.
pub(super) struct Glass {
    user: Side,
    technician: Side,
}

struct Side {
    connection: RustConnection,
    root: Window,
}

impl Side {
    fn of(display: &str) -> anyhow::Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display)).context("connect to a display")?;
        let root = connection.setup().roots.get(screen).context("find the screen")?.root;
        Ok(Self { connection, root })
    }

    fn size(&self, window: Window) -> anyhow::Result<(u16, u16)> {
        let geometry = self.connection.get_geometry(window)?.reply()?;
        Ok((geometry.width, geometry.height))
    }

    /// Pixels in the middle of a window, without what has no colour.
    fn pixels(&self, window: Window, (width, height): (u16, u16)) -> anyhow::Result<Vec<u32>> {
        let whole = self.size(window)?;
        let x = i16::try_from((whole.0 - width) / 2).context("find the middle")?;
        let y = i16::try_from((whole.1 - height) / 2).context("find the middle")?;
        let format = ImageFormat::Z_PIXMAP;
        let image = self.connection.get_image(format, window, x, y, width, height, !0)?.reply()?;
        let pixels = image.data.as_chunks::<4>().0.iter();
        Ok(pixels.map(|pixel| u32::from_le_bytes(*pixel) & 0x00ff_ffff).collect())
    }

    /// The largest window of the root's.
    fn largest(&self) -> anyhow::Result<Window> {
        let children = self.connection.query_tree(self.root)?.reply()?.children;
        let mut largest = None;
        for child in children {
            let (width, height) = self.size(child)?;
            let area = u32::from(width) * u32::from(height);
            if largest.is_none_or(|(most, _)| area > most) {
                largest = Some((area, child));
            }
        }
        Ok(largest.context("find the technician's window")?.1)
    }
}

impl Glass {
    /// The screen of `user` and the window on `technician`.
    pub(super) fn between(user: &str, technician: &str) -> anyhow::Result<Self> {
        Ok(Self { user: Side::of(user)?, technician: Side::of(technician)? })
    }

    /// Saves what both show, for a person to look at.
    pub(super) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let window = self.technician.largest()?;
        for (side, of, name) in
            [(&self.user, self.user.root, "user"), (&self.technician, window, "technician")]
        {
            let size = side.size(of)?;
            let pixels = side.pixels(of, size)?;
            let rgb = pixels.iter().flat_map(|pixel| {
                let [_, red, green, blue] = pixel.to_be_bytes();
                [red, green, blue]
            });
            let image = image::RgbImage::from_raw(size.0.into(), size.1.into(), rgb.collect());
            let path = folder.join(format!("soak-{name}.png"));
            image.context("hold a picture")?.save(path).context("save a picture")?;
        }
        Ok(())
    }

    /// Where the two differ first; `None` where they are equal, all of the screen. A picture that is
    /// smaller than the window stands in its middle.
    pub(super) fn differs(&mut self) -> anyhow::Result<Option<(usize, usize)>> {
        let size = self.user.size(self.user.root)?;
        let window = self.technician.largest()?;
        let shown = self.technician.size(window)?;
        if shown.0 < size.0 || shown.1 < size.1 {
            return Ok(Some((shown.0.into(), shown.1.into())));
        }
        let user = self.user.pixels(self.user.root, size)?;
        let technician = self.technician.pixels(window, size)?;
        let width = usize::from(size.0);
        let place = user.iter().zip(&technician).position(|(one, other)| one != other);
        Ok(place.map(|place| (place % width, place / width)))
    }
}
