//! What the user does himself: XInput 2's raw events, which come whatever window is in front and
//! whoever has a grab. What came from an XTEST device and stands in the ledger is our own. Which keys
//! they are is looked at for that alone, and goes nowhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use x11rb::protocol::Event;
use x11rb::protocol::xinput::{
    ConnectionExt as _, Device, EventMask, RawButtonPressEvent, RawKeyPressEvent, XIEventMask,
};
use x11rb::rust_connection::RustConnection;

use super::super::ear::Ear;
use super::connect;
use crate::desktop::hands::{HandError, Told};
use crate::hand::{Ledger, Mark, Seen};

/// All master devices (XI2 protocol, `XIAllMasterDevices`).
const ALL_MASTERS: u16 = 1;
/// What the server calls the devices that XTEST moves.
const XTEST: &[u8] = b"XTEST";

/// Listens until what it gives is dropped.
pub(super) fn listen(
    display: &str,
    ledger: Arc<Mutex<Ledger>>,
    told: Told,
) -> Result<Ear, HandError> {
    let (connection, root) = connect(display)?;
    let unable = |_| HandError::Unable("XInput 2.2");
    let version = connection.xinput_xi_query_version(2, 2)?.reply().map_err(unable)?;
    if (version.major_version, version.minor_version) < (2, 2) {
        return Err(HandError::Unable("XInput 2.2"));
    }
    let xtest = xtest_devices(&connection)?;
    let mask = XIEventMask::RAW_KEY_PRESS
        | XIEventMask::RAW_KEY_RELEASE
        | XIEventMask::RAW_BUTTON_PRESS
        | XIEventMask::RAW_BUTTON_RELEASE
        | XIEventMask::RAW_MOTION
        | XIEventMask::RAW_TOUCH_BEGIN
        | XIEventMask::RAW_TOUCH_UPDATE
        | XIEventMask::RAW_TOUCH_END;
    let masks = [EventMask { deviceid: ALL_MASTERS, mask: vec![mask] }];
    connection.xinput_xi_select_events(root, &masks)?.check()?;
    let sorting = Sorting { ledger, xtest, told };
    Ok(Ear::start("listening", connection, root, move |_, _, event| sorting.sort(event))?)
}

fn xtest_devices(connection: &RustConnection) -> Result<Vec<u16>, HandError> {
    let devices = connection.xinput_xi_query_device(bool::from(Device::ALL))?.reply()?.infos;
    let named = |name: &[u8]| name.windows(XTEST.len()).any(|part| part == XTEST);
    Ok(devices.iter().filter(|info| named(&info.name)).map(|info| info.deviceid).collect())
}

/// Ours, or the user's.
struct Sorting {
    ledger: Arc<Mutex<Ledger>>,
    xtest: Vec<u16>,
    told: Told,
}

impl Sorting {
    #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else was asked for")]
    fn sort(&self, event: Event) {
        match event {
            Event::XinputRawKeyPress(event) => self.key(&event, true),
            Event::XinputRawKeyRelease(event) => self.key(&event, false),
            Event::XinputRawButtonPress(event) => self.button(&event, true),
            Event::XinputRawButtonRelease(event) => self.button(&event, false),
            Event::XinputRawMotion(event) => {
                self.hear(event.sourceid, Mark::Motion, Seen::Moved);
            }
            Event::XinputRawTouchBegin(_)
            | Event::XinputRawTouchUpdate(_)
            | Event::XinputRawTouchEnd(_) => (self.told)(Seen::Moved),
            _ => {}
        }
    }

    fn key(&self, event: &RawKeyPressEvent, down: bool) {
        let code = u8::try_from(event.detail).unwrap_or(0);
        let seen = if down { Seen::Down } else { Seen::Up };
        self.hear(event.sourceid, Mark::Key(code, down), seen(Mark::Key(code, true)));
    }

    fn button(&self, event: &RawButtonPressEvent, down: bool) {
        let button = u8::try_from(event.detail).unwrap_or(0);
        let seen = if down { Seen::Down } else { Seen::Up };
        self.hear(event.sourceid, Mark::Button(button, down), seen(Mark::Button(button, true)));
    }

    fn hear(&self, source: u16, mark: Mark, seen: Seen) {
        let now = Instant::now();
        let ours = self.xtest.contains(&source)
            && self.ledger.lock().unwrap_or_else(PoisonError::into_inner).explains(mark, now);
        if !ours {
            (self.told)(seen);
        }
    }
}
