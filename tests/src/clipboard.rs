//! The clipboard of an X11 display, as another program of the user's has it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{ConnectionExt as _, SelectionEventMask};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::display::Display;
use crate::process::PATIENCE;

/// Bytes of what is pasted here.
const MAX_PASTED: u32 = 1 << 20;
/// How long until it is asked again what is copied.
const AGAIN: Duration = Duration::from_millis(100);

struct Program {
    connection: RustConnection,
    window: Window,
    clipboard: Atom,
    text: Atom,
    targets: Atom,
    secret: Atom,
}

impl Program {
    fn new(display: &Display) -> anyhow::Result<Self> {
        let (connection, number) = x11rb::connect(Some(display.name())).context("connect")?;
        let root = connection.setup().roots.get(number).context("find the screen")?.root;
        let atom = |name: &[u8]| -> anyhow::Result<Atom> {
            Ok(connection.intern_atom(false, name)?.reply()?.atom)
        };
        let (clipboard, text) = (atom(b"CLIPBOARD")?, atom(b"UTF8_STRING")?);
        let (targets, secret) = (atom(b"TARGETS")?, atom(b"x-kde-passwordManagerHint")?);
        let window = connection.generate_id()?;
        let (class, nothing) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
        connection.create_window(0, window, root, 0, 0, 1, 1, 0, class, 0, &nothing)?.check()?;
        Ok(Self { connection, window, clipboard, text, targets, secret })
    }

    /// What is copied now; `None` where nothing is, as text.
    fn paste(&self) -> anyhow::Result<Option<String>> {
        let Self { connection, window, clipboard, text, .. } = self;
        connection.convert_selection(*window, *clipboard, *text, *text, CURRENT_TIME)?;
        connection.flush()?;
        loop {
            if let Event::SelectionNotify(answer) = connection.wait_for_event()? {
                if answer.property == x11rb::NONE {
                    return Ok(None);
                }
                let kind = AtomEnum::ANY;
                let bytes =
                    connection.get_property(true, *window, *text, kind, 0, MAX_PASTED / 4)?;
                let pasted = String::from_utf8(bytes.reply()?.value);
                return pasted.map(Some).context("read what was pasted");
            }
        }
    }

    fn answer(
        &self,
        request: &SelectionRequestEvent,
        copied: &str,
        forms: &[Atom],
    ) -> anyhow::Result<()> {
        let (mode, asker, property) = (PropMode::REPLACE, request.requestor, request.property);
        let mut told = property;
        if request.target == self.targets {
            self.connection.change_property32(mode, asker, property, AtomEnum::ATOM, forms)?;
        } else if request.target == self.text {
            let bytes = copied.as_bytes();
            self.connection.change_property8(mode, asker, property, self.text, bytes)?;
        } else {
            told = x11rb::NONE;
        }
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: asker,
            selection: request.selection,
            target: request.target,
            property: told,
        };
        self.connection.send_event(false, asker, EventMask::NO_EVENT, answer)?;
        Ok(self.connection.flush()?)
    }
}

/// A program copies `text`, and is there for whoever pastes it until another one copies something or
/// the display ends. A password manager's is a `secret`.
///
/// # Errors
/// What the display says.
pub fn copy(display: &Display, text: &str, secret: bool) -> anyhow::Result<()> {
    let program = Program::new(display)?;
    let (window, clipboard) = (program.window, program.clipboard);
    program.connection.set_selection_owner(window, clipboard, CURRENT_TIME)?.check()?;
    let mut forms = vec![program.targets, program.text];
    if secret {
        forms.push(program.secret);
    }
    let text = text.to_owned();
    thread::spawn(move || {
        while let Ok(event) = program.connection.wait_for_event() {
            if let Event::SelectionRequest(request) = &event
                && let Err(error) = program.answer(request, &text, &forms)
            {
                eprintln!("a program does not answer: {error:#}");
            }
            if matches!(event, Event::SelectionClear(_)) {
                return;
            }
        }
    });
    Ok(())
}

/// What a program pastes now.
///
/// # Errors
/// What the display says; where nothing is copied as text.
pub fn paste(display: &Display) -> anyhow::Result<String> {
    Program::new(display)?.paste()?.context("nothing is copied")
}

/// Waits until a program pastes this.
///
/// # Errors
/// Where it does not in time.
pub fn wait_for(display: &Display, text: &str) -> anyhow::Result<()> {
    let program = Program::new(display)?;
    let connection = &program.connection;
    connection.xfixes_query_version(5, 0)?.reply()?;
    let owner = SelectionEventMask::SET_SELECTION_OWNER;
    connection.xfixes_select_selection_input(program.window, program.clipboard, owner)?.check()?;
    let end = Instant::now() + PATIENCE;
    loop {
        let pasted = program.paste()?;
        if pasted.as_deref() == Some(text) {
            return Ok(());
        }
        // An owner may have come between the question and its answer: it is asked again in any case.
        let left = Timespec::try_from(AGAIN).context("say how long")?;
        let mut display = [PollFd::new(connection.stream(), PollFlags::IN)];
        poll(&mut display, Some(&left)).context("wait for the display")?;
        if Instant::now() >= end {
            bail!("pasted {pasted:?} instead of {text:?}");
        }
    }
}
