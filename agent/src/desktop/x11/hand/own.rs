//! Which windows a technician's hand keeps off: this program's own, where the user answers and takes
//! back, and the terminal that it asks in.

use std::io::IsTerminal as _;

use x11rb::connection::Connection as _;
use x11rb::protocol::res::{ClientIdMask, ClientIdSpec, ConnectionExt as _};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, InputFocus, Window};
use x11rb::rust_connection::RustConnection;

use crate::desktop::hands::HandError;

/// Windows that are looked at inside one top-level window: a window manager's frame has a handful
/// around the program's own, and one window is found at the first look.
const MAX_LOOKS: usize = 64;
/// The largest window id that names a place of the focus instead: none (0), the pointer's window (1).
const NO_WINDOW: u32 = 1;

/// Whose windows are kept off.
pub(super) struct Own {
    /// Processes, as the server numbers them.
    processes: Vec<u32>,
    /// The terminal's window, where the terminal says which.
    terminal: Option<Window>,
    /// `_NET_WM_PID`, for displays that do not know whose a window is.
    property: Option<u32>,
}

impl Own {
    pub(super) fn of(connection: &RustConnection) -> Self {
        let ourselves = process_of(connection, connection.setup().resource_id_base);
        let property = connection.intern_atom(false, b"_NET_WM_PID").ok();
        let property = property.and_then(|cookie| cookie.reply().ok()).map(|reply| reply.atom);
        let mut processes = vec![ourselves.unwrap_or_else(std::process::id)];
        let mut terminal = None;
        if std::io::stdin().is_terminal() {
            processes.extend(terminal_process());
            terminal = std::env::var("WINDOWID").ok().and_then(|id| id.parse().ok());
        }
        Self { processes, terminal, property }
    }

    /// What lies under the pointer may be clicked.
    pub(super) fn spares_pointer(
        &self,
        connection: &RustConnection,
        root: Window,
    ) -> Result<(), HandError> {
        let under = connection.query_pointer(root)?.reply()?.child;
        if self.is_in(connection, under)? { Err(HandError::Own) } else { Ok(()) }
    }

    /// What has the keyboard may be typed into.
    pub(super) fn spares_focus(
        &self,
        connection: &RustConnection,
        root: Window,
    ) -> Result<(), HandError> {
        let focus = connection.get_input_focus()?.reply()?.focus;
        if focus == u32::from(InputFocus::POINTER_ROOT) || focus == root {
            return self.spares_pointer(connection, root);
        }
        if focus > NO_WINDOW && self.is(connection, focus)? {
            return Err(HandError::Own);
        }
        Ok(())
    }

    /// Whether a top-level window is ours, or a frame around one of ours: its close button is ours
    /// too.
    fn is_in(&self, connection: &RustConnection, top: Window) -> Result<bool, HandError> {
        if top == x11rb::NONE {
            return Ok(false);
        }
        let mut looks = vec![top];
        let mut next = 0;
        while let Some(window) = looks.get(next).copied() {
            next += 1;
            if self.is(connection, window)? {
                return Ok(true);
            }
            // Gone meanwhile: nothing is in it.
            let inside = connection.query_tree(window)?.reply();
            let inside = inside.map(|tree| tree.children).unwrap_or_default();
            looks.extend(inside.into_iter().take(MAX_LOOKS.saturating_sub(looks.len())));
        }
        Ok(false)
    }

    fn is(&self, connection: &RustConnection, window: Window) -> Result<bool, HandError> {
        if self.terminal == Some(window) {
            return Ok(true);
        }
        let process = process_of(connection, window).or_else(|| self.claimed(connection, window));
        Ok(process.is_some_and(|process| self.processes.contains(&process)))
    }

    /// The process that a window says it is of.
    fn claimed(&self, connection: &RustConnection, window: Window) -> Option<u32> {
        let cookie =
            connection.get_property(false, window, self.property?, AtomEnum::CARDINAL, 0, 1);
        cookie.ok()?.reply().ok()?.value32()?.next()
    }
}

/// The process of a client on this computer, as the server knows it from its socket (X-Resource 1.2).
fn process_of(connection: &RustConnection, id: u32) -> Option<u32> {
    let spec = [ClientIdSpec { client: id, mask: ClientIdMask::LOCAL_CLIENT_PID }];
    let ids = connection.res_query_client_ids(&spec).ok()?.reply().ok()?.ids;
    ids.iter().find_map(|id| id.value.first().copied())
}

/// The terminal that this program runs in: the process that started the leader of our session.
#[cfg(target_os = "linux")]
fn terminal_process() -> Option<u32> {
    let leader = rustix::process::getsid(None).ok()?.as_raw_nonzero();
    let stat = std::fs::read_to_string(format!("/proc/{leader}/stat")).ok()?;
    // proc_pid_stat(5): the name in parentheses may hold anything; behind it the state, the parent.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
const fn terminal_process() -> Option<u32> {
    None
}
