//! A thread that hears what a display tells, until its handle is dropped.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;

/// The thread, with a connection of its own.
pub(in crate::desktop) struct Ear {
    connection: Arc<RustConnection>,
    own: Window,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Hears `connection`. `hear` is given each event, with a window that nobody sees.
    pub(super) fn start(
        name: &str,
        connection: RustConnection,
        root: Window,
        mut hear: impl FnMut(&RustConnection, Window, Event) + Send + 'static,
    ) -> Result<Self, ReplyOrIdError> {
        // To be told the end through.
        let own = connection.generate_id()?;
        let (class, nothing) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
        connection.create_window(0, own, root, 0, 0, 1, 1, 0, class, 0, &nothing)?.check()?;
        let connection = Arc::new(connection);
        let hearing = connection.clone();
        let run = move || {
            loop {
                match hearing.wait_for_event() {
                    Ok(Event::ClientMessage(_)) | Err(_) => return,
                    Ok(event) => hear(&hearing, own, event),
                }
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(x11rb::errors::ConnectionError::from)?;
        Ok(Self { connection, own, thread: Some(thread) })
    }

    /// The connection, to ask on, and the window that nobody sees.
    pub(super) fn asks(&self) -> (&RustConnection, Window) {
        (&self.connection, self.own)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let end = ClientMessageEvent::new(8, self.own, 1_u32, [0_u8; 20]);
        let told = self.connection.send_event(false, self.own, EventMask::NO_EVENT, end);
        let told = told.and_then(|_| self.connection.flush());
        // A connection that is lost has ended the thread already.
        if let (Ok(()), Some(thread)) = (told, self.thread.take())
            && thread.join().is_err()
        {
            tracing::debug!("a thread that hears the display had failed");
        }
    }
}
