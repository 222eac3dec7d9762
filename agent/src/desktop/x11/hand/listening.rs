//! What the user does himself: XInput 2's raw events, which come whatever window is in front and
//! whoever has a grab. What came from an XTEST device and stands in the ledger is our own. Which keys
//! they are is looked at for that alone, and goes nowhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{
    ConnectionExt as _, Device, EventMask, RawButtonPressEvent, RawKeyPressEvent, XIEventMask,
};
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask as CoreMask, Window,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::connect;
use crate::desktop::hands::{HandError, Told};
use crate::hand::{Ledger, Mark, Seen};

/// All master devices (XI2 protocol, `XIAllMasterDevices`).
const ALL_MASTERS: u16 = 1;
/// What the server calls the devices that XTEST moves.
const XTEST: &[u8] = b"XTEST";

/// The thread that listens, until this is dropped.
pub(super) struct Listening {
    connection: Arc<RustConnection>,
    own: Window,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    pub(super) fn start(
        display: &str,
        ledger: Arc<Mutex<Ledger>>,
        told: Told,
    ) -> Result<Self, HandError> {
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
        // A window that nobody sees, to be told the end through.
        let own = connection.generate_id()?;
        let (class, nothing) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
        connection.create_window(0, own, root, 0, 0, 1, 1, 0, class, 0, &nothing)?.check()?;
        let connection = Arc::new(connection);
        let ear = Ear { ledger, xtest, told };
        let listening = connection.clone();
        let thread = thread::Builder::new()
            .name("listening".to_owned())
            .spawn(move || ear.listen(&listening))
            .map_err(|error| HandError::Display(error.to_string()))?;
        Ok(Self { connection, own, thread: Some(thread) })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let end = ClientMessageEvent::new(8, self.own, 1_u32, [0_u8; 20]);
        let told = self.connection.send_event(false, self.own, CoreMask::NO_EVENT, end);
        let told = told.and_then(|_| self.connection.flush());
        // A connection that is lost has ended the thread already.
        if let (Ok(()), Some(thread)) = (told, self.thread.take())
            && thread.join().is_err()
        {
            tracing::debug!("the thread that listens to the user had failed");
        }
    }
}

fn xtest_devices(connection: &RustConnection) -> Result<Vec<u16>, HandError> {
    let devices = connection.xinput_xi_query_device(bool::from(Device::ALL))?.reply()?.infos;
    let named = |name: &[u8]| name.windows(XTEST.len()).any(|part| part == XTEST);
    Ok(devices.iter().filter(|info| named(&info.name)).map(|info| info.deviceid).collect())
}

struct Ear {
    ledger: Arc<Mutex<Ledger>>,
    xtest: Vec<u16>,
    told: Told,
}

impl Ear {
    #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else was asked for")]
    fn listen(&self, connection: &RustConnection) {
        loop {
            match connection.wait_for_event() {
                Ok(Event::XinputRawKeyPress(event)) => self.key(&event, true),
                Ok(Event::XinputRawKeyRelease(event)) => self.key(&event, false),
                Ok(Event::XinputRawButtonPress(event)) => self.button(&event, true),
                Ok(Event::XinputRawButtonRelease(event)) => self.button(&event, false),
                Ok(Event::XinputRawMotion(event)) => {
                    self.hear(event.sourceid, Mark::Motion, Seen::Moved);
                }
                Ok(
                    Event::XinputRawTouchBegin(_)
                    | Event::XinputRawTouchUpdate(_)
                    | Event::XinputRawTouchEnd(_),
                ) => (self.told)(Seen::Moved),
                Ok(Event::ClientMessage(_)) | Err(_) => return,
                Ok(_) => {}
            }
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
