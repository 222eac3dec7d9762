//! Keys that stop the session whichever window is in front: a grab of the X server's (XGrabKey), on a
//! connection and a thread of its own, so that it works while the window is busy. Elsewhere there is
//! none, and the keys work in the window alone.

/// As they are written on the keys.
pub(super) const KEYS: &str = "Ctrl + Alt + End";

#[cfg(all(unix, not(target_os = "macos")))]
pub(super) use self::x11::Hotkey;

#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) use self::none::Hotkey;

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod none {
    /// No such keys on this system.
    #[derive(Debug)]
    pub(in crate::window) enum Hotkey {}

    impl Hotkey {
        pub(in crate::window) const fn grab(_pressed: impl Fn() + Send + 'static) -> Option<Self> {
            None
        }
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod x11 {
    use std::sync::Arc;
    use std::thread::{self, JoinHandle};

    use thiserror::Error;
    use x11rb::connection::Connection as _;
    use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
    use x11rb::protocol::Event;
    use x11rb::protocol::xproto::{
        ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, GrabMode, KeyButMask,
        ModMask, Window, WindowClass,
    };
    use x11rb::rust_connection::RustConnection;

    /// Keysym of End (`X11/keysymdef.h`).
    const END: u32 = 0xff57;
    /// With Caps Lock and Num Lock each on and off: the server compares all modifiers.
    const LOCKS: [u16; 4] = [0, 1 << 1, 1 << 4, (1 << 1) | (1 << 4)];

    #[derive(Debug, Error)]
    enum NoHotkey {
        #[error(transparent)]
        Connect(#[from] ConnectError),
        #[error(transparent)]
        Connection(#[from] ConnectionError),
        #[error(transparent)]
        Reply(#[from] ReplyError),
        #[error(transparent)]
        Id(#[from] ReplyOrIdError),
        #[error("this keyboard has no such key")]
        Key,
        #[error(transparent)]
        Thread(#[from] std::io::Error),
    }

    /// The keys are ours until it is dropped.
    #[derive(Debug)]
    pub(in crate::window) struct Hotkey {
        connection: Arc<RustConnection>,
        own: Window,
        thread: Option<JoinHandle<()>>,
    }

    impl Hotkey {
        /// `pressed` is called from another thread. `None` where the keys cannot be had.
        pub(in crate::window) fn grab(pressed: impl Fn() + Send + 'static) -> Option<Self> {
            match Self::grabbed(pressed) {
                Ok(hotkey) => Some(hotkey),
                Err(error) => {
                    tracing::debug!(%error, "there are no keys that stop from anywhere");
                    None
                }
            }
        }

        fn grabbed(pressed: impl Fn() + Send + 'static) -> Result<Self, NoHotkey> {
            let (connection, screen) = x11rb::connect(None)?;
            let root = connection.setup().roots.get(screen).ok_or(NoHotkey::Key)?.root;
            let key = keycode(&connection)?;
            for locks in LOCKS {
                let modifiers = ModMask::from(u16::from(ModMask::CONTROL | ModMask::M1) | locks);
                let (own, mode) = (true, GrabMode::ASYNC);
                connection.grab_key(own, root, modifiers, key, mode, mode)?.check()?;
            }
            // A window that nobody sees, to be told the end through.
            let own = connection.generate_id()?;
            let (class, nothing) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
            connection.create_window(0, own, root, 0, 0, 1, 1, 0, class, 0, &nothing)?.check()?;
            let connection = Arc::new(connection);
            let listening = connection.clone();
            let thread = thread::Builder::new()
                .name("hotkey".to_owned())
                .spawn(move || listen(&listening, &pressed))?;
            Ok(Self { connection, own, thread: Some(thread) })
        }
    }

    impl Drop for Hotkey {
        fn drop(&mut self) {
            let end = ClientMessageEvent::new(8, self.own, u32::from(KeyButMask::SHIFT), [0u8; 20]);
            let told = self.connection.send_event(false, self.own, EventMask::NO_EVENT, end);
            let told = told.and_then(|_| self.connection.flush());
            // A connection that is lost has ended the thread already.
            if let (Ok(()), Some(thread)) = (told, self.thread.take())
                && thread.join().is_err()
            {
                tracing::debug!("the thread of the hotkey had failed");
            }
        }
    }

    fn listen(connection: &RustConnection, pressed: &impl Fn()) {
        loop {
            match connection.wait_for_event() {
                Ok(Event::KeyPress(_)) => pressed(),
                Ok(Event::ClientMessage(_)) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Which key has End on it.
    fn keycode(connection: &RustConnection) -> Result<u8, NoHotkey> {
        let (first, last) = (connection.setup().min_keycode, connection.setup().max_keycode);
        let count = last.saturating_sub(first).saturating_add(1);
        let mapping = connection.get_keyboard_mapping(first, count)?.reply()?;
        let each = usize::from(mapping.keysyms_per_keycode).max(1);
        let place = mapping.keysyms.chunks(each).position(|keysyms| keysyms.contains(&END));
        let place = place.and_then(|place| u8::try_from(place).ok()).ok_or(NoHotkey::Key)?;
        Ok(first.saturating_add(place))
    }
}
