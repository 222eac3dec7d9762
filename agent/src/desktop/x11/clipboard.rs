//! Who owns an X11 clipboard: XFixes tells of each new owner, who is asked in which forms he has what
//! was copied. A password manager names a form that says that it is a secret.

use tokio::sync::watch;
use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{ConnectionExt as _, SelectionEventMask};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, Window};
use x11rb::rust_connection::RustConnection;

use super::ear::Ear;
use crate::desktop::clipboard::{ClipboardError, Present};

/// The form that password managers name (KDE's Klipper, and all others since).
const SECRET: &[u8] = b"x-kde-passwordManagerHint";
/// Forms of one owner that are looked at.
const MAX_FORMS: u32 = 256;

struct Atoms {
    clipboard: Atom,
    targets: Atom,
    secret: Atom,
}

impl From<ReplyOrIdError> for ClipboardError {
    fn from(error: ReplyOrIdError) -> Self {
        Self::Display(error.to_string())
    }
}

/// Tells of what the clipboard holds from here on, until what it gives is dropped.
pub(in crate::desktop) fn watch_clipboard(
    display: &str,
    present: watch::Sender<Present>,
) -> Result<Ear, ClipboardError> {
    let failed = |error: &dyn std::fmt::Display| ClipboardError::Display(error.to_string());
    let (connection, number) = x11rb::connect(Some(display)).map_err(|error| failed(&error))?;
    let root = connection.setup().roots.get(number).map(|screen| screen.root);
    let root = root.ok_or_else(|| failed(&"no such screen"))?;
    let (atoms, ear) = begin(connection, root, present)?;
    let (connection, own) = ear.asks();
    ask(connection, own, &atoms)?;
    Ok(ear)
}

fn begin(
    connection: RustConnection,
    root: Window,
    present: watch::Sender<Present>,
) -> Result<(Atoms, Ear), ReplyOrIdError> {
    let atom = |name: &[u8]| -> Result<Atom, ReplyOrIdError> {
        Ok(connection.intern_atom(false, name)?.reply()?.atom)
    };
    let atoms = || -> Result<Atoms, ReplyOrIdError> {
        let (clipboard, targets) = (atom(b"CLIPBOARD")?, atom(b"TARGETS")?);
        Ok(Atoms { clipboard, targets, secret: atom(SECRET)? })
    };
    let (known, ours) = (atoms()?, atoms()?);
    connection.xfixes_query_version(5, 0)?.reply()?;
    let mask = SelectionEventMask::SET_SELECTION_OWNER;
    connection.xfixes_select_selection_input(root, known.clipboard, mask)?.check()?;
    let ear = Ear::start("clipboard", connection, root, move |connection, own, event| {
        if let Err(error) = heard(connection, own, &event, &known, &present) {
            tracing::debug!(%error, "the clipboard could not be looked at");
        }
    })?;
    Ok((ours, ear))
}

/// Asks the owner for the forms that he has.
fn ask(connection: &RustConnection, own: Window, atoms: &Atoms) -> Result<(), ReplyOrIdError> {
    let (clipboard, targets) = (atoms.clipboard, atoms.targets);
    connection.convert_selection(own, clipboard, targets, targets, x11rb::CURRENT_TIME)?;
    connection.flush()?;
    Ok(())
}

#[allow(clippy::wildcard_enum_match_arm, reason = "nothing else was asked for")]
fn heard(
    connection: &RustConnection,
    own: Window,
    event: &Event,
    atoms: &Atoms,
    present: &watch::Sender<Present>,
) -> Result<(), ReplyOrIdError> {
    match event {
        Event::XfixesSelectionNotify(_) => ask(connection, own, atoms),
        Event::SelectionNotify(answer) => {
            let secret = if answer.property == x11rb::NONE {
                false
            } else {
                let kind = AtomEnum::ANY;
                let forms =
                    connection.get_property(true, own, answer.property, kind, 0, MAX_FORMS)?;
                let forms = forms.reply()?;
                forms.value32().is_some_and(|mut forms| forms.any(|form| form == atoms.secret))
            };
            present.send_modify(|present| {
                *present = Present { number: present.number + 1, secret };
            });
            Ok(())
        }
        _ => Ok(()),
    }
}
