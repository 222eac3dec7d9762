//! What can go wrong, each as a sentence for the person who has to do something about it.

use std::ffi::OsStr;
use std::io;

use deskside_protocol::file::{Breach, Fault, MAX_ENTRIES, NameError};
use deskside_protocol::text;
use deskside_protocol::wire::message::refusal::Cause;
use thiserror::Error;

use crate::pipe::PipeError;
use crate::size::Size;

/// Why something here was not read or not written. Names in it are safe to show.
#[derive(Debug, Error)]
pub enum FileError {
    /// A name that is not taken.
    #[error("{name:?}: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// Nothing of that name.
    #[error("there is no {name}")]
    NotFound {
        /// The name.
        name: String,
    },
    /// A folder is needed.
    #[error("{name} is not a folder")]
    NotFolder {
        /// The name.
        name: String,
    },
    /// A folder, where nobody asked for folders.
    #[error("{name} is a folder: --recursive copies folders")]
    IsFolder {
        /// The name.
        name: String,
    },
    /// A folder where a file is to land.
    #[error("{name} is a folder there, and a file does not replace it")]
    FolderInTheWay {
        /// The name.
        name: String,
    },
    /// A symbolic link.
    #[error("{name} is a link, and links are not followed")]
    Link {
        /// The name.
        name: String,
    },
    /// A FIFO, socket or device.
    #[error("{name} is a pipe, socket or device, and only files are copied")]
    Special {
        /// The name.
        name: String,
    },
    /// The system says no.
    #[error("there is no permission to open {name}")]
    Denied {
        /// The name.
        name: String,
    },
    /// Its part is locked.
    #[error("another transfer is writing {name}")]
    Busy {
        /// The name.
        name: String,
    },
    /// What was written is not under its name any more.
    #[error("{name} was moved away while it arrived")]
    Moved {
        /// The name.
        name: String,
    },
    /// Told before anything is written.
    #[error("needs {needs}, and {free} are free")]
    NoRoom {
        /// What would come.
        needs: Size,
        /// What there is.
        free: Size,
    },
    /// On the way.
    #[error("the disk is full: {kept} of {name} have arrived and are kept, --resume goes on there")]
    Full {
        /// The name.
        name: String,
        /// What is kept.
        kept: Size,
    },
    /// Its size or time is not what it was.
    #[error("{name} changed while it was read: copy it again")]
    Changed {
        /// The name.
        name: String,
    },
    /// It grew between counting and reading.
    #[error("{name} grew after it was counted: copy it again")]
    Grew {
        /// The name.
        name: String,
    },
    /// The hashes do not fit.
    #[error("{name} did not arrive as it was read, and nothing of it is kept")]
    Corrupt {
        /// The name.
        name: String,
    },
    /// A new name fits one thing only.
    #[error("several files need a folder to go to, and {name} is none")]
    NeedsFolder {
        /// The name.
        name: String,
    },
    /// Two of the sources have one name.
    #[error("two of the files are named {name}")]
    Twice {
        /// The name.
        name: String,
    },
    /// Over [`MAX_ENTRIES`], or paths over what one transfer holds.
    #[error(
        "more than {MAX_ENTRIES} files and folders, or too long paths: copy an archive of them"
    )]
    TooMany,
    /// A thread of ours could not be started, or died.
    #[error("the transfer's thread failed")]
    Thread(#[source] io::Error),
    /// Anything else that the system says.
    #[error("cannot {verb} {name}: {error}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The name.
        name: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

impl FileError {
    /// For programs.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Name { .. }
            | Self::NotFolder { .. }
            | Self::IsFolder { .. }
            | Self::FolderInTheWay { .. }
            | Self::Link { .. }
            | Self::Special { .. }
            | Self::NeedsFolder { .. }
            | Self::Twice { .. }
            | Self::TooMany => Cause::BadRequest,
            Self::NotFound { .. } => Cause::NotFound,
            Self::Denied { .. }
            | Self::Busy { .. }
            | Self::Moved { .. }
            | Self::NoRoom { .. }
            | Self::Full { .. }
            | Self::Changed { .. }
            | Self::Grew { .. }
            | Self::Corrupt { .. }
            | Self::Thread(_)
            | Self::Io { .. } => Cause::Trouble,
        }
    }

    /// What the system said while `verb` was tried on `name`.
    pub(crate) fn io(verb: &'static str, name: &OsStr, error: io::Error) -> Self {
        let name = shown(name);
        #[allow(clippy::wildcard_enum_match_arm, reason = "the others read as the system has them")]
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound { name },
            io::ErrorKind::PermissionDenied => Self::Denied { name },
            _ => Self::Io { verb, name, error },
        }
    }
}

impl From<&FileError> for Fault {
    fn from(error: &FileError) -> Self {
        Self::new(error.cause(), error.to_string())
    }
}

/// A name as a person may see it.
pub(crate) fn shown(name: impl AsRef<OsStr>) -> String {
    text::visible(&name.as_ref().to_string_lossy()).into_owned()
}

/// Why a transfer ended before its end.
#[derive(Debug, Error)]
pub enum TransferError {
    /// The other side said no, as an ordinary answer.
    #[error("{0}")]
    Refused(Fault),
    /// The other side broke the order or the bounds of a transfer. It was told so.
    #[error(transparent)]
    Breach(#[from] Breach),
    /// What carries the messages was lost.
    #[error(transparent)]
    Pipe(#[from] PipeError),
    /// A fault of this side.
    #[error(transparent)]
    File(#[from] FileError),
}
