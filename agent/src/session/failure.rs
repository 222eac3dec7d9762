//! One table from what went wrong to the exit code that scripts rely on.

use deskside_link::leg::{DialError, LegError};
use deskside_protocol::exit::Exit;
use deskside_protocol::policy::PolicyError;
use deskside_protocol::wire::signal::refused::Code;

use crate::desktop::DesktopError;
use crate::settings::SettingsError;

/// The exit code of an error.
#[must_use]
pub fn exit_of(error: &anyhow::Error) -> Exit {
    let causes = || error.chain();
    if causes().any(|cause| cause.is::<SettingsError>()) {
        return Exit::Usage;
    }
    if causes().any(|cause| cause.is::<DesktopError>()) {
        return Exit::NotFound;
    }
    if causes().any(|cause| cause.is::<PolicyError>()) {
        return Exit::Refused;
    }
    if let Some(dial) = causes().find_map(|cause| cause.downcast_ref::<DialError>()) {
        return of_dial(dial);
    }
    causes().find_map(|cause| cause.downcast_ref::<LegError>()).map_or(Exit::Other, of_leg)
}

const fn of_dial(error: &DialError) -> Exit {
    match error {
        DialError::WrongRelay { .. } => Exit::Verification,
        DialError::Unknown { .. }
        | DialError::Unreachable { .. }
        | DialError::Busy { .. }
        | DialError::Version { .. } => Exit::NoConnection,
        DialError::Own(_) | DialError::Tls(_) => Exit::Other,
    }
}

fn of_leg(error: &LegError) -> Exit {
    match error {
        LegError::Refused(refused) if refused.code == Code::Trouble as i32 => Exit::Other,
        LegError::Refused(_) | LegError::Unexpected => Exit::NoConnection,
        LegError::Lost(_) => Exit::EndedByPeer,
    }
}
