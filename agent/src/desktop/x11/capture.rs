//! Watching an X11 display, on a connection of its own: XDamage says what changed, XFixes how the
//! pointer looks, XInput that it moved, RandR that monitors came and went.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::Event;
use x11rb::protocol::damage::{self, ConnectionExt as _, ReportLevel};
use x11rb::protocol::randr::{ConnectionExt as _, NotifyMask};
use x11rb::protocol::xfixes::{self, ConnectionExt as _, CursorNotifyMask};
use x11rb::protocol::xinput::{self, ConnectionExt as _, XIEventMask};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, EventMask, Rectangle,
};

use super::{Connected, capped_monitors};
use crate::desktop::bell::Bell;
use crate::desktop::capture::{Capture, Cursor, MAX_CURSOR, News};
use crate::desktop::{DesktopError, Monitor, Region};

/// Rectangles of one damage that are looked at one by one; beyond them their hull is.
const MAX_RECTANGLES: usize = 256;

/// A display that is watched.
pub(super) struct X11Capture {
    connected: Connected,
    damage: damage::Damage,
    /// Where the server puts what was damaged.
    parts: xfixes::Region,
    /// What events have told and nobody has asked for yet.
    news: News,
    /// Damage was asked for before.
    begun: bool,
}

impl X11Capture {
    pub(super) fn open(display: &str) -> Result<Self, DesktopError> {
        let connected = Connected::open(display)?;
        let made = Self::prepare(&connected).map_err(|error| read(&error))?;
        let (damage, parts) = made;
        Ok(Self { connected, damage, parts, news: News::ALL, begun: false })
    }

    fn prepare(connected: &Connected) -> Result<(damage::Damage, xfixes::Region), ReplyError> {
        let (connection, root) = (&connected.connection, connected.root);
        connection.damage_query_version(1, 1)?.reply()?;
        connection.xfixes_query_version(5, 0)?.reply()?;
        let damage = connection.generate_id().map_err(id)?;
        connection.damage_create(damage, root, ReportLevel::NON_EMPTY)?.check()?;
        let parts = connection.generate_id().map_err(id)?;
        connection.xfixes_create_region(parts, &[])?.check()?;
        connection.xfixes_select_cursor_input(root, CursorNotifyMask::DISPLAY_CURSOR)?.check()?;
        let monitors = NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE;
        // A display without RandR or XInput never says that its monitors or the pointer changed.
        if let Err(error) = connection.randr_select_input(root, monitors)?.check() {
            tracing::debug!(%error, "the display does not tell of monitors");
        }
        // Of monitors that a program defined (RandR 1.5) the root is all that tells.
        let shape = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &shape)?.check()?;
        if let Err(error) = Self::follow_pointer(connected) {
            tracing::debug!(%error, "the display does not tell where the pointer is");
        }
        Ok((damage, parts))
    }

    fn follow_pointer(connected: &Connected) -> Result<(), ReplyError> {
        let connection = &connected.connection;
        connection.xinput_xi_query_version(2, 0)?.reply()?;
        let mask = xinput::EventMask {
            deviceid: xinput::Device::ALL_MASTER.into(),
            mask: vec![XIEventMask::RAW_MOTION],
        };
        connection.xinput_xi_select_events(connected.root, &[mask])?.check()
    }

    /// Takes the events that came, and says whether there were any.
    fn drain(&mut self) -> Result<bool, ConnectionError> {
        let mut any = false;
        while let Some(event) = self.connected.connection.poll_for_event()? {
            self.take(&event);
            any = true;
        }
        Ok(any)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "of what a display tells, this much counts")]
    fn take(&mut self, event: &Event) {
        match event {
            Event::DamageNotify(_) => self.news.damage = true,
            Event::XfixesCursorNotify(_) => self.news.cursor = true,
            Event::XinputRawMotion(_) => self.news.pointer = true,
            Event::RandrScreenChangeNotify(_)
            | Event::RandrNotify(_)
            | Event::ConfigureNotify(_) => self.news.layout = true,
            _ => {}
        }
    }

    /// What was damaged since the last time, which then counts as seen.
    fn damaged_parts(&self) -> Result<Vec<Region>, ReplyError> {
        let connection = &self.connected.connection;
        connection.damage_subtract(self.damage, x11rb::NONE, self.parts)?;
        let fetched = connection.xfixes_fetch_region(self.parts)?.reply()?;
        let parts = if fetched.rectangles.len() > MAX_RECTANGLES {
            vec![fetched.extents]
        } else {
            fetched.rectangles
        };
        Ok(parts.into_iter().filter_map(region).collect())
    }
}

impl Capture for X11Capture {
    fn wait(&mut self, bell: &Bell, most: Option<Duration>) -> Result<(), DesktopError> {
        self.connected.connection.flush().map_err(lost)?;
        // An event may have been read beside a reply already.
        if !self.drain().map_err(lost)? {
            let most = most.and_then(|most| Timespec::try_from(most).ok());
            let stream = self.connected.connection.stream();
            let mut both = [
                PollFd::new(stream, PollFlags::IN),
                PollFd::from_borrowed_fd(bell.descriptor(), PollFlags::IN),
            ];
            match poll(&mut both, most.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(DesktopError::Read(error.to_string())),
            }
        }
        bell.silence();
        Ok(())
    }

    fn news(&mut self) -> Result<News, DesktopError> {
        self.drain().map_err(lost)?;
        Ok(std::mem::take(&mut self.news))
    }

    fn damage(&mut self) -> Result<Vec<Region>, DesktopError> {
        if self.begun {
            return self.damaged_parts().map_err(|error| read(&error));
        }
        self.begun = true;
        self.damaged_parts().map_err(|error| read(&error))?;
        let (width, height) = self.size()?;
        Ok(vec![Region { x: 0, y: 0, width, height }])
    }

    fn size(&mut self) -> Result<(u32, u32), DesktopError> {
        self.connected.size().map_err(|error| read(&error))
    }

    fn monitors(&mut self) -> Result<Vec<Monitor>, DesktopError> {
        capped_monitors(&self.connected).map_err(|error| read(&error))
    }

    fn fetch(&mut self, regions: &[Region]) -> Result<(), DesktopError> {
        match self.connected.fetch(regions) {
            Ok(()) => Ok(()),
            // BadMatch: the desktop became smaller meanwhile.
            Err(ReplyError::X11Error(error)) => {
                tracing::debug!(?error, "a part of the screen is gone");
                self.news.layout = true;
                Err(DesktopError::Moved)
            }
            Err(error) => Err(read(&error)),
        }
    }

    fn copy(&self, part: Region, bgrx: &mut [u8]) {
        self.connected.copy(part, bgrx);
    }

    fn cursor(&mut self) -> Result<Option<Cursor>, DesktopError> {
        let image = self.connected.connection.xfixes_get_cursor_image().map_err(lost)?;
        let image = image.reply().map_err(|error| read(&error))?;
        let (width, height) = (u32::from(image.width), u32::from(image.height));
        if width > MAX_CURSOR || height > MAX_CURSOR {
            return Ok(None);
        }
        let bgra = image.cursor_image.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        let (hot_x, hot_y) = (u32::from(image.xhot), u32::from(image.yhot));
        Ok(Some(Cursor { width, height, hot_x, hot_y, bgra }))
    }

    fn pointer(&mut self) -> Result<(i32, i32), DesktopError> {
        let asked = self.connected.connection.query_pointer(self.connected.root).map_err(lost)?;
        let place = asked.reply().map_err(|error| read(&error))?;
        Ok((place.root_x.into(), place.root_y.into()))
    }
}

/// What lies on the desktop of a rectangle.
fn region(rectangle: Rectangle) -> Option<Region> {
    let (x, y) = (i32::from(rectangle.x), i32::from(rectangle.y));
    let (right, bottom) = (x + i32::from(rectangle.width), y + i32::from(rectangle.height));
    let (x, y) = (x.max(0), y.max(0));
    Some(Region {
        x: u32::try_from(x).ok()?,
        y: u32::try_from(y).ok()?,
        width: u32::try_from(right - x).ok()?,
        height: u32::try_from(bottom - y).ok()?,
    })
}

fn id(error: x11rb::errors::ReplyOrIdError) -> ReplyError {
    match error {
        x11rb::errors::ReplyOrIdError::ConnectionError(error) => error.into(),
        x11rb::errors::ReplyOrIdError::X11Error(error) => ReplyError::X11Error(error),
        x11rb::errors::ReplyOrIdError::IdsExhausted => ConnectionError::InsufficientMemory.into(),
    }
}

fn lost(error: ConnectionError) -> DesktopError {
    DesktopError::Read(error.to_string())
}

fn read(error: &ReplyError) -> DesktopError {
    DesktopError::Read(error.to_string())
}
