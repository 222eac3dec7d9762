//! An X11 display: RandR for the monitors, GetImage for the pixels, through memory shared with the
//! server where both ends can (MIT-SHM 1.2 with a file descriptor), else over the connection.
//!
//! It only reads: geometry, monitors, images. The size is asked afresh for each picture, because
//! RandR may change it at any time.

mod capture;
mod clipboard;
mod ear;
mod fetched;
mod hand;
mod pixels;
#[cfg(target_os = "linux")]
mod shared;

use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{ConnectionExt as _, Drawable, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

use self::capture::X11Capture;
pub(super) use self::clipboard::watch_clipboard;
pub(super) use self::ear::Ear;
use self::fetched::Fetched;
pub(super) use self::hand::X11Hand;
use self::pixels::Layout;
#[cfg(target_os = "linux")]
use self::shared::Shared;
use super::capture::Capture;
use super::{Desktop, DesktopError, MAX_MONITORS, MAX_SIDE, Monitor, Picture, Region};

/// Bytes of pixels in one GetImage, so that the server can serve others in between.
const STRIP: usize = 1024 * 1024;
/// Bytes of a monitor's name that are kept.
const MAX_NAME: usize = 64;

/// An open display.
pub(super) struct X11 {
    display: String,
    connected: Connected,
}

/// What one connection brings.
struct Connected {
    connection: RustConnection,
    root: Window,
    layout: Layout,
    #[cfg(target_os = "linux")]
    shared: Option<Shared>,
    fetched: Fetched,
}

impl X11 {
    /// Opens `display`, as `DISPLAY` names it.
    pub(super) fn open(display: &str) -> Result<Self, DesktopError> {
        Ok(Self { display: display.to_owned(), connected: Connected::open(display)? })
    }

    /// Runs `work`; on a dead connection once more on a new one.
    fn again<T>(
        &mut self,
        work: impl Fn(&mut Connected) -> Result<T, ReplyError>,
    ) -> Result<T, DesktopError> {
        match work(&mut self.connected) {
            Ok(done) => Ok(done),
            Err(error) => {
                tracing::debug!(%error, "reading the display again");
                if matches!(error, ReplyError::ConnectionError(_)) {
                    self.connected = Connected::open(&self.display)?;
                }
                work(&mut self.connected).map_err(|error| DesktopError::Read(error.to_string()))
            }
        }
    }
}

impl Desktop for X11 {
    fn size(&mut self) -> Result<(u32, u32), DesktopError> {
        self.again(|connected| connected.size())
    }

    fn monitors(&mut self) -> Result<Vec<Monitor>, DesktopError> {
        self.again(|connected| capped_monitors(connected))
    }

    fn capture(&mut self) -> Result<Box<dyn Capture>, DesktopError> {
        Ok(Box::new(X11Capture::open(&self.display)?))
    }

    /// A size that changes between the question and the picture gives BadMatch: `again` asks anew.
    fn grab(&mut self, region: Region) -> Result<Picture, DesktopError> {
        let (region, bytes) = self.again(|connected| {
            let (width, height) = connected.size()?;
            let Some(region) = region.clipped(width, height) else {
                return Ok((region, None));
            };
            connected.pixels(region).map(|bytes| (region, Some(bytes)))
        })?;
        bytes
            .and_then(|bytes| Picture::new(region.width, region.height, bytes))
            .ok_or_else(|| DesktopError::Read("the display is empty or too large".to_owned()))
    }
}

/// The monitors as they are now; the whole desktop where RandR knows none.
fn capped_monitors(connected: &Connected) -> Result<Vec<Monitor>, ReplyError> {
    let (width, height) = connected.size()?;
    let mut monitors = connected.randr_monitors(width, height).unwrap_or_default();
    if monitors.is_empty() {
        let region = Region { x: 0, y: 0, width, height };
        monitors.push(Monitor { region, name: "screen".to_owned() });
    }
    Ok(monitors)
}

impl Connected {
    fn open(display: &str) -> Result<Self, DesktopError> {
        let (connection, root, layout) = connect(display)?;
        #[cfg(target_os = "linux")]
        {
            match Shared::attach(&connection, layout.bytes_of(64, 64)) {
                Ok(shared) => {
                    let (shared, fetched) = (Some(shared), Fetched::default());
                    Ok(Self { connection, root, layout, shared, fetched })
                }
                Err(error) => {
                    // A refused descriptor may leave the connection unusable: start with a new one.
                    tracing::debug!(%error, "the display shares no memory");
                    let (connection, root, layout) = connect(display)?;
                    Ok(Self { connection, root, layout, shared: None, fetched: Fetched::default() })
                }
            }
        }
        #[cfg(not(target_os = "linux"))]
        Ok(Self { connection, root, layout, fetched: Fetched::default() })
    }

    fn size(&self) -> Result<(u32, u32), ReplyError> {
        let geometry = self.connection.get_geometry(Drawable::from(self.root))?.reply()?;
        Ok((u32::from(geometry.width), u32::from(geometry.height)))
    }

    /// The monitors of RandR 1.5, in the server's order; an error or none where it has no RandR.
    fn randr_monitors(&self, width: u32, height: u32) -> Result<Vec<Monitor>, ReplyError> {
        let version = self.connection.randr_query_version(1, 5)?.reply()?;
        if (version.major_version, version.minor_version) < (1, 5) {
            return Ok(Vec::new());
        }
        let found = self.connection.randr_get_monitors(self.root, true)?.reply()?;
        let mut monitors = Vec::new();
        for info in found.monitors.iter().take(MAX_MONITORS) {
            let region = Region {
                x: u32::try_from(info.x).unwrap_or(0),
                y: u32::try_from(info.y).unwrap_or(0),
                width: u32::from(info.width),
                height: u32::from(info.height),
            };
            if let Some(region) = region.clipped(width, height) {
                let name = self.connection.get_atom_name(info.name)?.reply()?.name;
                let name = String::from_utf8_lossy(&name[..name.len().min(MAX_NAME)]).into_owned();
                monitors.push(Monitor { region, name });
            }
        }
        Ok(monitors)
    }

    /// The pixels of a region that lies inside the root, as BGRX without padding.
    fn pixels(&mut self, region: Region) -> Result<Vec<u8>, ReplyError> {
        #[cfg(target_os = "linux")]
        if let Some(bytes) = self.shared_pixels(region)? {
            return Ok(bytes);
        }
        self.plain_pixels(region)
    }

    #[cfg(target_os = "linux")]
    fn shared_pixels(&mut self, region: Region) -> Result<Option<Vec<u8>>, ReplyError> {
        let needed = self.layout.bytes_of(region.width, region.height);
        let Some(shared) = self.shared_for(needed)? else { return Ok(None) };
        let raw = shared.image(&self.connection, self.root, region, needed);
        self.shared = Some(shared);
        Ok(Some(self.layout.to_bgrx(raw?, region.width, region.height)))
    }

    /// Memory for an image of so many bytes, unless the server takes none. To be put back.
    #[cfg(target_os = "linux")]
    fn shared_for(&mut self, needed: usize) -> Result<Option<Shared>, ConnectionError> {
        let Some(shared) = self.shared.take() else { return Ok(None) };
        if shared.len() >= needed {
            return Ok(Some(shared));
        }
        shared.detach(&self.connection)?;
        match Shared::attach(&self.connection, needed) {
            Ok(shared) => Ok(Some(shared)),
            Err(error) => {
                tracing::debug!(%error, "no memory to share with the display");
                Ok(None)
            }
        }
    }

    fn plain_pixels(&self, region: Region) -> Result<Vec<u8>, ReplyError> {
        let row = self.layout.bytes_of(region.width, 1).max(1);
        let rows = u32::try_from(STRIP / row).unwrap_or(1).clamp(1, region.height);
        let mut bgrx = Vec::new();
        let mut top = 0;
        while top < region.height {
            let height = rows.min(region.height - top);
            let strip = Region { y: region.y + top, height, ..region };
            let raw = self.strip(strip)?;
            bgrx.append(&mut self.layout.to_bgrx(raw, strip.width, height));
            top += height;
        }
        Ok(bgrx)
    }

    fn strip(&self, strip: Region) -> Result<Vec<u8>, ReplyError> {
        let (x, y, width, height) = wire(strip)?;
        let format = ImageFormat::Z_PIXMAP;
        let image = self.connection.get_image(format, self.root, x, y, width, height, !0)?;
        let mut data = image.reply()?.data;
        // The reply is padded to a multiple of 4 bytes, a row to the layout's unit only.
        data.truncate(self.layout.bytes_of(strip.width, strip.height));
        Ok(data)
    }
}

/// Sizes as the protocol carries them. A desktop that does not fit is no X11 desktop.
fn wire(region: Region) -> Result<(i16, i16, u16, u16), ConnectionError> {
    let fits = |_| ConnectionError::MaximumRequestLengthExceeded;
    Ok((
        i16::try_from(region.x).map_err(fits)?,
        i16::try_from(region.y).map_err(fits)?,
        u16::try_from(region.width.min(MAX_SIDE)).map_err(fits)?,
        u16::try_from(region.height.min(MAX_SIDE)).map_err(fits)?,
    ))
}

fn connect(display: &str) -> Result<(RustConnection, Window, Layout), DesktopError> {
    let refused = |cause: String| DesktopError::Connect { display: display.to_owned(), cause };
    let (connection, number) =
        x11rb::connect(Some(display)).map_err(|error| refused(error.to_string()))?;
    let setup = connection.setup();
    let screen = setup.roots.get(number).ok_or_else(|| refused("no such screen".to_owned()))?;
    let root = screen.root;
    let layout = Layout::of(setup, screen)?;
    Ok((connection, root, layout))
}
